"""Cuts the device's power at flash operations, clean and torn, thousands of times: is anything lost?

`python -m tools.campaign.powercut [--cuts N] [--seed N]` runs the firmware, compiled, on LittleFS in
MicroPython (`tools/mpy_powercut.py` tells how), on all cores: the journal alone, and whole wakes that are
given settings, commands and updates. It writes out/powercut.json and exits with 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tools.flash.layout import FIRMWARE, REPOSITORY, LayoutError, compile_module, modules

SCRIPT = REPOSITORY / "tools" / "mpy_powercut.py"
MICROPYTHON = Path(sys.executable).with_name("micropython")
HEAP = "heapsize=4M"
"""The flash lies in it, a copy to begin again from, and what is promised."""
OUT = Path("out/powercut.json")
SUBJECTS = {"journal": 14, "settings": 4, "commands": 4, "update": 4, "slots": 5}
"""What the power is cut under, and how many of 31 cuts it gets."""
CUTS = 31_000
SHARE = 500
"""Cuts of one process."""


@dataclass
class Result:
    """What came of some cuts under a subject; `violations` in words."""

    subject: str
    cuts: int = 0
    torn: int = 0
    violations: list[str] = field(default_factory=list)


def run(firmware: Path, subject: str, seed: int, cuts: int) -> Result:
    """Cut the power so many times under a subject of the firmware compiled in `firmware`."""
    search = f"{firmware}:{SCRIPT.parent}:.frozen"
    command = [str(MICROPYTHON), "-X", HEAP, str(SCRIPT), subject, str(seed), str(cuts)]
    ended = subprocess.run(
        command, env=os.environ | {"MICROPYPATH": search}, capture_output=True, text=True, check=False
    )
    result = Result(subject)
    for line in ended.stdout.splitlines():
        match line.split():
            case ["violation", *_]:
                result.violations.append(f"{subject}, seed {seed}: {line}")
            case ["done", count, torn]:
                result.cuts, result.torn = int(count), int(torn)
    if not result.cuts:
        said = "\n".join((ended.stdout + ended.stderr).splitlines()[-12:])
        result.violations.append(f"{subject}, seed {seed}: the device's code failed:\n{said}")
    return result


def campaign(seed: int, cuts: int) -> Iterator[Result]:
    """The results of all processes, as they end."""
    with tempfile.TemporaryDirectory() as folder:
        for source in modules(FIRMWARE):
            compile_module(source, Path(folder, source.relative_to(FIRMWARE)))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(lambda share: run(Path(folder), *share), _shares(seed, cuts))


def _shares(seed: int, cuts: int) -> Iterator[tuple[str, int, int]]:
    """(subject, seed, cuts) of each process."""
    for subject, part in SUBJECTS.items():
        left = -(-cuts * part // sum(SUBJECTS.values()))
        while left > 0:
            yield subject, seed, min(SHARE, left)
            left -= SHARE
            seed += 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.campaign.powercut")
    parser.add_argument("--cuts", type=int, default=CUTS)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    totals = {subject: Result(subject) for subject in SUBJECTS}
    try:
        with Progress(console=Console()) as progress:
            task = progress.add_task("cuts", total=arguments.cuts)
            for result in campaign(arguments.seed, arguments.cuts):
                total = totals[result.subject]
                total.cuts += result.cuts
                total.torn += result.torn
                total.violations += result.violations
                progress.advance(task, result.cuts)
    except (LayoutError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({name: asdict(total) for name, total in totals.items()}, indent=2) + "\n")
    violations = [violation for total in totals.values() for violation in total.violations]
    for violation in violations[:20]:
        print(violation, file=sys.stderr)
    for name, total in totals.items():
        print(f"{name}: cuts {total.cuts}, {total.torn} of them torn")
    cuts = sum(total.cuts for total in totals.values())
    print(f"cuts {cuts}; violations {len(violations)}")
    return 1 if violations or cuts < arguments.cuts else 0


if __name__ == "__main__":
    sys.exit(main())
