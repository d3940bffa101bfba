"""Tunes every baseline for every budget on training trips; the result is one JSON file.

`data/tuned.json`: setting -> training set -> baseline -> the index in its grid by budget.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.lab.baselines import Baseline, Rule, baselines
from tools.lab.experiments import (
    SETTINGS,
    STRESS_TRAINED,
    STRESSES,
    TRAINING_SEEDS,
    TUNED_LIKE,
    Job,
    Setting,
    spread,
)
from tools.lab.instances import Instance
from tools.lab.physics import ENDLESS_J, run
from tools.lab.routes import DATA, TRAINING
from tools.lab.score import score

FILE = DATA / "tuned.json"

Utilities = NDArray[np.float64]


def tune(only: list[str] | None = None, processes: int | None = None, file: Path = FILE) -> None:
    """Write the file, or only these settings of it."""
    known = (*SETTINGS, *STRESSES)
    settings = [each for each in known if each.name not in TUNED_LIKE and each.name in (only or [each.name])]
    jobs = [
        Job(s, route, seed)
        for s in settings
        for route in TRAINING
        for seed in TRAINING_SEEDS[: STRESS_TRAINED if s.stress else None]
    ]
    found = spread(_utilities, jobs, "tuning", processes)
    tuned = dict(_read()) if only else {}
    for setting in settings:
        for training in (*TRAINING, "both"):
            mine = [
                result
                for job, result in zip(jobs, found, strict=True)
                if job.setting == setting and training in (job.route, "both")
            ]
            best = {name: np.sum([each[name] for each in mine], axis=0).argmax(axis=0) for name in mine[0]}
            tuned[setting.name] = tuned.get(setting.name, {}) | {
                training: {name: [int(index) for index in indices] for name, indices in best.items()}
            }
    text = json.dumps(tuned, indent=1)
    file.write_text(text.replace("\n    ", "").replace("\n   ]", "]") + "\n", encoding="utf-8")


def tuned_rule(setting: Setting, training: str, baseline: Baseline, budget: int) -> Rule:
    """Return the parameters of a baseline for a budget, the shipped ones if it was not tuned."""
    if not baseline.grid:
        return baseline.shipped
    indices = _read()[TUNED_LIKE.get(setting.name, setting.name)][training][baseline.name]
    return baseline.grid[indices[setting.budgets.index(budget)]]


@lru_cache(maxsize=1)
def _read() -> dict[str, dict[str, dict[str, list[int]]]]:
    tuned: dict[str, dict[str, dict[str, list[int]]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return tuned


def _utilities(job: Job) -> dict[str, Utilities]:
    """Return (grid, budgets) utilities of every baseline that has a grid."""
    setting, instance = job.setting, job.setting.trip(job.route, job.seed)
    return {
        each.name: np.array([utilities(setting, instance, rule, each.thrifty) for rule in each.grid])
        for each in baselines(setting.modem, setting.trackers)
        if each.grid
    }


def utilities(setting: Setting, instance: Instance, rule: Rule, thrifty: bool) -> list[float]:
    """Return the utility by budget; a policy that ignores its energy runs once for all of them."""
    if not thrifty:
        outcome = run(instance, rule.factory(), setting.mission(instance, ENDLESS_J))
        return [score(instance, outcome, budget * instance.days).utility for budget in setting.budgets]
    values = []
    for budget in setting.budgets:
        outcome = run(instance, rule.factory(), setting.mission(instance, budget))
        values.append(score(instance, outcome, budget * instance.days).utility)
    return values
