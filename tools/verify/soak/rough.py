"""Our tracker in the worlds that differ from the usual one, on both modems, compared with fixed schedules.

`python -m tools.verify.soak.rough [--world NAME] [--modem NAME] [--budget N] [--seed N] [--out DIR]` runs
every world of `tools.world.worlds.ROUGH` with the energy of `BUDGETS`, two trips at a time, counts the
operators' budgets at the modem, and prints a table and the figures. It exits with 1, naming what fell short,
when a record is lost, an answer stalls, a device is dead before the end or is heard of too late once coverage
is back, when a budget is broken, and when a part was left out: a single world is a look and no proof. Only
ours is evaluated.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from queue import Empty, Queue
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from tools.flash.layout import LayoutError
from tools.options import whole
from tools.verify.soak import budgets
from tools.verify.soak.watch import Watch
from tools.world import stage, worlds
from tools.world.demo import demo, figures
from tools.world.demo.baselines import HOURLY, Schedule
from tools.world.demo.compare import joules_a_day, tuned
from tools.world.demo.diary import Diary
from tools.world.demo.figures import Figures
from tools.world.demo.summary import hours
from tools.world.oracle.records import Oracle
from tools.world.services.processes import ServiceError
from tools.world.trip_run import Demo, OnProgress, measure

BUDGETS = {"bg95": (65, 100), "sim7600": (300,)}
"""Joules a day, by modem."""
PROCESSES = 2
OURS = "ours"


class Part(NamedTuple):
    """One world on one modem, with all its budgets: the schedules compared with it are run once."""

    world: str
    modem: str
    budgets: tuple[int, ...]

    @property
    def trips(self) -> int:
        """At most: ours and the tuned schedule with each budget, and the hourly one."""
        return 2 * len(self.budgets) + 1


PARTS = tuple(Part(world, modem, budgets) for world in worlds.ROUGH for modem, budgets in BUDGETS.items())


@dataclass(frozen=True)
class TripResult:
    """One trip by our policy or by a schedule; `broken` are the operators' budgets that did not hold."""

    world: str
    modem: str
    budget_j: int
    policy: str
    figures: Figures
    broken: list[str]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.world} {self.modem} {self.budget_j} J"

    @property
    def dead(self) -> bool:
        """Whether it was not heard of at the end."""
        return not figures.ALIVE.met(self.figures.silent_at_end_h)

    def short(self) -> list[str]:
        """One line for each limit that our tracker did not keep."""
        f, back = self.figures, figures.back(self.budget_j)
        world = worlds.WORLDS[self.world]
        found = [f"{what} {value}" for what, value in (("lost", f.lost), ("stalls", f.stalls)) if value]
        if self.dead:
            found.append(f"dead: last heard of {hours(f.silent_at_end_h)} before the end")
        if (world.dark_days or world.sea_days) and not f.back_h:
            found.append("coverage was not lost and found again: left out")
        if not back.met(f.back_h):
            first = ", ".join(hours(each) for each in f.back_h)
            found.append(f"first report {first} after coverage was back, must be {back.words}")
        return [f"{self.name}: {line}" for line in (*found, *self.broken)]


def run_part(part: Part, seed: int, out: Path, moves: Queue[float]) -> tuple[list[TripResult], list[str]]:
    """Run the trips of a part one after the other; return their results, and what could not be run and why.
    `moves` receives the progress, in trips."""
    done: list[TripResult] = []
    failed: list[str] = []

    def run_policy(budget_j: int, schedule: Schedule | None) -> Figures | None:
        policy = schedule.name if schedule else OURS
        folder = out / f"{part.world}-{part.modem}" / f"{policy}-{budget_j}".replace(" ", "-")
        words = ["--world", part.world, "--modem", part.modem, "--budget", f"{budget_j}", "--seed", f"{seed}"]
        arguments = demo.parsed([*words, "--out", str(folder)])
        with _counted(moves, arguments.days) as on_progress:
            try:
                found, broken = run_trip(folder, demo.scenario_of(arguments), schedule, on_progress)
            except (ServiceError, LayoutError, OSError) as error:
                failed.append(f"{part.world} {part.modem} {budget_j} J, {policy}: {error}")
                return None
        done.append(TripResult(part.world, part.modem, budget_j, policy, found, broken))
        return found

    hourly = run_policy(part.budgets[0], HOURLY)
    compared = {HOURLY}
    for budget_j in part.budgets:
        ours = run_policy(budget_j, None)
        best = tuned(part.modem, ours, hourly) if ours and hourly else HOURLY
        if best in compared:
            moves.put(1.0)
        else:
            compared.add(best)
            run_policy(budget_j, best)
    return done, failed


