"""Adds routes."""

from collections.abc import Sequence

from sqlalchemy import Connection

from landbridge.core.errors import UserError
from landbridge.features.routes.queries import routes as stored
from landbridge.geo import settlements
from landbridge.geo.route import Waypoint, position
from landbridge.protocol.route_data import TILE_KM, tile_count


def add(connection: Connection, name: str, stations: Sequence[Waypoint], now_s: int) -> None:
    """Add a route; `UserError` if there is one of that name."""
    if stored.find(connection, name):
        raise UserError(f"route {name} already exists; `landbridge routes remove {name}` removes it", "name")
    middles = ((tile + 0.5) * TILE_KM for tile in range(tile_count(stations)))
    places_km = [settlements.distance_km(*position(stations, km)) for km in middles]
    stored.add(connection, name, stations, places_km, now_s)
