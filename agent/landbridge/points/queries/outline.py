"""A track reduced to the points that a map needs, and the days of a device."""

from collections.abc import Sequence
from math import ceil, floor
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, Connection, Row, and_, case, cast, func, literal, or_, select

from landbridge.db.tables import points, uplinks, wakes
from landbridge.protocol.point import KIND_FIX

DAY_S = 86_400
_MOST_ALARMS = 500
_SEQS, _PLMNS = 1 << 32, 1 << 20
"""Larger than any value, so that a time and a sequence, or a sequence and a PLMN, fit into 63 bits."""
_COLUMNS = ("seq", "at_s", "lat", "lon", "speed", "rsrp", "battery", "temperature", "events", "flags")


class Box(NamedTuple):
    """Degrees; a west or east beyond 180 is across the 180th meridian."""

    west: float
    south: float
    east: float
    north: float


class Outline(NamedTuple):
    """`rows` have columns of a point, and how long it took to come in; of every `step_s` seconds the first
    fix without quality flags, or else the first fix, or point, and all that raise an alarm. 1: these are all
    points there are."""

    rows: list[Row[Any]]
    total: int
    """Number of points that this one represents."""
    step_s: int


def outline(
    connection: Connection,
    device: str,
    of_trips: Sequence[int] | None,
    span: tuple[int, int],
    box: Box | None,
    most: int,
    alarms: int,
) -> Outline:
    """Return the dated points of a device in `span`, [from, until), and `box`, in about `most` rows; points
    with one of the bits `alarms` are always included."""
    at_s = points.c.at_s
    wanted = [points.c.device == device, at_s >= span[0], at_s < span[1]]
    if of_trips is not None:
        wanted.append(points.c.trip.in_(of_trips))
    if box is not None:
        wanted += [points.c.lat.between(round(box.south * 1e5), round(box.north * 1e5))]
        wanted += [_between(box.west, box.east)]
    found = connection.execute(select(func.count(), func.min(at_s), func.max(at_s)).where(*wanted)).one()
    count, first_s, last_s = found
    delay_s = (points.c.received_s - at_s).label("delay_s")
    columns = [*(points.c[name] for name in _COLUMNS), delay_s]
    if count <= most:
        rows = connection.execute(select(*columns).where(*wanted).order_by(at_s, points.c.seq)).all()
        return Outline(list(rows), count, 1)
    step_s = (last_s - first_s) // most + 1
    is_fix = points.c.kind == KIND_FIX
    late_s = case((is_fix & (points.c.flags == 0), 0), (is_fix, literal(step_s)), else_=literal(2 * step_s))
    of_slots = _first_of(connection, wanted, (at_s - first_s) // step_s, at_s + late_s)
    loud = select(points.c.seq).where(*wanted, points.c.events.bitwise_and(alarms) != 0)
    newest = connection.execute(loud.order_by(at_s.desc()).limit(_MOST_ALARMS)).scalars()
    kept = list({*of_slots, *newest})
    rows = connection.execute(select(*columns).where(points.c.device == device, points.c.seq.in_(kept))).all()
    return Outline(sorted(rows, key=lambda row: (row.at_s, row.seq)), count, step_s)


def _between(west: float, east: float) -> Any:
    """Return the condition that the longitude of a point is inside."""
    turns = range(ceil((-180 - east) / 360), floor((180 - west) / 360) + 1)
    there = [((west + 360 * turn) * 1e5, (east + 360 * turn) * 1e5) for turn in turns]
    return or_(*(points.c.lon.between(round(low), round(high)) for low, high in there))


def _first_of(connection: Connection, wanted: Sequence[Any], slot: Any, rank: Any) -> list[int]:
    """Return the sequence of the point with the lowest rank, then sequence, in each slot."""
    lowest = func.min(rank * _SEQS + points.c.seq).label("lowest")
    return [row.lowest % _SEQS for row in connection.execute(select(lowest).where(*wanted).group_by(slot))]


def energy(connection: Connection, device: str, spans: Sequence[tuple[int, int]]) -> list[Row[Any]]:
    """Return (day, did, joules) for each day, in days since 2000, and each reason."""
    day = wakes.c.at_s // DAY_S
    columns = (
        day.label("day"),
        wakes.c.did,
        func.sum(wakes.c.joules).label("joules"),
        func.count().label("wakes"),
    )
    statement = select(*columns).where(wakes.c.device == device, _within(wakes.c.at_s, spans))
    return list(connection.execute(statement.group_by(day, wakes.c.did).order_by(day)))


def traffic(connection: Connection, device: str, spans: Sequence[tuple[int, int]]) -> list[Row[Any]]:
    """Return (day, bytes, reports) for each day: payload bytes of the envelopes."""
    day = uplinks.c.received_s // DAY_S
    # PostgreSQL's sum of 64-bit integers is a decimal.
    size = cast(func.sum(uplinks.c.bytes), BigInteger).label("bytes")
    statement = select(day.label("day"), size, func.count().label("reports"))
    of_device = statement.where(uplinks.c.device == device, _within(uplinks.c.received_s, spans))
    return list(connection.execute(of_device.group_by(day).order_by(day)))


def networks(connection: Connection, device: str) -> dict[int, int]:
    """Return the PLMN of the newest point in each uplink, by the time of its arrival."""
    heard = (points.c.device == device, points.c.plmn != 0)
    newest = func.max(points.c.seq * _PLMNS + points.c.plmn).label("newest")
    rows = connection.execute(select(points.c.received_s, newest).where(*heard).group_by(points.c.received_s))
    return {row.received_s: row.newest % _PLMNS for row in rows}


def along(connection: Connection, device: str, trip: int, most: int) -> list[Row[Any]]:
    """Return (at_s, lat, lon) of about `most` fixes of a trip at equal intervals."""
    at_s = points.c.at_s
    good = and_(points.c.kind == KIND_FIX, at_s.is_not(None), points.c.flags == 0)
    of_trip = and_(points.c.device == device, points.c.trip == trip, good)
    first_s, last_s = connection.execute(select(func.min(at_s), func.max(at_s)).where(of_trip)).one()
    if first_s is None:
        return []
    step_s = (last_s - first_s) // most + 1
    firsts = _first_of(connection, [of_trip], (at_s - first_s) // step_s, at_s)
    columns = (at_s, points.c.lat, points.c.lon)
    of_firsts = select(*columns).where(points.c.device == device, points.c.seq.in_(firsts))
    return list(connection.execute(of_firsts.order_by(at_s)))


def _within(time: Column[int], spans: Sequence[tuple[int, int]]) -> Any:
    inside = [(time >= from_s) & (time < until_s) for from_s, until_s in spans]
    whole = inside[0] if inside else literal(False)
    for each in inside[1:]:
        whole |= each
    return whole