def run_trip(
    out: Path, scenario: stage.Scenario, schedule: Schedule | None, on_progress: OnProgress
) -> tuple[Figures, list[str]]:
    """One trip by a schedule or by our policy: figures, and the operators' budgets that it broke."""
    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=out / "world.log", filemode="w", level=logging.WARNING, force=True)
    built = stage.build(out, scenario)
    try:
        if schedule:
            schedule.put_in(built.flash)
        watch = Watch()
        watch.follow(built)
        trip_run = Demo(
            built, Oracle(built.flash, built.trip, built.network.traffic), Diary(built.trip), None
        )
        trip_run.run(on_progress)
        found, _ = measure(trip_run)
    finally:
        built.close()
    rows = (row for row in budgets.table(watch) if not row.kept)
    return found, [f"budget broken: {row.what} {row.worst:g}, allowed {row.allowed:g}" for row in rows]


@contextmanager
def _counted(moves: Queue[float], days: int) -> Iterator[OnProgress]:
    """The callback of a trip: it passes on the progress. At the end the trip is complete."""
    reported = 0.0

    def further(part: float) -> None:
        nonlocal reported
        moves.put(part - reported)
        reported = part

    yield lambda progress: further(progress["completed"] / days)
    further(1.0)


def run_all(
    parts: Sequence[Part], seed: int, out: Path, console: Console
) -> tuple[list[TripResult], list[str]]:
    """All parts, `PROCESSES` at a time: their results, and what could not be run."""
    context = get_context("spawn")
    columns = TextColumn("trips"), BarColumn(None), TaskProgressColumn(), TimeElapsedColumn()
    with (
        context.Manager() as manager,
        ProcessPoolExecutor(PROCESSES, context) as pool,
        Progress(*columns, console=console, refresh_per_second=2) as progress,
    ):
        moves = manager.Queue()
        task = progress.add_task("", total=sum(part.trips for part in parts))
        futures = [pool.submit(run_part, part, seed, out, moves) for part in parts]
        try:
            while not all(future.done() for future in futures):
                with suppress(Empty):
                    progress.advance(task, moves.get(timeout=1))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    done, failed = [], []
    for part, future in zip(parts, futures, strict=True):
        results, missing = _result(part, future)
        done += results
        failed += missing
    return done, failed


def _result(
    part: Part, future: Future[tuple[list[TripResult], list[str]]]
) -> tuple[list[TripResult], list[str]]:
    try:
        return future.result()
    except BrokenProcessPool as error:
        return [], [f"{part.world} {part.modem}: {error}"]


def fell_short(done: Sequence[TripResult], failed: Sequence[str]) -> list[str]:
    """One line for each limit that ours did not keep, and for each part that was not run."""
    ours = [each for each in done if each.policy == OURS]
    covered = {(each.world, each.modem, each.budget_j) for each in ours}
    compared = {(each.world, each.modem) for each in done if each.policy != OURS}
    missing = [
        f"{part.world} {part.modem} {budget_j} J"
        for part in PARTS
        for budget_j in part.budgets
        if (part.world, part.modem, budget_j) not in covered
    ]
    missing += [f"{part.world} {part.modem}, schedules" for part in PARTS if part[:2] not in compared]
    lines = [line for each in ours for line in each.short()]
    return lines + [f"left out: {each}" for each in missing] + [f"not run: {each}" for each in failed]


