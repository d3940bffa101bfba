"""The train: runs and stops of one trip, drawn from what is known of speeds and dwells.

A dwell is log-normal by kind of station; a leg falls into runs of some kilometres with a speed of
their own and stops in passing loops between them. How fast and with which stops is a `Pace`: that of a train,
or that of a truck on a road along the same route.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tools.world.rail.route import Route, Waypoint

HOUR_MS = 3_600_000
MOVES = ("run", "sea")
"""Kinds of segment in which the container travels."""
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
SPEED_KMH = {"CN": 62.0, "KZ": 48.0, "RU": 52.0, "BY": 48.0, "PL": 34.0, "DE": 50.0}
LEG_SIGMA, RUN_SIGMA = 0.18, 0.2
SHORTEST_RUN_KM = 8.0
TRACK_KM_A_LINE_KM = 1.10
"""The real track is longer than the route of the table."""


class Pace(NamedTuple):
    """How a vehicle travels: `dwells` as `DWELLS`, `kmh` by country, `kinds` what a kind of waypoint is to it
    where that differs. It stops in a small station with probability `line_stop`. On the open line it runs
    `SHORTEST_RUN_KM` and `mean_run_km` beyond, then stands with probability `loop_stop`. `rests`: (hours at
    the wheel, hours of rest that are due then), the longest rest first."""

    dwells: Mapping[str, tuple[float, float]]
    kmh: Mapping[str, float]
    kinds: Mapping[str, str] = {}
    line_stop: float = 0.5
    loop_stop: float = 0.35
    mean_run_km: float = 45.0
    rests: Sequence[tuple[float, float]] = ()


RAIL = Pace(DWELLS, SPEED_KMH)
TRUCK = Pace(
    # [M] Customs and queues at a border take a truck about as long as a train, terminals a few hours.
    dwells={"hub": (6.0, 0.6), "border": (16.0, 0.9), "line": (0.4, 0.6), "loop": (0.08, 0.8)},
    kmh={"CN": 70.0, "KZ": 60.0, "RU": 62.0, "BY": 70.0, "PL": 72.0, "DE": 72.0},
    kinds={"gauge": "border", "yard": "line"},
    loop_stop=0.5,
    mean_run_km=15.0,
    rests=((9.0, 11.0), (4.5, 0.75)),  # [S] Regulation (EC) 561/2006, articles 6 to 8
)


class Segment(NamedTuple):
    """A time of travelling or of a stop; `kind` is one of `MOVES`, a kind of station, "loop" or "rest"."""

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

    route: Route
    segments: tuple[Segment, ...]
    _starts_ms: tuple[int, ...]

    @classmethod
    def of(cls, route: Route, segments: Iterable[Segment]) -> Train:
        """The trip that these segments make, in order."""
        segments = tuple(segments)
        return cls(route, segments, tuple(segment.start_ms for segment in segments))

    @classmethod
    def draw(cls, route: Route, rng: random.Random, pace: Pace = RAIL) -> Train:
        """A trip of its own for each state of `rng`."""
        return cls.of(route, _rested(_segments(route, rng, pace), pace.rests))

    @property
    def arrival_ms(self) -> int:
        """When the train reaches the end of the route."""
        return self.segments[-1].start_ms

    @classmethod
    def shuttle(cls, route: Route, rng: random.Random, times: int) -> Train:
        """A trip that begins in the yard at the first border and passes it `times` times, an odd number,
        before it goes on."""
        at_km = route.borders[0].km
        drawn = tuple(_segments(route, rng, RAIL))
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
        return cls.of(route, segments)

    def sailed(self, left: str, reached: str, days: float) -> Train:
        """The same trip with a ship from one station to another, on a straight course and without a stop."""
        here, there = (
            next(each.km for each in self.route.waypoints if each.name == name) for name in (left, reached)
        )
        kept = tuple(each for each in self.route.waypoints if not here < each.km < there)
        before = [each for each in self.segments if each.end_km <= here]
        after = [each for each in self.segments if each.start_km >= there]
        sea = Segment(
            before[-1].end_ms, before[-1].end_ms + round(days * 24 * HOUR_MS), here, there, "sea", left
        )
        later_ms = sea.end_ms - after[0].start_ms
        return self.of(
            replace(self.route, waypoints=kept), (*before, sea, *(each.later(later_ms) for each in after))
        )

    def segment(self, ms: int) -> Segment:
        """The state of the train at a moment."""
        return self.segments[bisect_right(self._starts_ms, ms) - 1]

    def km(self, ms: int) -> float:
        """Kilometres along the route."""
        at = self.segment(ms)
        part = (ms - at.start_ms) / (at.end_ms - at.start_ms)
        return at.start_km + (at.end_km - at.start_km) * min(1.0, part)

    def position(self, ms: int) -> tuple[float, float]:
        """Latitude and longitude in degrees."""
        return self.route.position(self.km(ms))

    def moving(self, ms: int) -> bool:
        """Whether it travels."""
        return self.segment(ms).kind in MOVES

    def speed_kmh(self, ms: int) -> float:
        """Speed over ground, 0 when it stands."""
        at = self.segment(ms)
        return abs(at.end_km - at.start_km) * TRACK_KM_A_LINE_KM / _hours(at) if at.kind in MOVES else 0.0

    def passes_ms(self, km: float) -> int:
        """When it passes a kilometre for the first time."""
        at = next(segment for segment in self.segments if segment.end_km > km)
        part = (km - at.start_km) / (at.end_km - at.start_km)
        return round(at.start_ms + part * (at.end_ms - at.start_ms))


def _hours(segment: Segment) -> float:
    return (segment.end_ms - segment.start_ms) / HOUR_MS


def _segments(route: Route, rng: random.Random, pace: Pace) -> Iterator[Segment]:
    """Stops and runs in order; the last stop has no end that matters."""
    ms = 0
    for here, there in zip(route.waypoints, route.waypoints[1:], strict=False):
        kind = pace.kinds.get(here.kind, here.kind)
        if kind != "line" or rng.random() < pace.line_stop:
            stop = _stop(ms, here.km, kind, here.name, rng, pace)
            yield stop
            ms = stop.end_ms
        for segment in _leg(ms, here, there, rng, pace):
            yield segment
            ms = segment.end_ms
    last = route.waypoints[-1]
    yield Segment(ms, ms + 365 * 24 * HOUR_MS, last.km, last.km, last.kind, last.name)


def _leg(ms: int, here: Waypoint, there: Waypoint, rng: random.Random, pace: Pace) -> Iterator[Segment]:
    """Runs between two stations, with stops in passing loops."""
    leg_kmh = pace.kmh[here.country] * math.exp(rng.gauss(0, LEG_SIGMA))
    km = here.km
    while km < there.km:
        length_km = SHORTEST_RUN_KM + rng.expovariate(1 / pace.mean_run_km)
        end_km = min(km + length_km, there.km)
        kmh = leg_kmh * math.exp(rng.gauss(0, RUN_SIGMA))
        end_ms = ms + round((end_km - km) * TRACK_KM_A_LINE_KM / kmh * HOUR_MS)
        yield Segment(ms, end_ms, km, end_km, "run", here.name)
        ms, km = end_ms, end_km
        if km < there.km and rng.random() < pace.loop_stop:
            stop = _stop(ms, km, "loop", "", rng, pace)
            yield stop
            ms = stop.end_ms


def _stop(ms: int, km: float, kind: str, name: str, rng: random.Random, pace: Pace) -> Segment:
    median_h, sigma = pace.dwells.get(name, pace.dwells[kind])
    hours = min(median_h * math.exp(rng.gauss(0, sigma)), LONGEST_DWELL_H)
    return Segment(ms, ms + max(1, round(hours * HOUR_MS)), km, km, kind, name)


def _rested(segments: Iterable[Segment], rests: Sequence[tuple[float, float]]) -> Iterator[Segment]:
    """The segments with a rest wherever one is due at the end of a run; a stop that is as long is one."""
    later_ms, driven_h = 0, [0.0 for _ in rests]
    for each in segments:
        segment = each.later(later_ms)
        yield segment
        hours = _hours(segment)
        if segment.kind != "run":
            driven_h = [
                0.0 if hours >= rest_h else was for was, (_, rest_h) in zip(driven_h, rests, strict=True)
            ]
            continue
        driven_h = [was + hours for was in driven_h]
        due = next((i for i, (wheel_h, _) in enumerate(rests) if driven_h[i] >= wheel_h), None)
        if due is not None:
            rest_ms = round(rests[due][1] * HOUR_MS)
            at_ms, km = segment.end_ms, segment.end_km
            yield Segment(at_ms, at_ms + rest_ms, km, km, "rest", "")
            later_ms += rest_ms
            driven_h[due:] = [0.0 for _ in driven_h[due:]]
