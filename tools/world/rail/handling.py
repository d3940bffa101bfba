"""Handling of container and tracker: shocks, tilts, and the opening of the tracker's lid.

Shocks come with what the accelerometer counts: track, cranes, shunting, humps. All figures are model
values [C]; that a hard coupling exceeds 4 g is rare and happens.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from tools.world.rail.doors import AT_ONCE_MS
from tools.world.rail.motion import Motion, Piece
from tools.world.rail.train import HOUR_MS, Train

SHOCK_MG = {
    "run": (250, 0.35),
    "sea": (150, 0.4),
    "lift": (900, 0.4),
    "shunt": (500, 0.4),
    "hump": (1_600, 0.5),
    "bump": (120, 0.4),
}
"""Median and sigma of a peak."""
SHOCKS_AN_HOUR = {"run": 6.0, "sea": 2.0}
"""Shocks an hour of activities that last for hours; others have one shock."""
MOST_MG = 16_000
"""The sensor's range."""
LIFT_DEG = (0.0, 6.0)
"""Spreaders keep a container level."""
TIPPED_PROBABILITY, TIPPED_DEG, TIPPED_H = 0.01, (35.0, 90.0), (0.2, 6.0)
"""In a lift the container may be put down tilted, on the edge of another one."""
LID_PROBABILITY, LID_MIN = 0.08, (2.0, 20.0)
"""On a trip the tracker may be opened in a yard."""
LID_MG, LID_DEG = (800, 5_000), (10.0, 120.0)


class Shock(NamedTuple):
    """A peak of acceleration."""

    ms: int
    mg: int


class Tilt(NamedTuple):
    """A time away from the mounted position."""

    start_ms: int
    end_ms: int
    deg: int


class Opened(NamedTuple):
    """A time for which the lid of the tracker is open."""

    start_ms: int
    end_ms: int


class Handling:
    """What of it one trip has; the lists are in order. The lid's
    switch holds its line as long as it is open."""

    def __init__(self, train: Train, motion: Motion, rng: random.Random) -> None:
        shocks = [shock for piece in motion.pieces for shock in _shocks(piece, rng)]
        tilts = [tilt for piece in motion.pieces if piece.kind == "lift" for tilt in _tilts(piece, rng)]
        self.lid = list(_lid(train, rng))
        for opened in self.lid:
            shocks.append(Shock(opened.start_ms, rng.randint(*LID_MG)))
            tilts.append(Tilt(*opened, round(rng.uniform(*LID_DEG))))
        self.shocks = sorted(shocks)
        self.tilts = sorted(tilts)

    def peak_mg(self, after_ms: int, ms: int) -> int:
        """The greatest shock later than `after_ms` and until `ms`."""
        first, end = (bisect_right(self.shocks, (at, MOST_MG + 1)) for at in (after_ms, ms))
        return max((shock.mg for shock in self.shocks[first:end]), default=0)

    def tilt_deg(self, ms: int) -> int:
        """Degrees from the mounted position at a moment."""
        index = bisect_right(self.tilts, (ms, 1 << 62)) - 1
        return max((tilt.deg for tilt in self.tilts[: index + 1] if ms < tilt.end_ms), default=0)

    def lid_open(self, ms: int) -> int:
        """1 while the lid is open."""
        return int(any(opened.start_ms <= ms < opened.end_ms for opened in self.lid))

    def next_lid_ms(self, after_ms: int) -> int | None:
        """When the lid wakes a device that sleeps from `after_ms` on: at once, or when it is opened next."""
        if self.lid_open(after_ms):
            return after_ms + AT_ONCE_MS
        return min((opened.start_ms for opened in self.lid if opened.start_ms > after_ms), default=None)


def _shocks(piece: Piece, rng: random.Random) -> Iterator[Shock]:
    length_ms = piece.end_ms - piece.start_ms
    hours = length_ms / HOUR_MS
    number = max(1, round(SHOCKS_AN_HOUR.get(piece.kind, 0.0) * hours))
    median, sigma = SHOCK_MG[piece.kind]
    for _ in range(number):
        mg = round(median * math.exp(rng.gauss(0, sigma)))
        yield Shock(piece.start_ms + round(rng.random() * length_ms), min(MOST_MG, mg))


def _tilts(lift: Piece, rng: random.Random) -> Iterator[Tilt]:
    """While it hangs, and where it is put down."""
    yield Tilt(lift.start_ms, lift.end_ms, round(rng.uniform(*LIFT_DEG)))
    if rng.random() < TIPPED_PROBABILITY:
        end_ms = lift.end_ms + round(rng.uniform(*TIPPED_H) * HOUR_MS)
        yield Tilt(lift.end_ms, end_ms, round(rng.uniform(*TIPPED_DEG)))


def _lid(train: Train, rng: random.Random) -> Iterator[Opened]:
    yards = [stop for stop in train.segments if stop.kind == "yard"]
    if yards and rng.random() < LID_PROBABILITY:
        stop = rng.choice(yards)
        length_ms = round(min(rng.uniform(*LID_MIN) * 60_000, (stop.end_ms - stop.start_ms) / 2))
        start_ms = round(rng.uniform(stop.start_ms, stop.end_ms - length_ms))
        yield Opened(start_ms, start_ms + length_ms)