COLUMNS: dict[str, Callable[[TripResult], str]] = {
    "points a day": lambda each: f"{each.figures.points_a_day:.1f}",
    "joules a day": lambda each: f"{joules_a_day(each.figures):.0f}",
    "lost": lambda each: f"{each.figures.lost}",
    "in flash": lambda each: f"{each.figures.still_in_flash}",
    "stalls": lambda each: f"{each.figures.stalls}",
    "back to report": lambda each: ", ".join(hours(back_h) for back_h in each.figures.back_h),
    "longest silence": lambda each: hours(each.figures.longest_silence_h),
    "silent at end": lambda each: hours(each.figures.silent_at_end_h),
    "failed": lambda each: f"{each.figures.uploads_failed} of {each.figures.uploads_tried}",
    "budgets broken": lambda each: f"{len(each.broken)}",
}


def table(done: Sequence[TripResult]) -> Table:
    """A row a trip."""
    result = Table(box=None, padding=(0, 2, 0, 0))
    result.add_column("trip", no_wrap=True)
    result.add_column("policy", no_wrap=True)
    for name in COLUMNS:
        result.add_column(name, justify="right")
    for each in done:
        result.add_row(each.name, each.policy, *(value(each) for value in COLUMNS.values()))
    return result


def summed(done: Sequence[TripResult]) -> dict[str, float]:
    """The figures of our tracker over all trips; -1 hours: never."""
    ours = [each for each in done if each.policy == OURS]
    backs = [(each.budget_j, back_h) for each in ours for back_h in each.figures.back_h]

    def worst_h(lean: bool) -> float:
        found = [back_h for budget_j, back_h in backs if (budget_j <= figures.LEAN_J) == lean]
        return -1.0 if None in found else max((each for each in found if each is not None), default=0.0)

    total = len(ours) or 1
    return {
        "trips": len(ours),
        "lost": sum(each.figures.lost for each in ours),
        "stalls": sum(each.figures.stalls for each in ours),
        "alive_at_the_end": sum(not each.dead for each in ours),
        "hours_back_to_report": worst_h(False),
        f"hours_back_to_report_{figures.LEAN_J:.0f}_j": worst_h(True),
        "longest_silence_h": max((each.figures.longest_silence_h for each in ours), default=0.0),
        "budgets_broken": sum(len(each.broken) for each in ours),
        "joules_a_day": sum(joules_a_day(each.figures) for each in ours) / total,
        "points_a_day": sum(each.figures.points_a_day for each in ours) / total,
    }


def write(target: Path, seed: int, done: Sequence[TripResult], short: Sequence[str]) -> None:
    """All figures, as JSON."""
    target.parent.mkdir(parents=True, exist_ok=True)
    trips = [asdict(each) for each in done]
    content = {"seed": seed, "figures": summed(done), "trips": trips, "fell_short": short}
    target.write_text(json.dumps(content, indent=2) + "\n")


def chosen(world: str | None, modem: str | None, budget_j: int | None) -> Iterator[Part]:
    """The parts that the command line asks for, None: all."""
    for part in PARTS:
        if world in (None, part.world) and modem in (None, part.modem):
            yield part._replace(budgets=(budget_j,)) if budget_j else part


def main() -> int:
    """The command line."""
    parser = demo.Parser(
        prog="python -m tools.verify.soak.rough", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--world", choices=worlds.ROUGH, help="this one only")
    parser.add_argument("--modem", choices=BUDGETS, help="this one only")
    parser.add_argument("--budget", type=whole(1), help="joules a day, in place of those of each modem")
    parser.add_argument("--seed", type=whole(0), default=1)
    parser.add_argument("--out", type=Path, default=Path("out/rough"), help="folder; figures in OUT.json")
    arguments = parser.parse_args()
    out, console = arguments.out.resolve(), Console()
    parts = list(chosen(arguments.world, arguments.modem, arguments.budget))
    try:
        done, failed = run_all(parts, arguments.seed, out, console)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    short = fell_short(done, failed)
    write(out.with_suffix(".json"), arguments.seed, done, short)
    console.print(table(done))
    for line in short:
        print(f"fell short: {line}", file=sys.stderr)
    for name, value in summed(done).items():
        print(f"{name} {value:.1f}" if isinstance(value, float) else f"{name} {value}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
