"""Published events: each row is one message. Rows are never removed."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, func, insert, select, tuple_, update

from landbridge.core.clock import from_iso
from landbridge.core.names import OPERATOR
from landbridge.db import order
from landbridge.db.tables import events
from landbridge.protocol.event import Event

TRACKED = ("alarm", "arrival", "border", "departure", "dwell", "geofence", "gap", "off-route", "stop")
"""Types that tracking detects, and alarms."""
_HAPPENED = {"stop": "since", "arrival": "since", "departure": "until"}


def add(
    connection: Connection, event: Event, now_s: int, replaces: int | None, is_current: bool = True
) -> int:
    """Store an event as the current one under its id, in place of number `replaces`; return its number.
    `is_current` is False for a retraction."""
    values = event._asdict() | {"content": json.dumps(event.content, separators=(",", ":"))}
    values |= {"published_s": now_s, "is_current": is_current, "replaces": replaces}
    number = order.next_number(connection, newest, now_s)
    connection.execute(insert(events).values(event=number, **values))
    return number


def keep_message(connection: Connection, number: int, message: int) -> None:
    """Store the number of the message with which an event was published."""
    connection.execute(update(events).where(events.c.event == number).values(message=message))


def published(
    connection: Connection, tenant: str | None, span: tuple[int, int], limit: int
) -> list[tuple[Row[Any], Event]]:
    """Return the first events of `tenant` (None: of all) whose messages have these numbers, ends included,
    in the order of the messages."""
    statement = select(events).where(events.c.message.between(*span))
    if tenant is not None:
        statement = statement.where(func.coalesce(events.c.tenant, OPERATOR) == tenant)
    rows = connection.execute(statement.order_by(events.c.message).limit(limit))
    return [(row, _event(row)) for row in rows]


def count(connection: Connection, tenant: str | None, span: tuple[int, int]) -> int:
    """Return how many such events there are."""
    statement = select(func.count()).select_from(events).where(events.c.message.between(*span))
    if tenant is not None:
        statement = statement.where(func.coalesce(events.c.tenant, OPERATOR) == tenant)
    return int(connection.execute(statement).scalar_one())


def withdraw(connection: Connection, event_id: str) -> tuple[int, Event] | None:
    """Withdraw the event published under this id; return it with its number."""
    of_id = select(events).where(events.c.id == event_id, events.c.is_current)
    row = connection.execute(of_id.order_by(events.c.event.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    connection.execute(
        update(events).where(events.c.id == event_id, events.c.is_current).values(is_current=False)
    )
    return row.event, _event(row)


class Wanted(NamedTuple):
    """Conditions on the events of a feed; None: any."""

    tenant: str | None = None
    device: str | None = None
    types: Sequence[str] | None = None


def feed(connection: Connection, number: int, limit: int, wanted: Wanted) -> Sequence[Row[Any]]:
    """Return the published events of all devices after this number, in order, retractions included."""
    statement = select(events).where(events.c.event > number)
    if wanted.tenant is not None:
        statement = statement.where(events.c.tenant == wanted.tenant)
    if wanted.device is not None:
        statement = statement.where(events.c.device == wanted.device)
    if wanted.types is not None:
        statement = statement.where(events.c.type.in_(wanted.types))
    return connection.execute(statement.order_by(events.c.event).limit(limit)).all()


def newest(connection: Connection) -> int:
    """Return the number of the last event; 0 if there was none."""
    return int(connection.execute(select(func.coalesce(func.max(events.c.event), 0))).scalar_one())


def inferred_from(connection: Connection, device: str, begin: tuple[int, int]) -> list[Event]:
    """Return the current events that tracking infers from points from `begin` on, (at_s, seq)."""
    point = tuple_(events.c.at_s, events.c.seq)
    statement = _events().where(events.c.device == device, point >= begin)
    current = statement.where(events.c.is_current, events.c.inferred).order_by(events.c.event)
    return [_event(row) for row in connection.execute(current)]


def current_from(connection: Connection, device: str, types: Sequence[str], from_s: int) -> list[Event]:
    """Return the current events of these types that are not older than `from_s`, by time."""
    statement = _events().where(events.c.device == device, events.c.at_s >= from_s)
    wanted = statement.where(events.c.is_current, events.c.type.in_(types))
    in_time = wanted.order_by(events.c.at_s, events.c.seq, events.c.event)
    return [_event(row) for row in connection.execute(in_time)]


def after(connection: Connection, device: str, number: int, limit: int) -> Sequence[Row[Any]]:
    """Return the published events of a device after this number, in order, retractions included."""
    statement = select(events).where(events.c.device == device, events.c.event > number)
    return connection.execute(statement.order_by(events.c.event).limit(limit)).all()


def of_trip(connection: Connection, trip: int) -> list[Row[Any]]:
    """Return the current events of a trip, by the time of the points that show them."""
    statement = select(events).where(events.c.trip == trip, events.c.is_current)
    return list(connection.execute(statement.order_by(events.c.at_s, events.c.seq, events.c.event)))


def of_trips(connection: Connection, trips: Sequence[int], types: Sequence[str]) -> list[Row[Any]]:
    """Return the current events of these types on trips, in order."""
    mine = events.c.trip.in_(trips), events.c.type.in_(types), events.c.is_current
    return list(connection.execute(select(events).where(*mine).order_by(events.c.at_s, events.c.event)))


def happened_s(row: Row[Any]) -> int | None:
    """Return when an event happened: a later point shows a stop, an arrival or a departure."""
    name = _HAPPENED.get(row.type)
    known = json.loads(row.content).get(name) if name else None
    return from_iso(known) if known else row.at_s


def current(
    connection: Connection,
    device: str,
    of_trips: Sequence[int] | None,
    span: tuple[int, int] | None,
    limit: int,
    before: tuple[int, ...] | None = None,
) -> list[Row[Any]]:
    """Return the last current tracking events and alarms of a device (on these trips; None: on any or none),
    by the time of the points that show them; with `span` only those in [from, until), with `before` those
    before the event with that `place`."""
    shown = events.c.is_current, events.c.type.in_(TRACKED)
    statement = select(events).where(events.c.device == device, *shown)
    if of_trips is not None:
        statement = statement.where(events.c.trip.in_(of_trips))
    if span is not None:
        statement = statement.where(events.c.at_s >= span[0], events.c.at_s < span[1])
    in_time = (func.coalesce(events.c.at_s, -1), func.coalesce(events.c.seq, -1), events.c.event)
    if before is not None:
        statement = statement.where(tuple_(*in_time) < tuple_(*before))
    last = statement.order_by(*(each.desc() for each in in_time)).limit(limit)
    return list(connection.execute(last))[::-1]


def place(row: Row[Any]) -> tuple[int, int, int]:
    """Return the place of an event among those of its device, by time."""
    return (-1 if row.at_s is None else row.at_s, -1 if row.seq is None else row.seq, row.event)


def _events() -> Select[Any]:
    return select(*(events.c[name] for name in Event._fields))


def _event(row: Row[Any]) -> Event:
    values = {name: getattr(row, name) for name in Event._fields}
    return Event(**values | {"content": json.loads(row.content)})
