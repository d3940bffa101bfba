"""The devices of the fleet with what its list shows of them, and saved views of that list."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from landbridge.db.tables import alarms, devices, points, saved_views, trips

MOST = 50
"""Views of one owner."""
NAMED = 1_000
"""Devices in one statement; with more, it is faster to read all from the first to the last, and the caller
leaves out the others."""


class Heard(NamedTuple):
    """The last report of a device, and its time (seconds since 2000)."""

    device: str
    status: str
    """As JSON."""
    last_session_s: int | None
    next_session_s: int | None


class Trip(NamedTuple):
    """The trip's columns for display; `trip` is its number."""

    trip: int
    device: str
    container: str
    route: str
    destination: str
    started_s: int
    ended_s: int | None
    tags: str
    """As JSON."""
    planned_s: int | None
    eta_s: int | None


class Fix(NamedTuple):
    """The position in the list: the latest good fix."""

    device: str
    trip: int | None
    at_s: int
    lat: int
    lon: int
    speed: int | None
    battery: int
    temperature: int
    stationary_until_s: int | None = None
    """When the device last reported that it has not moved."""


def heard(
    connection: Connection,
    tenant: str | None,
    device: str | None,
    since_s: int | None,
    after: str,
    limit: int | None,
) -> list[Heard]:
    """Return the devices that have trips of `tenant` (None: all), or only `device`, or those heard or with an
    alarm published or acknowledged since `since_s`; by id, the first `limit` of those after `after`."""
    wanted = select(*(devices.c[name] for name in Heard._fields)).order_by(devices.c.device)
    wanted = wanted.where(devices.c.device > after).limit(limit)
    if tenant is not None:
        wanted = wanted.where(devices.c.device.in_(select(trips.c.device).where(trips.c.tenant == tenant)))
    # A retired device has its page, and is in no list.
    wanted = wanted.where(devices.c.retired_s.is_(None) if device is None else devices.c.device == device)
    if since_s is not None:
        is_stirred = devices.c.device.in_(stirred_since(since_s))
        wanted = wanted.where((devices.c.last_session_s >= since_s) | is_stirred)
    return [*map(Heard._make, connection.execute(wanted))]


def stirred_since(since_s: int) -> Select[Any]:
    """Return the devices with an alarm whose state was published, or that was acknowledged, since that
    time."""
    return select(alarms.c.device).where(
        (alarms.c.published_s >= since_s) | (alarms.c.acknowledged_s >= since_s)
    )


def latest_fixes(connection: Connection, live: Sequence[str]) -> Iterator[Fix]:
    """Return the latest position of each of these devices that has one, in order; other devices may be
    included."""
    # From the device to its one point: an outer join keeps the database from scanning all points.
    to_point = (points.c.device == devices.c.device) & (points.c.seq == devices.c.position_seq)
    columns = (points.c.device, points.c.trip, *(points.c[name] for name in Fix._fields[2:-1]))
    wanted = select(*columns, devices.c.stationary_until_s).select_from(devices.outerjoin(points, to_point))
    if len(live) <= NAMED:
        wanted = wanted.where(devices.c.device.in_(live))
    else:
        wanted = wanted.where(devices.c.device.between(live[0], live[-1]))
    fixes = map(Fix._make, connection.execute(wanted))
    return (fix for fix in fixes if fix.lat is not None)


def shown_trips(connection: Connection, tenant: str | None, first: str, last: str) -> dict[str, Trip]:
    """Return the running trip of each device from `first` to `last`; for a tenant its newest one."""
    is_among = trips.c.device.between(first, last)
    wanted = select(*(trips.c[name] for name in Trip._fields)).where(is_among)
    if tenant is None:
        wanted = wanted.where(trips.c.ended_s.is_(None))
    else:
        newest = select(func.max(trips.c.trip)).where(trips.c.tenant == tenant, is_among)
        wanted = wanted.where(trips.c.trip.in_(newest.group_by(trips.c.device)))
    return {each.device: each for each in map(Trip._make, connection.execute(wanted))}


def of_owner(connection: Connection, owner: str) -> list[Row[Any]]:
    """Return the views of one owner, by name."""
    mine = select(saved_views).where(saved_views.c.owner == owner)
    return list(connection.execute(mine.order_by(saved_views.c.name, saved_views.c.view)))


def save(connection: Connection, owner: str, name: str, query: str) -> int:
    """Store a view in place of the owner's view of that name; return its number."""
    same = saved_views.c.owner == owner, saved_views.c.name == name
    connection.execute(delete(saved_views).where(*same))
    values = {"owner": owner, "name": name, "query": query}
    return int(
        connection.execute(insert(saved_views).values(values).returning(saved_views.c.view)).scalar_one()
    )


def remove(connection: Connection, owner: str, view: int) -> bool:
    """Remove a view of the owner; return whether there was one."""
    mine = delete(saved_views).where(saved_views.c.owner == owner, saved_views.c.view == view)
    return connection.execute(mine).rowcount == 1
