"""Route data of trips, and the devices' reports of theirs."""

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from landbridge.db import order
from landbridge.db.among import among_given
from landbridge.db.tables import route_data, route_data_reports, trips
from landbridge.features.routes.coding import Report


def keep(connection: Connection, trip: int, revision: int, content: bytes) -> None:
    """Store the route data of a trip in place of the previous one."""
    values = {"revision": revision, "content": content}
    statement = insert(route_data).values(trip=trip, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["trip"], set_=values))


def of_device(connection: Connection, device: str) -> Row[Any] | None:
    """Return the route data of the device's trip; None without one."""
    running = select(route_data).join(trips).where(trips.c.device == device, trips.c.ended_s.is_(None))
    return connection.execute(running).one_or_none()


def next_revision(connection: Connection, device: str, now_s: int) -> int:
    """Return the revision of the next route data of `device`, higher than all before."""
    of_device = select(func.max(route_data.c.revision)).select_from(route_data.join(trips))
    last = connection.execute(of_device.where(trips.c.device == device)).scalar()
    return order.for_device(connection, device, last or 0, now_s)


def devices_to_update(connection: Connection, devices: Collection[str], most_attempts: int) -> list[str]:
    """Return the devices that have reported route data and use other data than their trip's, if a downlink
    about it may still be sent."""
    given = {"texts": list(devices), "most_attempts": most_attempts}
    return list(connection.execute(_to_update(), given).scalars())


@cache
def _to_update() -> Select[Any]:
    said = route_data_reports
    running = (trips.c.device == said.c.device) & trips.c.ended_s.is_(None)
    other = func.coalesce(route_data.c.revision, 0) != said.c.in_use
    half_there = route_data.c.revision.is_(None) & (said.c.coming != 0)
    rows = said.outerjoin(trips, running).outerjoin(route_data, route_data.c.trip == trips.c.trip)
    statement = select(said.c.device).select_from(rows).where(among_given(said.c.device))
    return statement.where(said.c.attempts < bindparam("most_attempts"), other | half_there)


def report(connection: Connection, device: str) -> Row[Any] | None:
    """Return the last report of the device; None if there is none."""
    return connection.execute(
        select(route_data_reports).where(route_data_reports.c.device == device)
    ).one_or_none()


def keep_report(connection: Connection, device: str, said: Report, now_s: int) -> None:
    """Store a report; a new one resets its attempts."""
    before = report(connection, device)
    same = before is not None and (before.in_use, before.coming, before.offset) == said
    values = said._asdict() | {"attempts": before.attempts if before and same else 0, "reported_s": now_s}
    statement = insert(route_data_reports).values(device=device, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["device"], set_=values))


def count_attempt(connection: Connection, device: str) -> None:
    """Count a downlink with route data to the device."""
    of_it = update(route_data_reports).where(route_data_reports.c.device == device)
    connection.execute(of_it.values(attempts=route_data_reports.c.attempts + 1))


def reset_attempts(connection: Connection, device: str) -> None:
    """Reset the attempts, because other route data are desired from now on."""
    connection.execute(
        update(route_data_reports).where(route_data_reports.c.device == device).values(attempts=0)
    )
