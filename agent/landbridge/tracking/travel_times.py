"""Travel times of earlier containers from each station of a route to its end."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.features.trips import queries as trips
from landbridge.geo.route import Waypoint, find
from landbridge.geo.timetable import Ahead
from landbridge.points.queries import points
from landbridge.tracking.detected import to_track_point

NEWEST_TRIPS = 10
_TABLE_COUNTS = 2
"""Weight of the timetable, in containers."""
_PASSED_KM = 20.0


def hours_to_go(
    connection: Connection, trip: Row[Any], stations: Sequence[Waypoint], usual: Sequence[Ahead]
) -> list[tuple[float, float]]:
    """Return (mean, variance) of the hours after each station's stop, from the timetable and the last
    containers that arrived on this route before `trip` began."""
    before = trips.arrived(connection, trip.route, trip.started_s, NEWEST_TRIPS)
    taken = [_taken(connection, row, stations) for row in before]
    return [_mixed(each, [hours[i] for hours in taken]) for i, each in enumerate(usual)]


def with_hours(usual: Sequence[Ahead], hours: Sequence[tuple[float, float]]) -> list[Ahead]:
    """Return the timetable with other hours after each station."""
    return [
        replace(each, after_h=mean_h, variance=variance)
        for each, (mean_h, variance) in zip(usual, hours, strict=True)
    ]


def _mixed(usual: Ahead, taken: Sequence[float | None]) -> tuple[float, float]:
    known = [hours for hours in taken if hours is not None]
    count = _TABLE_COUNTS + len(known)
    mean_h = (_TABLE_COUNTS * usual.after_h + sum(known)) / count
    spread = _TABLE_COUNTS * (usual.variance + (usual.after_h - mean_h) ** 2)
    return mean_h, (spread + sum((hours - mean_h) ** 2 for hours in known)) / count


def _taken(connection: Connection, trip: Row[Any], stations: Sequence[Waypoint]) -> list[float | None]:
    """Return the hours of one trip from its last fix at or before each station to the end; None before its
    first fix."""
    reached: list[float] = []
    times: list[int] = []
    km: float | None = None
    for stored in points.track(connection, trip.device, trip.trip):
        place = to_track_point(stored).place if stored.at_s is not None else None
        if place is None or (stored.at_s or 0) > trip.arrived_s:
            continue
        km = find(stations, place.lat, place.lon, km)
        if km is not None:
            reached.append(max(km, reached[-1] if reached else 0.0))
            times.append(stored.at_s or 0)
    hours: list[float | None] = []
    for station in stations:
        passed = bisect_right(reached, station.km + _PASSED_KM)
        hours.append((trip.arrived_s - times[passed - 1]) / 3600 if passed else None)
    return hours
