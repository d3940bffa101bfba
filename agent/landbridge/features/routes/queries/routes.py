"""Lines, and what was seen of networks along them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from landbridge.core.errors import UserError
from landbridge.db.tables import coverage, guides, lines, network_costs, trips

Key = tuple[int, int]
"""(Tile, PLMN); PLMN 0: nobody was heard."""


class StoredLine(NamedTuple):
    """A line; `stations` are rows of geo/route.py, `places_km` kilometres to the nearest place, by tile."""

    line: str
    stations: list[list[Any]]
    places_km: list[float]
    added_s: int


class Seen(NamedTuple):
    """How often, and how often well."""

    looks: int
    good: int


def add(
    connection: Connection,
    line: str,
    stations: Sequence[Sequence[Any]],
    places_km: Sequence[float],
    now_s: int,
) -> None:
    """Add a line."""
    tables = {"stations": json.dumps(stations), "places_km": json.dumps([round(km, 1) for km in places_km])}
    connection.execute(insert(lines).values(line=line, added_s=now_s, **tables))


def find(connection: Connection, line: str) -> StoredLine | None:
    """The line of that name."""
    row = connection.execute(select(lines).where(lines.c.line == line)).one_or_none()
    return None if row is None else _stored(row)


def known_line(connection: Connection, name: str) -> StoredLine:
    """The line of that name; `UserError` if there is none."""
    found = find(connection, name)
    if found is None:
        raise UserError(f"no line {name}; `landbridge lines list` shows those there are")
    return found


def every(connection: Connection) -> list[StoredLine]:
    """All lines by name."""
    return [_stored(row) for row in connection.execute(select(lines).order_by(lines.c.line))]


def remove(connection: Connection, line: str) -> None:
    """Remove a line, what was learned of it, and what trips on it have of it: guides and expected hours."""
    of_line = select(trips.c.trip).where(trips.c.line == line)
    connection.execute(delete(guides).where(guides.c.trip.in_(of_line)))
    connection.execute(update(trips).where(trips.c.line == line).values(expected=None))
    for table in (coverage, network_costs):
        connection.execute(delete(table).where(table.c.line == line))
    connection.execute(delete(lines).where(lines.c.line == line))


def seen(connection: Connection, line: str) -> dict[Key, Seen]:
    """What was seen along a line."""
    rows = connection.execute(select(coverage).where(coverage.c.line == line))
    return {(row.tile, row.plmn): Seen(row.looks, row.good) for row in rows}


def costs(connection: Connection, line: str) -> dict[int, int]:
    """What a report costs over the networks of a line, percent of the cheapest, by PLMN."""
    rows = connection.execute(select(network_costs).where(network_costs.c.line == line))
    return {row.plmn: row.percent for row in rows}


def keep_seen(
    connection: Connection, line: str, found: Mapping[Key, Seen], costs_percent: Mapping[int, int]
) -> None:
    """Keep what was seen along a line in place of what was there."""
    for table in (coverage, network_costs):
        connection.execute(delete(table).where(table.c.line == line))
    if costs_percent:
        rows = [{"line": line, "plmn": plmn, "percent": each} for plmn, each in costs_percent.items()]
        connection.execute(insert(network_costs), rows)
    values = [
        {"line": line, "tile": tile, "plmn": plmn} | each._asdict() for (tile, plmn), each in found.items()
    ]
    if values:
        connection.execute(insert(coverage), values)


def _stored(row: Any) -> StoredLine:
    return StoredLine(row.line, json.loads(row.stations), json.loads(row.places_km), row.added_s)
