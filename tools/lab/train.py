"""Trains the pacing tables: coordinate descent on levels over training trips, each monotone over the budget.

Writes the tables that ship, from trips of both training routes, into `firmware/locator/scheduler/pacing.py`,
and the tables of each route alone, which are evaluated on the other route, into `data/pacing.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import pairwise
from typing import NamedTuple

from rich.console import Console

from tools.flash.layout import FIRMWARE
from tools.lab.bound import Bound
from tools.lab.experiments import TRAINING_SEEDS, Job, Setting
from tools.lab.instances import Instance
from tools.lab.pacing import FILE, Level, PacingTable, pacing_table
from tools.lab.physics import run
from tools.lab.pilot import Ours
from tools.lab.routes import TRAINING
from tools.lab.score import score

TABLE = FIRMWARE / "locator" / "scheduler" / "pacing.py"
HOUR_S, ENDLESS_S = 3_600, 400 * 3_600
SLOTS_S = (1_800, 3_600, 5_400, 7_200)
CHOICES = {
    "move_s": SLOTS_S,
    "dwell_s": (3_600, 7_200),
    "edge_s": (1_800, 3_600, 5_400, 7_200),
    "linger_s": (0, 8 * HOUR_S, 24 * HOUR_S, 72 * HOUR_S, ENDLESS_S),
}
AGE_STEPS = (0.6, 0.8, 1.25, 1.6)
LOWEST_FRACTION, LOWEST_WEIGHT, DEATH_WEIGHT = 0.1, 0.1, 0.2
"""Weights of the lowest fraction of trips, and of the part that died where none should, in addition to the
mean."""
LEAST_GAIN = 4e-4
"""Less is luck."""
SAMPLE = 5
"""One trip of this many is tried first; odd, because settings and routes alternate."""
ALIVE_FROM_J = 65


class TripScore(NamedTuple):
    """The score of a trip, and the `bound` of its utility."""

    utility: float
    bound: float
    died: bool


def train(
    settings: Sequence[Setting], training: str, passes: int = 2, processes: int | None = None
) -> PacingTable:
    """Return a pacing table for settings of one class of modem, from the training trips of a route, or of
    "both".

    Training begins with the present table.
    """
    budgets, modem = settings[0].budgets, settings[0].modem
    routes = TRAINING if training == "both" else (training,)
    trips = [Job(each, route, seed) for seed in TRAINING_SEEDS for each in settings for route in routes]
    with ProcessPoolExecutor(processes) as pool:
        rows = list(pacing_table(modem, training))
        scores = {budget: _run_all(pool, trips, tuple(rows), budget) for budget in budgets}
        for _ in range(passes):
            for index in range(len(rows)):
                near = _near(rows, index, budgets)
                for row in _turned(rows[index]):
                    trial = (*rows[:index], row, *rows[index + 1 :])
                    if better := _try(pool, trips, trial, {budget: scores[budget] for budget in near}):
                        rows[index] = row
                        scores |= better
            mean = sum(map(_value, scores, scores.values())) / len(scores)
            Console(stderr=True).print(f"{modem} {training}: {mean:.4f}")
    return tuple(rows)


def _try(
    pool: ProcessPoolExecutor, trips: Sequence[Job], trial: PacingTable, scores: dict[int, list[TripScore]]
) -> dict[int, list[TripScore]] | None:
    """Return the scores of a table at these budgets, None if it is no better; most are rejected after a few
    trips."""
    if not monotone(trial):
        return None
    for step, gain in ((SAMPLE, -LEAST_GAIN * SAMPLE), (1, LEAST_GAIN)):
        tried = {budget: _run_all(pool, trips[::step], trial, budget) for budget in scores}
        before = sum(_value(budget, each[::step]) for budget, each in scores.items())
        if sum(map(_value, tried, tried.values())) < before + gain:
            return None
    return tried


def monotone(rows: Sequence[Level]) -> bool:
    """Return whether more energy never buys less."""
    return all(
        low.move_s >= high.move_s
        and low.dwell_s >= high.dwell_s
        and low.edge_s >= high.edge_s
        and low.age_min >= high.age_min
        and low.linger_s <= high.linger_s
        for low, high in pairwise(rows)
    )


def write(tables: dict[str, dict[str, PacingTable]], carries_j: dict[str, int]) -> None:
    """Write class of modem -> training set -> pacing table into the two files."""
    alone = {m: {t: rows for t, rows in each.items() if t != "both"} for m, each in tables.items()}
    FILE.write_text(json.dumps(alone, indent=1).replace("\n    ", "").replace("\n   ]", "]") + "\n", "utf-8")
    head = TABLE.read_text(encoding="utf-8").split("CARRIES_J = ")[0]
    lines = [f"{head}CARRIES_J = {json.dumps(carries_j)}", "TABLES = {"]
    for modem, each in tables.items():
        lines += [f'    "{modem}": (', *(f"        {tuple(row)}," for row in each["both"]), "    ),"]
    TABLE.write_text("\n".join([*lines, "}"]) + "\n", "utf-8")


def _near(rows: Sequence[Level], index: int, budgets: tuple[int, ...]) -> list[int]:
    """Return the budgets that a row affects, as the energy left wanders around them."""
    low = rows[max(0, index - 1)].rate * 0.85
    high = rows[min(index + 1, len(rows) - 1)].rate * 1.15
    return [budget for budget in budgets if low <= budget <= high] or [min(budgets)]


def _turned(row: Level) -> Iterator[Level]:
    """Yield the row with one number changed, for each change."""
    for step in AGE_STEPS:
        yield row._replace(age_min=max(1, round(row.age_min * step)))
    for field, choices in CHOICES.items():
        at = min(range(len(choices)), key=lambda i: abs(choices[i] - getattr(row, field)))
        for other in (at - 1, at + 1):
            if 0 <= other < len(choices):
                yield row._replace(**{field: choices[other]})


@cache
def _trip(job: Job) -> tuple[Instance, dict[int, float]]:
    """Return the trip and its bound by budget; each process draws it once."""
    setting = job.setting
    instance = setting.trip(job.route, job.seed)
    bound = Bound(instance, setting.costs, setting.reuses)
    return instance, {budget: bound.utility(budget * instance.days) for budget in setting.budgets}


def _run_all(
    pool: ProcessPoolExecutor, trips: Sequence[Job], rows: PacingTable, budget: int
) -> list[TripScore]:
    return list(pool.map(partial(_run_one, rows, budget), trips, chunksize=max(1, len(trips) // 4)))


def _value(budget: int, scores: Sequence[TripScore]) -> float:
    """Return the value of a pacing table at a budget."""
    mean = sum(each.utility for each in scores) / sum(each.bound for each in scores)
    ratios = sorted(each.utility / each.bound for each in scores)
    lowest = ratios[: max(1, round(len(ratios) * LOWEST_FRACTION))]
    died = sum(each.died for each in scores) / len(scores) if budget >= ALIVE_FROM_J else 0.0
    return mean + LOWEST_WEIGHT * sum(lowest) / len(lowest) - DEATH_WEIGHT * died


def _run_one(rows: PacingTable, budget: int, job: Job) -> TripScore:
    instance, bounds = _trip(job)
    policy = Ours(job.setting.modem, rows).factory()
    outcome = run(instance, policy, job.setting.mission(instance, budget))
    figures = score(instance, outcome, budget * instance.days)
    return TripScore(figures.utility, bounds[budget], figures.died)
