"""Points and the uplinks they came in.

(device, seq) tells one point from another, whenever and however often it comes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or_ignore

from landbridge.store.tables import devices, points, trips, uplinks
from landbridge.wire.point import Point


class JudgedPoint(NamedTuple):
    """A point with what the agent finds out about it."""

    point: Point
    at_s: int | None
    """When it was taken; None: not known."""
    dated: bool
    """`at_s` comes from the clock of an uplink, not from the record."""
    flags: int
    """Doubts (ingest/judge.py)."""


class StoredPoint(NamedTuple):
    """A point as it stands in the database."""

    device: str
    point: Point
    at_s: int | None
    dated: bool
    flags: int
    received_s: int
    trip: int | None
    container: str | None


def known(connection: Connection, device: str, sequences: Sequence[int]) -> set[int]:
    """Which of `sequences` are stored."""
    statement = select(points.c.seq).where(points.c.device == device, points.c.seq.in_(sequences))
    return set(connection.execute(statement).scalars())


def store(
    connection: Connection, device: str, judged: Sequence[JudgedPoint], received_s: int
) -> list[StoredPoint]:
    """Store the points that are not there yet and return these, in the given order."""
    already = known(connection, device, [each.point.seq for each in judged])
    new = [each for each in judged if each.point.seq not in already]
    if not new:
        return []
    of_device = connection.execute(select(trips).where(trips.c.device == device)).all()
    stored = [_with_trip(device, each, received_s, of_device) for each in new]
    connection.execute(insert_or_ignore(points).on_conflict_do_nothing(), [_values(each) for each in stored])
    return stored


def _with_trip(
    device: str, judged: JudgedPoint, received_s: int, of_device: Sequence[Row[Any]]
) -> StoredPoint:
    """The point on the trip that was under way when it was taken."""
    at_s = received_s if judged.at_s is None else judged.at_s
    for trip in of_device:
        if trip.started_s <= at_s and (trip.ended_s is None or at_s < trip.ended_s):
            return StoredPoint(device, *judged, received_s, trip.trip, trip.container)
    return StoredPoint(device, *judged, received_s, None, None)


def _values(stored: StoredPoint) -> dict[str, Any]:
    values = stored._asdict()
    del values["container"]
    point: Point = values.pop("point")
    return values | point._asdict()


def date_earlier(connection: Connection, device: str, boot: int, offset_s: int, undated_flag: int) -> None:
    """Date the stored points of `boot` whose time was not known; clear their `undated_flag`.

    They go to the trip that was under way at that time.
    """
    at_s = points.c.time + offset_s
    trip = (
        select(trips.c.trip)
        .where(trips.c.device == device, trips.c.started_s <= at_s)
        .where(trips.c.ended_s.is_(None) | (at_s < trips.c.ended_s))
        .scalar_subquery()
        .correlate(points)
    )
    flags = points.c.flags.bitwise_and(~undated_flag)
    connection.execute(
        update(points)
        .where(points.c.device == device, points.c.boot == boot, points.c.at_s.is_(None))
        .values(at_s=at_s, dated=True, flags=flags, trip=trip)
    )


def track(connection: Connection, device: str, trip: int | None = None) -> list[StoredPoint]:
    """All points of `device`, or those of one `trip` of it, by time; undated ones come last."""
    statement = _stored().where(points.c.device == device)
    if trip is not None:
        statement = statement.where(points.c.trip == trip)
    by_time = statement.order_by(points.c.at_s.is_(None), points.c.at_s, points.c.seq)
    return [_from_row(row) for row in connection.execute(by_time)]


def latest_position(connection: Connection, device: str) -> StoredPoint | None:
    """The device's latest position: the good fix with the greatest time."""
    statement = _stored().join(devices, devices.c.device == points.c.device)
    latest = statement.where(points.c.device == device, points.c.seq == devices.c.position_seq)
    row = connection.execute(latest).one_or_none()
    return None if row is None else _from_row(row)


def _stored() -> Select[Any]:
    return select(points, trips.c.container).select_from(points.outerjoin(trips))


def _from_row(row: Row[Any]) -> StoredPoint:
    fields = row._asdict()
    point = Point(**{name: fields.pop(name) for name in Point._fields})
    return StoredPoint(point=point, **fields)


class Counts(NamedTuple):
    """What came of a device's records."""

    stored: int
    missing: int
    """Capture sequences up to the highest stored one that are not there (yet)."""
    duplicates: int
    """Records that came again and were dropped."""
    uplinks: int
    repeats: int
    """Uplinks that came again byte for byte; their records are not in `duplicates`."""


def counts(connection: Connection, device: str) -> Counts:
    """Count `device`'s points and uplinks."""
    of_points = select(func.count(), func.coalesce(func.max(points.c.seq), 0))
    stored, highest = connection.execute(of_points.where(points.c.device == device)).one()
    dropped = func.sum(uplinks.c.records - uplinks.c.new_records)
    of_uplinks = select(
        func.coalesce(dropped, 0), func.count(), func.coalesce(func.sum(uplinks.c.repeats), 0)
    )
    duplicates, received, repeats = connection.execute(of_uplinks.where(uplinks.c.device == device)).one()
    return Counts(stored, highest - stored, duplicates, received, repeats)


def keep_uplink(
    connection: Connection,
    device: str,
    number: int,
    payload: bytes,
    received_s: int,
    records: int,
    new_records: int,
) -> None:
    """Keep an accepted uplink as it came."""
    values = {"device": device, "number": number, "payload": payload, "received_s": received_s}
    counts = {"records": records, "new_records": new_records}
    connection.execute(insert(uplinks).values(**values, **counts))


def repeats_uplink(connection: Connection, device: str, number: int, payload: bytes) -> bool:
    """True when exactly this envelope was accepted before; then the repeat is counted."""
    repeated = connection.execute(
        update(uplinks)
        .where(uplinks.c.device == device, uplinks.c.number == number)
        .where(uplinks.c.payload == payload)
        .values(repeats=uplinks.c.repeats + 1)
    )
    return repeated.rowcount == 1
