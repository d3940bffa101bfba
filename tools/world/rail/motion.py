"""The counts of the accelerometer: running, shunting, humps and lifts, and bumps without a meaning.

A count is one crossing of the sensor's threshold, which also is what wakes the device. Rates are
model values [C]: no sourced figure of a container's vibration per minute was found.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from tools.world.rail.train import HOUR_MS, TRACK_KM_A_LINE_KM, Segment, Train

MINUTE_MS = 60_000
RUN_RATE, RUN_RATE_A_KMH, RUN_SIGMA = 4.0, 0.45, 0.35
"""Counts a minute of a running wagon: about 25 at 48 km/h, spread by track and load."""
MOUNT_SIGMA = 0.3
"""How much more or less than another a device feels all of it, by its mount."""
SEA_RATE, SEA_SIGMA, SEA_MS = 8.0, 0.8, 6 * HOUR_MS
"""Counts a minute in a ship's hold: engine and waves, another sea every six hours; on a calm one a travelling
container feels like a stationary one."""
SHUNTS_AN_HOUR = {
    "hub": 0.02,
    "border": 0.15,
    "gauge": 0.12,
    "yard": 0.35,
    "line": 0.1,
    "loop": 0.0,
    "rest": 0.0,
}
SHUNT_MIN = (2.0, 10.0)
SHUNT_RATE = (6.0, 25.0)
HUMP_PROBABILITY = {"yard": 0.4}
"""A shunt that ends against another wagon: a burst of counts within seconds."""
HUMP_COUNTS = (8, 25)
LIFTS = {"hub": 2, "gauge": 1}
LIFT_MIN, LIFT_RATE = 3.0, 20.0
BUMPS_AN_HOUR = {
    "hub": 0.05,
    "border": 0.04,
    "gauge": 0.05,
    "yard": 0.06,
    "line": 0.1,
    "loop": 0.6,
    "rest": 0.2,
}
"""False wakes: wind, a neighbour's crane, a train that passes on the other track."""
BUMP_COUNTS = (1, 3)
BUMP_MS = 2_000
HUMP_MS = 8_000


class Piece(NamedTuple):
    """A time in which counts come evenly; `kind` is "run", "sea", "lift", "shunt", "hump" or "bump"."""

    start_ms: int
    end_ms: int
    counts: float
    kind: str


class Motion:
    """Counts up to any moment of one trip, and when the next one comes."""

    def __init__(self, train: Train, end_ms: int, rng: random.Random) -> None:
        pieces = sorted(piece for piece in _pieces(train, end_ms, rng) if piece.start_ms < end_ms)
        self.pieces = _apart(pieces)
        self._starts_ms = [piece.start_ms for piece in self.pieces]
        self._totals = [0.0]
        """Counts before each piece, and after the last."""
        for piece in self.pieces:
            self._totals.append(self._totals[-1] + piece.counts)

    def counts(self, ms: int) -> int:
        """Since the trip began."""
        return math.floor(self._counted(ms))

    def next_ms(self, after_ms: int) -> int | None:
        """When the next count comes, later than `after_ms`; at once while the train runs."""
        due = self.counts(after_ms) + 1
        index = bisect_left(self._totals, due) - 1
        if index >= len(self.pieces):
            return None
        piece = self.pieces[index]
        part = (due - self._totals[index]) / piece.counts
        return max(after_ms + 1, math.ceil(piece.start_ms + part * (piece.end_ms - piece.start_ms)))

    def _counted(self, ms: int) -> float:
        index = bisect_right(self._starts_ms, ms) - 1
        if index < 0:
            return 0.0
        piece = self.pieces[index]
        part = min(1.0, (ms - piece.start_ms) / (piece.end_ms - piece.start_ms))
        return self._totals[index] + part * piece.counts


def _pieces(train: Train, end_ms: int, rng: random.Random) -> Iterator[Piece]:
    mount = math.exp(rng.gauss(0, MOUNT_SIGMA))
    for segment in train.segments:
        if segment.start_ms >= end_ms:
            return
        if segment.kind == "run":
            yield _run(segment, mount, rng)
        elif segment.kind == "sea":
            yield from _sea(segment, mount, rng)
        else:
            yield from _stand(segment._replace(end_ms=min(segment.end_ms, end_ms)), rng)


def _run(segment: Segment, mount: float, rng: random.Random) -> Piece:
    length_ms = segment.end_ms - segment.start_ms
    kmh = (segment.end_km - segment.start_km) * TRACK_KM_A_LINE_KM / length_ms * HOUR_MS
    rate = (RUN_RATE + RUN_RATE_A_KMH * kmh) * mount * math.exp(rng.gauss(0, RUN_SIGMA))
    return Piece(segment.start_ms, segment.end_ms, max(1.0, rate * length_ms / MINUTE_MS), "run")


def _sea(segment: Segment, mount: float, rng: random.Random) -> Iterator[Piece]:
    for start_ms in range(segment.start_ms, segment.end_ms, SEA_MS):
        end_ms = min(start_ms + SEA_MS, segment.end_ms)
        rate = SEA_RATE * mount * math.exp(rng.gauss(0, SEA_SIGMA))
        yield Piece(start_ms, end_ms, max(1.0, rate * (end_ms - start_ms) / MINUTE_MS), "sea")


def _stand(segment: Segment, rng: random.Random) -> Iterator[Piece]:
    kind = segment.kind
    for _ in range(LIFTS.get(kind, 0)):
        yield _piece(segment, rng.random(), LIFT_MIN * MINUTE_MS, LIFT_MIN * LIFT_RATE, "lift")
    for at in _moments(segment, SHUNTS_AN_HOUR[kind], rng):
        minutes = rng.uniform(*SHUNT_MIN)
        shunt = _piece(segment, at, minutes * MINUTE_MS, minutes * rng.uniform(*SHUNT_RATE), "shunt")
        yield shunt
        if rng.random() < HUMP_PROBABILITY.get(kind, 0.0):
            yield Piece(shunt.end_ms, shunt.end_ms + HUMP_MS, rng.randint(*HUMP_COUNTS), "hump")
    for at in _moments(segment, BUMPS_AN_HOUR[kind], rng):
        yield _piece(segment, at, BUMP_MS, rng.randint(*BUMP_COUNTS), "bump")


def _moments(segment: Segment, an_hour: float, rng: random.Random) -> Iterator[float]:
    """Moments of a Poisson process, as parts of a stop."""
    hours = (segment.end_ms - segment.start_ms) / HOUR_MS
    at = 0.0
    while an_hour > 0:
        at += rng.expovariate(an_hour) / hours
        if at >= 1:
            return
        yield at


def _piece(segment: Segment, part: float, length_ms: float, counts: float, kind: str) -> Piece:
    """Begins at a part of a stop and ends with it at the latest."""
    start_ms = segment.start_ms + round(part * (segment.end_ms - segment.start_ms))
    end_ms = min(start_ms + round(length_ms), segment.end_ms)
    return Piece(start_ms, end_ms, counts * (end_ms - start_ms) / length_ms, kind)


def _apart(pieces: list[Piece]) -> list[Piece]:
    """Pieces that do not overlap: what begins inside another begins at its end, or is not felt."""
    result: list[Piece] = []
    for piece in pieces:
        start_ms = max(piece.start_ms, result[-1].end_ms if result else 0)
        if start_ms < piece.end_ms and piece.counts >= 1:
            result.append(piece._replace(start_ms=start_ms))
    return result
