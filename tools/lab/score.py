"""The score of a run: its utility and the raw figures."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.lab.instances import SLOT_H, Floats, Instance
from tools.lab.physics import Run

Weights = tuple[float, float, float]
WEIGHTS: Weights = (0.35, 0.35, 0.30)
"""Of points, reconstruction and freshness."""
FARTHEST_KM = 25.0
OLDEST_H = 24.0
UNKNOWN_KM = 1e4
"""Error where nothing was delivered."""
WINDOW_MOVING, WINDOW_STANDING = 1, 6
"""Slots for which a point speaks, before and after."""
JOULES_A_MAH = 12.96
"""At 3.6 V."""


@dataclass(frozen=True)
class Score:
    """Score of one run: `utility` from 0 to 1, `alive_days` to the end or to death."""

    utility: float
    joules: float
    points: int
    mah_a_day: float
    median_age_h: float
    mean_age_h: float
    p95_error_km: float
    silent_h: float
    died: bool


def score(
    instance: Instance,
    run: Run,
    budget_j: float = math.inf,
    weights: Weights = WEIGHTS,
    comes_back: bool = False,
) -> Score:
    """Return the score of the run with `budget_j`, if that is less than the energy it had.

    `comes_back`: energy that the cold withholds does not end the run.
    """
    slots = instance.slots
    died = int(np.searchsorted(run.used_j, budget_j, side="right"))
    died = min(died, run.died) if died < slots else slots if comes_back else run.died
    uploads = run.uploads[: bisect_right(run.uploads, (died - 1, slots))]
    last_fix = uploads[-1][1] if uploads else -1
    points = np.array(run.fixes[: bisect_right(run.fixes, last_fix)], dtype=int)
    age_h, errors_km = ages_h(slots, uploads), errors(instance.km, points)
    parts = (
        covered(instance.moving, points).mean(),
        np.clip(1 - errors_km / FARTHEST_KM, 0, None).mean(),
        np.clip(1 - age_h / OLDEST_H, 0, None).mean(),
    )
    heard = np.array([0, *(slot for slot, _ in uploads), slots])
    joules = float(min(run.used_j[min(died, slots - 1, len(run.used_j) - 1)], budget_j))
    return Score(
        utility=float(np.dot(weights, parts)),
        joules=joules,
        points=len(points),
        mah_a_day=joules / JOULES_A_MAH / instance.days,
        median_age_h=float(np.median(age_h)),
        mean_age_h=float(age_h.mean()),
        p95_error_km=float(np.quantile(errors_km, 0.95)),
        silent_h=float(np.diff(heard).max() * SLOT_H),
        died=min(died, run.died) < slots,
    )


def covered(moving: NDArray[np.bool_], points: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the slots that a delivered point covers."""
    slots = np.arange(len(moving))
    if not len(points):
        return np.zeros(len(moving), dtype=bool)
    after = np.searchsorted(points, slots)
    to_next = np.where(after < len(points), points[np.minimum(after, len(points) - 1)] - slots, len(slots))
    to_last = np.where(after > 0, slots - points[np.maximum(after, 1) - 1], len(slots))
    window = np.where(moving, WINDOW_MOVING, WINDOW_STANDING)
    return np.asarray(np.minimum(to_next, to_last) <= window)


def errors(km: Floats, points: NDArray[np.int64]) -> Floats:
    """Return the reconstruction error in km by slot: linear in time between points, constant outside."""
    if not len(points):
        return np.full(len(km), UNKNOWN_KM)
    return np.asarray(np.abs(km - np.interp(np.arange(len(km)), points, km[points])))


def ages_h(slots: int, uploads: list[tuple[int, int]]) -> Floats:
    """Return the age in hours of the newest point delivered, by slot; before the first, since the trip
    began."""
    made = np.zeros(slots)
    for slot, fix in uploads:
        made[slot:] = fix
    return np.asarray((np.arange(slots) - made) * SLOT_H)
