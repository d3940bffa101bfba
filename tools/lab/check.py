"""The lab compared with the full world on the same trips: joules, points and the device's energy account must
agree.

The battery gives a fixed number of joules for each day of the trip, as in the demo. The lab uses the costs
that were measured in the world (`costs.MEASURED`; if it has none, one more trip is measured first) and the
firmware's own policy, which starts with the constants it ships with and learns.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from landbridge.geo.timetable import STAY_H
from rich.console import Console
from rich.table import Table

from tools.lab.costs import COSTS, MEASURED, Costs
from tools.lab.physics import Mission, run
from tools.lab.pilot import Ours
from tools.lab.route_data import new_route
from tools.lab.routes import Corridor
from tools.lab.world import Woken, instance, jolts, measured
from tools.modem.registry import Dialect
from tools.world import stage
from tools.world.demo.diary import DAY_MS
from tools.world.device.firmware import account_mj
from tools.world.oracle import delivered
from tools.world.trip import Trip

AGREE, ACCOUNT_AGREES = 0.05, 0.10
DRAWS = 10
"""The network that a device happens to use costs or gives 2 % of the points; the world has one."""
J_A_MAH = 0.68 * 0.92 * 12.96
"""What the firmware counts on at its coldest, -30 C (scheduler/battery.py)."""


@dataclass(frozen=True)
class Compared:
    """One trip in both: J and points a day, and the consumption by the device's own account."""

    seed: int
    world_j: float
    lab_j: float
    world_points: float
    lab_points: float
    account: float

    def short(self) -> list[str]:
        """Return the figures that do not agree."""
        found = []
        for name, mine, true, most in (
            ("joules", self.lab_j, self.world_j, AGREE),
            ("points", self.lab_points, self.world_points, AGREE),
            ("account", self.account, 1.0, ACCOUNT_AGREES),
        ):
            if abs(mine - true) > most * true:
                found.append(f"trip {self.seed}: {name} off by {100 * (mine / true - 1):+.0f} %")
        return found


def check(
    folder: Path, figures: Path, modem: Dialect, days: int, rate: int, seeds: list[int], console: Console
) -> int:
    """Run the comparison, print it, write `figures`; return the exit code."""
    costs = MEASURED.get(modem)
    if costs is None:
        costs = measured(_live(folder, modem, days, rate, max(seeds) + 1)[0], modem)
        console.print(costs)
    table = Table("trip", "J a day", "lab", "points a day", "lab", "account")
    trips = []
    for seed in seeds:
        wakes, points, account = _live(folder, modem, days, rate, seed)
        total_j = sum(sum(wake.joules.values()) for wake in wakes)
        lab_j, lab_points = _lab(modem, days, rate, seed, costs)
        each = Compared(seed, total_j / days, lab_j, points / days, lab_points, account / total_j)
        reported = each.world_j, each.lab_j, each.world_points, each.lab_points, each.account
        table.add_row(str(seed), *(f"{figure:.2f}" for figure in reported))
        trips.append(each)
    short = [line for each in trips for line in each.short()]
    content = {"days": days, "rate_j": rate, "trips": [asdict(each) for each in trips], "short": short}
    figures.parent.mkdir(parents=True, exist_ok=True)
    figures.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    console.print(table)
    for line in short:
        console.print(f"[red]short[/red] {line}", highlight=False)
    return 1 if short else 0


def first_route(corridor: Corridor) -> bytes:
    """Return the route data that the agent makes before any device was there: it names no networks yet, and
    expects a stay at the goal."""
    return new_route(corridor, (), places=True, stay_h=STAY_H)


def _live(folder: Path, modem: Dialect, days: int, rate: int, seed: int) -> tuple[list[Woken], int, float]:
    """Return (wakes, points stored, J by the device's account) of a trip in the full world, with a battery
    for `rate` J a day."""
    built = stage.build(folder.resolve(), stage.Scenario(modem, seed, days))
    trip, network = built.trip, built.network
    wakes: list[Woken] = []
    registered: list[str] = []
    before: dict[tuple[str, str], float] = {}
    seen = [0, 0]
    registered_before = trip.registered

    def note(imsi: str, plmn: str) -> None:
        registered.append(plmn)
        registered_before(imsi, plmn)

    def after_wake(now_ms: int) -> None:
        joules = trip.meter.joules_by_state()
        drawn = {key: value - before.get(key, 0.0) for key, value in joules.items()}
        counts = [len(trip.given.fixes), network.traffic.connections]
        new_counts = [now - then for now, then in zip(counts, seen, strict=True)]
        wakes.append(
            Woken(
                trip.given.senses[-1].ms,
                trip.moving(now_ms),
                drawn,
                new_counts[0],
                new_counts[1],
                tuple(registered),
            )
        )
        before.update(joules)
        seen[:] = counts
        registered.clear()

    trip.registered = note  # type: ignore[method-assign]
    try:
        values = f"battery_mah={round(rate * days / J_A_MAH)}", f"target_days={max(7, days)}"
        built.services.agent.do("settings", "set", stage.DEVICE, *values)
        built.device.run(days * DAY_MS, after_wake)
        delivered.await_outbox(built.services.agent.database)
        built.services.stop()
        had = delivered.read(built.services.agent.database, stage.DEVICE)
        account = account_mj(built.device.rtc_memory) / 1_000
        return wakes, len(had.points), account
    finally:
        built.close()


def _lab(modem: Dialect, days: int, rate: int, seed: int, costs: Costs) -> tuple[float, float]:
    """Return (J, points) a day of the same trip in the lab, the mean over DRAWS. A point is what the agent
    stores, in both."""
    trip = Trip(seed, modem, days)
    here = instance(trip, modem, days)
    mission = Mission(
        costs,
        rate * days,
        here.corridor,
        here.networks,
        reuses=True,
        route_data=first_route(here.corridor),
        russia=True,
        bumps=jolts(trip, here.slots, "bump"),
        shunts=jolts(trip, here.slots, "shunt", "lift"),
        lasts_days=days,
        late=True,
    )
    ours = Ours(modem, believes=COSTS[modem]).factory()
    lucks = np.random.default_rng(seed).random((DRAWS, here.slots))
    outcome = [run(replace(here, luck=luck), ours, mission) for luck in lucks]
    joules = sum(float(each.used_j[-1]) for each in outcome)
    return joules / DRAWS / days, sum(each.records for each in outcome) / DRAWS / days
