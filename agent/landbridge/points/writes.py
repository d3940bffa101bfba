"""What is written into the table of points: new points, then their trips, times and flags."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, update

from landbridge.db import bulk
from landbridge.db.tables import devices, points
from landbridge.points.queries import from_point, trips_of, under
from landbridge.points.rows import COLUMNS, CheckedPoint, CheckedPoints, StoredPoint, StoredPoints
from landbridge.protocol.point import Point


def insert_all(connection: Connection, *stored: Sequence[StoredPoint]) -> None:
    """Store points of any devices; none of them exists yet."""
    without: list[tuple[Any, ...]] = []
    of_trips: list[tuple[Any, ...]] = []
    for each in map(StoredPoints.of, stored):
        *columns, dated, flags, received_s, trip = each.columns[: len(COLUMNS)]
        columns += list(map(int, dated)) if any(dated) else [0] * len(dated), flags, received_s
        if any(trip):
            of_trips += zip(*columns, trip, strict=True)
        else:
            without += zip(*columns, strict=True)
    # SQLite's driver looks for an adapter for each null and boolean, but not for numbers.
    bulk.insert(connection, points, COLUMNS[:-1], without)
    bulk.insert(connection, points, COLUMNS, of_trips)


def store(
    connection: Connection, device: str, checked: Sequence[CheckedPoint], received_s: int
) -> StoredPoints:
    """Store the new points of one device and return them, in the given order."""
    already = under(connection, device, [each.point.seq for each in checked])
    of_device = trips_of(connection, [device]).get(device, ())
    fresh = CheckedPoints.of([each for each in checked if each.point.seq not in already])
    stored = with_trips(device, fresh, received_s, of_device)
    insert_all(connection, stored)
    highest = max((each.point.seq for each in checked), default=0)
    lower = devices.c.device == device, devices.c.highest_seq < highest
    connection.execute(update(devices).where(*lower).values(highest_seq=highest))
    return stored


def with_trips(
    device: str, checked: CheckedPoints, received_s: int, of_device: Sequence[Row[Any]]
) -> StoredPoints:
    """Apply `with_trip` to each of `checked`."""
    n = len(checked)
    trip: list[Sequence[Any]] = [[None] * n] * 3
    if of_device:
        under_way = [_trip_at(at_s, of_device) for at_s in checked.column("at_s")]
        trip = list(zip(*under_way, strict=True)) or trip
    return StoredPoints([[device] * n, *checked.columns, [received_s] * n, *trip])


def with_trip(
    device: str, checked: CheckedPoint, received_s: int, of_device: Sequence[Row[Any]]
) -> StoredPoint:
    """Return the point with the trip that was under way when it was taken; with none if its time is unknown.
    A guess would show one shipper's point under another's container."""
    return StoredPoint(device, *checked, received_s, *_trip_at(checked.at_s, of_device))


def _trip_at(at_s: int | None, of_device: Sequence[Row[Any]]) -> tuple[int | None, str | None, str | None]:
    """Return trip, container and tenant at that time."""
    if at_s is not None:
        for trip in of_device:
            if trip.started_s <= at_s and (trip.ended_s is None or at_s < trip.ended_s):
                return trip.trip, trip.container, trip.tenant
    return None, None, None


def date(
    connection: Connection, stored: Sequence[StoredPoint], checked: Sequence[CheckedPoint]
) -> list[StoredPoint]:
    """Give each of `stored` the time of its `checked`; return them as they are now.

    They go to the trip that was under way at that time.
    """
    if not stored:
        return []
    device = stored[0].device
    of_device = trips_of(connection, [device]).get(device, ())
    dated = [
        with_trip(device, new, old.received_s, of_device) for old, new in zip(stored, checked, strict=True)
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


def set_flags(connection: Connection, device: str, flags: Mapping[int, int]) -> None:
    """Set the flags of points, by sequence."""
    of_point = update(points).where(points.c.device == device, points.c.seq == bindparam("of_seq"))
    if flags:
        rows = [{"of_seq": seq, "flags": each} for seq, each in flags.items()]
        connection.execute(of_point, rows)


def bind(connection: Connection, device: str, from_s: int) -> list[tuple[StoredPoint, StoredPoint]]:
    """Assign the points from a time on to the trips that were under way when they were taken. Return those
    that changed, as they were and as they are."""
    of_device = trips_of(connection, [device]).get(device, ())
    moved = [
        (was, now)
        for was in from_point(connection, device, (from_s, 0), flags=0)
        if (now := with_trip(device, _checked(was), was.received_s, of_device)).trip != was.trip
    ]
    of_point = update(points).where(points.c.device == device, points.c.seq == bindparam("of_seq"))
    if moved:
        connection.execute(of_point, [{"of_seq": now.point.seq, "trip": now.trip} for _, now in moved])
    return moved


def _checked(stored: StoredPoint) -> CheckedPoint:
    return CheckedPoint(stored.point, stored.at_s, stored.dated, stored.flags)


def put_right(connection: Connection, changed: Sequence[StoredPoint]) -> None:
    """Replace the columns of existing points by these."""
    if not changed:
        return
    names = [name for name in COLUMNS if name not in ("device", "seq", "received_s")]
    of_point = update(points).where(
        points.c.device == bindparam("of_device"), points.c.seq == bindparam("of_seq")
    )
    rows = [
        {"of_device": each.device, "of_seq": each.point.seq}
        | {f"new_{name}": getattr(each.point if name in Point._fields else each, name) for name in names}
        for each in changed
    ]
    connection.execute(of_point.values({name: bindparam(f"new_{name}") for name in names}), rows)
