"""Alarms, open and cleared. A raised alarm is never removed; `times` is 0 before it is raised."""

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, case, delete, func, insert, select, update

from landbridge.db.among import among
from landbridge.db.tables import alarm_comments, alarms, devices, trips
from landbridge.protocol.event import Event


def raise_(
    connection: Connection, event: Event, name: str, severity: str, at_s: int, now_s: int, times: int = 1
) -> Row[Any]:
    """An alarm begins with this event; returns it.

    Its number starts from the clock: a database restored from a backup gives none a second time.
    """
    newest = connection.execute(select(func.max(alarms.c.alarm))).scalar() or 0
    values = {"alarm": max(newest + 1, now_s), "name": name, "severity": severity}
    values |= {"device": event.device, "trip": event.trip, "tenant": event.tenant, "event": event.id}
    values |= {"raised_s": at_s, "last_s": at_s, "published_s": now_s}
    kept = {
        key: value for key, value in event.content.items() if key not in ("id", "type", "alarm", "action")
    }
    statement = insert(alarms).values(**values, times=times, content=json.dumps(kept))
    return connection.execute(statement.returning(*alarms.c)).one()


def remove(connection: Connection, alarm: int) -> None:
    """Remove an alarm that ended before it was raised."""
    connection.execute(delete(alarms).where(alarms.c.alarm == alarm, alarms.c.times == 0))


def count(connection: Connection, alarm: int, at_s: int, now_s: int, times: int = 1) -> None:
    """Count another event; with `times` 0 the alarm is not raised yet."""
    last_s = case((alarms.c.last_s < at_s, at_s), else_=alarms.c.last_s)
    values = {"times": alarms.c.times + times, "last_s": last_s, "published_s": now_s}
    connection.execute(update(alarms).where(alarms.c.alarm == alarm).values(values))


def acknowledge(connection: Connection, alarm: int, who: str, note: str, now_s: int) -> None:
    """Set an alarm acknowledged."""
    values = {"acknowledged_by": who, "acknowledged_s": now_s, "note": note or None}
    connection.execute(update(alarms).where(alarms.c.alarm == alarm).values(values))


def take(connection: Connection, alarm: int, who: str | None, now_s: int) -> None:
    """Set who handles an alarm; None: no one."""
    values = {"taken_by": who, "taken_s": None if who is None else now_s}
    connection.execute(update(alarms).where(alarms.c.alarm == alarm).values(values))


def comment(connection: Connection, alarm: int, who: str, text: str, now_s: int) -> None:
    """Add a comment to an alarm."""
    values = {"alarm": alarm, "written_by": who, "written_s": now_s, "text": text}
    connection.execute(insert(alarm_comments).values(values))


def comments(connection: Connection, numbers: Collection[int]) -> dict[int, list[Row[Any]]]:
    """Return the comments on these alarms by the alarm's number, oldest first."""
    wanted = select(alarm_comments).where(alarm_comments.c.alarm.in_(numbers))
    found: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(wanted.order_by(alarm_comments.c.comment)):
        found.setdefault(row.alarm, []).append(row)
    return found


def clear(
    connection: Connection, alarm: int, who: str, at_s: int, now_s: int, event: str | None = None
) -> None:
    """Set an alarm cleared at that time, by the event of this id if there is one."""
    values = {"cleared_by": who, "cleared_s": at_s, "cleared_event": event, "published_s": now_s}
    connection.execute(update(alarms).where(alarms.c.alarm == alarm).values(values))


def raise_again(connection: Connection, alarm: int, now_s: int) -> None:
    """Reopen an alarm."""
    values = {"cleared_by": None, "cleared_s": None, "cleared_event": None, "published_s": now_s}
    connection.execute(update(alarms).where(alarms.c.alarm == alarm).values(values))


def find(connection: Connection, alarm: int) -> Row[Any] | None:
    """Return the alarm of that number, if it was raised."""
    of_number = select(alarms).where(alarms.c.alarm == alarm, alarms.c.times > 0)
    return connection.execute(of_number).one_or_none()


def open_of(connection: Connection, device: str, name: str) -> list[Row[Any]]:
    """Return the open alarms of a device and a name, also those not raised yet."""
    of_name = select(alarms).where(alarms.c.device == device, alarms.c.name == name)
    return list(connection.execute(of_name.where(alarms.c.cleared_s.is_(None))))


