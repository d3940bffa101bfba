"""Points and the uplinks they came in.

(device, seq) tells one point from another, whenever and however often it comes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or_ignore

from landbridge.store.tables import devices, points, trips, uplinks
from landbridge.wire.point import KIND_FIX, Point


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


def contradicted(connection: Connection, device: str, taken: Sequence[Point]) -> set[int]:
    """The sequences of `taken` under which something else is stored."""
    columns = [points.c[name] for name in Point._fields]
    sequences = [point.seq for point in taken]
    statement = select(*columns).where(points.c.device == device, points.c.seq.in_(sequences))
    stored = {row.seq: Point(*row) for row in connection.execute(statement)}
    return {point.seq for point in taken if stored.get(point.seq, point) != point}


def store(
    connection: Connection, device: str, judged: Sequence[JudgedPoint], received_s: int
) -> list[StoredPoint]:
    """Store the points that are not there yet and return these, in the given order."""
    already = known(connection, device, [each.point.seq for each in judged])
    new = [each for each in judged if each.point.seq not in already]
    if not new:
        return []
    of_device = _trips(connection, device)
    stored = [_with_trip(device, each, received_s, of_device) for each in new]
    connection.execute(insert_or_ignore(points).on_conflict_do_nothing(), [_values(each) for each in stored])
    return stored


def _with_trip(
    device: str, judged: JudgedPoint, received_s: int, of_device: Sequence[Row[Any]]
) -> StoredPoint:
    """The point on the trip that was under way when it was taken; on none when that is not known.

    A guess would show one shipper's point under another's container.
    """
    at_s = judged.at_s
    for trip in of_device if at_s is not None else ():
        if trip.started_s <= at_s and (trip.ended_s is None or at_s < trip.ended_s):
            return StoredPoint(device, *judged, received_s, trip.trip, trip.container)
    return StoredPoint(device, *judged, received_s, None, None)


def _values(stored: StoredPoint) -> dict[str, Any]:
    values = stored._asdict()
    del values["container"]
    point: Point = values.pop("point")
    return values | point._asdict()


def to_date(connection: Connection, device: str, boot: int, doubts: int) -> list[StoredPoint]:
    """The stored points of `boot` that have no time, or one with a doubt of `doubts`."""
    # As a literal, or SQLite would not see that the partial index fits.
    without_clock = points.c.quality == literal_column("0")
    uncertain = points.c.at_s.is_(None) | (points.c.flags.bitwise_and(doubts) != 0)
    statement = _stored().where(points.c.device == device, points.c.boot == boot, without_clock, uncertain)
    return [_from_row(row) for row in connection.execute(statement.order_by(points.c.seq))]


def date(
    connection: Connection, stored: Sequence[StoredPoint], judged: Sequence[JudgedPoint]
) -> list[StoredPoint]:
    """Give each of `stored` the time of its `judged`; return them as they are now.

    They go to the trip that was under way at that time.
    """
    if not stored:
        return []
    device = stored[0].device
    of_device = _trips(connection, device)
    dated = [
        _with_trip(device, new, old.received_s, of_device) for old, new in zip(stored, judged, strict=True)
    ]
    of_point = update(points).where(points.c.device == device, points.c.seq == bindparam("of_seq"))
    connection.execute(
        of_point,
        [
            {"of_seq": each.point.seq}
            | {name: getattr(each, name) for name in ("at_s", "dated", "flags", "trip")}
            for each in dated
        ],
    )
    return dated


def newest_fix(connection: Connection, device: str, doubts: int) -> StoredPoint | None:
    """The fix of `device` with the greatest time that has none of `doubts`."""
    fixes = _stored().where(points.c.device == device, points.c.kind == KIND_FIX)
    good = fixes.where(points.c.at_s.is_not(None), points.c.flags.bitwise_and(doubts) == 0)
    row = connection.execute(good.order_by(points.c.at_s.desc(), points.c.seq).limit(1)).one_or_none()
    return None if row is None else _from_row(row)


def _trips(connection: Connection, device: str) -> Sequence[Row[Any]]:
    return connection.execute(select(trips).where(trips.c.device == device)).all()


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
