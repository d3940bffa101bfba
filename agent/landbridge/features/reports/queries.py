"""Data for reports, and the schedules by which they are sent."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, insert, select, update

from landbridge.db.tables import (
    alarms,
    audit,
    control_states,
    devices,
    events,
    points,
    report_schedules,
    trips,
)

_DAY_S = 86_400


def trip_alarms(connection: Connection, trip: int) -> list[Row[Any]]:
    """Return the raised alarms of a trip, in order."""
    mine = alarms.c.trip == trip, alarms.c.times > 0
    return list(connection.execute(select(alarms).where(*mine).order_by(alarms.c.raised_s)))


def temperatures(connection: Connection, device: str, trip: int) -> list[Row[Any]]:
    """Return day, lowest, mean and highest temperature (0.5 C) and number of points of a trip, by day."""
    day = (points.c.at_s // _DAY_S).label("day")
    value = points.c.temperature
    columns = func.min(value), func.avg(value), func.max(value), func.count()
    mine = points.c.device == device, points.c.trip == trip, points.c.at_s.is_not(None)
    return list(connection.execute(select(day, *columns).where(*mine).group_by(day).order_by(day)))


def finished_trips(
    connection: Connection, route: str, tenant: str | None, span: tuple[int, int]
) -> list[Row[Any]]:
    """Return the trips on a route (of a tenant; None: of all) that arrived, or ended without, in
    [from, until), in order; `over_s` is when."""
    of_arrival = events.c.type == "arrival", events.c.is_current
    when = select(events.c.trip, func.min(events.c.at_s).label("at_s")).where(*of_arrival)
    arrivals = when.group_by(events.c.trip).subquery()
    over_s = func.coalesce(arrivals.c.at_s, trips.c.ended_s)
    joined = trips.outerjoin(arrivals, arrivals.c.trip == trips.c.trip)
    found = select(trips, over_s.label("over_s")).select_from(joined)
    found = found.where(trips.c.route == route, over_s >= span[0], over_s < span[1])
    if tenant is not None:
        found = found.where(trips.c.tenant == tenant)
    return list(connection.execute(found.order_by(over_s)))


def fleet(connection: Connection) -> list[Row[Any]]:
    """Return (device, last_session_s, next_session_s) of all devices, by id."""
    columns = devices.c.device, devices.c.last_session_s, devices.c.next_session_s
    return list(connection.execute(select(*columns).order_by(devices.c.device)))


def controls(connection: Connection) -> list[Row[Any]]:
    """Return the states of SIM controls, broken ones first."""
    in_order = control_states.c.broken.desc(), control_states.c.device, control_states.c.control
    return list(connection.execute(select(control_states).order_by(*in_order)))


def actions(connection: Connection, span: tuple[int, int]) -> list[Row[Any]]:
    """Return the audit log of [from, until), in order."""
    within = audit.c.at_s >= span[0], audit.c.at_s < span[1]
    return list(connection.execute(select(audit).where(*within).order_by(audit.c.entry)))


class Schedule(NamedTuple):
    """A report that is sent by mail again and again."""

    name: str
    kind: str
    subject: str
    """Number of the trip, or name of the route; empty: the fleet."""
    format: str
    mailbox: str
    language: str
    every: str
    tenant: str | None
    next_s: int


def schedules(connection: Connection) -> list[Row[Any]]:
    """Return all schedules, by name."""
    active = select(report_schedules).where(report_schedules.c.removed_s.is_(None))
    return list(connection.execute(active.order_by(report_schedules.c.name, report_schedules.c.schedule)))


def due(connection: Connection, now_s: int) -> list[Row[Any]]:
    """Return the schedules that are due."""
    return [row for row in schedules(connection) if row.try_s <= now_s and not row.paused]


def add_schedule(connection: Connection, schedule: Schedule, who: str, now_s: int) -> None:
    """Add a schedule."""
    values = schedule._asdict() | {"try_s": schedule.next_s, "added_by": who, "added_s": now_s}
    connection.execute(insert(report_schedules).values(values))


def change_schedule(connection: Connection, schedule: int, values: Mapping[str, Any]) -> None:
    """Change columns of a schedule."""
    of_row = report_schedules.c.schedule == schedule
    connection.execute(update(report_schedules).where(of_row).values(**values))


def remove_schedule(connection: Connection, schedule: int, now_s: int) -> None:
    """Remove a schedule."""
    of_row = report_schedules.c.schedule == schedule
    connection.execute(update(report_schedules).where(of_row).values(removed_s=now_s))


def tried(
    connection: Connection, row: Row[Any], answer: str, now_s: int, try_s: int, next_s: int | None = None
) -> None:
    """Note the answer of the mail server; `next_s` is the next time after one that was sent."""
    values = {"answer": answer, "answered_s": now_s, "try_s": try_s, "attempts": row.attempts + 1}
    if next_s is not None:
        values |= {"next_s": next_s, "attempts": 0}
    of_row = report_schedules.c.schedule == row.schedule
    connection.execute(update(report_schedules).where(of_row).values(values))
