"""Battery life by budget and temperature: the table in docs/reference/battery-life.md.

The device's own policy runs on the reference route in the lab with a number of joules a day. Its consumption
over the whole trip is then compared with the usable capacity of each battery at a constant temperature. The
tables are those of the simulated world; no measurement on hardware has confirmed them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from tools.flash.layout import REPOSITORY
from tools.lab.costs import COSTS, MEASURED
from tools.lab.experiments import Setting
from tools.lab.physics import Mission, run
from tools.lab.pilot import Ours
from tools.lab.routes import TRAINING
from tools.world.device.battery import KINDS, Kind, at

PAGE = REPOSITORY / "docs" / "reference" / "battery-life.md"
BEGIN, END = "<!-- battery life: begin -->\n", "<!-- battery life: end -->\n"
TEMPERATURES_C = (20, 0, -20, -40)
BUDGETS = {"bg95": (50, 100, 200), "sim7600": (120, 300, 800)}
SEEDS = range(1, 4)
LEAST_REPORT_V = 3.2
"""Below it no report is tried (scheduler/decide.py)."""
H_A_DAY = 24


class Pace(NamedTuple):
    """The result of a budget (J a day) on the trip: J and points a day, hours between reports."""

    modem: str
    budget: int
    joules: float
    points: float
    report_h: float


def paces() -> Iterator[Pace]:
    """Yield the results of both modems with each of their budgets, as means over `SEEDS`."""
    for modem, budgets in BUDGETS.items():
        costs = MEASURED.get(modem, COSTS[modem])
        for budget in budgets:
            by_seed = []
            for seed in SEEDS:
                trip = Setting(modem, modem).trip(TRAINING[0], seed)
                given = costs, budget * trip.days, trip.corridor, trip.networks
                mission = Mission(*given, reuses=True, russia=True, bumps=(0,) * trip.slots, late=True)
                mission = replace(mission, lasts_days=trip.days)
                outcome = run(trip, Ours(modem, believes=COSTS[modem]).factory(), mission)
                reports = max(1, len(outcome.uploads))
                by_seed.append(
                    (
                        float(outcome.used_j[-1]) / trip.days,
                        len(outcome.fixes) / trip.days,
                        H_A_DAY * trip.days / reports,
                    )
                )
            yield Pace(modem, budget, *(fmean(figures) for figures in zip(*by_seed, strict=True)))


def days(kind: Kind, joules_a_day: float, temperature_c: float) -> float:
    """Return the battery life in days at that temperature, 0 if its voltage at rest forbids reports."""
    if at(kind.plateau_v, temperature_c) <= LEAST_REPORT_V:
        return 0.0
    mah_a_day = joules_a_day / kind.nominal_v / 3.6 + kind.self_discharge_ua * H_A_DAY / 1_000
    return kind.capacity_mah * at(kind.usable, temperature_c) / mah_a_day


def markdown() -> str:
    """Return a table of days for each battery."""
    head = ["J a day", "points a day", "session each", *(f"{c} °C" for c in TEMPERATURES_C)]
    lines = []
    found = list(paces())
    for kind in KINDS.values():
        lines += [f"{kind.title}:", "", _row(head), "|" + "---|" * len(head)]
        for pace in found:
            lasting = [_days_text(days(kind, pace.joules, each)) for each in TEMPERATURES_C]
            what = f"{pace.modem.upper()}, {pace.budget}"
            lines.append(_row([what, f"{pace.points:.0f}", f"{pace.report_h:.0f} h", *lasting]))
        lines.append("")
    return "\n".join(lines)


def update(page: Path = PAGE) -> None:
    """Write the tables between the marks of the page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    page.write_text(before + BEGIN + markdown() + END + rest.partition(END)[2], encoding="utf-8")


def _days_text(lasting: float) -> str:
    """Return the days with no more digits than the tables are accurate."""
    return f"{round(lasting, -1):,.0f}" if lasting else "silent"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
