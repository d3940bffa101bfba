"""Trips: a device, a container and the time from start to end."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from landbridge.db.paging import Key, Page, page
from landbridge.db.tables import devices, events, trips

END = "the end of the trip"
"""Author of changes at the end of a trip: cleared alarms, and cancelled requests of its tenant."""


def start(
    connection: Connection,
    device: str,
    container: str,
    route: str,
    destination: str,
    interval_s: int,
    started_s: int,
    customer: Mapping[str, str] | None = None,
    tags: Sequence[str] = (),
) -> int:
    """Start a trip of `device`; return its number. `customer`: the consignment references by name."""
    statement = insert(trips).values(
        device=device,
        container=container,
        route=route,
        destination=destination,
        interval_s=interval_s,
        started_s=started_s,
        customer=json.dumps(dict(customer or {})),
        tags=json.dumps(list(tags)),
    )
    return int(connection.execute(statement.returning(trips.c.trip)).scalar_one())


def end(connection: Connection, trip: int, now_s: int) -> None:
    """End `trip` now."""
    connection.execute(update(trips).where(trips.c.trip == trip).values(ended_s=now_s, by_arrival=False))


def arrive(connection: Connection, trip: int, ended_s: int) -> bool:
    """End `trip` by arrival; return whether that changed anything. A trip that ended otherwise stays as it
    is."""
    not_so = trips.c.ended_s.is_(None) | (trips.c.by_arrival & (trips.c.ended_s != ended_s))
    of_trip = update(trips).where(trips.c.trip == trip, not_so)
    return connection.execute(of_trip.values(ended_s=ended_s, by_arrival=True)).rowcount == 1


def reopen(connection: Connection, trip: int, ended_s: int | None) -> None:
    """Continue `trip` after a retracted arrival, up to `ended_s` if another one has begun since."""
    connection.execute(
        update(trips).where(trips.c.trip == trip).values(ended_s=ended_s, by_arrival=ended_s is not None)
    )


def expect(connection: Connection, trip: int, hours: str) -> None:
    """Store the expected travel times (tables.py)."""
    connection.execute(update(trips).where(trips.c.trip == trip).values(expected=hours))


def expect_arrival(connection: Connection, trip: int, planned_s: int | None, eta_s: int | None) -> None:
    """Store when the trip was first expected to arrive, and when it is now."""
    values = {"planned_s": planned_s, "eta_s": eta_s}
    connection.execute(update(trips).where(trips.c.trip == trip).values(values))


def change(connection: Connection, trip: int, values: Mapping[str, Any]) -> None:
    """Change columns of a trip: container, route, destination, interval_s, expected; references
    and tags."""
    plain = {name: value for name, value in values.items() if name not in ("references", "tags")}
    if "references" in values:
        plain["customer"] = json.dumps(dict(values["references"]))
    if "tags" in values:
        plain["tags"] = json.dumps(list(values["tags"]))
    connection.execute(update(trips).where(trips.c.trip == trip).values(plain))


class Wanted(NamedTuple):
    """Which trips; None: of all."""

    tenant: str | None = None
    state: str = "all"
    device: str | None = None
    container: str | None = None
    route: str | None = None
    tag: str | None = None
    text: str = ""
    """Part of the container number or of the device."""


def listed(connection: Connection, wanted: Wanted, after: Key | None, limit: int) -> Page:
    """Return a page of trips, newest first."""
    statement = select(trips)
    for name in ("tenant", "device", "container", "route"):
        if (value := getattr(wanted, name)) is not None:
            statement = statement.where(trips.c[name] == value)
    if wanted.text:
        named = (func.lower(trips.c[name]) for name in ("container", "device"))
        parts = (each.contains(wanted.text.lower(), autoescape=True) for each in named)
        statement = statement.where(or_(*parts))
    if wanted.tag is not None:
        statement = statement.where(trips.c.tags.contains(json.dumps(wanted.tag), autoescape=True))
    if wanted.state != "all":
        is_running = trips.c.ended_s.is_(None)
        statement = statement.where(is_running if wanted.state == "running" else ~is_running)
    return page(connection, statement, [trips.c.trip], after, limit, newest_first=True)


def find(connection: Connection, trip: int) -> Row[Any] | None:
    """Return the trip of that number."""
    return connection.execute(select(trips).where(trips.c.trip == trip)).one_or_none()


def ended_s(connection: Connection, trip: int) -> int | None:
    """Return when the trip ended; None if it has not."""
    return connection.execute(select(trips.c.ended_s).where(trips.c.trip == trip)).scalar()


def changed_s(connection: Connection, device: str, at_s: int) -> int:
    """Return when the last trip of `device` began or ended, up to that time; 0 if none has."""
    times = [each for row in of_device(connection, device) for each in (row.started_s, row.ended_s)]
    return max((each for each in times if each is not None and each <= at_s), default=0)


def running(connection: Connection, device: str) -> Row[Any] | None:
    """Return the running trip of `device`."""
    statement = select(trips).where(trips.c.device == device, trips.c.ended_s.is_(None))
    return connection.execute(statement).one_or_none()


def of_container(connection: Connection, container: str, from_s: int) -> list[Row[Any]]:
    """Return the trips with `container` that have not ended before that time, in order."""
    lasts = trips.c.ended_s.is_(None) | (trips.c.ended_s > from_s)
    wanted = select(trips).where(trips.c.container == container, lasts)
    return list(connection.execute(wanted.order_by(trips.c.started_s, trips.c.trip)))


def twice(connection: Connection) -> list[tuple[str, str, str]]:
    """Return (container, device, another device) for each pair of running trips with the same container."""
    other = trips.alias()
    both = other.c.container == trips.c.container, other.c.device > trips.c.device
    not_ended = trips.c.ended_s.is_(None), other.c.ended_s.is_(None)
    pairs = select(trips.c.container, trips.c.device, other.c.device).where(*both, *not_ended)
    return [tuple(row) for row in connection.execute(pairs.order_by(trips.c.container, trips.c.device))]


def under_way(connection: Connection) -> dict[str, Row[Any]]:
    """Return the running trips, by device."""
    statement = select(trips).where(trips.c.ended_s.is_(None))
    return {trip.device: trip for trip in connection.execute(statement)}


def idle_s(connection: Connection, device: str) -> int | None:
    """Return since when `device` is on no trip: since its last one ended, or it was added. None: it is on
    one."""
    if running(connection, device):
        return None
    ended = last(connection, device)
    created_s = select(devices.c.created_s).where(devices.c.device == device)
    return ended.ended_s if ended else connection.execute(created_s).scalar()


def tagged(connection: Connection, tag: str) -> list[str]:
    """Return the devices on trips where trip or device has the tag."""
    text = json.dumps(tag)
    has_tag = trips.c.tags.contains(text, autoescape=True) | devices.c.tags.contains(text, autoescape=True)
    running = select(trips.c.device).join(devices, trips.c.device == devices.c.device)
    return list(connection.execute(running.where(trips.c.ended_s.is_(None), has_tag)).scalars())


def last(connection: Connection, device: str) -> Row[Any] | None:
    """Return the trip of `device` that ended last."""
    ended = select(trips).where(trips.c.device == device, trips.c.ended_s.is_not(None))
    return connection.execute(ended.order_by(trips.c.ended_s.desc()).limit(1)).one_or_none()


def is_of(connection: Connection, trip: int, device: str) -> bool:
    """Whether there is a trip with this number, and it is one of `device`."""
    statement = select(trips.c.trip).where(trips.c.trip == trip, trips.c.device == device)
    return connection.execute(statement).first() is not None


def give_to(connection: Connection, trip: int, tenant: str) -> None:
    """Set the tenant of a trip, who then sees the points within it."""
    connection.execute(update(trips).where(trips.c.trip == trip).values(tenant=tenant))


def tenants(connection: Connection) -> set[tuple[str, str]]:
    """Return each tenant with each device that is or was on a trip of it."""
    statement = select(trips.c.tenant, trips.c.device).where(trips.c.tenant.is_not(None)).distinct()
    return {(row.tenant, row.device) for row in connection.execute(statement)}


def of_tenant(connection: Connection, device: str, tenant: str) -> list[Row[Any]]:
    """Return the trips of `device` that are `tenant`'s, in order."""
    statement = select(trips).where(trips.c.device == device, trips.c.tenant == tenant)
    return list(connection.execute(statement.order_by(trips.c.started_s, trips.c.trip)))


