"""Cuts the power, resets device or modem, loses answers at every step of a download: is a card damaged?

`python -m tools.verify.downloads.downloadcut [--share N]` runs whole wakes of the firmware on
both simulated modems, with a strict eUICC, the agent and a scripted SM-DP+. Each case is disturbed once, at
one APDU, piece or write of flash, or each load of an order at the same step. Then the order has to come to
its end, and the device to its agent. Mutants of the firmware must be found out. It writes
out/downloadcut.json and exits with 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from locator.esim import download, files
from rich.console import Console
from rich.progress import Progress

from tools.modem.registry import Dialect
from tools.options import whole
from tools.verify.downloads.device import APDUS, BEGIN, PIECE, Downloader, server_of_process
from tools.verify.esim.device import NEVER

OUT = Path("out/downloadcut.json")
SIZE = 2_500
MOST_WAKES = 24
MOST_LOADS = 2
KINDS = ("power", "reset", "modem", "answer")
MODEMS: tuple[Dialect, ...] = ("bg95", "sim7600")


@dataclass(frozen=True)
class Case:
    """`kind` happens at operation `at`, or with `again` so long after the begin of each load."""

    dialect: Dialect
    kind: str
    at: int
    torn: bool = False
    again: bool = False
    mutant: str = ""


@dataclass(frozen=True)
class Ended:
    """`outcome`: of the order, "" while it goes on or the card has a notification of it; `problem`: its
    sentence. `is_reached`: the agent has answered in the last wake, under the first profile. `is_tidy`: the
    device keeps nothing of the package."""

    case: Case
    operation: str
    outcome: str
    problem: str
    wakes: int
    loads: int
    installed: int
    is_card_good: bool
    is_reached: bool
    is_tidy: bool

    @property
    def wrong(self) -> str:
        """The violation, "" if there is none."""
        faults = {
            "card damaged": not self.is_card_good,
            "installed twice": self.installed > 1,
            "too many loads": self.loads > MOST_LOADS,
            "stranded": not self.is_reached,
            "files left": not self.is_tidy,
            "no end": not self.outcome or (self.outcome == "failed" and not self.problem),
            "another end than the card's": (self.outcome == "installed") != (self.installed == 1),
            "failed": self.outcome == "failed" and not self.case.again,
        }
        return next((name for name, is_so in faults.items() if is_so), "")


def _unmarked(write: Callable[[str, Any], None]) -> Callable[[str, Any], None]:
    return lambda path, value: None if path.endswith(download.LOADING) else write(path, value)


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "a load is not marked in flash": (files, "write", _unmarked(files.write)),
    "the package is not verified": (download.Download, "_digest", lambda self: self._package[2]),
}
"""The replaced function, and its replacement."""


def _mutated(name: str) -> AbstractContextManager[Any]:
    return patch.object(*MUTANTS[name]) if name else ExitStack()


def run(case: Case) -> Ended:
    """Let it happen."""
    return run_case(case)[0]


def run_case(case: Case) -> tuple[Ended, Downloader]:
    with tempfile.TemporaryDirectory() as folder, _mutated(case.mutant):
        machine = Downloader(Path(folder), case.dialect, server_of_process(), SIZE)
        agent = machine.agent
        agent.order()
        machine.at, machine.kind = case.at, case.kind
        machine.torn, machine.again = case.torn or case.kind == "rot", case.again
        is_reached, wake = False, 0
        # A power cut may come when all is over but the files: they go in the wake after it.
        while wake < MOST_WAKES and not (is_reached and agent.is_over() and _is_tidy(folder)):
            wake += 1
            is_reached = machine.wake()
            agent.works()
        row, problem = agent.row(), agent.shown()["problem"] or ""
        agent.database.close()
        is_tidy = _is_tidy(folder)
    card = machine.card
    known = not case.again and case.at <= len(machine.steps)
    operation = machine.steps[case.at - 1] if known else "in each load" if case.again else ""
    is_done = bool(row.outcome) and not (row.outcome == "installed" and card.notifications)
    outcome = row.outcome if is_done else ""
    ended = Ended(
        case,
        operation,
        outcome,
        problem,
        wake,
        card.begun,
        card.installed,
        machine.is_card_good(),
        is_reached,
        is_tidy,
    )
    return ended, machine


def _is_tidy(folder: str) -> bool:
    """Whether the device keeps nothing of the package."""
    return not any(Path(folder + each).exists() for each in (download.PACKAGE, download.ANSWERS))


def cases() -> Iterator[Case]:
    """All of them."""
    for dialect in MODEMS:
        calm = run_case(Case(dialect, "", NEVER))[1]
        begin = next(at for at, what in enumerate(calm.steps, 1) if BEGIN in what)
        for at, what in enumerate(calm.steps, 1):
            kinds = KINDS if what.startswith(APDUS) else KINDS[:3]
            for kind in (*kinds, "rot") if what == PIECE else kinds:
                is_written = not what.startswith("AT") and kind in ("power", "reset")
                yield Case(dialect, kind, at, is_written and at % 2 == 0)
            if at >= begin and what.startswith(APDUS):
                yield Case(dialect, "power", at - begin, again=True)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.downloads.downloadcut")
    parser.add_argument("--share", type=whole(1), default=1, help="each so-manieth case only")
    share = parser.parse_args().share
    every = list(cases())
    todo = every[share - 1 :: share]
    todo = [*dict.fromkeys(todo + proofs(every))]
    todo += [replace(case, mutant=name) for name in MUTANTS for case in proofs(every)]
    ended: list[Ended] = []
    with (
        Progress(console=Console()) as progress,
        ProcessPoolExecutor(os.cpu_count()) as pool,
    ):
        task = progress.add_task("cases", total=len(todo))
        for each in pool.map(run, todo, chunksize=4):
            ended.append(each)
            progress.advance(task)
    return report(ended)


def proofs(every: list[Case]) -> list[Case]:
    """Some cases by which mutants have to be found out."""
    again, rot = ([each for each in every if each.again], [each for each in every if each.kind == "rot"])
    return [*again[2:4], *rot[:1]]


def report(ended: list[Ended]) -> int:
    """Print and write the result; 1 if a promise was broken, or a mutant was not found out."""
    real = [each for each in ended if not each.case.mutant]
    wrong = Counter(each.wrong for each in real if each.wrong)
    for each in [each for each in real if each.wrong][:20]:
        case = each.case
        come = f"{each.wrong}; {each.outcome} {each.problem!r} after {each.loads} loads"
        print(f"{case}, {each.operation!r}: {come}")
    right = {each.case for each in real if not each.wrong}
    found = {each.case.mutant for each in ended if each.wrong and replace(each.case, mutant="") in right}
    missed = [name for name in MUTANTS if name not in found]
    figures = {
        "cases": len(real),
        "by kind": dict(Counter(each.case.kind for each in real)),
        "installed": sum(each.outcome == "installed" for each in real),
        "failed with a sentence": sum(each.outcome == "failed" and bool(each.problem) for each in real),
        "most loads": max((each.loads for each in real), default=0),
        "most wakes": max((each.wakes for each in real), default=0),
        "broken": dict(wrong),
        "mutants not found out": missed,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    for name, each_figure in figures.items():
        print(f"{name}: {each_figure}")
    named = {name: wrong.pop(name, 0) for name in ("stranded", "card damaged", "installed twice")}
    print(f"cases {len(real)}; most loads {figures['most loads']}; other failures {sum(wrong.values())}")
    print(
        f"stranded {named['stranded']}; cards damaged {named['card damaged']};"
        f" installed twice {named['installed twice']}"
    )
    return 1 if any(each.wrong for each in real) or missed or not real else 0


if __name__ == "__main__":
    sys.exit(main())
