"""Light inside: the times at which a door is opened, and the illuminance then.

Customs open some containers in the border and gauge stations; the consignee opens this one some
time after it has arrived; now and then it is opened in a yard without permission. Probabilities
are model values [C].
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from tools.world.rail.train import HOUR_MS, Segment, Train

OPENED = {"Alashankou": 0.15, "Dostyk": 0.15, "Iletsk-1": 0.05, "Brest-Severny": 0.25, "Malaszewicze": 0.25}
"""Probability of an inspection, by station; a customs union has few."""
OPEN_MIN = (5.0, 45.0)
THEFT_PROBABILITY = 0.1
THEFT_MIN = (2.0, 12.0)
UNLOADING_MEDIAN_H, UNLOADING_SIGMA = 20.0, 0.5
UNLOADING_H = (1.0, 3.0)
DAY_LUX, LAMP_LUX = (300.0, 20_000.0), (15.0, 200.0)
DAY_HOURS = (8.0, 16.5)
"""Hours of daylight, local sun time, in January."""
DARK_LUX = 0
AT_ONCE_MS = 1_000
"""From falling asleep to the wake by a level that is there already [C]."""


class Opening(NamedTuple):
    """A time for which a door is open."""

    start_ms: int
    end_ms: int
    lux: int


class Doors:
    """The openings of one trip. The light sensor holds its line as long as there is light, and the ESP32
    wakes by the level of a line, not by its change."""

    def __init__(self, train: Train, start_utc_s: int, rng: random.Random) -> None:
        spans = sorted(_spans(train, rng))
        self.openings = [
            Opening(*span, _lux(span[0], train.position(span[0])[1], start_utc_s, rng)) for span in spans
        ]

    def lux(self, ms: int) -> int:
        """Light that the sensor sees at a moment."""
        index = self._begun(ms) - 1
        if index >= 0 and ms < self.openings[index].end_ms:
            return self.openings[index].lux
        return DARK_LUX

    def next_ms(self, after_ms: int) -> int | None:
        """When the light wakes a device that sleeps from `after_ms` on: at once, or with the next opening."""
        if self.lux(after_ms):
            return after_ms + AT_ONCE_MS
        index = self._begun(after_ms)
        return self.openings[index].start_ms if index < len(self.openings) else None

    def _begun(self, ms: int) -> int:
        """How many openings have begun until a moment."""
        return bisect_right(self.openings, ms, key=lambda opening: opening.start_ms)


def _spans(train: Train, rng: random.Random) -> Iterator[tuple[int, int]]:
    for stop in train.segments:
        if stop.kind != "run" and rng.random() < OPENED.get(stop.name, 0.0):
            yield _span(stop, OPEN_MIN, rng)
    yards = [stop for stop in train.segments if stop.kind == "yard"]
    if yards and rng.random() < THEFT_PROBABILITY:
        yield _span(rng.choice(yards), THEFT_MIN, rng)
    hours = UNLOADING_MEDIAN_H * math.exp(rng.gauss(0, UNLOADING_SIGMA))
    start_ms = train.arrival_ms + round(hours * HOUR_MS)
    yield start_ms, start_ms + round(rng.uniform(*UNLOADING_H) * HOUR_MS)


def _span(stop: Segment, minutes: tuple[float, float], rng: random.Random) -> tuple[int, int]:
    length_ms = round(min(rng.uniform(*minutes) * 60_000, (stop.end_ms - stop.start_ms) / 2))
    start_ms = round(rng.uniform(stop.start_ms, stop.end_ms - length_ms))
    return start_ms, start_ms + length_ms


def _lux(ms: int, lon: float, start_utc_s: int, rng: random.Random) -> int:
    hour = ((start_utc_s + ms / 1_000) / 3_600 + lon / 15) % 24
    least, most = DAY_LUX if DAY_HOURS[0] <= hour < DAY_HOURS[1] else LAMP_LUX
    return round(least * math.exp(rng.random() * math.log(most / least)))
