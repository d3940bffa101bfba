"""The second container on a route: the value of coverage data from five earlier trips to later ones.

Earlier and later trips share a radio environment (`environments.py`) with thin networks. The agent's own code
makes route data from the earlier trips. The same route data with its tiles shuffled shows the cost of wrong
data.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from landbridge.features.coverage import bins as shares
from landbridge.features.coverage import costs
from landbridge.features.coverage.encoding import TILE_KM, WELL_HEARD_DBM
from landbridge.features.coverage.known import LEAST_OBSERVATIONS
from landbridge.features.routes.coding import Network
from rich.console import Console
from rich.table import Table

from tools.lab.environments import draw
from tools.lab.experiments import Setting, spread
from tools.lab.instances import Instance
from tools.lab.physics import Run, run, stops
from tools.lab.pilot import Ours
from tools.lab.route_data import made, places_km, plmn
from tools.lab.score import score

OUT = Path("out/lab-digest.json")
LOSSES_DB = (15.0, 25.0)
BUDGETS = (65, 120)
ROUTES = ("w1", "n1")
EARLIER = range(2_001, 2_006)
LATER = range(2_101, 2_107)
GAIN_PERCENT, WRONG_PERCENT = 5.0, 1.0
"""Fewer joules a delivered point at least; more with shuffled tiles at most."""
NEW, LEARNED, SHUFFLED = "new route", "learned", "shuffled"
RESAMPLES = 2_000


class Job(NamedTuple):
    """A radio environment whose networks are `loss_db` weaker, and a fleet with a number of joules a day and
    trip."""

    loss_db: float
    budget: int
    route: str
    environment: int


class Figure(NamedTuple):
    """The result of one later trip: joules per delivered point, and utility."""

    loss_db: float
    budget: int
    route_data: str
    trip: str
    joules_a_point: float
    utility: float


class Seen(NamedTuple):
    """Observations of earlier trips: (kilometre, PLMN or 0, whether well heard), and reports that passed."""

    looks: list[tuple[float, int, bool]]
    reports: list[costs.Report]


def experiment(environments: int, processes: int | None, console: Console) -> bool:
    """Run the experiment on `environments` radio environments of each route, print and write the figures.
    Return whether all requirements are met."""
    jobs = [
        Job(loss_db, budget, route, environment)
        for loss_db in LOSSES_DB
        for budget in BUDGETS
        for route in ROUTES
        for environment in range(1, environments + 1)
    ]
    figures = [each for found in spread(evaluate, jobs, "later trips", processes) for each in found]
    table = Table("loss dB", "J a day", "route data", "J a point", "fewer, % (95 %)", "utility")
    rows = []
    for loss_db in LOSSES_DB:
        for budget in (*BUDGETS, None):
            chosen = [each for each in figures if each.loss_db == loss_db and budget in (each.budget, None)]
            rows += [_row(loss_db, budget, kind, chosen) for kind in (NEW, LEARNED, SHUFFLED)]
    missed = [text for row in rows if row["budget"] is None for text in missed_of(row)]
    for row in rows:
        interval = f"{row['fewer']:.1f} ({row['low']:.1f} to {row['high']:.1f})"
        budget_text = "all" if row["budget"] is None else str(row["budget"])
        cells = (f"{row['loss_db']:.0f}", budget_text, str(row["route_data"]), f"{row['joules_a_point']:.2f}")
        table.add_row(*cells, interval, f"{row['utility']:.3f}")
    console.print(table)
    for text in missed:
        console.print(f"[red]missed: {text}[/red]")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"rows": rows, "missed": missed}, indent=1))
    return not missed


def evaluate(job: Job) -> list[Figure]:
    """Run the earlier trips, learn, then run the later ones with each kind of route data."""
    setting = Setting("digest", "bg95")
    policy = Ours(setting.modem).factory()
    seen = Seen([], [])
    for seed in EARLIER:
        trip = draw(job.route, job.environment, seed, setting.modem).thinned(job.loss_db)
        see(trip, run(trip, policy, setting.mission(trip, job.budget)), seen)
    figures = []
    for seed in LATER:
        trip = draw(job.route, job.environment, seed, setting.modem).thinned(job.loss_db)
        mission = setting.mission(trip, job.budget)
        learned, shuffled = learned_data(trip, seen, False), learned_data(trip, seen, True)
        data_of = {NEW: b"", LEARNED: learned, SHUFFLED: shuffled}
        for name, data in data_of.items():
            outcome = run(trip, policy, replace(mission, route_data=data))
            figure = joules_a_point(outcome), score(trip, outcome).utility
            figures.append(
                Figure(job.loss_db, job.budget, name, f"{job.route}-{job.environment}-{seed}", *figure)
            )
    return figures


def see(trip: Instance, outcome: Run, seen: Seen) -> None:
    """Add what an agent learns from a trip to `seen`. The place of a network scan is known if the train has
    had a fix just before or has not moved since."""
    still_since = stops(trip.moving)
    for slot, heard in outcome.looks:
        index = bisect_right(outcome.fixes, slot) - 1
        fix = outcome.fixes[index] if index >= 0 else -1
        if fix >= 0 and (slot - fix <= 1 or still_since[slot] <= fix):
            number = plmn(trip.networks[heard.network]) if heard else 0
            well = heard is not None and heard.rsrp_dbm >= WELL_HEARD_DBM
            seen.looks.append((float(trip.km[fix]), number, well))
    for network, joules in outcome.reports:
        seen.reports.append(costs.Report(plmn(trip.networks[network]), 1_000 * joules))


def learned_data(trip: Instance, seen: Seen, shuffled: bool) -> bytes:
    """Return the route data that the agent makes of `seen`; `shuffled`: each tile is that of another
    place."""
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for km, _, well in seen.looks:
        counts[int(km // TILE_KM)][0] += 1
        counts[int(km // TILE_KM)][1] += well
    looks = {tile: shares.Observations(*sums) for tile, sums in counts.items()}
    tiles = shares.tiles(looks, places_km(trip.corridor))
    if shuffled:
        random.Random(trip.name).shuffle(tiles)
    return made(trip.corridor.route, tuple(tiles), tuple(_networks(trip, seen)))


def _networks(trip: Instance, seen: Seen) -> Iterator[Network]:
    known = costs.percent(seen.reports)
    for number in map(plmn, trip.networks):
        of_country = [each for _, each, _ in seen.looks if each // 1_000 == number // 1_000]
        known_well = len(of_country) >= LEAST_OBSERVATIONS
        percent = of_country.count(number) * 100 // len(of_country) if known_well else 0
        yield Network(number, known.get(number, 0), percent)


def joules_a_point(outcome: Run) -> float:
    """Return the J drawn in total, divided by the number of points delivered."""
    newest = max((point for _, point in outcome.uploads), default=-1)
    delivered = bisect_right(outcome.fixes, newest)
    return float(sum(outcome.joules.values())) / max(1, delivered)


def _row(loss_db: float, budget: int | None, kind: str, figures: Sequence[Figure]) -> dict[str, object]:
    """Return the figures of one kind of route data compared with a new route, trip by trip, with a bootstrap
    interval over trips."""
    of = {name: [each for each in figures if each.route_data == name] for name in (NEW, kind)}
    new, with_data = (np.array([each.joules_a_point for each in of[name]]) for name in (NEW, kind))
    rng = np.random.default_rng(1)
    drawn = rng.integers(0, len(new), (RESAMPLES, len(new)))
    fewer = 100 * (1 - with_data[drawn].sum(axis=1) / new[drawn].sum(axis=1))
    low, high = np.quantile(fewer, (0.025, 0.975))
    return {
        "loss_db": loss_db,
        "budget": budget,
        "route_data": kind,
        "trips": len(new),
        "joules_a_point": float(with_data.mean()),
        "fewer": 100 * (1 - float(with_data.sum() / new.sum())),
        "low": float(low),
        "high": float(high),
        "utility": float(np.mean([each.utility for each in of[kind]])),
    }


def missed_of(row: dict[str, object]) -> Iterator[str]:
    fewer, low = row["fewer"], row["low"]
    assert isinstance(fewer, float) and isinstance(low, float)
    where = f"-{row['loss_db']:.0f} dB, {row['route_data']}"
    if row["route_data"] == LEARNED and (fewer < GAIN_PERCENT or low <= 0):
        yield f"{where}: {fewer:.1f} % fewer joules a point, {GAIN_PERCENT:.0f} wanted"
    if row["route_data"] == SHUFFLED and fewer < -WRONG_PERCENT:
        yield f"{where}: {-fewer:.1f} % more joules a point, {WRONG_PERCENT:.0f} allowed"
