"""Guides of trips, and what devices said of theirs."""

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from landbridge.db import order
from landbridge.db.among import among_given
from landbridge.db.tables import guide_reports, guides, trips
from landbridge.features.routes.coding import Report


def keep(connection: Connection, trip: int, revision: int, content: bytes) -> None:
    """Keep the guide of a trip in place of the one before."""
    values = {"revision": revision, "content": content}
    statement = insert(guides).values(trip=trip, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["trip"], set_=values))


def of_device(connection: Connection, device: str) -> Row[Any] | None:
    """The guide of the trip that the device is on; None without one."""
    running = select(guides).join(trips).where(trips.c.device == device, trips.c.ended_s.is_(None))
    return connection.execute(running).one_or_none()


def next_revision(connection: Connection, device: str, now_s: int) -> int:
    """That of the next guide of `device`, higher than all before."""
    of_device = select(func.max(guides.c.revision)).select_from(guides.join(trips))
    last = connection.execute(of_device.where(trips.c.device == device)).scalar()
    return order.for_device(connection, device, last or 0, now_s)


def devices_behind(connection: Connection, devices: Collection[str], most_tries: int) -> list[str]:
    """Those of the devices that have spoken of guides and use another one than that of their trip, if an
    order about it may still go out."""
    given = {"texts": list(devices), "most_tries": most_tries}
    return list(connection.execute(_behind(), given).scalars())


@cache
def _behind() -> Select[Any]:
    said = guide_reports
    running = (trips.c.device == said.c.device) & trips.c.ended_s.is_(None)
    other = func.coalesce(guides.c.revision, 0) != said.c.in_use
    half_there = guides.c.revision.is_(None) & (said.c.coming != 0)
    rows = said.outerjoin(trips, running).outerjoin(guides, guides.c.trip == trips.c.trip)
    statement = select(said.c.device).select_from(rows).where(among_given(said.c.device))
    return statement.where(said.c.tries < bindparam("most_tries"), other | half_there)


def report(connection: Connection, device: str) -> Row[Any] | None:
    """What the device said last; None if it never said anything."""
    return connection.execute(select(guide_reports).where(guide_reports.c.device == device)).one_or_none()


def says(connection: Connection, device: str, said: Report, now_s: int) -> None:
    """Keep what a device said; what is new begins its tries anew."""
    before = report(connection, device)
    same = before is not None and (before.in_use, before.coming, before.offset) == said
    values = said._asdict() | {"tries": before.tries if before and same else 0, "reported_s": now_s}
    statement = insert(guide_reports).values(device=device, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["device"], set_=values))


def try_again(connection: Connection, device: str) -> None:
    """An order about its guide goes out to the device."""
    of_it = update(guide_reports).where(guide_reports.c.device == device)
    connection.execute(of_it.values(tries=guide_reports.c.tries + 1))


def forget_tries(connection: Connection, device: str) -> None:
    """Another guide is meant from now on."""
    connection.execute(update(guide_reports).where(guide_reports.c.device == device).values(tries=0))
