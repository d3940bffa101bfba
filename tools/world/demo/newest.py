"""The age of the agent's newest position at any moment of a trip."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from landbridge.points.geojson import has_position
from landbridge.points.rows import StoredPoint

from tools.world.oracle.delivered import START_S
from tools.world.trip import Trip

STEP_S = 60
SAME_PLACE_KM = 0.5


def median_age_h(trip: Trip, stored: Sequence[StoredPoint]) -> float:
    """Median over the trip, up to `trip.end_ms`, of the time since the newest position that had been stored
    by then; since the beginning where there was none."""
    return median(ages_s(published(trip, stored), trip.end_ms // 1_000)) / 3_600


def published(trip: Trip, stored: Sequence[StoredPoint]) -> list[tuple[int, int]]:
    """(stored, taken), in seconds since the trip began, of each point that shows where the container is: a
    fix, or one without GNSS of a train that stands where its last fix was made, as the world knows."""
    positions = []
    fixed_km = None
    dated = sorted((each.at_s, each.point.seq, each) for each in stored if each.at_s is not None)
    for epoch_s, _, each in dated:
        at_s = epoch_s - START_S
        km = trip.km(1_000 * at_s)
        if has_position(each):
            fixed_km = km
        if fixed_km is not None and abs(km - fixed_km) < SAME_PLACE_KM:
            positions.append((each.received_s - START_S, at_s))
    return positions


def ages_s(positions: Sequence[tuple[int, int]], end_s: int) -> list[int]:
    """The age of the newest position at each minute up to `end_s`; `positions` as `published` returns
    them."""
    waiting = sorted(positions, reverse=True)
    newest_s, ages = 0, []
    for now_s in range(0, end_s, STEP_S):
        while waiting and waiting[-1][0] <= now_s:
            newest_s = max(newest_s, waiting.pop()[1])
        ages.append(now_s - newest_s)
    return ages
