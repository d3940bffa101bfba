"""The pass over what devices reported: where on a route which networks were heard.

It reads the newest trips of a route from their begin to their end and replaces what was learned of the route:
late points and repeats make no difference, and it can be run again at any time. It never runs while
messages are received.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row

from landbridge.features.coverage import costs
from landbridge.features.coverage.bins import Observations
from landbridge.features.coverage.costs import Report
from landbridge.features.coverage.encoding import TILE_KM, WELL_HEARD_DBM
from landbridge.features.diagnostics.queries import wakes
from landbridge.features.routes.queries import routes
from landbridge.features.routes.queries.routes import Coverage, Key
from landbridge.features.trips import queries as trips
from landbridge.geo.route import Waypoint, find
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint

# Reasons of wakes (diagnostics/wake_coding.py): why one rests that has reached the agent, why one that has
# not, if what it did first asks the network.
REPORTED = 2
FAILED = (3, 5)
TRIED = (13, 22, 30, 40, 50, 60, 61, 62, 63)

NEWEST_TRIPS = 50
"""Networks change, so older trips are not used."""
_CARRIED_S = 1_800
"""Time after a fix for which the device counts as being in the same place, unless it has not moved since."""
_WAKE_S = 600
"""A point belongs to the wake that ends within this time after it."""


class Place(NamedTuple):
    """The position of a device from a time on; the kilometre is None off the route."""

    at_s: int
    km: float | None
    stands: bool
    plmn: int


class Observation(NamedTuple):
    """An observation at a kilometre: the network found, 0 for none, and whether its signal was good."""

    km: float
    plmn: int
    well: bool


def learn(connection: Connection, route: str, stations: Sequence[Waypoint]) -> int:
    """Read the trips of a route; return the number of observations."""
    found: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    reports: list[Report] = []
    for trip in trips.on_route(connection, route, NEWEST_TRIPS):
        track = [each for each in points.track(connection, trip.device, trip.trip) if each.at_s is not None]
        wakes_of_trip = wakes.between(connection, trip.device, trip.started_s, trip.ended_s)
        places = list(_places(stations, track))
        for observation in (*_heard(places, track), *_failed(places, wakes_of_trip)):
            sums = found[int(observation.km // TILE_KM), observation.plmn]
            sums[0] += 1
            sums[1] += observation.well
        reports += _reports(places, wakes_of_trip)
    coverage = {key: Coverage(*sums) for key, sums in found.items()}
    routes.keep_coverage(connection, route, coverage, costs.percent(reports))
    return sum(each.observations for each in coverage.values())


def by_tile(coverage: dict[Key, Coverage]) -> dict[int, Observations]:
    """Return the observations of each tile, for all networks together."""
    observations: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for (tile, _), each in coverage.items():
        observations[tile][0] += each.observations
        observations[tile][1] += each.good
    return {tile: Observations(*sums) for tile, sums in observations.items()}


def _places(stations: Sequence[Waypoint], track: Sequence[StoredPoint]) -> Iterator[Place]:
    """Return where each point of a trip was taken, by time."""
    km: float | None = None
    fixed_s = 0
    for stored in track:
        point, at_s = stored.point, stored.at_s or 0
        if point.latitude_deg is not None and point.longitude_deg is not None:
            km, fixed_s = find(stations, point.latitude_deg, point.longitude_deg, km), at_s
        elif point.motion and at_s - fixed_s > _CARRIED_S:
            km = None
        yield Place(at_s, km, not point.motion, point.plmn)


def _heard(places: Sequence[Place], track: Sequence[StoredPoint]) -> Iterator[Observation]:
    """Return the observations in points with a cell."""
    for place, stored in zip(places, track, strict=True):
        if place.km is not None and place.plmn:
            yield Observation(place.km, place.plmn, (stored.point.rsrp_dbm or 0) >= WELL_HEARD_DBM)


def _failed(places: Sequence[Place], wakes_of_trip: Sequence[Row[Any]]) -> Iterator[Observation]:
    """Return the observations in wakes: failed scans and failed sessions."""
    for wake in wakes_of_trip:
        place = _before(places, wake.at_s) if wake.did in TRIED and wake.rest in FAILED else None
        if place and place.km is not None:
            if place.stands or wake.at_s - place.at_s <= _CARRIED_S:
                yield Observation(place.km, 0, False)


def _reports(places: Sequence[Place], wakes_of_trip: Sequence[Row[Any]]) -> Iterator[Report]:
    """Return the energy of wakes in which the agent was reached, with the network of their point."""
    for wake in wakes_of_trip:
        place = _before(places, wake.at_s)
        if wake.rest == REPORTED and place and place.plmn and wake.at_s - place.at_s <= _WAKE_S:
            yield Report(place.plmn, 1_000 * wake.joules)


def _before(places: Sequence[Place], at_s: int) -> Place | None:
    """Return the last place up to a time; the times of wakes are whole minutes."""
    index = bisect_right(places, at_s + 60, key=lambda place: place.at_s)
    return places[index - 1] if index else None
