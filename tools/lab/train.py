"""Trains the menu: coordinate descent on rows over training trips, every row monotone over the budget.

Writes `table.py`, which ships, from trips of both training lines, and `data/menus.json` with the menus
of each line alone, with which the other is judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from tools.lab.bound import Bound
from tools.lab.campaign import TRAINING_SEEDS, Setting
from tools.lab.instances import Instance
from tools.lab.lines import TRAINING
from tools.lab.menus import FILE, menu
from tools.lab.physics import run
from tools.lab.pilot import Ours
from tools.lab.score import score
from tools.lab.state import ENDLESS_S, HOUR_S, Row

TABLE = Path(__file__).parent / "table.py"
SLOTS_S = (1_800, 3_600, 5_400, 7_200, 14_400)
CHOICES = {
    "move_s": SLOTS_S,
    "dwell_s": (3_600, 7_200, 14_400),
    "edge_s": (1_800, 3_600, 5_400, 7_200),
    "linger_s": (0, 8 * HOUR_S, 24 * HOUR_S, 72 * HOUR_S, ENDLESS_S),
}
AGE_STEPS = (0.6, 0.8, 1.25, 1.6)
WORST_WEIGHT, DEATH_WEIGHT = 0.1, 0.1
"""Of the worst trip, and of each part of trips that died where none should, beside the mean ratio."""
ALIVE_FROM_J = 65

Menu = tuple[Row, ...]


class Job(NamedTuple):
    """A training trip."""

    setting: Setting
    line: str
    seed: int


def train(setting: Setting, training: str, passes: int = 2, processes: int | None = None) -> Menu:
    """A menu from the training trips of a line, or of "both"; begins with the old one."""
    lines = TRAINING if training == "both" else (training,)
    trips = [Job(setting, line, seed) for line in lines for seed in TRAINING_SEEDS]
    with ProcessPoolExecutor(processes) as pool:
        rows = list(menu(setting.modem, training))
        values = {budget: _value(pool, trips, tuple(rows), budget) for budget in setting.budgets}
        for _ in range(passes):
            for index in range(len(rows)):
                near = _near(rows, index, setting.budgets)
                for row in _turned(rows[index]):
                    trial = (*rows[:index], row, *rows[index + 1 :])
                    if not monotone(trial):
                        continue
                    tried = {budget: _value(pool, trips, trial, budget) for budget in near}
                    if sum(tried.values()) > sum(values[budget] for budget in near) + 1e-4:
                        rows[index] = row
                        values |= tried
            Console(stderr=True).print(f"{setting.name} {training}: {sum(values.values()) / len(values):.4f}")
    return tuple(rows)


def monotone(rows: Sequence[Row]) -> bool:
    """More energy never buys less."""
    return all(
        low.move_s >= high.move_s
        and low.dwell_s >= high.dwell_s
        and low.edge_s >= high.edge_s
        and low.age_min >= high.age_min
        and low.linger_s <= high.linger_s
        for low, high in pairwise(rows)
    )


def write(menus: dict[str, dict[str, Menu]], carries_j: dict[str, int]) -> None:
    """Class of modem -> training set -> menu, into the two files."""
    alone = {m: {t: rows for t, rows in each.items() if t != "both"} for m, each in menus.items()}
    FILE.write_text(json.dumps(alone, indent=1).replace("\n    ", "").replace("\n   ]", "]") + "\n", "utf-8")
    head = TABLE.read_text(encoding="utf-8").split("CARRIES_J")[0]
    lines = [f"{head}CARRIES_J = {json.dumps(carries_j)}", "MENUS = {"]
    for modem, each in menus.items():
        lines += [f'    "{modem}": (', *(f"        Row{tuple(row)}," for row in each["both"]), "    ),"]
    TABLE.write_text("\n".join([*lines, "}"]) + "\n", "utf-8")


def _near(rows: Sequence[Row], index: int, budgets: tuple[int, ...]) -> list[int]:
    """The budgets that a row has to do with, the energy left wandering around them."""
    low = rows[max(0, index - 1)].rate * 0.85
    high = rows[min(index + 1, len(rows) - 1)].rate * 1.15
    return [budget for budget in budgets if low <= budget <= high] or [min(budgets)]


def _turned(row: Row) -> Iterator[Row]:
    """The row with one number changed."""
    for step in AGE_STEPS:
        yield row._replace(age_min=max(1, round(row.age_min * step)))
    for field, choices in CHOICES.items():
        at = min(range(len(choices)), key=lambda i: abs(choices[i] - getattr(row, field)))
        for other in (at - 1, at + 1):
            if 0 <= other < len(choices):
                yield row._replace(**{field: choices[other]})


@lru_cache(maxsize=64)
def _trip(job: Job) -> tuple[Instance, dict[int, float]]:
    """The trip and its bound by budget; each process draws it once."""
    setting = job.setting
    instance = setting.trip(job.line, job.seed)
    bound = Bound(instance, setting.costs, setting.still)
    return instance, {budget: bound.utility(budget * instance.days) for budget in setting.budgets}


def _value(pool: ProcessPoolExecutor, trips: Sequence[Job], rows: Menu, budget: int) -> float:
    """How good a menu is at a budget."""
    found = list(pool.map(partial(_flown, rows, budget), trips))
    mean = sum(utility for utility, _, _ in found) / sum(bound for _, bound, _ in found)
    worst = min(utility / bound for utility, bound, _ in found)
    died = sum(dead for _, _, dead in found) / len(found)
    must_live = budget >= ALIVE_FROM_J and trips[0].setting.modem == "bg95"
    return mean + WORST_WEIGHT * worst - (DEATH_WEIGHT * died if must_live else 0.0)


def _flown(rows: Menu, budget: int, job: Job) -> tuple[float, float, bool]:
    """Utility, bound, whether it died."""
    instance, bounds = _trip(job)
    policy = Ours(job.setting.modem, rows).factory()
    lived = run(instance, policy, job.setting.mission(instance, budget))
    figures = score(instance, lived, budget * instance.days)
    return figures.utility, bounds[budget], figures.died
