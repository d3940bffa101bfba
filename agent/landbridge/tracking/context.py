"""The context of a trip: its route, its geofences, and earlier travel times."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.features.routes.queries import routes
from landbridge.features.trips import queries as trips
from landbridge.geo.distance import Place
from landbridge.geo.route import Waypoint
from landbridge.geo.timetable import Ahead, timetable
from landbridge.tracking import travel_times as earlier
from landbridge.tracking.geofences import Geofence

_AT_STATION_M = 15_000.0
_AT_STATION_DEG = 0.15
"""Kilometres for each degree of latitude, rounded up."""


@dataclass(frozen=True)
class TripContext:
    """`trip` is its row, None for points without a trip; then there is no route either."""

    trip: Row[Any] | None
    stations: Sequence[Waypoint]
    ahead: Sequence[Ahead]
    """Kilometres of each station."""
    geofences: Sequence[Geofence]
    idle_s: int | None = None
    """For points without a trip: since when the device is on none; None: it is on one now."""

    def station_at(self, place: Place) -> int | None:
        """Return the index of the nearest station, if the place is at one."""
        far = {
            index: place.metres_to(Place(each.lat, each.lon))
            for index, each in enumerate(self.stations)
            if abs(each.lat - place.lat) < _AT_STATION_DEG
        }
        nearest = min(far, key=far.__getitem__, default=None)
        return nearest if nearest is not None and far[nearest] <= _AT_STATION_M else None

    def name_of(self, place: Place, at_s: int) -> str | None:
        """Return the name of the place: of the smallest geofence around it, else of its station."""
        around = [each for each in self.geofences if each.holds_at(at_s) and each.outside_m(place) <= 0]
        if around:
            return min(around, key=lambda geofence: geofence.size_m).name
        index = self.station_at(place)
        return None if index is None else self.stations[index].name

    def destination(self, at_s: int) -> Geofence | None:
        """Return the geofence of that time that is named like the trip's destination: in it the trip ends."""
        named = self.trip.destination.casefold() if self.trip else None
        held = (each for each in self.geofences if each.holds_at(at_s))
        return next((each for each in held if each.name.casefold() == named), None)


def context_of(
    connection: Connection, device: str, trip: int | None, geofences: Sequence[Geofence]
) -> TripContext:
    """Return the context of a trip of `device`; None: without a trip."""
    row = None if trip is None else trips.find(connection, trip)
    # No tenant learns another tenant's name of a place.
    geofences = [each for each in geofences if each.tenant in (None, row.tenant if row else None)]
    if row is None:
        return TripContext(
            None, [], [], geofences, trips.idle_s(connection, device) if trip is None else None
        )
    route = routes.find(connection, row.route)
    if route is None:
        return TripContext(row, [], [], geofences)
    stations = [Waypoint(*each) for each in route.stations]
    return TripContext(row, stations, _expected(connection, row, stations), geofences)


def _expected(connection: Connection, trip: Row[Any], stations: Sequence[Waypoint]) -> list[Ahead]:
    """Return the hours to go from each station. They are fixed when the trip is first processed, like its
    route data, so that the same points give the same events regardless of other containers."""
    usual = timetable(stations)
    if trip.expected is None:
        hours = earlier.hours_to_go(connection, trip, stations, usual)
        trips.expect(connection, trip.trip, json.dumps(hours))
    else:
        hours = json.loads(trip.expected)
    return earlier.with_hours(usual, hours)
