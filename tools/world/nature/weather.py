"""Weather: the temperature outside, and that of a battery which follows it slowly.

Ambient = mean of the three nearest nodes (January mean) + a(t) * (mean - extreme) / 3
+ half range * sin(2 pi (day - 0.4)), a(t) an AR(1) with a time constant of 3 days, mean and deviation by
season. The battery's temperature lags by 4 hours. Days are in UTC.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from typing import NamedTuple

from tools.world.rail.route import DATA, distance_km, rows

STEP_MS = 900_000
DAY_MS = 86_400_000
SPELL_DAYS = 3.0
LAG_H = 4.0
NEAREST_NODES = 3


class Season(NamedTuple):
    """Mean and deviation of a(t): 0 is the mean of a January, -3 the lowest of a winter."""

    mean: float
    deviation: float


SEASONS = {
    "winter": Season(0.0, 1.0),
    # A cold wave over the whole trip, which seldom goes beyond the lowest of a winter [C].
    "extreme": Season(-2.4, 0.4),
}
USUAL = "winter"


class Node(NamedTuple):
    """January climate of one place, degrees Celsius."""

    lat: float
    lon: float
    mean_c: float
    half_range_k: float
    extreme_c: float


class Weather:
    """Ambient and battery temperature along one trip, tabled every quarter of an hour."""

    def __init__(
        self,
        rng: random.Random,
        position: Callable[[int], tuple[float, float]],
        start_utc_s: int,
        end_ms: int,
        season: Season = SEASONS[USUAL],
    ) -> None:
        self._season = season
        self._start_day = start_utc_s % 86_400 / 86_400
        self._nodes = read_nodes()
        self._ambient_c: list[float] = []
        self._battery_c: list[float] = []
        keep = math.exp(-STEP_MS / (SPELL_DAYS * DAY_MS))
        follow = 1 - math.exp(-STEP_MS / (LAG_H * 3_600_000))
        spell = rng.gauss(0, 1)
        battery_c = self._ambient(0, position(0), spell)
        for ms in range(0, end_ms + 2 * STEP_MS, STEP_MS):
            ambient_c = self._ambient(ms, position(ms), spell)
            battery_c += follow * (ambient_c - battery_c)
            self._ambient_c.append(ambient_c)
            self._battery_c.append(battery_c)
            spell = keep * spell + math.sqrt(1 - keep * keep) * rng.gauss(0, 1)

    def ambient_c(self, ms: int) -> float:
        """Outside the container, degrees Celsius."""
        return _between(self._ambient_c, ms)

    def battery_c(self, ms: int) -> float:
        """Inside the tracker, degrees Celsius."""
        return _between(self._battery_c, ms)

    def hours_below(self, temperature_c: float, until_ms: int) -> float:
        """So long the tracker has been colder than this."""
        tabled = self._battery_c[: until_ms // STEP_MS]
        return sum(each < temperature_c for each in tabled) * STEP_MS / 3_600_000

    def _ambient(self, ms: int, place: tuple[float, float], spell: float) -> float:
        near = heapq.nsmallest(NEAREST_NODES, self._nodes, key=lambda node: distance_km(place, node[:2]))
        mean_c = sum(node.mean_c for node in near) / len(near)
        half_range_k = sum(node.half_range_k for node in near) / len(near)
        extreme_c = sum(node.extreme_c for node in near) / len(near)
        day = self._start_day + ms / DAY_MS
        daily = half_range_k * math.sin(2 * math.pi * (day - 0.4))
        spell = self._season.mean + self._season.deviation * spell
        return mean_c + spell * (mean_c - extreme_c) / 3 + daily


def read_nodes() -> tuple[Node, ...]:
    """The climate table."""
    return tuple(
        Node(*(float(row[field]) for field in ("lat", "lon", *Node._fields[2:])))
        for row in rows(DATA / "climate.csv")
    )


def _between(table: list[float], ms: int) -> float:
    # A sleep may be meant to last longer than the world does.
    index, rest = divmod(min(ms, (len(table) - 1) * STEP_MS - 1), STEP_MS)
    return table[index] + (table[index + 1] - table[index]) * rest / STEP_MS
