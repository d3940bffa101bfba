"""Tests a geofence on past tracks: the events that it would have raised."""

from typing import Any

from sqlalchemy import Connection

from landbridge.core.clock import iso
from landbridge.features.trips import queries as trips
from landbridge.points import quality
from landbridge.points.queries import points
from landbridge.tracking.detected import to_track_point
from landbridge.tracking.geofences import Drawn, Geofences, of_drawn

TRIPS = 50
"""Trips that are tried, the newest."""
_MOST_EVENTS = 100
_END_S = 2**31 - 1


def trial(connection: Connection, drawn: Drawn, tenant: str | None) -> dict[str, Any]:
    """Return the events on the newest trips of a tenant (None: of all) as if the geofence had always been
    there."""
    geofence = of_drawn(drawn)
    tried = trips.recent(connection, TRIPS, tenant)
    found = []
    for trip in tried:
        state = Geofences()
        span = ((trip.started_s, -1), (trip.ended_s or _END_S, -1))
        for stored in points.from_point(connection, trip.device, span[0], quality.NO_TIME, span[1]):
            for event in state.step(to_track_point(stored), [geofence]):
                place = event.point.place
                found.append({
                    "time": iso(event.point.at_s), "action": event.details["action"],
                    "container": trip.container, "device": trip.device,
                    "longitude": place and place.lon, "latitude": place and place.lat,
                })  # fmt: skip
    found.sort(key=lambda each: str(each["time"]), reverse=True)
    raising = len({(each["device"], each["container"]) for each in found})
    return {
        "trips": len(tried), "raising": raising, "count": len(found), "events": found[:_MOST_EVENTS]
    }  # fmt: skip
