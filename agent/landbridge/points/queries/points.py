"""Reads stored points; writes.py stores and changes them.

(device, seq) identifies a point, whenever and however often it comes.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, func, literal_column, select, tuple_

from landbridge.core.names import OPERATOR
from landbridge.db.among import among_given
from landbridge.db.tables import devices, points, trips, uplinks
from landbridge.points.queries import gaps
from landbridge.points.rows import COLUMNS, StoredPoint, from_row
from landbridge.protocol.point import KIND_FIX, Point

# A literal, because otherwise SQLite does not use the partial index.
_WITHOUT_CLOCK = points.c.quality == literal_column("0")
_TO_DATE = (
    select(points.c.device)
    .distinct()
    .where(
        points.c.boot.in_(bindparam("boots", expanding=True)), among_given(points.c.device), _WITHOUT_CLOCK
    )
)
_TRIPS = select(trips).where(among_given(trips.c.device))


def under(connection: Connection, device: str, sequences: Sequence[int]) -> dict[int, Point]:
    """Return the points stored under `sequences`."""
    columns = [points.c[name] for name in Point._fields]
    statement = select(*columns).where(points.c.device == device, points.c.seq.in_(sequences))
    return {row.seq: Point(*row) for row in connection.execute(statement)}


def trips_of(connection: Connection, of_devices: Sequence[str]) -> dict[str, list[Row[Any]]]:
    """Return the trips of these devices."""
    found: dict[str, list[Row[Any]]] = {}
    for trip in connection.execute(_TRIPS, {"texts": list(of_devices)}):
        found.setdefault(trip.device, []).append(trip)
    return found


def devices_to_date(connection: Connection, boots: Mapping[str, int]) -> set[str]:
    """Return those of these devices, each with its current power-on, that have points of some power-on
    without a time, or with an uncertain one."""
    if not boots:
        return set()
    given = {"boots": list(set(boots.values())), "texts": list(boots)}
    return set(connection.execute(_TO_DATE, given).scalars())


def to_date(connection: Connection, device: str, boot: int, flags: int) -> list[StoredPoint]:
    """Return the stored points of `boot` without a time, or with one of `flags`."""
    uncertain = points.c.at_s.is_(None) | (points.c.flags.bitwise_and(flags) != 0)
    statement = _stored().where(points.c.device == device, points.c.boot == boot, _WITHOUT_CLOCK, uncertain)
    return [from_row(row) for row in connection.execute(statement.order_by(points.c.seq))]


def newest_fix(
    connection: Connection, device: str, flags: int, trip: int | None = None, tenant: str | None = None
) -> StoredPoint | None:
    """Return the newest fix of `device` without any of `flags`, of one `trip` or of one `tenant` (OPERATOR:
    of no other tenant)."""
    fixes = _stored().where(points.c.device == device, points.c.kind == KIND_FIX)
    if trip is not None:
        fixes = fixes.where(points.c.trip == trip)
    if tenant is not None:
        fixes = fixes.where(trips.c.tenant.is_(None) if tenant == OPERATOR else trips.c.tenant == tenant)
    good = fixes.where(points.c.at_s.is_not(None), points.c.flags.bitwise_and(flags) == 0)
    row = connection.execute(good.order_by(points.c.at_s.desc(), points.c.seq).limit(1)).one_or_none()
    return None if row is None else from_row(row)


def from_point(
    connection: Connection,
    device: str,
    begin: tuple[int, int],
    flags: int,
    end: tuple[int, int] | None = None,
) -> list[StoredPoint]:
    """Return the points of `device` from `begin` on, (at_s, seq), and before `end` (None: all), that have a
    time and none of `flags`, by time."""
    statement = _stored().where(points.c.device == device, points.c.flags.bitwise_and(flags) == 0)
    later = statement.where(tuple_(points.c.at_s, points.c.seq) >= begin)
    if end is not None:
        later = later.where(tuple_(points.c.at_s, points.c.seq) < end)
    return [from_row(row) for row in connection.execute(later.order_by(points.c.at_s, points.c.seq))]


def last_fix(connection: Connection, device: str, before: tuple[int, int], flags: int) -> StoredPoint | None:
    """Return the last fix of `device` before the point `before`, (at_s, seq), without any of `flags`."""
    fixes = _stored().where(points.c.device == device, points.c.kind == KIND_FIX)
    point = tuple_(points.c.at_s, points.c.seq)
    good = fixes.where(point < before, points.c.flags.bitwise_and(flags) == 0)
    newest = good.order_by(points.c.at_s.desc(), points.c.seq.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else from_row(row)


def newest_s(connection: Connection, device: str, before_s: int, flags: int) -> int | None:
    """Return the newest time of the points of `device` that arrived before, without those with one of
    `flags`; None if there are none."""
    came = points.c.device == device, points.c.received_s < before_s
    newest = select(func.max(points.c.at_s)).where(*came, points.c.flags.bitwise_and(flags) == 0)
    return connection.execute(newest).scalar()


def track(
    connection: Connection, device: str, of_trips: Sequence[int] | int | None = None
) -> list[StoredPoint]:
    """Return all points of `device`, or those of some trips, by time; undated ones last."""
    statement = _stored().where(points.c.device == device)
    if of_trips is not None:
        statement = statement.where(points.c.trip.in_([of_trips] if isinstance(of_trips, int) else of_trips))
    by_time = statement.order_by(points.c.at_s.is_(None), points.c.at_s, points.c.seq)
    return [from_row(row) for row in connection.execute(by_time)]


def sequences(
    connection: Connection, device: str, of_trips: Sequence[int] | None, span: tuple[int, int] | None
) -> Sequence[int]:
    """Return the points of `device` (of these trips; None: of any or none) by time, undated ones last; with
    `span` only dated ones in [from, until)."""
    statement = select(points.c.seq).where(points.c.device == device)
    if of_trips is not None:
        statement = statement.where(points.c.trip.in_(of_trips))
    if span is not None:
        statement = statement.where(points.c.at_s >= span[0], points.c.at_s < span[1])
    by_time = statement.order_by(points.c.at_s.is_(None), points.c.at_s, points.c.seq)
    return connection.execute(by_time).scalars().all()


def find(connection: Connection, device: str, seq: int) -> StoredPoint | None:
    """Return a point."""
    row = connection.execute(_stored().where(points.c.device == device, points.c.seq == seq)).one_or_none()
    return None if row is None else from_row(row)


def last(connection: Connection, device: str) -> StoredPoint | None:
    """Return the point of `device` with the highest sequence; None if it has none."""
    row = connection.execute(_last(device)).one_or_none()
    return None if row is None else from_row(row)


def newest(connection: Connection, device: str) -> StoredPoint:
    """The same for a device that has points."""
    return from_row(connection.execute(_last(device)).one())


def _last(device: str) -> Select[Any]:
    return _stored().where(points.c.device == device).order_by(points.c.seq.desc()).limit(1)


def last_flagged(connection: Connection, flags: int) -> list[str]:
    """Return the devices, sorted, whose point with the highest sequence has one of `flags`."""
    last = select(devices.c.device).join(
        points, (points.c.device == devices.c.device) & (points.c.seq == devices.c.highest_seq)
    )
    flagged = last.where(points.c.flags.bitwise_and(flags) != 0)
    return list(connection.execute(flagged.order_by(devices.c.device)).scalars())


def flagged(connection: Connection, device: str, flags: int) -> list[StoredPoint]:
    """Return the points of `device` with one of `flags`, by sequence."""
    statement = _stored().where(points.c.device == device, points.c.flags.bitwise_and(flags) != 0)
    return [from_row(row) for row in connection.execute(statement.order_by(points.c.seq))]


def times_after(connection: Connection, device: str, seq: int, flags: int) -> list[tuple[int, int]]:
    """Return sequence and time of the fixes of `device` after `seq` without any of `flags`, by sequence."""
    fixes = select(points.c.seq, points.c.at_s).where(points.c.device == device, points.c.kind == KIND_FIX)
    good = fixes.where(points.c.seq > seq, points.c.flags.bitwise_and(flags) == 0)
    return [(row.seq, row.at_s) for row in connection.execute(good.order_by(points.c.seq))]


def of_sequences(connection: Connection, device: str, sequences: Sequence[int]) -> list[StoredPoint]:
    """Return the points of `device` with these sequences."""
    values = {"device": device, "sequences": list(sequences)}
    return [from_row(row) for row in connection.execute(_of_sequences(), values)]


def between(connection: Connection, device: str, low: int, high: int) -> list[StoredPoint]:
    """Return the points of `device` with these sequences and those between them."""
    statement = _stored().where(points.c.device == device, points.c.seq.between(low, high))
    return [from_row(row) for row in connection.execute(statement)]


def latest_position(connection: Connection, device: str) -> StoredPoint | None:
    """Return the device's latest position: the newest good fix."""
    statement = _stored().join(devices, devices.c.device == points.c.device)
    latest = statement.where(points.c.device == device, points.c.seq == devices.c.position_seq)
    row = connection.execute(latest).one_or_none()
    return None if row is None else from_row(row)


