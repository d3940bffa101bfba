"""Points and events of all devices, by day and tenant."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from landbridge.core.names import OPERATOR
from landbridge.db.tables import events, points, trips
from landbridge.protocol.point import Point

DAY_S = 86_400
_PAGE = 20_000
_MEASURED = tuple(name for name in Point._fields if name not in ("seq", "time", "quality", "boot"))


def all_points(
    connection: Connection, tenant: str | None, span: tuple[int, int]
) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield pages of rows of the points taken in [from, until) on trips of a tenant (None: on any and on
    none), by day and tenant: day, tenant, device, sequence, time, and so on, as `POINT_NAMES` has it. A
    point without a time has that of its arrival."""
    at_s = func.coalesce(points.c.at_s, points.c.received_s)
    measured = (points.c[name] for name in _MEASURED)
    columns = (points.c.device, points.c.seq, points.c.at_s, points.c.received_s, points.c.flags, *measured)
    found = select(*_head(at_s), *columns, trips.c.trip, trips.c.container, trips.c.route)
    found = found.select_from(points.outerjoin(trips, points.c.trip == trips.c.trip))
    return _pages(connection, found, at_s, tenant, span)


POINT_NAMES = (
    "day", "tenant", "device", "seq", "at_s", "received_s", "flags", *_MEASURED, "trip", "container", "route"
)  # fmt: skip


def all_events(
    connection: Connection, tenant: str | None, span: tuple[int, int]
) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield pages of rows of the current events in the same way, as `EVENT_NAMES` has it."""
    at_s = func.coalesce(events.c.at_s, events.c.published_s)
    columns = (events.c.event, events.c.id, events.c.device, events.c.type, at_s, events.c.content)
    found = select(*_head(at_s), *columns, trips.c.trip, trips.c.container, trips.c.route)
    found = found.select_from(events.outerjoin(trips, events.c.trip == trips.c.trip))
    return _pages(connection, found.where(events.c.is_current), at_s, tenant, span)


EVENT_NAMES = (
    "day", "tenant", "event", "id", "device", "type", "at_s", "content", "trip", "container", "route"
)  # fmt: skip


def _head(at_s: ColumnElement[int]) -> tuple[ColumnElement[int], ColumnElement[str]]:
    """Return the number of the day since 2000-01-01, and whose the trip is."""
    return (at_s // DAY_S).label("day"), func.coalesce(trips.c.tenant, OPERATOR).label("whose")


def _pages(
    connection: Connection,
    found: Select[Any],
    at_s: ColumnElement[int],
    tenant: str | None,
    span: tuple[int, int],
) -> Iterator[Sequence[Sequence[Any]]]:
    found = found.where(at_s >= span[0], at_s < span[1])
    if tenant is not None:
        found = found.where(trips.c.tenant == tenant)
    in_order = found.order_by("day", "whose").execution_options(yield_per=_PAGE)
    yield from connection.execute(in_order).partitions()
