"""Trips: which container a device rides, from when to when."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from landbridge.store.tables import trips


def start(
    connection: Connection,
    device: str,
    container: str,
    line: str,
    destination: str,
    interval_s: int,
    now_s: int,
) -> int:
    """Start a trip of `device` now; return its number."""
    statement = insert(trips).values(
        device=device,
        container=container,
        line=line,
        destination=destination,
        interval_s=interval_s,
        started_s=now_s,
    )
    return int(connection.execute(statement.returning(trips.c.trip)).scalar_one())


def end(connection: Connection, trip: int, now_s: int) -> None:
    """End `trip` now."""
    connection.execute(update(trips).where(trips.c.trip == trip).values(ended_s=now_s))


def running(connection: Connection, device: str) -> Row[Any] | None:
    """The trip of `device` that has not ended."""
    statement = select(trips).where(trips.c.device == device, trips.c.ended_s.is_(None))
    return connection.execute(statement).one_or_none()


def last(connection: Connection, device: str) -> Row[Any] | None:
    """The trip of `device` that ended last."""
    ended = select(trips).where(trips.c.device == device, trips.c.ended_s.is_not(None))
    return connection.execute(ended.order_by(trips.c.ended_s.desc()).limit(1)).one_or_none()


def is_of(connection: Connection, trip: int, device: str) -> bool:
    """True if there is a trip with this number, and it is one of `device`."""
    statement = select(trips.c.trip).where(trips.c.trip == trip, trips.c.device == device)
    return connection.execute(statement).first() is not None


def every(connection: Connection) -> list[Row[Any]]:
    """All trips, in order."""
    return list(connection.execute(select(trips).order_by(trips.c.started_s, trips.c.trip)))
