"""Arrival: the container stands at its destination."""

from collections.abc import Iterator

from landbridge.core.clock import iso
from landbridge.tracking.context import Way
from landbridge.tracking.findings import Finding, Seen
from landbridge.tracking.geofences import Fences
from landbridge.tracking.route import Route
from landbridge.tracking.stops import Stops


def step(seen: Seen, way: Way, stops: Stops, fences: Fences, route: Route) -> Iterator[Finding]:
    """What a point finds: a stop in the fence named like the destination, or else at the last station of the
    line. A container that was never elsewhere has not arrived."""
    if way.trip is None or route.arrived or not stops.told or stops.place is None or stops.before_s is None:
        return
    fence = way.destination(seen.at_s)
    if fence:
        there = fence.fence in fences.inside
    else:
        there = bool(way.stations) and way.station_at(stops.place) == len(way.stations) - 1
    if there:
        route.arrived = True
        details = {"place": way.trip.destination, "since": iso(stops.since_s), "ends_trip": fence is not None}
        details |= {"not_before": iso(stops.before_s)}
        yield Finding("arrival", seen, details | stops.place.told)
