"""Writes stored points: new ones, then their trips, times and flags."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, update

from landbridge.db import bulk
from landbridge.db.tables import points
from landbridge.points.queries.points import from_point, trips_of
from landbridge.points.rows import (
    COLUMNS,
    CheckedPoint,
    StoredPoint,
    StoredPoints,
    with_trip,
)
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
        if (now := with_trip(device, was.checked, was.received_s, of_device)).trip != was.trip
    ]
    of_point = update(points).where(points.c.device == device, points.c.seq == bindparam("of_seq"))
    if moved:
        connection.execute(of_point, [{"of_seq": now.point.seq, "trip": now.trip} for _, now in moved])
    return moved


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
