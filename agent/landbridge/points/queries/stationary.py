"""The time until which a device is known to have stayed at its last fix."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, bindparam, func, select

from landbridge.db.tables import points, trips
from landbridge.protocol.point import KIND_FIX, KIND_REUSED

_NO_SEQ = 2**62


def until_s(connection: Connection, device: str, fix: int) -> int | None:
    """Return when the device was last known to be where it took the fix of that sequence. It reports so in a
    record with a reused position, also after shunting in the yard; later records without a fix must have felt
    no motion. None if it is unknown, or records are missing since. For a tenant only records on its trip
    count; the operator sees all."""
    given = {"of_device": device, "fix": fix}
    trip, tenant = connection.execute(_TRIP_OF_FIX, given).one()
    if tenant is None:
        count, last, at_s = connection.execute(_STATIONARY_FOR_OPERATOR, given).one()
    else:
        count, last, at_s = connection.execute(_STATIONARY_ON_TRIP, given | {"of_trip": trip}).one()
    return at_s if count and count == last - fix else None


def _still(is_mine: ColumnElement[bool]) -> Select[int, Any, Any]:
    """Return count, last sequence and last time of the points after a fix that show that the device has not
    moved."""
    rests = (points.c.kind != KIND_FIX) & (points.c.motion == 0)
    fix: BindParameter[int] = bindparam("fix", type_=points.c.seq.type)
    since = (points.c.device == bindparam("of_device"), points.c.seq > fix)
    said = select(func.max(points.c.seq)).where(*since, points.c.kind == KIND_REUSED).scalar_subquery()
    stands = rests | (points.c.kind != KIND_FIX) & (points.c.seq <= func.coalesce(said, fix))
    other = select(func.min(points.c.seq)).where(*since, ~(stands & func.coalesce(is_mine, False)))
    before = points.c.seq < func.coalesce(other.scalar_subquery(), _NO_SEQ)
    return select(func.count(), func.max(points.c.seq), func.max(points.c.at_s)).where(*since, before)


# Compiled once, which takes longer than to execute it.
_TRIP_OF_FIX = (
    select(points.c.trip, trips.c.tenant)
    .select_from(points.outerjoin(trips))
    .where(points.c.device == bindparam("of_device"), points.c.seq == bindparam("fix"))
)
_TRIPS_OF_OPERATOR = select(trips.c.trip).where(trips.c.tenant.is_(None))
_STATIONARY_FOR_OPERATOR = _still(points.c.trip.is_(None) | points.c.trip.in_(_TRIPS_OF_OPERATOR))
_STATIONARY_ON_TRIP = _still(points.c.trip == bindparam("of_trip"))