def of_device(connection: Connection, device: str) -> list[Row[Any]]:
    """Return the trips of `device`, in order."""
    statement = select(trips).where(trips.c.device == device)
    return list(connection.execute(statement.order_by(trips.c.started_s, trips.c.trip)))


def every(connection: Connection) -> list[Row[Any]]:
    """Return all trips, in order."""
    return list(connection.execute(select(trips).order_by(trips.c.started_s, trips.c.trip)))


def on_route(connection: Connection, route: str, most: int, tenant: str | None = None) -> list[Row[Any]]:
    """Return the newest trips on `route` (of one tenant; None: of all), in the order in which they
    started."""
    mine = select(trips).where(trips.c.route == route)
    if tenant is not None:
        mine = mine.where(trips.c.tenant == tenant)
    newest = mine.order_by(trips.c.started_s.desc(), trips.c.trip.desc())
    return list(connection.execute(newest.limit(most)))[::-1]


def recent(connection: Connection, most: int, tenant: str | None = None) -> list[Row[Any]]:
    """Return the newest trips (of one tenant; None: of all), the newest first."""
    mine = select(trips) if tenant is None else select(trips).where(trips.c.tenant == tenant)
    return list(connection.execute(mine.order_by(trips.c.started_s.desc(), trips.c.trip.desc()).limit(most)))


def arrived(connection: Connection, route: str, before_s: int, most: int) -> list[Row[Any]]:
    """Return the newest trips on `route` with a valid arrival before that time, newest first, with
    `arrived_s`, the time of the point that shows it."""
    of_trip = events.c.trip == trips.c.trip, events.c.is_current, events.c.type == "arrival"
    arrived_s = select(events.c.at_s).where(*of_trip).limit(1).scalar_subquery()
    newest = select(trips, arrived_s.label("arrived_s")).where(trips.c.route == route, arrived_s < before_s)
    return list(connection.execute(newest.order_by(trips.c.trip.desc()).limit(most)))
