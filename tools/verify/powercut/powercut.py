"""Cuts the device's power at flash operations, clean and torn, thousands of times: is anything lost?

`python -m tools.verify.powercut.powercut [--cuts N] [--seed N]` runs the firmware, compiled, on LittleFS in
MicroPython (`tools/verify/on_device/powercut.py` describes how), on all cores: the journal alone, and whole
wakes that are given settings, commands, other keys and updates. Then the mutants of the firmware (`mutants`)
have to be found out. It writes out/powercut.json and exits with 1 when a promise was broken, or by one of
these unnoticed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tools.ending import one_line
from tools.flash.layout import FIRMWARE, LayoutError, compile_module, modules
from tools.options import whole
from tools.verify.powercut import mutants
from tools.verify.powercut.process import Result, run

OUT = Path("out/powercut.json")
SUBJECTS = {"journal": 14, "settings": 4, "commands": 4, "keys": 4, "update": 4, "slots": 5}
"""The subjects of power cuts, and how many of 35 cuts each gets."""
CUTS = 35_000
BATCH = 250
"""Cuts of one process."""
SEEDS = range(7, 15)
"""Under which a mutant is found."""


def compile_all(folder: Path) -> None:
    """The firmware as it is, compiled, in `folder`."""
    for source in modules(FIRMWARE):
        compile_module(source, folder / source.relative_to(FIRMWARE))


def run_all(compiled: Path, seed: int, cuts: int) -> Iterator[Result]:
    """The results of all processes, as they end."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(lambda batch: run(compiled, *batch), _batches(seed, cuts))


def _batches(seed: int, cuts: int) -> Iterator[tuple[str, int, int]]:
    """(subject, seed, cuts) of each process."""
    for subject, part in SUBJECTS.items():
        left = -(-cuts * part // sum(SUBJECTS.values()))
        while left > 0:
            yield subject, seed, min(BATCH, left)
            left -= BATCH
            seed += 1


def _unnoticed(compiled: Path, progress: Progress) -> Iterator[str]:
    """The faults of mutants that no cut has shown."""
    task = progress.add_task("mutants", total=len(mutants.ALL))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        all_found = pool.map(lambda each: mutants.is_found(each, compiled, SEEDS), mutants.ALL)
        for each, found in zip(mutants.ALL, all_found, strict=True):
            progress.advance(task)
            if not found:
                yield each.fault


@one_line(LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.powercut.powercut")
    parser.add_argument("--cuts", type=whole(1), default=CUTS)
    parser.add_argument("--seed", type=whole(0), default=1)
    arguments = parser.parse_args()
    totals = {subject: Result(subject) for subject in SUBJECTS}
    with tempfile.TemporaryDirectory() as folder, Progress(console=Console()) as progress:
        compiled = Path(folder)
        compile_all(compiled)
        task = progress.add_task("cuts", total=arguments.cuts)
        for result in run_all(compiled, arguments.seed, arguments.cuts):
            total = totals[result.subject]
            total.cuts += result.cuts
            total.torn += result.torn
            total.violations += result.violations
            progress.advance(task, result.cuts)
        unnoticed = list(_unnoticed(compiled, progress))
    OUT.parent.mkdir(exist_ok=True)
    content: dict[str, object] = {name: asdict(total) for name, total in totals.items()}
    OUT.write_text(json.dumps(content | {"unnoticed": unnoticed}, indent=2) + "\n")
    violations = [violation for total in totals.values() for violation in total.violations]
    for line in (*violations[:20], *(f"unnoticed: {fault}" for fault in unnoticed)):
        print(line, file=sys.stderr)
    for name, total in totals.items():
        print(f"{name}: cuts {total.cuts}, {total.torn} of them torn")
    cuts = sum(total.cuts for total in totals.values())
    print(f"mutants {len(mutants.ALL)}; found {len(mutants.ALL) - len(unnoticed)}")
    print(f"cuts {cuts}; violations {len(violations)}")
    return 1 if violations or unnoticed or cuts < arguments.cuts else 0


if __name__ == "__main__":
    sys.exit(main())
