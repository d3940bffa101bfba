"""Every command a wake uses with every fault of the line: `python -m tools.verify.faults.at_faults`.

A cell is one wake in which one fault strikes at one command. It passes when each verb has ended within its
time, with nothing raised but `ModemError`, and the wake after it works again: registered, heard the echo
of what it published, found its position.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tools.modem.faults import KINDS, Fault, FaultKind
from tools.modem.registry import Dialect
from tools.options import whole
from tools.verify.faults.wakes import Device, Kind, Took, WakeResult

DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
STRUCK_WAKES: tuple[Kind, ...] = get_args(Kind)
CHUNK = 8


@dataclass(frozen=True)
class Cell:
    """Where the fault strikes: at the first `command` of such a wake."""

    dialect: Dialect
    wake: Kind
    command: str
    fault: FaultKind


@dataclass(frozen=True)
class Outcome:
    """What came of a cell. `failure` is "" when it has passed; `took`: each verb at its longest."""

    cell: Cell
    hang: bool
    failure: str
    took: dict[str, Took]
    errors: tuple[str, ...]


def commands(dialect: Dialect, kind: Kind, seed: int) -> list[str]:
    """What an undisturbed wake sends, in order, each once."""
    device = _device(dialect, kind, seed)
    began = len(device.port.lines)
    device.wake(kind)
    sent = [text for direction, text in device.port.lines[began:] if direction == ">"]
    return list(dict.fromkeys(text for text in sent if text.startswith("AT")))


def cells(seed: int) -> list[Cell]:
    """All of them: each kind of wake, each command it uses, each fault."""
    return [
        Cell(dialect, kind, command, fault)
        for dialect in DIALECTS
        for kind in STRUCK_WAKES
        for command in commands(dialect, kind, seed)
        for fault in KINDS
    ]


def run(cell: Cell, seed: int) -> Outcome:
    """One cell."""
    device = _device(cell.dialect, cell.wake, seed)
    device.port.line.arm(Fault(cell.fault, cell.command))
    first = device.wake(cell.wake)
    struck = device.port.line.struck > 0
    after = device.wake("next")
    failure = _failure(first, after) if struck else "not struck"
    hang = bool(first.hang or after.hang)
    return Outcome(cell, hang, failure, first.took, tuple(first.errors))


def run_all(
    wanted: Iterable[Cell], seed: int, progress: Callable[[], None] = lambda: None, workers: int = 1
) -> list[Outcome]:
    """Their outcomes, in order, whatever the number of processes."""
    tasks = list(wanted)
    if workers == 1:
        return [_counted(run(cell, seed), progress) for cell in tasks]
    with ProcessPoolExecutor(workers, initializer=gc.freeze) as pool:  # the firmware collects often
        done = pool.map(run, tasks, [seed] * len(tasks), chunksize=CHUNK)
        return [_counted(outcome, progress) for outcome in done]


def figures(outcomes: list[Outcome]) -> dict[str, object]:
    """The figures that are printed and stored."""
    bad = [outcome for outcome in outcomes if outcome.failure]
    return {
        "cells": len(outcomes),
        "commands": {
            dialect: len({o.cell.command for o in outcomes if o.cell.dialect == dialect})
            for dialect in DIALECTS
        },
        "faults": len(KINDS),
        "hangs": sum(outcome.hang for outcome in outcomes),
        "failures": len(bad),
        "worst": {dialect: worst(outcomes, dialect) for dialect in DIALECTS},
        "failed": [{**asdict(outcome.cell), "failure": outcome.failure} for outcome in bad],
    }


def worst(outcomes: list[Outcome], dialect: Dialect) -> dict[str, Took]:
    """Each verb at its longest."""
    longest: dict[str, Took] = {}
    for outcome in outcomes:
        if outcome.cell.dialect == dialect:
            for verb, took in outcome.took.items():
                longest[verb] = max(took, longest.get(verb, took))
    return longest


def main() -> int:
    """Run all cells; 1 when one has failed."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.faults.at_faults", description=__doc__)
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("out/at-faults.json"))
    options = parser.parse_args()
    console = Console()
    wanted = cells(options.seed)
    columns = (TextColumn("commands x faults"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=len(wanted))
        outcomes = run_all(wanted, options.seed, lambda: bar.advance(task), options.workers)
    result = figures(outcomes)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    _print(console, outcomes, result)
    console.print(f"kept in {options.out}")
    return 1 if result["failures"] else 0


def _device(dialect: Dialect, kind: Kind, seed: int) -> Device:
    """Ready for such a wake."""
    device = Device(dialect, f"{seed}/{dialect}/{kind}")
    if kind == "reset":
        device.leave_open()
    elif kind in ("probe", "survey", "mend"):
        device.wake("first")
    return device


def _failure(first: WakeResult, after: WakeResult) -> str:
    for name, result in (("struck wake", first), ("next wake", after)):
        if result.hang:
            return f"{name}: {result.hang} beyond its limit"
        if result.crash:
            return f"{name}: {result.crash}"
    if after.registered and after.echoed and after.fixed:
        return ""
    missing = [
        word
        for word, there in (
            ("registered", after.registered),
            ("echoed", after.echoed),
            ("fixed", after.fixed),
        )
        if not there
    ]
    return f"next wake not {', '.join(missing)}: {'; '.join(after.errors)}"


def _counted(outcome: Outcome, progress: Callable[[], None]) -> Outcome:
    progress()
    return outcome


def _print(console: Console, outcomes: list[Outcome], result: dict[str, object]) -> None:
    console.print(_by_verb(outcomes))
    console.print(_by_fault(outcomes))
    for outcome in [outcome for outcome in outcomes if outcome.failure][:20]:
        cell = outcome.cell
        where = f"{cell.dialect} {cell.wake} {cell.command} x {cell.fault}"
        console.print(f"failed: {where}: {outcome.failure}", markup=False)
    for name in ("cells", "hangs", "failures"):
        console.print(f"{name} {result[name]}")


def _by_verb(outcomes: list[Outcome]) -> Table:
    table = Table("longest, of its limit (s)", *DIALECTS)
    by_dialect = [worst(outcomes, dialect) for dialect in DIALECTS]
    for verb in dict.fromkeys(verb for longest in by_dialect for verb in longest):
        table.add_row(verb, *(_seconds(longest.get(verb)) for longest in by_dialect))
    return table


def _seconds(took: Took | None) -> str:
    return f"{took.ms / 1000:.1f} of {took.limit_ms / 1000:.0f}" if took else ""


def _by_fault(outcomes: list[Outcome]) -> Table:
    table = Table("fault", *DIALECTS, "felt by the wake", "failed")
    for kind in KINDS:
        of_kind = [outcome for outcome in outcomes if outcome.cell.fault == kind]
        count = Counter(outcome.cell.dialect for outcome in of_kind)
        felt = sum(bool(outcome.errors) for outcome in of_kind)
        failed = sum(bool(outcome.failure) for outcome in of_kind)
        table.add_row(kind, *(str(count[dialect]) for dialect in DIALECTS), str(felt), str(failed))
    return table


if __name__ == "__main__":
    sys.exit(main())
