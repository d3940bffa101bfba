"""Routes, and the networks observed along them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.db.tables import coverage, network_costs, route_data, routes, trips

Key = tuple[int, int]
"""(Tile, PLMN); PLMN 0: no network was heard."""


class StoredRoute(NamedTuple):
    """A route; `stations` are rows of geo/route.py, `places_km` kilometres to the nearest place, by tile."""

    route: str
    stations: list[list[Any]]
    places_km: list[float]
    added_s: int


class Coverage(NamedTuple):
    """How often it was heard, and how often well."""

    observations: int
    good: int


def add(
    connection: Connection,
    route: str,
    stations: Sequence[Sequence[Any]],
    places_km: Sequence[float],
    now_s: int,
) -> None:
    """Add a route."""
    tables = {"stations": json.dumps(stations), "places_km": json.dumps([round(km, 1) for km in places_km])}
    connection.execute(insert(routes).values(route=route, added_s=now_s, **tables))


def find(connection: Connection, route: str) -> StoredRoute | None:
    """Return the route of that name."""
    row = connection.execute(select(routes).where(routes.c.route == route)).one_or_none()
    return None if row is None else _stored(row)


def known_route(connection: Connection, name: str) -> StoredRoute:
    """Return the route of that name; `UserError` if there is none."""
    found = find(connection, name)
    if found is None:
        raise UserError(_("no route {name}; look its name up in the list of routes", name=name))
    return found


def every(connection: Connection) -> list[StoredRoute]:
    """Return all routes by name."""
    return [_stored(row) for row in connection.execute(select(routes).order_by(routes.c.route))]


def remove(connection: Connection, route: str) -> None:
    """Remove a route, its coverage data, and its trips' route data and expected travel times."""
    of_route = select(trips.c.trip).where(trips.c.route == route)
    connection.execute(delete(route_data).where(route_data.c.trip.in_(of_route)))
    connection.execute(update(trips).where(trips.c.route == route).values(expected=None))
    for table in (coverage, network_costs):
        connection.execute(delete(table).where(table.c.route == route))
    connection.execute(delete(routes).where(routes.c.route == route))


def coverage_of(connection: Connection, route: str) -> dict[Key, Coverage]:
    """Return the coverage data of a route."""
    rows = connection.execute(select(coverage).where(coverage.c.route == route))
    return {(row.tile, row.plmn): Coverage(row.observations, row.good) for row in rows}


def costs(connection: Connection, route: str) -> dict[int, int]:
    """Return the cost of an uplink over the networks of a route, percent of the cheapest, by PLMN."""
    rows = connection.execute(select(network_costs).where(network_costs.c.route == route))
    return {row.plmn: row.percent for row in rows}


def keep_coverage(
    connection: Connection, route: str, found: Mapping[Key, Coverage], costs_percent: Mapping[int, int]
) -> None:
    """Store the coverage data of a route in place of the previous ones."""
    for table in (coverage, network_costs):
        connection.execute(delete(table).where(table.c.route == route))
    if costs_percent:
        rows = [{"route": route, "plmn": plmn, "percent": each} for plmn, each in costs_percent.items()]
        connection.execute(insert(network_costs), rows)
    values = [
        {"route": route, "tile": tile, "plmn": plmn} | each._asdict() for (tile, plmn), each in found.items()
    ]
    if values:
        connection.execute(insert(coverage), values)


def _stored(row: Any) -> StoredRoute:
    return StoredRoute(row.route, json.loads(row.stations), json.loads(row.places_km), row.added_s)
