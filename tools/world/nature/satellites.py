"""The view of the GNSS antenna in a door recess: half the sky, less between stacks, nothing in a tunnel.

Blocked for about 4 % of the time: tunnels by stretch of the route, the hall in which a container
changes gauge, and places in a stack with others above and beside. All figures are model values,
from memory; the fractions are chosen so that the total comes out.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

from tools.modem.network.air import Sky
from tools.world.rail.route import DATA, rows
from tools.world.rail.train import HOUR_MS, Segment, Train

TUNNELS = (
    # From km, to km, fraction of the track in tunnels, mean length of one in km.
    (222.0, 420.0, 0.20, 1.2),  # Daba mountains
    (446.0, 640.0, 0.35, 2.5),  # Qinling
    (818.0, 1_155.0, 0.20, 1.5),  # Baoji - Tianshui - Dingxi
    (1_155.0, 1_294.0, 0.08, 1.0),
    (1_400.0, 1_440.0, 0.50, 20.0),  # Wushaoling
    (2_960.0, 3_060.0, 0.08, 1.0),  # Tianshan
)
STACKED_MEAN_H = 20.0
STACKED_BLOCKED, STACKED_SHADOWED = 0.11, 0.25
"""Fractions of the places in a stack."""
HALL_H = (1.0, 3.0)
JAMMED_PROBABILITY, JAMMED_H = 0.05, (4.0, 16.0)
SHADOWED_MS = 600_000
"""The constellation is drawn again this often."""
OPEN_SATELLITES, SHADOWED_SATELLITES = (7.5, 1.5), (5.0, 1.0)
LEAST_SATELLITES = 4

OPEN, SHADOWED, BLOCKED = range(3)


class Satellites:
    """The sky over one trip."""

    def __init__(self, train: Train, seed: int) -> None:
        self._train = train
        self._seed = seed
        rng = random.Random(f"{seed}/sky")
        self._tunnels = list(_tunnels(rng))
        self._stays = list(_stays(train, rng))
        table = rows(DATA / "altitudes.csv")
        self._jammed = _jamming(train, random.Random(f"{seed}/jammer"))
        self._altitudes = [(float(row["km"]), float(row["altitude_m"])) for row in table]
        self._constellation = lru_cache(maxsize=8)(self._drawn)

    def sky(self, ms: int) -> Sky:
        """Position, motion and what can be received at a moment."""
        view = self.view(ms)
        satellites, hdop = self._constellation(ms // SHADOWED_MS, view)
        km = self._train.km(ms)
        lat, lon = self._train.position(ms)
        return Sky(
            lat=lat,
            lon=lon,
            alt_m=self._altitude_m(km),
            speed_kmh=self._train.speed_kmh(ms),
            heading_deg=self._train.route.heading_deg(km),
            satellites=satellites,
            hdop=hdop,
            blocked=satellites < LEAST_SATELLITES,
        )

    def view(self, ms: int) -> int:
        """OPEN, SHADOWED or BLOCKED."""
        if self._jammed[0] <= ms < self._jammed[1]:
            return BLOCKED
        if self._train.moving(ms):
            km = self._train.km(ms)
            index = bisect_right(self._tunnels, (km, self._train.route.length_km)) - 1
            return BLOCKED if index >= 0 and km < self._tunnels[index][1] else OPEN
        index = bisect_right(self._stays, (ms, 1 << 62, 0)) - 1
        return self._stays[index][2] if index >= 0 and ms < self._stays[index][1] else OPEN

    def _drawn(self, slot: int, view: int) -> tuple[int, float]:
        """Satellites and HDOP of a slot of time."""
        if view == BLOCKED:
            return 0, 99.9
        rng = random.Random(f"{self._seed}/satellites/{slot}")
        mean, sigma = OPEN_SATELLITES if view == OPEN else SHADOWED_SATELLITES
        satellites = min(12, max(LEAST_SATELLITES - (view == SHADOWED), round(rng.gauss(mean, sigma))))
        return satellites, round(max(0.8, 12 / satellites * rng.lognormvariate(0, 0.2)), 1)

    def _altitude_m(self, km: float) -> float:
        after = min(max(bisect_right(self._altitudes, (km, 1e9)), 1), len(self._altitudes) - 1)
        (a_km, a_m), (b_km, b_m) = self._altitudes[after - 1], self._altitudes[after]
        part = min(max((km - a_km) / (b_km - a_km), 0.0), 1.0)
        return round(a_m + (b_m - a_m) * part, 1)


def _jamming(train: Train, rng: random.Random) -> tuple[int, int]:
    """From when to when a jammer drowns out the satellites; on most trips there is none."""
    if rng.random() >= JAMMED_PROBABILITY:
        return 0, 0
    start_ms = rng.randrange(train.arrival_ms)
    return start_ms, start_ms + round(rng.uniform(*JAMMED_H) * HOUR_MS)


def _tunnels(rng: random.Random) -> Iterator[tuple[float, float]]:
    """First and last kilometre of each tunnel, in order."""
    for first_km, last_km, fraction, mean_km in TUNNELS:
        km = first_km
        while km < last_km:
            km += rng.expovariate(fraction / (1 - fraction) / mean_km)
            length_km = rng.expovariate(1 / mean_km)
            if km < last_km:
                yield km, min(km + length_km, last_km)
            km += length_km


def _stays(train: Train, rng: random.Random) -> Iterator[tuple[int, int, int]]:
    """Start, end and view of each time for which a stationary container is hidden, in order."""
    for stop in train.segments:
        if stop.kind == "hub":
            yield from _stacked(stop, stop.start_ms, rng)
        elif stop.kind == "gauge":
            hall_ms = round(rng.uniform(*HALL_H) * HOUR_MS)
            yield stop.start_ms, min(stop.end_ms, stop.start_ms + hall_ms), BLOCKED
            yield from _stacked(stop, stop.start_ms + hall_ms, rng)


def _stacked(stop: Segment, ms: int, rng: random.Random) -> Iterator[tuple[int, int, int]]:
    """One place in the stacks after the other."""
    while ms < stop.end_ms:
        end_ms = min(stop.end_ms, ms + round(rng.expovariate(1 / STACKED_MEAN_H) * HOUR_MS) + 1)
        draw = rng.random()
        if draw < STACKED_BLOCKED + STACKED_SHADOWED:
            yield ms, end_ms, BLOCKED if draw < STACKED_BLOCKED else SHADOWED
        ms = end_ms
