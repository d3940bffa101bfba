"""Arrival: the container has stopped at its destination."""

from collections.abc import Iterator

from landbridge.core.clock import iso
from landbridge.tracking.context import TripContext
from landbridge.tracking.detected import DetectedEvent, TrackPoint
from landbridge.tracking.geofences import Geofences
from landbridge.tracking.route import Route
from landbridge.tracking.stops import Stops


def step(
    point: TrackPoint, context: TripContext, stops: Stops, geofences: Geofences, route: Route
) -> Iterator[DetectedEvent]:
    """Return the arrival that a point shows: a stop in the geofence named like the destination, or else at
    the last station of the route. A container that was never elsewhere has not arrived."""
    if (
        context.trip is None
        or route.arrived
        or not stops.reported
        or stops.place is None
        or stops.before_s is None
    ):
        return
    geofence = context.destination(point.at_s)
    if geofence:
        there = geofence.geofence in geofences.inside
    else:
        there = bool(context.stations) and context.station_at(stops.place) == len(context.stations) - 1
    if there:
        route.arrived = True
        details = {
            "place": context.trip.destination,
            "since": iso(stops.since_s),
            "ends_trip": geofence is not None,
        }
        details |= {"not_before": iso(stops.before_s)}
        yield DetectedEvent("arrival", point, details | stops.place.degrees)
