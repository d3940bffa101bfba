"""The route data of a trip: its route, and the coverage that the fleet has observed so far."""

from sqlalchemy import Connection

from landbridge.features.coverage import bins, encoding, known, learn
from landbridge.features.routes.queries import route_data, routes
from landbridge.geo.route import Waypoint
from landbridge.geo.timetable import STAY_H


def make_route_data(connection: Connection, device: str, trip: int, route: str, now_s: int) -> bool:
    """Make the route data of a starting trip; False if its route is unknown."""
    found = routes.find(connection, route)
    if found is None:
        return False
    stations = [Waypoint(*each) for each in found.stations]
    learn.learn(connection, route, stations)
    coverage = routes.coverage_of(connection, route)
    tiles = bins.tiles(learn.by_tile(coverage), found.places_km)
    networks = known.networks(coverage, routes.costs(connection, route), stations)
    revision = route_data.next_revision(connection, device, now_s)
    route_data.keep(connection, trip, revision, encoding.build(revision, stations, tiles, networks, STAY_H))
    route_data.reset_attempts(connection, device)
    return True
