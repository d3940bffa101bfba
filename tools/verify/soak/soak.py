"""Three trips through a harsh world: the operators' budgets hold, nothing is lost, points still come.

`python -m tools.verify.soak.soak [--days N] [--seed N] [--out FILE]` counts at the simulated modem and on
its connections, prints the worst hour and the worst day of everything that an operator counts, and exits
with 1, naming what fell short, when a budget was broken, a record lost or the points were too few.
"""

from __future__ import annotations

import json
import logging
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tools.ending import one_line
from tools.flash.layout import LayoutError
from tools.modem.registry import Dialect
from tools.options import whole
from tools.verify.soak import budgets
from tools.verify.soak.budgets import Row
from tools.verify.soak.watch import Watch
from tools.world import stage
from tools.world.demo import figures
from tools.world.demo.demo import Parser
from tools.world.demo.diary import Diary
from tools.world.demo.figures import DEMANDS, Demand, Figures
from tools.world.oracle.records import Oracle
from tools.world.radio.harsh import HARSH
from tools.world.services.processes import ServiceError
from tools.world.trip_run import Demo, add_task, measure, progress_bar

NOT_PACED = ("paced=0",)
TRIPS: tuple[tuple[Dialect, tuple[str, ...]], ...] = (
    ("bg95", ()),
    ("sim7600", NOT_PACED),
    ("bg95", NOT_PACED),
)
"""Modem and settings: as shipped, and as many points as ever are asked for."""
LEAST_POINTS_A_DAY = 12.0
DEMANDED = (
    *(each for each in DEMANDS if each.figure not in ("longest_silence_h", "points_a_day")),
    Demand("points_a_day", f"at least {LEAST_POINTS_A_DAY:g}", lambda value: value >= LEAST_POINTS_A_DAY),
)
"""The requirements of the demo, except silence: service is missing for days."""


@dataclass(frozen=True)
class Soaked:
    """The result of one trip."""

    modem: Dialect
    seed: int
    rows: list[Row]
    causes: dict[int, int]
    """Refusals by EMM cause."""
    figures: Figures

    def short(self) -> list[str]:
        """One line for each budget that was broken and each figure that is not as it must be."""
        broken = [f"{row.what} {row.worst:g}, allowed {row.allowed:g}" for row in self.rows if not row.kept]
        return [f"{self.name()}: {line}" for line in broken + figures.fell_short(self.figures, DEMANDED)]

    def violations(self) -> int:
        """Budgets that were broken."""
        return sum(not row.kept for row in self.rows)

    def name(self) -> str:
        """For people."""
        return f"{self.modem} seed {self.seed}"


def soak(out: Path, days: int, first_seed: int, console: Console) -> list[Soaked]:
    """Run the trips one after the other, with a folder for each below `out`."""
    done = []
    with progress_bar(console) as progress:
        for seed, (modem, settings) in enumerate(TRIPS, first_seed):
            on_progress = add_task(progress, days, f"{modem} {seed} ")
            folder = out / f"{modem}-{seed}"
            built = stage.build(folder, stage.Scenario(modem, seed, days, harshness=HARSH, settings=settings))
            try:
                watch = Watch()
                watch.follow(built)
                oracle = Oracle(built.flash, built.trip, built.network.traffic)
                demo = Demo(built, oracle, Diary(built.trip), None)
                demo.run(on_progress)
                found, _ = measure(demo)
            finally:
                built.close()
            causes = Counter(each.cause for each in watch.tries if each.cause)
            done.append(Soaked(modem, seed, budgets.table(watch), dict(sorted(causes.items())), found))
    return done


def table(done: list[Soaked]) -> Table:
    """Each budget with its worst on each trip, then the figures of the trips."""
    result = Table(box=None, padding=(0, 2, 0, 0))
    result.add_column("worst", no_wrap=True)
    for each in done:
        result.add_column(f"{each.modem} {each.seed}", justify="right", no_wrap=True)
    result.add_column("allowed", no_wrap=True)
    for rows in zip(*(each.rows for each in done), strict=True):
        allowed = "" if rows[0].allowed is None else f"{rows[0].allowed:g} {rows[0].rule}"
        result.add_row(rows[0].what, *(f"{row.worst:.5g}" for row in rows), allowed)
    cells: dict[str, Callable[[Soaked], str]] = {
        "points a day": lambda each: f"{each.figures.points_a_day:.1f}",
        "lost": lambda each: f"{each.figures.lost}",
        "still in flash": lambda each: f"{each.figures.still_in_flash}",
        "uploads tried": lambda each: f"{each.figures.uploads_tried}",
        "uploads failed": lambda each: f"{each.figures.uploads_failed}",
        "longest silence": lambda each: f"{each.figures.longest_silence_h:.0f} h",
        "mAh a day": lambda each: f"{each.figures.mah_a_day:.1f}",
        "radio on": lambda each: f"{each.figures.radio_on_h:.1f} h",
        "of it waiting for our code": lambda each: f"{each.figures.radio_waits_percent:.1f} %",
    }
    for cause in sorted({cause for each in done for cause in each.causes}):
        result.add_row(f"refusals, EMM cause {cause}", *(f"{each.causes.get(cause, 0)}" for each in done))
    for name, value in cells.items():
        result.add_row(name, *(value(each) for each in done))
    return result


def write(target: Path, days: int, done: list[Soaked], short: list[str]) -> None:
    """All figures, as JSON."""
    trips = [asdict(each) | {"violations": each.violations()} for each in done]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"days": days, "trips": trips, "fell_short": short}, indent=2) + "\n")


@one_line(ServiceError, LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = Parser(prog="python -m tools.verify.soak.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--days", type=whole(1), default=45)
    parser.add_argument("--seed", type=whole(0), default=1, help="of the first trip; the others follow it")
    parser.add_argument("--out", type=Path, default=Path("out/soak"), help="folder; figures in OUT.json")
    arguments = parser.parse_args()
    out, console = arguments.out.resolve(), Console()
    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=out / "world.log", filemode="w", level=logging.WARNING, force=True)
    done = soak(out, arguments.days, arguments.seed, console)
    short = [line for each in done for line in each.short()]
    write(out.with_suffix(".json"), arguments.days, done, short)
    console.print(table(done))
    lost = sum(each.figures.lost for each in done)
    console.print(f"violations {sum(each.violations() for each in done)}, lost {lost}")
    for line in short:
        print(f"fell short: {line}", file=sys.stderr)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