class Place(NamedTuple):
    """The end of a page of a track: time and sequence of its last point."""

    at_s: int
    seq: int


def page(
    connection: Connection,
    device: str,
    of_trips: Sequence[int] | None,
    since_s: int,
    until_s: int,
    after: Place,
    most: int,
) -> list[StoredPoint]:
    """At most `most` dated points of `device` (of these trips; None: of any and none) by time, taken from
    `since_s` on, before `until_s`, and after the place `after`."""
    seq, at_s = points.c.seq, points.c.at_s
    statement = _stored().where(points.c.device == device, at_s >= since_s, at_s < until_s)
    later = (at_s > after.at_s) | ((at_s == after.at_s) & (seq > after.seq))
    if of_trips is not None:
        statement = statement.where(points.c.trip.in_(of_trips))
    rows = connection.execute(statement.where(later).order_by(at_s, seq).limit(most))
    return [from_row(row) for row in rows]


def _stored() -> Select[Any]:
    columns = (points.c[name] for name in COLUMNS)
    return select(*columns, trips.c.container, trips.c.tenant).select_from(points.outerjoin(trips))


@cache
def _of_sequences() -> Select[Any]:
    of_device = points.c.device == bindparam("device")
    return _stored().where(of_device, points.c.seq.in_(bindparam("sequences", expanding=True)))


class Counts(NamedTuple):
    """The state of a device's records."""

    stored: int
    missing: int
    """Capture sequences up to the highest stored one that are missing and may still arrive."""
    gone: int
    """Sequences that are lost."""
    duplicates: int
    """Records that arrived again and were dropped."""
    uplinks: int
    repeats: int
    """Uplinks that arrived again byte for byte; their records are not in `duplicates`."""


def counts(connection: Connection, device: str) -> Counts:
    """Count the points and uplinks of `device`."""
    of_points = select(func.count(), func.coalesce(func.max(points.c.seq), 0))
    stored, highest = connection.execute(of_points.where(points.c.device == device)).one()
    dropped = func.sum(uplinks.c.records - uplinks.c.new_records)
    of_uplinks = select(
        func.coalesce(dropped, 0), func.count(), func.coalesce(func.sum(uplinks.c.repeats), 0)
    )
    duplicates, received, repeats = connection.execute(of_uplinks.where(uplinks.c.device == device)).one()
    lost = gaps.count_gone(connection, device, highest)
    missing = gaps.count_missing(connection, device, highest)
    # PostgreSQL's sums have another type.
    return Counts(stored, missing, lost, int(duplicates), received, int(repeats))
