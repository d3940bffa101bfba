"""Cuts the power, resets the device or the modem at every step of a switch of profiles: is one stranded?

`python -m tools.verify.esim.switchcut [--every N] [--seed N]` runs whole wakes of the firmware on both
simulated modems, through switches that succeed, that have to go back, and that end at the fallback, with
cards and modems as they are in the field. Each case starts afresh and is disturbed once; then the device is
left alone, and has to reach its agent again within its operators' budgets. It writes out/switchcut.json and
exits with 1 otherwise.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tools.modem.registry import Dialect
from tools.options import whole
from tools.verify.esim.device import CIS, EUROPE, IMSIS, NEVER, ROAMING, Kind, Machine

OUT = Path("out/switchcut.json")
MOST_WAKES = 14
KINDS: tuple[Kind, ...] = ("power", "reset", "modem")
DEAD = 8
"""An EMM cause that says that an IMSI is good for nothing."""
MOST_AN_HOUR, MOST_A_DAY = 10, 24
KEPT = 4
"""Times that a repeated operation is disturbed."""


@dataclass(frozen=True)
class Course:
    """What the device is at, and where that ends: places of profiles. `dead`: no network takes them;
    `barred`: their data does not pass."""

    name: str
    used: int
    ends: int
    dead: tuple[int, ...] = ()
    barred: tuple[int, ...] = ()
    quirks: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()


COURSES = (
    Course("forward", ROAMING, EUROPE),
    Course("forward, no REFRESH", ROAMING, EUROPE, quirks=("no-refresh",)),
    Course(
        "forward, by AID over CSIM",
        ROAMING,
        EUROPE,
        quirks=("aid-only", "default-class"),
        variants=("no-cgla",),
    ),
    Course("forward, toolkit busy", ROAMING, EUROPE, quirks=("cat-busy", "isdr-slow")),
    Course("forward, undone by a loss of power", ROAMING, EUROPE, quirks=("refresh-lost",)),
    Course("back, refused", ROAMING, ROAMING, dead=(EUROPE,)),
    Course("back, no data", ROAMING, ROAMING, barred=(EUROPE,)),
    Course("to the fallback", CIS, ROAMING, dead=(EUROPE, CIS)),
)


@dataclass(frozen=True)
class Case:
    """`kind` happens at operation `at`."""

    course: Course
    dialect: Dialect
    kind: Kind
    at: int
    torn: bool = False


@dataclass(frozen=True)
class Ended:
    """How a case ended: `wakes` until the agent had answered and nothing was open, 0: never; whether that was
    under the profile that it should be; `broken`: a budget."""

    case: Case
    wakes: int
    as_meant: bool
    broken: str
    operations: tuple[str, ...]


def run(case: Case, seed: int = 1) -> Ended:
    """Let it happen."""
    course = case.course
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(
            Path(folder), case.dialect, course.used, str(seed), frozenset(course.quirks), course.variants
        )
        machine.set_policy(EUROPE, [[0, course.used]], course.used)
        machine.world.causes = {IMSIS[profile - 1]: DEAD for profile in course.dead}
        machine.world.barred = {IMSIS[profile - 1] for profile in course.barred}
        machine.at, machine.kind, machine.torn = case.at, case.kind, case.torn
        for wake in range(1, MOST_WAKES + 1):
            if machine.wake() and machine.stage() == 0:
                as_meant = machine.used == IMSIS[course.ends - 1]
                return Ended(case, wake, as_meant, _broken(machine.tries), tuple(machine.operations))
        return Ended(case, 0, False, _broken(machine.tries), tuple(machine.operations))


def _broken(tries: list[int]) -> str:
    """The budget of the operators that these tries (seconds) break, "" for none."""
    for window_s, most in ((3600, MOST_AN_HOUR), (86400, MOST_A_DAY)):
        for first in tries:
            count = sum(first <= time < first + window_s for time in tries)
            if count > most:
                return f"{count} tries in {window_s} s"
    return ""


def cases(seed: int, every: int) -> Iterator[Case]:
    """All of them, or each `every`-th."""
    number = 0
    for course in COURSES:
        for dialect in ("bg95", "sim7600"):
            calm = run(Case(course, dialect, "", NEVER), seed)
            for at, what in _steps(calm.operations):
                for kind in KINDS:
                    number += 1
                    if number % every == 0:
                        torn = what.endswith(".bin") and at % 2 == 0 and kind != "modem"
                        yield Case(course, dialect, kind, at, torn)


def _steps(operations: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    seen: Counter[str] = Counter()
    for at, what in enumerate(operations, 1):
        seen[what] += 1
        if seen[what] <= KEPT:
            yield at, what


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.esim.switchcut")
    parser.add_argument("--every", type=whole(1), default=1, help="each so-manieth case only")
    parser.add_argument("--seed", type=whole(0), default=1)
    arguments = parser.parse_args()
    todo = list(cases(arguments.seed, arguments.every))
    ended: list[Ended] = []
    with (
        Progress(console=Console()) as progress,
        ProcessPoolExecutor(os.cpu_count(), initializer=gc.freeze) as pool,  # the firmware collects often
    ):
        task = progress.add_task("cases", total=len(todo))
        for each in pool.map(run, todo, [arguments.seed] * len(todo), chunksize=8):
            ended.append(each)
            progress.advance(task)
    return report(ended)


def report(ended: list[Ended]) -> int:
    """Print and write the result; 1 if a promise was broken."""
    stranded = [each for each in ended if not each.wakes]
    broken = [each for each in ended if each.broken]
    elsewhere = [each for each in ended if each.wakes and not each.as_meant]
    for each in (*stranded, *broken, *elsewhere)[:20]:
        what = each.broken or (f"after {each.wakes} wakes elsewhere" if each.wakes else "stranded")
        step = each.operations[each.case.at - 1] if each.case.at <= len(each.operations) else ""
        case = each.case
        print(f"{case.course.name}, {case.dialect}, {case.kind} at {case.at} {step!r}: {what}")
    by_course = Counter(each.case.course.name for each in ended)
    worst = max((each.wakes for each in ended), default=0)
    figures = {
        "cases": len(ended),
        "by course": dict(by_course),
        "stranded": len(stranded),
        "budgets broken": len(broken),
        "elsewhere": len(elsewhere),
        "most wakes": worst,
    }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    for name, count in by_course.items():
        print(f"{name}: cases {count}")
    print(f"most wakes to a confirmed session {worst}; elsewhere than meant {len(elsewhere)}")
    print(f"cases {len(ended)}; budgets broken {len(broken)}; stranded {len(stranded)}")
    return 1 if stranded or broken or not ended else 0


if __name__ == "__main__":
    sys.exit(main())
