"""A route as maps draw it: its stations, and how far along it a container is."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from landbridge.features.routes.queries import routes
from landbridge.geo import places
from landbridge.geo.route import Waypoint, find

_SAME_PLACE_KM = 30
NOTHING: dict[str, Any] = {"route": None, "stations": [], "km": None}
"""The answer for a trip without a route, or whose route was removed."""


def drawn(connection: Connection, route: str | None, lat: float | None, lon: float | None) -> dict[str, Any]:
    """Return a route with the kilometre of a position in degrees; None: it is not on the route."""
    known = routes.find(connection, route) if route else None
    if known is None:
        return NOTHING
    stations = [Waypoint(*each) for each in known.stations]
    km = None if lat is None or lon is None else find(stations, lat, lon, None)
    return {
        "route": known.route,
        "stations": [station(each) for each in stations],
        "km": None if km is None else round(km, 1),
    }


def chinese_names(connection: Connection, trips: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the Chinese names of the stations of trips, each with its route and its destination, which is
    called after the last station."""
    found: dict[str, str] = {}
    for route, destination in trips:
        known = routes.find(connection, route)
        shown = [station(Waypoint(*each)) for each in known.stations] if known else []
        found |= {each["name"]: each["chinese"] for each in shown if each["chinese"]}
        if shown and shown[-1]["chinese"] and shown[-1]["name"].startswith(destination):
            found.setdefault(destination, shown[-1]["chinese"])
    return found


def station(it: Waypoint) -> dict[str, Any]:
    """Return a station of a route, serialized."""
    return {
        "name": it.name, "chinese": it.chinese or _of_place(it), "country": it.country, "kind": it.kind,
        "km": round(it.km), "longitude": it.lon, "latitude": it.lat,
    }  # fmt: skip


def _of_place(it: Waypoint) -> str | None:
    """Return the Chinese name of the place that a station is called after."""
    place = places.called(it.name, it.lat, it.lon, _SAME_PLACE_KM)
    return place.chinese or None if place else None
