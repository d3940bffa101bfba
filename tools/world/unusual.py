"""Trips of the world that go otherwise than a train's usual one: days without any network, a ship, a truck, a
long stay at the goal, a battery that is weaker than told. All numbers are chosen [C].
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tools.world.line import Line
from tools.world.train import HOUR_MS, TRACK_KM_A_LINE_KM, Segment, Train

DAY_MS = 24 * HOUR_MS
SHIP_KM = 1_800.0
"""Of the line, that a ship covers."""
LEAST_RUN_KM = 1.0
TRUCK_KMH, TRUCK_DRIVES_H, TRUCK_BREAK_H, TRUCK_NIGHT_H = 62.0, 4.5, 0.75, 13.5
TRUCK_LOADS_H = 30.0
"""A drive, a break, a drive, a night; before it, the container is loaded."""


@dataclass(frozen=True)
class World:
    """Which days are `dark`: no cell is heard. In those of a `ship` the container is at sea, a `truck`
    carries it all the way. It waits at its goal for `stay_days`, after which the trip is over; of the charge
    that the battery is told to hold `part` is there."""

    dark: tuple[int, int] = (0, 0)
    ship: bool = False
    truck: bool = False
    stay_days: int = 0
    part: float = 1.0


USUAL = "usual"
WORLDS = {
    USUAL: World(),
    "dark": World(dark=(12, 17)),
    "sea": World(dark=(12, 21), ship=True),
    "truck": World(truck=True),
    "stay": World(stay_days=14),
    "weak-battery": World(part=0.7),
}


def draw(line: Line, rng: random.Random, world: World) -> Train:
    """The container's way in such a world."""
    if world.truck:
        segments = tuple(_driven(line, rng))
    else:
        segments = Train.draw(line, rng).segments
    if world.ship:
        segments = tuple(_sailed(segments, *(day * DAY_MS for day in world.dark)))
    return Train.of(line, segments)


def is_dark(world: World, ms: int) -> bool:
    """Whether no cell is heard then."""
    return world.dark[0] * DAY_MS <= ms < world.dark[1] * DAY_MS


def _sailed(segments: tuple[Segment, ...], start_ms: int, end_ms: int) -> Iterator[Segment]:
    """From the first run behind `start_ms` on a ship sails, until `end_ms`."""
    runs = [i for i, each in enumerate(segments) if each.kind == "run"]
    first = next(i for i in runs if segments[i].start_ms >= start_ms)
    goal_km = segments[first].start_km + SHIP_KM
    last = next(i for i in runs if segments[i].start_km >= goal_km)
    yield from segments[:first]
    start = segments[first]
    yield Segment(start.start_ms, end_ms, start.start_km, segments[last].start_km, "run", "ship")
    for each in segments[last:]:
        yield each.later(end_ms - segments[last].start_ms)


def _driven(line: Line, rng: random.Random) -> Iterator[Segment]:
    """Drives and rests in turn."""
    ms, km = round(TRUCK_LOADS_H * HOUR_MS), 0.0
    yield Segment(0, ms, km, km, "yard", line.waypoints[0].name)
    rests_h = (TRUCK_BREAK_H, TRUCK_NIGHT_H)
    turn = 0
    while km < line.length_km - LEAST_RUN_KM:
        kmh = TRUCK_KMH * rng.uniform(0.8, 1.1)
        until_km = min(line.length_km, km + kmh * TRUCK_DRIVES_H / TRACK_KM_A_LINE_KM)
        end_ms = ms + round((until_km - km) * TRACK_KM_A_LINE_KM / kmh * HOUR_MS)
        yield Segment(ms, end_ms, km, until_km, "run", "truck")
        ms, km = end_ms + round(rests_h[turn % 2] * rng.uniform(0.8, 1.3) * HOUR_MS), until_km
        if km < line.length_km - LEAST_RUN_KM:
            yield Segment(end_ms, ms, km, km, "line", "rest")
        turn += 1
    last = line.waypoints[-1]
    yield Segment(end_ms, end_ms + 365 * DAY_MS, line.length_km, line.length_km, last.kind, last.name)
