"""The train: runs and stops of one trip, drawn from what is known of speeds and dwells.

A dwell is log-normal by kind of station; a leg falls into runs of some kilometres with a speed of
their own and stops in passing loops between them.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tools.world.line import Line, Waypoint

HOUR_MS = 3_600_000
DWELLS = {
    "hub": (110.0, 0.5),
    "border": (14.0, 0.8),
    "gauge": (24.0, 0.8),
    "Malaszewicze": (40.0, 1.0),
    "yard": (3.0, 0.8),
    "line": (0.5, 0.7),
    "loop": (0.25, 0.9),
}
"""Median in hours and sigma by kind of stop, or by the name of a station that differs."""
LONGEST_DWELL_H = 14 * 24.0
SHUTTLE_KM = 5.0
"""A train that shuttles goes at least so far beyond the border."""
LINE_STOP_PROBABILITY = 0.5
LOOP_STOP_PROBABILITY = 0.35
SPEED_KMH = {"CN": 62.0, "KZ": 48.0, "RU": 52.0, "BY": 48.0, "PL": 34.0, "DE": 50.0}
LEG_SIGMA, RUN_SIGMA = 0.18, 0.2
SHORTEST_RUN_KM, MEAN_RUN_BEYOND_KM = 8.0, 45.0
TRACK_KM_A_LINE_KM = 1.10
"""The real track is longer than the line of the table."""


class Segment(NamedTuple):
    """A time of running or standing; `kind` is "run", a kind of station or "loop"."""

    start_ms: int
    end_ms: int
    start_km: float
    end_km: float
    kind: str
    name: str

    def later(self, ms: int) -> Segment:
        """The same at another time."""
        return self._replace(start_ms=self.start_ms + ms, end_ms=self.end_ms + ms)


@dataclass(frozen=True)
class Train:
    """One trip from the first hub to the last, where the container then stands."""

    line: Line
    segments: tuple[Segment, ...]
    _starts_ms: tuple[int, ...]

    @classmethod
    def draw(cls, line: Line, rng: random.Random) -> Train:
        """A trip of its own for each state of `rng`."""
        segments = tuple(_segments(line, rng))
        return cls(line, segments, tuple(segment.start_ms for segment in segments))

    @property
    def arrival_ms(self) -> int:
        """When the train reaches the end of the line."""
        return self.segments[-1].start_ms

    @classmethod
    def shuttle(cls, line: Line, rng: random.Random, times: int) -> Train:
        """A trip that begins in the yard at the first border and passes it `times` times, an odd number,
        before it goes on."""
        at_km = line.borders[0].km
        drawn = tuple(_segments(line, rng))
        first = next(i for i, each in enumerate(drawn) if each.start_km > at_km + SHUTTLE_KM)
        there = drawn[first].start_km, 2 * at_km - drawn[first].start_km
        ms, segments = 0, []
        for turn in range(times):
            to_km, from_km = there if turn % 2 == 0 else there[::-1]
            stands_ms, runs_ms = (round(rng.uniform(0.1, 1.5) * HOUR_MS) for _ in range(2))
            segments.append(Segment(ms, ms + stands_ms, from_km, from_km, "yard", "shuttle"))
            ms += stands_ms
            segments.append(Segment(ms, ms + runs_ms, from_km, to_km, "run", "shuttle"))
            ms += runs_ms
        later_ms = ms - drawn[first].start_ms
        segments += (each.later(later_ms) for each in drawn[first:])
        return cls(line, tuple(segments), tuple(segment.start_ms for segment in segments))

    def segment(self, ms: int) -> Segment:
        """What the train does at a moment."""
        return self.segments[bisect_right(self._starts_ms, ms) - 1]

    def km(self, ms: int) -> float:
        """Kilometres along the line."""
        at = self.segment(ms)
        part = (ms - at.start_ms) / (at.end_ms - at.start_ms)
        return at.start_km + (at.end_km - at.start_km) * min(1.0, part)

    def position(self, ms: int) -> tuple[float, float]:
        """Latitude and longitude in degrees."""
        return self.line.position(self.km(ms))

    def moving(self, ms: int) -> bool:
        """Whether it runs."""
        return self.segment(ms).kind == "run"

    def speed_kmh(self, ms: int) -> float:
        """Speed over ground, 0 when it stands."""
        at = self.segment(ms)
        return abs(at.end_km - at.start_km) * TRACK_KM_A_LINE_KM / _hours(at) if at.kind == "run" else 0.0

    def passes_ms(self, km: float) -> int:
        """When it passes a kilometre for the first time."""
        at = next(segment for segment in self.segments if segment.end_km > km)
        part = (km - at.start_km) / (at.end_km - at.start_km)
        return round(at.start_ms + part * (at.end_ms - at.start_ms))


def _hours(segment: Segment) -> float:
    return (segment.end_ms - segment.start_ms) / HOUR_MS


def _segments(line: Line, rng: random.Random) -> Iterator[Segment]:
    """Stops and runs in order; the last stop has no end that matters."""
    ms = 0
    for here, there in zip(line.waypoints, line.waypoints[1:], strict=False):
        if here.kind != "line" or rng.random() < LINE_STOP_PROBABILITY:
            stop = _stop(ms, here.km, here.kind, here.name, rng)
            yield stop
            ms = stop.end_ms
        for segment in _leg(ms, here, there, rng):
            yield segment
            ms = segment.end_ms
    last = line.waypoints[-1]
    yield Segment(ms, ms + 365 * 24 * HOUR_MS, last.km, last.km, last.kind, last.name)


def _leg(ms: int, here: Waypoint, there: Waypoint, rng: random.Random) -> Iterator[Segment]:
    """Runs between two stations, with stops in passing loops."""
    leg_kmh = SPEED_KMH[here.country] * math.exp(rng.gauss(0, LEG_SIGMA))
    km = here.km
    while km < there.km:
        length_km = SHORTEST_RUN_KM + rng.expovariate(1 / MEAN_RUN_BEYOND_KM)
        end_km = min(km + length_km, there.km)
        kmh = leg_kmh * math.exp(rng.gauss(0, RUN_SIGMA))
        end_ms = ms + round((end_km - km) * TRACK_KM_A_LINE_KM / kmh * HOUR_MS)
        yield Segment(ms, end_ms, km, end_km, "run", here.name)
        ms, km = end_ms, end_km
        if km < there.km and rng.random() < LOOP_STOP_PROBABILITY:
            stop = _stop(ms, km, "loop", "", rng)
            yield stop
            ms = stop.end_ms


def _stop(ms: int, km: float, kind: str, name: str, rng: random.Random) -> Segment:
    median_h, sigma = DWELLS.get(name, DWELLS[kind])
    hours = min(median_h * math.exp(rng.gauss(0, sigma)), LONGEST_DWELL_H)
    return Segment(ms, ms + max(1, round(hours * HOUR_MS)), km, km, kind, name)
