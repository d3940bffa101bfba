"""Trips that go otherwise than usual, in the full world: days without a network, a ship, a truck, a long
stay, a weak battery; on both modems, with fixed schedules on the same trips.

`python -m tools.campaign.rough [--seed N] [--budget J] [--days N] [--world NAME ...] [--modem NAME ...]`
prints a table, writes OUT.json and exits with 1, naming what fell short, when a record is lost, the device is
silent for longer than it may be, or an operator's budget was broken; with 3 when a part was left out.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tools.campaign import budgets
from tools.campaign.watch import Watch
from tools.flash.layout import LayoutError
from tools.world import battery, demo, figures, stage, unusual, weather
from tools.world.compare import Comparison, joules_a_day
from tools.world.diary import Diary
from tools.world.figures import Figures
from tools.world.ride import Demo, add_task, measure, progress_bar
from tools.world.services import ServiceError
from tools.world.truth import Truth

NAMES = tuple(name for name in unusual.WORLDS if name != unusual.USUAL)
BUDGET_J = {"bg95": 100, "sim7600": 300}
"""Joules a day, where none is given."""


@dataclass(frozen=True)
class Rough:
    """One trip: ours, and the fixed schedules by name; `broken` are budgets of operators."""

    modem: str
    world: str
    ours: Figures
    broken: list[str]
    others: dict[str, Figures]
    budget_j: int

    def short(self) -> list[str]:
        """What is not as it must be."""
        demands = figures.demands(self.modem, budget_j=self.budget_j, world=self.world)
        found = [*self.broken, *figures.fell_short(self.ours, demands)]
        return [f"{self.modem}, {self.world}: {line}" for line in found]


def ride(out: Path, modem: str, world: str, arguments: argparse.Namespace, console: Console) -> Rough:
    """One trip with all that ride along."""
    budget_j = arguments.budget or BUDGET_J[modem]
    told = argparse.Namespace(
        battery=battery.USUAL, season=weather.USUAL, budget=budget_j, days=arguments.days, set=[]
    )
    options: dict[str, Any] = {
        "modem": modem,
        "seed": arguments.seed,
        "days": arguments.days,
        "port": 0,
        "trap": None,
        "settings": demo.settings(told),
        "world": world,
        "told_mah": demo.told_mah(told),
    }
    folder = out / f"{modem}-{world}"
    built = stage.build(folder, **options)
    try:
        watch = Watch()
        watch.follow(built)
        lived = Demo(built, Truth(built.flash, built.trip, built.network.traffic), Diary(built.trip), None)
        with progress_bar(console) as progress:
            beside = None if arguments.alone else Comparison(folder, options, progress)
            lived.run(add_task(progress, arguments.days, f"{modem} {world} "))
            found, _ = measure(lived)
            others = beside.figures(found) if beside else {}
    finally:
        built.close()
    rows = budgets.table(watch)
    broken = [f"{row.what} {row.worst:g}, allowed {row.allowed:g}" for row in rows if not row.kept]
    return Rough(modem, world, found, broken, others, budget_j)


def table(done: list[Rough]) -> Table:
    """A row for each policy of each trip."""
    figures_of = ("J a day", "points a day", "newest h", "longest silence h", "end h", "back h", "lost")
    result = Table("trip", "policy", *figures_of, box=None)
    for each in done:
        for name, found in ({"ours": each.ours} | each.others).items():
            values = (
                joules_a_day(found),
                found.points_a_day,
                found.newest_age_h,
                found.longest_silence_h,
                found.silent_at_end_h,
                found.back_h,
            )
            row = (f"{value:.1f}" for value in values)
            result.add_row(f"{each.modem} {each.world}", name, *row, f"{found.lost}")
    return result


def main() -> int:
    """The command line."""
    what = (__doc__ or "").partition("\n")[0]
    parser = demo.Parser(prog="python -m tools.campaign.rough", description=what)
    parser.add_argument("--days", type=int, default=45)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--budget", type=int, default=0, help="joules a day; 0: 100 or, SIM7600, 300")
    parser.add_argument("--world", nargs="*", choices=NAMES, default=NAMES)
    parser.add_argument("--modem", nargs="*", choices=demo.MODEMS, default=demo.MODEMS)
    parser.add_argument("--alone", action="store_true", help="no fixed schedules; counts as a part left out")
    parser.add_argument("--out", type=Path, default=Path("out/rough"), help="folder; figures in OUT.json")
    arguments = parser.parse_args()
    out, console = arguments.out.resolve(), Console()
    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=out / "world.log", filemode="w", level=logging.WARNING, force=True)
    done = []
    try:
        for modem in arguments.modem:
            for world in arguments.world:
                done.append(ride(out, modem, world, arguments, console))
    except (ServiceError, LayoutError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    short = [line for each in done for line in each.short()]
    trips = [asdict(each) for each in done]
    out.with_suffix(".json").write_text(json.dumps({"trips": trips, "fell_short": short}, indent=2) + "\n")
    console.print(table(done))
    for line in short:
        print(f"fell short: {line}", file=sys.stderr)
    is_whole = len(done) == len(NAMES) * len(demo.MODEMS) and not arguments.alone
    return 1 if short else 0 if is_whole else 3


if __name__ == "__main__":
    sys.exit(main())
