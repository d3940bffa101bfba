"""Reports of earlier containers on the route, read from the agents of finished demos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from landbridge.db.database import open_database
from landbridge.db.tables import points, trips, wakes
from landbridge.features.devices import queries as devices
from sqlalchemy import Connection, Table, insert, select

from tools.world.services.processes import ServiceError

DATABASE = Path("agent", "landbridge.sqlite3")
_BEFORE_S = 100 * 86_400
"""Earlier trips are dated back by so much: all demos run at the same simulated time."""
_TIMES = ("at_s", "received_s", "started_s", "ended_s")
_OF_TRIP = select(trips.c.device).distinct().where(trips.c.device.not_like("lb-before-%"))


def refuse_none(folders: Sequence[Path]) -> None:
    """Raise `ServiceError` where no demo lies, or one that was interrupted before its trip."""
    for folder in folders:
        if not (folder / DATABASE).exists() or not _has_trip(folder / DATABASE):
            raise ServiceError(f"no demo lies in {folder}: run one with --out {folder}")


def _has_trip(file: Path) -> bool:
    database = open_database(file, make=False)
    try:
        with database.reading() as source:
            return source.execute(_OF_TRIP).first() is not None
    finally:
        database.close()


def bring(into: Path, folders: Sequence[Path]) -> None:
    """Put the trips, points and wakes of these demos into the database `into`, as those of other devices."""
    if not folders:
        return
    database = open_database(into)
    try:
        for number, folder in enumerate(folders, 1):
            other = open_database(folder / DATABASE)
            with other.reading() as source, database.writing() as connection:
                _copy(source, connection, f"lb-before-{number}")
            other.close()
    finally:
        database.close()


def _copy(source: Connection, connection: Connection, device: str) -> None:
    devices.add(connection, device, b"", 0)
    here: dict[int | None, int | None] = {None: None}
    for row in _rows(source, trips, device):
        there = row.pop("trip")
        row["ended_s"] = row["ended_s"] or _end_s(source, there)
        key = connection.execute(insert(trips).values(**row)).inserted_primary_key
        here[there] = key[0] if key else None
    of_points = [row | {"trip": here[row["trip"]]} for row in _rows(source, points, device)]
    for table, rows in ((points, of_points), (wakes, list(_rows(source, wakes, device)))):
        if rows:
            connection.execute(insert(table), rows)


def _rows(source: Connection, table: Table, device: str) -> Iterator[dict[str, Any]]:
    """The rows of `table` of the one device that had a trip, as another device's and of earlier."""
    for row in source.execute(select(table).where(table.c.device == _OF_TRIP.scalar_subquery())):
        moved = {name: _earlier(row._mapping[name]) for name in _TIMES if name in row._mapping}
        yield dict(row._mapping) | moved | {"device": device}


def _earlier(time_s: int | None) -> int | None:
    return None if time_s is None else time_s - _BEFORE_S


def _end_s(source: Connection, trip: int) -> int | None:
    """Return the end for a trip that was not ended: just after its last point."""
    last = select(points.c.at_s).where(points.c.trip == trip).order_by(points.c.at_s.desc()).limit(1)
    found = source.execute(last.where(points.c.at_s.is_not(None))).scalar()
    return _earlier(None if found is None else found + 1)
