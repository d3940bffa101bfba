"""The guide of a trip: its line, and what the fleet has seen along it up to now."""

from sqlalchemy import Connection

from landbridge.features.coverage import bins as shares
from landbridge.features.coverage import digest, known, learn
from landbridge.features.routes.queries import route_data as guides
from landbridge.features.routes.queries import routes as lines
from landbridge.geo.route import Waypoint
from landbridge.geo.timetable import STAY_H


def make(connection: Connection, device: str, trip: int, line: str, now_s: int) -> bool:
    """Make the guide of a trip that starts; False when its line is not known."""
    found = lines.find(connection, line)
    if found is None:
        return False
    stations = [Waypoint(*each) for each in found.stations]
    learn.learn(connection, line, stations)
    seen = lines.seen(connection, line)
    tiles = shares.tiles(learn.by_tile(seen), found.places_km)
    networks = known.networks(seen, lines.costs(connection, line), stations)
    revision = guides.next_revision(connection, device, now_s)
    guides.keep(connection, trip, revision, digest.made(revision, stations, tiles, networks, STAY_H))
    guides.forget_tries(connection, device)
    return True
