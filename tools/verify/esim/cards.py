"""The same trips with each kind of card: what is gained by several profiles, and what it costs.

`python -m tools.verify.esim.cards [--modem bg95|sim7600] [--days N] [--seed N] [--seeds N] [--out DIR]` runs
a trip a card and seed, in a world in which networks refuse a roaming card more often than in the reference,
then one whose train shuttles at a border; prints one table, all seeds together, and exits with 1, naming what
fell short.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tools.ending import one_line
from tools.flash.layout import LayoutError
from tools.modem.card.applet import AppletCard
from tools.modem.registry import Dialect
from tools.options import whole
from tools.verify.esim import shuttle
from tools.verify.esim.shuttle import Shuttled
from tools.world import stage
from tools.world.demo.demo import Parser
from tools.world.demo.diary import Diary
from tools.world.demo.figures import LEAST_INSTALLED, Figures
from tools.world.oracle.records import Oracle
from tools.world.radio.cards import KINDS, LANDING
from tools.world.radio.harsh import Harshness
from tools.world.radio.rules import Bar
from tools.world.services.processes import ServiceError
from tools.world.trip_run import HOUR_MS, Demo, OnProgress, add_task, measure, progress_bar

REFUSING = Harshness(refused=0.8)
"""With this probability a network refuses a roaming card for the whole trip; one network of each country
always accepts it."""
MOST_OF_SINGLE = 0.5
"""Limit of the median from border to uplink, as a fraction of that of the single card."""
MOST_HOURS_OF_SINGLE = 0.3
"""Limit of the hours without service, as a fraction of those of the single card."""
MOST_OF_EVERYWHERE = 1.05
LONGER_THAN_PRESET_H = 1.0
"""From border to uplink, median, of a card whose profiles are downloaded on the way."""
MOST_OF_PRESET = 1.05
"""Limit of the joules a point, as a fraction of those of the preset card."""
CARDS = (*KINDS, LANDING)
MOST_BAR_H = 26.0
"""From the first registration in Russia, which begins the bar of 24 hours, until data is back."""
LEAST_ROTATIONS = 0.95
"""The least fraction of the borders with another identity at which an applet must change to it."""


@dataclass(frozen=True)
class TripResult:
    """One trip."""

    card: str
    seed: int
    figures: Figures
    rotations: tuple[int, int]
    """Of an applet: borders at which it took the identity of the country, of those with another one."""
    bar_h: float | None
    """From the first registration in Russia to the first session after it; None: no bar, or no session."""


@dataclass(frozen=True)
class Pooled:
    """All trips with one kind of card."""

    trips: list[TripResult]

    def sum(self, figure: str) -> float:
        """Of one of the figures, over the trips."""
        return float(sum(getattr(each.figures, figure) for each in self.trips))

    def border_h(self) -> list[float]:
        """Hours from each border to the first uplink; the length of the trip where there was none."""
        return [
            24 * each.figures.days if border.first_uplink_h is None else border.first_uplink_h
            for each in self.trips
            for border in each.figures.borders
        ]

    def median_border_h(self) -> float:
        """The border after which data is barred for a day is one of them."""
        return median(self.border_h() or [0.0])

    def joules(self) -> float:
        """Of the whole device."""
        return sum(sum(each.figures.joules.values()) for each in self.trips)

    def joules_a_point(self) -> float:
        """Of the whole device."""
        return self.joules() / max(1, self.sum("points_stored"))

    def bar_h(self) -> list[float]:
        """Of the trips that came to Russia and were heard of again."""
        return [each.bar_h for each in self.trips if each.bar_h is not None]

    def rotated(self) -> float | None:
        """Fraction of the borders; None: there was none at which an applet had to."""
        made, wanted = (sum(each.rotations[i] for each in self.trips) for i in (0, 1))
        return made / wanted if wanted else None


def run_trips(out: Path, modem: Dialect, days: int, seeds: range, console: Console) -> dict[str, Pooled]:
    """The trips, one after the other, by kind of card."""
    done: dict[str, Pooled] = {card: Pooled([]) for card in CARDS}
    with progress_bar(console) as progress:
        for seed in seeds:
            for card in CARDS:
                on_progress = add_task(progress, days, f"{card:18}")
                done[card].trips.append(_trip(out / card, modem, days, seed, card, on_progress))
    return done


def _trip(out: Path, modem: Dialect, days: int, seed: int, card: str, on_progress: OnProgress) -> TripResult:
    built = stage.build(out, stage.Scenario(modem, seed, days, harshness=REFUSING, card=card))
    try:
        oracle = Oracle(built.flash, built.trip, built.network.traffic)
        demo = Demo(built, oracle, Diary(built.trip), None)
        demo.run(on_progress)
        found, had = measure(demo)
        return TripResult(card, seed, found, _rotations(built), barred_h(built.trip.bars(), had.sessions_ms))
    finally:
        built.close()


def barred_h(bars: Sequence[Bar], sessions_ms: Sequence[int]) -> float | None:
    if not bars:
        return None
    after_ms = next((each for each in sessions_ms if each > bars[0].start_ms), None)
    return None if after_ms is None else (after_ms - bars[0].start_ms) / HOUR_MS


def _rotations(built: stage.Stage) -> tuple[int, int]:
    """At how many of the borders where another identity is the better one the applet has taken it."""
    card = built.card.card
    if not isinstance(card, AppletCard):
        return 0, 0
    best = {mcc: each.imsi for each in card.identities for mcc in each.countries}
    mccs = [_MCC[crossing.entered] for crossing in built.trip.crossings]
    wanted = [
        mcc for left, mcc in zip([_MCC["CN"], *mccs], mccs, strict=False) if best.get(mcc) != best.get(left)
    ]
    made = [mcc for mcc in wanted if (mcc, best.get(mcc)) in card.rotations]
    return len(made), len(wanted)


_MCC = {"CN": "460", "KZ": "401", "RU": "250", "BY": "257", "PL": "260", "DE": "262"}


def fell_short(by: Mapping[str, Pooled]) -> list[str]:
    """One line for each demand that is not met."""
    return [*_above_most(by), *_of_landing(by[LANDING]), *_of_each(by), *_barred(by["euicc4"])]


def _above_most(by: Mapping[str, Pooled]) -> list[str]:
    """Figures of a card that are higher than those of another allow."""
    euicc, single, everywhere = by["euicc4"], by["single"], by["single-everywhere"]
    landing = by[LANDING]
    demands = [
        ("border to uplink, median", euicc.median_border_h(), MOST_OF_SINGLE * single.median_border_h()),
        ("hours without service", euicc.sum("refused_h"), MOST_HOURS_OF_SINGLE * single.sum("refused_h")),
        ("joules a point beside single", euicc.joules_a_point(), single.joules_a_point()),
        (
            "joules a point beside single-everywhere",
            euicc.joules_a_point(),
            MOST_OF_EVERYWHERE * everywhere.joules_a_point(),
        ),
    ]
    of_landing = [
        (
            "border to uplink, median",
            landing.median_border_h(),
            euicc.median_border_h() + LONGER_THAN_PRESET_H,
        ),
        ("joules a point", landing.joules_a_point(), MOST_OF_PRESET * euicc.joules_a_point()),
    ]
    return [
        f"{card}: {what} {value:.2f}, at most {most:.2f}"
        for card, each in (("euicc4", demands), (LANDING, of_landing))
        for what, value, most in each
        if value > most
    ]


def _of_landing(landing: Pooled) -> Iterator[str]:
    installed, wanted = landing.sum("downloads_installed"), landing.sum("downloads_wanted")
    if installed < LEAST_INSTALLED * wanted:
        yield f"{LANDING}: {installed:.0f} of {wanted:.0f} profiles installed"


def _of_each(by: Mapping[str, Pooled]) -> Iterator[str]:
    for what in ("lost", "crashes"):
        yield from (f"{card}: {what} {each.sum(what):.0f}" for card, each in by.items() if each.sum(what))
    rotated = by["applet"].rotated()
    if rotated is not None and rotated < LEAST_ROTATIONS:
        yield f"applet: rotated at {100 * rotated:.0f} % of the borders"


def _barred(euicc: Pooled) -> Iterator[str]:
    """Bars of data in Russia that are too many or too long."""
    for each in euicc.trips:
        if each.figures.bars > 1:
            yield f"euicc4, seed {each.seed}: data barred {each.figures.bars} times"
        if each.figures.bars and (each.bar_h is None or each.bar_h > MOST_BAR_H):
            yield f"euicc4, seed {each.seed}: data not back within {MOST_BAR_H:.0f} h"


def table(by: Mapping[str, Pooled]) -> Table:
    """A column a card."""
    result = Table(box=None, padding=(0, 2, 0, 0))
    result.add_column("", no_wrap=True)
    for card in by:
        result.add_column(card, justify="right", no_wrap=True)
    rows: dict[str, Callable[[Pooled], str]] = {
        "border to first uplink, median": lambda each: f"{each.median_border_h():.1f} h",
        "worst": lambda each: f"{max(each.border_h(), default=0):.1f} h",
        "bar until data is back, worst": lambda each: f"{max(each.bar_h(), default=0):.1f} h",
        "without service": lambda each: f"{each.sum('refused_h'):.1f} h",
        "energy": lambda each: f"{each.joules():,.0f} J",
        "joules a point": lambda each: f"{each.joules_a_point():.2f}",
        "switches": lambda each: f"{each.sum('switches'):.0f}",
        "points": lambda each: f"{each.sum('points_stored'):.0f}",
        "uploads tried": lambda each: f"{each.sum('uploads_tried'):.0f}",
        "uploads failed": lambda each: f"{each.sum('uploads_failed'):.0f}",
        "data barred": lambda each: f"{each.sum('bars'):.0f} x",
        "rotations at borders": lambda each: _percent(each.rotated()),
        "downloads": _downloads,
        "lost": lambda each: f"{each.sum('lost'):.0f}",
    }
    for name, value in rows.items():
        result.add_row(name, *(value(each) for each in by.values()))
    return result


def _downloads(each: Pooled) -> str:
    wanted = each.sum("downloads_wanted")
    return f"{each.sum('downloads_installed'):.0f} of {wanted:.0f}" if wanted else ""


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.0f} %"


@one_line(ServiceError, LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = Parser(prog="python -m tools.verify.esim.cards", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--modem", choices=("bg95", "sim7600"), default="bg95")
    parser.add_argument("--days", type=whole(1), default=45)
    parser.add_argument("--seed", type=whole(0), default=1, help="of the first trip; the others follow it")
    parser.add_argument("--seeds", type=whole(1), default=3, help="trips with each card")
    parser.add_argument("--out", type=Path, default=Path("out/cards"), help="folder; figures in OUT.json")
    arguments = parser.parse_args()
    out, console = arguments.out.resolve(), Console()
    out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(filename=out / "world.log", filemode="w", level=logging.WARNING, force=True)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    done = run_trips(out, arguments.modem, arguments.days, seeds, console)
    flapped = shuttle.run(out / "shuttle", arguments.modem, arguments.seed, REFUSING, console)
    short = fell_short(done) + flapped.short()
    write(out.with_suffix(".json"), done, flapped, short)
    console.print(table(done))
    console.print(flapped.summary(), soft_wrap=True)
    for line in short:
        print(f"fell short: {line}", file=sys.stderr)
    console.print(f"lost {sum(each.sum('lost') for each in done.values()) + flapped.lost:.0f}")
    return 1 if short else 0


def write(target: Path, done: Mapping[str, Pooled], flapped: Shuttled, short: list[str]) -> None:
    """All figures of all trips, as JSON."""
    trips = [asdict(each) for pooled in done.values() for each in pooled.trips]
    content = {"trips": trips, "border_flapped": asdict(flapped), "fell_short": short}
    target.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
