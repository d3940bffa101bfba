"""Faults during updates must not brick the device: `python -m tools.verify.updates.updatecut [--every N]`.

The real firmware in MicroPython on a LittleFS image of 960 KiB, boot by boot through the real boot.py,
against the real agent. Each case begins with a copy of device and agent at some moment of an update,
does something to them, and then lets the device boot with everything in order again: it has to reach the
agent, to run a release that is allowed, and to have lost no record. Prints the figures, writes
out/updatecut.json, and exits with 1 when a case fell short.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tools.ending import one_line
from tools.flash.layout import LayoutError
from tools.options import whole
from tools.verify.updates.cases import CASES, Case, Moments, moments

OUT = Path("out/updatecut.json")
EVERY = 4
"""The power is cut at every fourth flash operation of an update."""


@dataclass
class Result:
    """`cases` by what was done; `bricked` never reached the agent again; `failures` in words."""

    cases: dict[str, int] = field(default_factory=dict)
    bricked: int = 0
    failures: list[str] = field(default_factory=list)


def run_all(
    every: int, kinds: Iterable[str] = (), tick: Callable[[int, int], None] = lambda done, of: None
) -> Result:
    """Run the cases of `kinds`, of all without; `tick` is called with the number of cases done."""
    result = Result()
    with tempfile.TemporaryDirectory() as folder:
        stand = moments(Path(folder))
        cases = [case for kind in kinds or CASES for case in CASES[kind](stand, every)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, (case, failure) in enumerate(pool.map(partial(run_case, stand), cases), 1):
                result.cases[case.kind] = result.cases.get(case.kind, 0) + 1
                result.bricked += failure.startswith("bricked")
                result.failures += [f"{case.kind}, {case.name}: {failure}"] if failure else []
                tick(done, len(cases))
    return result


def run_case(stand: Moments, case: Case) -> tuple[Case, str]:
    """Run one case in a folder of its own; with what fell short, "" if nothing did."""
    # An agent that is closed removes files of its database, perhaps while all are being removed here.
    with tempfile.TemporaryDirectory(dir=stand.folder, ignore_cleanup_errors=True) as folder:
        return case, case.run(stand, Path(folder))


@one_line(LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.updates.updatecut", description=__doc__)
    parser.add_argument("--every", type=whole(1), default=EVERY, help="cut every n-th flash operation")
    every = parser.parse_args().every
    # What damaged releases send is dead-lettered one by one, with a warning.
    agent = logging.getLogger("landbridge")
    level = agent.level
    agent.setLevel(logging.CRITICAL)
    try:
        with Progress(console=Console()) as progress:
            task = progress.add_task("updates")
            result = run_all(every, tick=lambda done, of: progress.update(task, completed=done, total=of))
    finally:
        agent.setLevel(level)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(asdict(result), indent=2) + "\n")
    for failure in result.failures[:20]:
        print(failure, file=sys.stderr)
    for kind, count in result.cases.items():
        print(f"{kind} {count}")
    print(f"cases {sum(result.cases.values())}, bricked {result.bricked}, failures {len(result.failures)}")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
