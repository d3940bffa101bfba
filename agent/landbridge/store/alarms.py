"""Alarms as they stand and stood; none is ever removed."""

import json
from typing import Any

from sqlalchemy import Connection, Row, Select, case, func, insert, select, update

from landbridge.store.events import Event
from landbridge.store.tables import alarms, trips


def raise_(connection: Connection, event: Event, name: str, severity: str, at_s: int, now_s: int) -> Row[Any]:
    """An alarm begins with this event; returns it.

    Its number starts from the clock: a database restored from a backup gives none a second time.
    """
    newest = connection.execute(select(func.max(alarms.c.alarm))).scalar() or 0
    values = {"alarm": max(newest + 1, now_s), "name": name, "severity": severity}
    values |= {"device": event.device, "trip": event.trip, "tenant": event.tenant, "event": event.id}
    values |= {"raised_s": at_s, "last_s": at_s, "told_s": now_s}
    kept = {
        key: value for key, value in event.content.items() if key not in ("id", "type", "alarm", "action")
    }
    statement = insert(alarms).values(**values, times=1, content=json.dumps(kept))
    return connection.execute(statement.returning(*alarms.c)).one()


def count(connection: Connection, alarm: int, at_s: int) -> None:
    """It was told of once more."""
    last_s = case((alarms.c.last_s < at_s, at_s), else_=alarms.c.last_s)
    connection.execute(
        update(alarms).where(alarms.c.alarm == alarm).values(times=alarms.c.times + 1, last_s=last_s)
    )


def acknowledge(connection: Connection, alarm: int, who: str, note: str, now_s: int) -> None:
    """Somebody looks after it."""
    values = {"acknowledged_by": who, "acknowledged_s": now_s, "note": note or None}
    connection.execute(update(alarms).where(alarms.c.alarm == alarm).values(values))


def clear(connection: Connection, alarm: int, who: str | None, at_s: int | None) -> None:
    """It is over since then; None: it is not over after all."""
    values = {"cleared_by": who, "cleared_s": at_s}
    connection.execute(update(alarms).where(alarms.c.alarm == alarm).values(values))


def find(connection: Connection, alarm: int) -> Row[Any] | None:
    """The alarm of that number."""
    return connection.execute(select(alarms).where(alarms.c.alarm == alarm)).one_or_none()


def standing(connection: Connection, device: str, name: str) -> list[Row[Any]]:
    """Those of a device and a name that are not over."""
    of_name = select(alarms).where(alarms.c.device == device, alarms.c.name == name)
    return list(connection.execute(of_name.where(alarms.c.cleared_s.is_(None))))


def every_standing(connection: Connection) -> list[Row[Any]]:
    """All that are not over."""
    return list(connection.execute(select(alarms).where(alarms.c.cleared_s.is_(None))))


def of_trip(connection: Connection, trip: int) -> list[Row[Any]]:
    """Those of a trip, in their order."""
    device = select(trips.c.device).where(trips.c.trip == trip).scalar_subquery()
    of_trip = select(alarms).where(alarms.c.device == device, alarms.c.trip == trip)
    return list(connection.execute(of_trip.order_by(alarms.c.alarm)))


def outlived(connection: Connection) -> list[int]:
    """The trips that are over and have alarms that are not."""
    standing = select(alarms.c.trip).where(alarms.c.cleared_s.is_(None)).join(trips)
    return list(connection.execute(standing.where(trips.c.ended_s.is_not(None)).distinct()).scalars())


def raised_by(connection: Connection, event: str, trip: int | None) -> list[Row[Any]]:
    """Those that the event of this id has raised, on this trip."""
    of_event = select(alarms).where(alarms.c.event == event, alarms.c.trip.is_not_distinct_from(trip))
    return list(connection.execute(of_event))


def last_cleared_s(
    connection: Connection, device: str, name: str, trip: int | None, but_by: str
) -> int | None:
    """When the last such alarm of this trip was over, but for those that `but_by` has cleared."""
    of_name = select(func.max(alarms.c.cleared_s)).where(alarms.c.device == device, alarms.c.name == name)
    of_trip = of_name.where(alarms.c.trip.is_not_distinct_from(trip))
    return connection.execute(of_trip.where(alarms.c.cleared_by != but_by)).scalar()


def listed(
    connection: Connection, tenant: str | None, device: str | None, only_open: bool, before: int, limit: int
) -> list[Row[Any]]:
    """The newest alarms with numbers below `before`, of a tenant and a device (None: of any)."""
    wanted = select(alarms).where(alarms.c.alarm < before)
    if tenant is not None:
        wanted = wanted.where(alarms.c.tenant == tenant)
    if device is not None:
        wanted = wanted.where(alarms.c.device == device)
    if only_open:
        wanted = wanted.where(alarms.c.cleared_s.is_(None))
    return list(connection.execute(wanted.order_by(alarms.c.alarm.desc()).limit(limit)))


def shown(connection: Connection, device: str | None = None) -> list[Row[Any]]:
    """Those that stand and that nobody looks after, of all devices or one, in their order."""
    wanted = select(alarms).where(alarms.c.cleared_s.is_(None), alarms.c.acknowledged_s.is_(None))
    if device is not None:
        wanted = wanted.where(alarms.c.device == device)
    return list(connection.execute(wanted.order_by(alarms.c.alarm)))


def stirred_since(since_s: int) -> Select[Any]:
    """The devices with an alarm that was told, or looked after, or cleared since a time."""
    times = (alarms.c.told_s, alarms.c.acknowledged_s, alarms.c.cleared_s)
    return select(alarms.c.device).where(
        (times[0] >= since_s) | (times[1] >= since_s) | (times[2] >= since_s)
    )
