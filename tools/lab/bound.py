"""The clairvoyant bound: no policy gets more utility out of a trip with the same energy.

Relaxed: every fix counts as delivered; every upload carries a fix of its own slot and costs the least over
usable networks, without attach, border or search; GNSS is always available. A price of a joule then splits
the problem into two longest paths, one over fixes and one over uploads; the bound is the least over all
prices of path values plus the price of the budget. Sleep counts up to the last slot of either path, half on
each: a device may be dead after it. Where cold withholds energy, B(t) binds at several minima, and the price
is a step function that falls there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.lab.battery import capacity_j
from tools.lab.costs import FACTOR_EXPONENT, Costs, failure, signal_factor
from tools.lab.instances import SLOT_H, Floats, Instance
from tools.lab.physics import stops
from tools.lab.score import FARTHEST_KM, OLDEST_H, WEIGHTS, WINDOW_MOVING, WINDOW_STANDING, Weights
from tools.world.radio.coverage import USABLE_DBM

LONGEST_GAP = 336
"""Slots between two fixes of a path; longer ones move the bound by less than 0.004 at 30 J a day."""
PRICES = np.concatenate([[0.0], np.geomspace(2e-4, 12, 44)])
"""Utility of a slot for a joule; any price gives a valid bound."""
MINIMA = 4
STEPS = (0.0, 0.5, 1.0, 2.0)

Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """The slots of fixes and of uploads at one price."""

    fixes: NDArray[np.int64]
    uploads: NDArray[np.int64]


class Bound:
    """The path values of one trip for one class of device, from which any budget is evaluated quickly."""

    def __init__(
        self, instance: Instance, costs: Costs, reuses: bool = False, weights: Weights = WEIGHTS
    ) -> None:
        self._instance = instance
        self._costs = costs
        self._weights = weights
        self._edges = fix_values(instance, weights)
        self._ends = _ends(instance, weights)
        self._gaps_j = gap_costs_j(instance, costs, reuses)
        self._upload_j = upload_costs_j(instance, costs)
        flat = np.repeat(PRICES[:, None], instance.slots, axis=1)
        self._fix_paths = _FixPaths(costs, self._ends, self._edges, self._gaps_j, flat, costs.sleep_slot_j)
        self._upload_paths = _UploadPaths(self._upload_j, flat, weights[2], costs.sleep_slot_j)

    def utility(self, budget_j: float) -> float:
        """Return the bound for a budget in J that is available from the first slot on."""
        values = self._fix_paths.values + self._upload_paths.values + PRICES * budget_j
        return float(min(1.0, values.min() / self._instance.slots))

    def cold_utility(self, budget_j: float) -> float:
        """Return the bound for a budget in J of which the cold withholds a part, by the temperature of each
        slot."""
        slots, sleep_j = self._instance.slots, self._costs.sleep_slot_j
        free_j = capacity_j(self._instance, budget_j, cold=True) - sleep_j * np.arange(1, slots + 1)
        places = _minima(free_j)
        weights = np.append(np.zeros(len(places) - 1), self._price(free_j[-1]))
        best = min(self._priced(free_j, places, weights[None, :]))
        weights[-1] = max(weights[-1], 1e-3)
        for _ in range(3):
            for index in range(len(places)):
                base = max(weights[index], weights.max() / 4)
                trials = np.repeat(weights[None, :], len(STEPS), axis=0)
                trials[:, index] = base * np.array(STEPS)
                values = self._priced(free_j, places, trials)
                weights = trials[int(np.argmin(values))]
                best = min(best, *values)
        return min(1.0, best)

    def plan(self, index: int) -> Plan:
        """Return the relaxed optimum at the price PRICES[index]."""
        return Plan(self._fix_paths.path(index), self._upload_paths.path(index))

    def _price(self, free_j: float) -> float:
        slept_j = self._instance.slots * self._costs.sleep_slot_j
        values = self._fix_paths.values + self._upload_paths.values + PRICES * (max(0.0, free_j) + slept_j)
        return float(PRICES[int(np.argmin(values))])

    def _priced(self, free_j: Floats, places: NDArray[np.int64], trials: Floats) -> list[float]:
        """Return the bound for each row of multipliers, one at each place."""
        prices = np.zeros((len(trials), self._instance.slots))
        for place, weights in zip(places, trials.T, strict=True):
            prices[:, : place + 1] += weights[:, None]
        fixes = _FixPaths(self._costs, self._ends, self._edges, self._gaps_j, prices)
        uploads = _UploadPaths(self._upload_j, prices, self._weights[2])
        withheld = [float(np.dot(weights, np.maximum(free_j[places], 0))) for weights in trials]
        return [float(each) / self._instance.slots for each in fixes.values + uploads.values + withheld]


def fix_values(instance: Instance, weights: Weights = WEIGHTS) -> Floats32:
    """Return (slot j, gap g - 1): the value of the slots j-g .. j-1 if j-g and j are consecutive fixes."""
    km, moving = instance.km.astype(np.float32), instance.moving
    points, shape, _ = weights
    slots = len(km)
    values = np.full((slots, LONGEST_GAP), -np.inf, dtype=np.float32)
    for gap in range(1, min(LONGEST_GAP, slots - 1) + 1):
        starts = slots - gap
        windows = np.lib.stride_tricks.sliding_window_view(km, gap)[:starts]
        part = (np.arange(gap, dtype=np.float32) / np.float32(gap))[None, :]
        line = km[:starts, None] + (km[gap:] - km[:starts])[:, None] * part
        error = np.abs(windows - line)
        worth = np.maximum(0, 1 - error / np.float32(FARTHEST_KM)).sum(axis=1)
        values[gap:, gap - 1] = shape * worth + points * _covered(moving, gap)
    return values


def _covered(moving: NDArray[np.bool_], gap: int) -> Floats32:
    """Return, by the slot of the first fix, how many slots a fix at either end of the gap covers."""
    offsets = np.arange(gap)
    nearest = np.minimum(offsets, gap - offsets)
    always = int((nearest <= WINDOW_MOVING).sum())
    standing_only = np.flatnonzero((nearest > WINDOW_MOVING) & (nearest <= WINDOW_STANDING))
    starts = len(moving) - gap
    count = np.full(starts, always, dtype=np.float32)
    for offset in standing_only:
        count += ~moving[offset : offset + starts]
    return count


def gap_costs_j(instance: Instance, costs: Costs, reuses: bool) -> Floats32:
    """Return (slot, gap - 1): the J of a fix by slots since the last one, or of a wake where a reused
    position replaces the fix."""
    gap_j = np.array([costs.fix_j((gap + 1) * SLOT_H) for gap in range(LONGEST_GAP)], dtype=np.float32)
    gaps_j = np.repeat(gap_j[None, :], instance.slots, axis=0)
    if reuses:
        stood = np.arange(instance.slots) - np.array(stops(instance.moving))
        gaps_j[np.arange(LONGEST_GAP)[None, :] < stood[:, None]] = costs.wake_j
    return gaps_j


def upload_costs_j(instance: Instance, costs: Costs) -> Floats:
    """Return the relaxed cost in J of an upload in each slot, infinite if no network is usable."""
    signal = np.vectorize(signal_factor)(instance.rsrp)
    succeeds = 1 - np.vectorize(failure)(np.maximum(instance.rsrp, USABLE_DBM))
    each = costs.upload_j * (instance.factor**FACTOR_EXPONENT)[:, None] * signal / succeeds
    usable = instance.rsrp > USABLE_DBM
    return np.asarray(np.where(usable, each + costs.wake_j, np.inf).min(axis=0))


class _FixPaths:
    """Longest paths over fixes, one a row of prices, (rows, slots); half of `sleep_j` is paid for each slot
    up to the last fix."""

    def __init__(
        self,
        costs: Costs,
        ends: tuple[Floats, Floats],
        edges: Floats32,
        gaps_j: Floats32,
        prices: Floats,
        sleep_j: float = 0.0,
    ) -> None:
        slots = len(edges)
        head, tail = ends
        self._best = np.empty((len(prices), slots))
        self._gap = np.zeros((len(prices), slots), dtype=np.int32)
        first_j = costs.fix_j(1e3)
        rows = np.arange(len(prices))
        for slot in range(slots):
            best = head[slot] - prices[:, slot] * first_j
            reach = min(slot, LONGEST_GAP)
            if reach:
                before = self._best[:, slot - reach : slot][:, ::-1]
                options = before + edges[slot, :reach] - prices[:, slot, None] * gaps_j[slot, :reach]
                gap = options.argmax(axis=1)
                value = options[rows, gap]
                better = value > best
                self._gap[:, slot] = np.where(better, gap + 1, 0)
                best = np.where(better, value, best)
            self._best[:, slot] = best
        ended = self._best + tail - prices[:, :1] * sleep_j / 2 * np.arange(slots)
        self._end = ended.argmax(axis=1)
        self.values = np.maximum(0.0, ended.max(axis=1))

    def path(self, row: int) -> NDArray[np.int64]:
        """Return the slots of the fixes on the path of a row."""
        slot, slots = int(self._end[row]), []
        while True:
            slots.append(slot)
            gap = int(self._gap[row, slot])
            if not gap:
                return np.array(slots[::-1])
            slot -= gap


def _ends(instance: Instance, weights: Weights) -> tuple[Floats, Floats]:
    """Return the value of the time before a first and after a last fix, by its slot."""
    km, slots = instance.km, instance.slots
    points, shape, _ = weights
    near = np.clip(1 - np.abs(km[:, None] - km[None, :]) / FARTHEST_KM, 0, None)
    apart = np.abs(np.arange(slots)[:, None] - np.arange(slots)[None, :])
    window = np.where(instance.moving, WINDOW_MOVING, WINDOW_STANDING)
    worth = shape * near + points * (apart <= window[None, :])
    return np.tril(worth, -1).sum(axis=1), np.triu(worth).sum(axis=1)


class _UploadPaths:
    """Longest paths over uploads, one a row of prices, (rows, slots); half of `sleep_j` is paid for each slot
    up to the last upload."""

    def __init__(self, upload_j: Floats, prices: Floats, weight: float, sleep_j: float = 0.0) -> None:
        slots = len(upload_j)
        fresh = weight * np.clip(1 - np.arange(slots + 1) * SLOT_H / OLDEST_H, 0, None)
        worth = np.concatenate([[0.0], np.cumsum(fresh)])[: slots + 1]
        longest = int(OLDEST_H / SLOT_H)  # a longer gap is worth no more
        rows = np.arange(len(prices))
        # Node 0 is the beginning of the trip, node s + 1 an upload in slot s.
        self._best = np.full((len(prices), slots + 1), -np.inf)
        self._best[:, 0] = 0.0
        self._before = np.zeros((len(prices), slots + 1), dtype=np.int32)
        oldest, oldest_at = np.full(len(prices), -np.inf), np.zeros(len(prices), dtype=np.int32)
        for slot in range(slots):
            # Gaps 0 .. longest - 1 one by one, the rest by its best.
            nodes = np.arange(max(0, slot + 1 - longest), slot + 1)
            made = np.maximum(nodes - 1, 0)
            if nodes[0] > 0:
                last = self._best[:, nodes[0] - 1]
                oldest_at = np.where(last > oldest, nodes[0] - 1, oldest_at)
                oldest = np.maximum(oldest, last)
            options = self._best[:, nodes] + worth[slot - made]
            index = options.argmax(axis=1)
            value, at = options[rows, index], nodes[index]
            older = oldest + worth[-1] > value
            value, at = np.where(older, oldest + worth[-1], value), np.where(older, oldest_at, at)
            if np.isfinite(upload_j[slot]):
                self._best[:, slot + 1] = value - prices[:, slot] * upload_j[slot]
                self._before[:, slot + 1] = at
        made = np.maximum(np.arange(slots + 1) - 1, 0)
        ended = self._best + worth[slots - made] - prices[:, :1] * sleep_j / 2 * made
        self.values, self._end = ended.max(axis=1), ended.argmax(axis=1)

    def path(self, row: int) -> NDArray[np.int64]:
        """Return the slots of the uploads on the path of a row."""
        node, slots = int(self._end[row]), []
        while node:
            slots.append(node - 1)
            node = int(self._before[row, node])
        return np.array(slots[::-1], dtype=np.int64)


def _minima(free_j: Floats) -> NDArray[np.int64]:
    """Return the last slot and the few places before it where the free energy is less than anywhere after
    it."""
    ahead = np.minimum.accumulate(free_j[::-1])[::-1]
    places = np.flatnonzero((free_j <= ahead) & (np.append(ahead[1:], np.inf) > ahead))
    spread = places[np.unique(np.linspace(0, len(places) - 1, MINIMA).astype(int))]
    return np.unique(np.append(spread, len(free_j) - 1))