def every_open(connection: Connection, names: Collection[str] | None = None) -> list[Row[Any]]:
    """Return the open alarms of these devices (None: of all), also those not raised yet, with
    `last_session_s` of the device and `trip_ended_s`."""
    columns = (alarms, devices.c.last_session_s, trips.c.ended_s.label("trip_ended_s"))
    tables = alarms.join(devices).outerjoin(trips, alarms.c.trip == trips.c.trip)
    wanted = select(*columns).select_from(tables)
    if names is not None:
        wanted = wanted.where(among(alarms.c.device, names))
    return list(connection.execute(wanted.where(alarms.c.cleared_s.is_(None))))


def of_trip(connection: Connection, trip: int) -> list[Row[Any]]:
    """Return the alarms of a trip, in order."""
    device = select(trips.c.device).where(trips.c.trip == trip).scalar_subquery()
    of_trip = select(alarms).where(alarms.c.device == device, alarms.c.trip == trip)
    return list(connection.execute(of_trip.order_by(alarms.c.alarm)))


def raised_by(connection: Connection, event: str, trip: int | None) -> list[Row[Any]]:
    """Return the alarms that the event of this id raised on this trip."""
    of_event = select(alarms).where(alarms.c.event == event, alarms.c.trip.is_not_distinct_from(trip))
    return list(connection.execute(of_event))


def cleared_with(connection: Connection, device: str, event: str) -> list[Row[Any]]:
    """Return the alarms of the device that the event of this id cleared."""
    of_device = select(alarms).where(alarms.c.device == device, alarms.c.cleared_event == event)
    return list(connection.execute(of_device))


def over_from_s(
    connection: Connection, device: str, name: str, trip: int | None, quiet_by: str, but_by: str
) -> int:
    """Return the end of the last such alarm of this trip, except those cleared by `but_by`; 0 if there is
    none. Events before it raise no alarm. An alarm cleared by `quiet_by` without an event counts up to its
    last event only, because later ones were not received yet."""
    was_quiet = (alarms.c.cleared_by == quiet_by) & alarms.c.cleared_event.is_(None)
    over_s = func.max(case((was_quiet, alarms.c.last_s + 1), else_=alarms.c.cleared_s))
    of_name = select(func.coalesce(over_s, 0)).where(alarms.c.device == device, alarms.c.name == name)
    of_trip = of_name.where(alarms.c.trip.is_not_distinct_from(trip))
    return int(connection.execute(of_trip.where(alarms.c.cleared_by != but_by)).scalar_one())


class Wanted(NamedTuple):
    """Conditions on a list of alarms; None and "": any."""

    tenant: str | None = None
    device: str | None = None
    only_open: bool = True
    severity: str | None = None
    text: str = ""
    """Part of a device's or a container's name."""


def listed(connection: Connection, of: Wanted, before: int, limit: int) -> list[Row[Any]]:
    """Return the newest wanted alarms with numbers below `before`."""
    wanted = select(alarms).where(alarms.c.alarm < before, alarms.c.times > 0)
    if of.tenant is not None:
        wanted = wanted.where(alarms.c.tenant == of.tenant)
    if of.device is not None:
        wanted = wanted.where(alarms.c.device == of.device)
    if of.only_open:
        wanted = wanted.where(alarms.c.cleared_s.is_(None))
    if of.severity is not None:
        wanted = wanted.where(alarms.c.severity == of.severity)
    if of.text:
        container = trips.c.container.icontains(of.text, autoescape=True)
        on_trip = alarms.c.trip.in_(select(trips.c.trip).where(container))
        wanted = wanted.where(on_trip | alarms.c.device.icontains(of.text, autoescape=True))
    return list(connection.execute(wanted.order_by(alarms.c.alarm.desc()).limit(limit)))


def shown(connection: Connection, device: str | None = None) -> list[Row[Any]]:
    """Return the open, unacknowledged alarms of all devices or one, in order."""
    of_now = alarms.c.cleared_s.is_(None), alarms.c.acknowledged_s.is_(None), alarms.c.times > 0
    wanted = select(alarms).where(*of_now)
    if device is not None:
        wanted = wanted.where(alarms.c.device == device)
    return list(connection.execute(wanted.order_by(alarms.c.alarm)))
