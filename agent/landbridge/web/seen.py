"""What a viewer sees: the house everything, a tenant what lies within his trips."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, func, select

from landbridge.core.clock import iso
from landbridge.db.tables import devices
from landbridge.db.tables import points as points_table
from landbridge.db.tables import trips as trips_table
from landbridge.features.alarms import queries as alarms
from landbridge.features.alarms.rules import GRAVE
from landbridge.features.trips import queries as trips
from landbridge.points import geojson
from landbridge.points import quality as judge
from landbridge.points import queries as points
from landbridge.points.queries import StoredPoint
from landbridge.protocol.point import EVENTS

ALARMS = {
    bit: name
    for bit, name in EVENTS.items()
    if name not in ("departed", "stopped", "country", "power-on", "temperature-back")
}
ALARM_BITS = sum(ALARMS)
SILENT = "silent"
"""An alarm that is a state of its own."""
MOVING_KMH = 3
_NAMED = 1_000
"""Devices named in one statement; of more, all from the first to the last are read and sorted out here, in
less time."""
LATE_S = 3600
"""A contact is missed when it is later than this, and than the pause that was announced."""


class Heard(NamedTuple):
    """Of a device: what it said of itself last, and when (seconds since 2000)."""

    device: str
    status: str
    """As JSON."""
    last_contact_s: int | None
    next_contact_s: int | None


class Trip(NamedTuple):
    """Of a trip what is shown of it; its `trip` is its number."""

    trip: int
    device: str
    container: str
    line: str
    destination: str
    started_s: int
    ended_s: int | None


class Fix(NamedTuple):
    """A position as the list has it: of the latest good fix."""

    device: str
    trip: int | None
    at_s: int
    lat: int
    lon: int
    speed: int | None
    battery: int
    temperature: int
    still_s: int | None = None
    """When the device has said last that it stands there."""


class Glance(NamedTuple):
    """What the list and the map show of a ride: 1e-5 degrees, km/h, 0.5 C, seconds since 2000."""

    device: str
    container: str | None
    line: str | None
    destination: str | None
    state: str
    alarms: list[str]
    lon: int | None
    lat: int | None
    at_s: int | None
    still_s: int | None
    speed: int | None
    battery_mv: int | None
    temperature: int | None
    last_s: int | None
    next_s: int | None


class Ride(NamedTuple):
    """A device as one viewer sees it."""

    device: str
    heard: Heard
    """Only to be shown of a ride that is `live`."""
    trip: Trip | None
    """The running one; for a tenant his newest."""
    live: bool
    """Whether the viewer sees what is happening now, and may act."""
    tenant: str | None


def rides(
    connection: Connection,
    tenant: str | None,
    device: str | None = None,
    since_s: int | None = None,
    after: str = "",
    limit: int | None = None,
) -> list[Ride]:
    """The devices that `tenant` sees, or only `device`, or those heard or with an alarm told or seen to since
    `since_s`; by id, the first `limit` of those behind `after`."""
    wanted = select(*(devices.c[name] for name in Heard._fields)).order_by(devices.c.device)
    wanted = wanted.where(devices.c.device > after).limit(limit)
    if tenant is not None:
        of_tenant = select(trips_table.c.device).where(trips_table.c.tenant == tenant)
        wanted = wanted.where(devices.c.device.in_(of_tenant))
    if device is not None:
        wanted = wanted.where(devices.c.device == device)
    if since_s is not None:
        stirred = alarms.stirred_since(since_s)
        wanted = wanted.where((devices.c.last_contact_s >= since_s) | devices.c.device.in_(stirred))
    heard = [*map(Heard._make, connection.execute(wanted))]
    of_device = _trips(connection, tenant, heard[0].device, heard[-1].device) if heard else {}
    return [_ride(each, of_device.get(each.device), tenant) for each in heard]


def ride(connection: Connection, tenant: str | None, device: str) -> Ride | None:
    """One device as `tenant` sees it; None if he does not, or there is none."""
    found = rides(connection, tenant, device)
    return found[0] if found else None


def trips_of(connection: Connection, seen: Ride) -> list[Row[Any]]:
    """The trips of the device that the viewer sees, in order."""
    if seen.tenant is None:
        return trips.of_device(connection, seen.device)
    return trips.of_tenant(connection, seen.device, seen.tenant)


def intervals(connection: Connection, seen: Ride, now_s: int) -> list[tuple[int, int]]:
    """When the device is the viewer's, [from, until), in order."""
    if seen.tenant is None:
        return [(0, now_s + 1)]
    return [(each.started_s, each.ended_s or now_s + 1) for each in trips_of(connection, seen)]


def whereabouts(connection: Connection, of_rides: Sequence[Ride], now_s: int) -> list[dict[str, Any]]:
    """What is told of where each ride is."""
    return [told(each) for each in glances(connection, of_rides, now_s)]


def glances(connection: Connection, of_rides: Sequence[Ride], now_s: int) -> list[Glance]:
    """The same before it is put into words."""
    live = [each.device for each in of_rides if each.live]
    fixes = {row.device: row for row in _latest(connection, live)}
    raised = alarms_of(connection, of_rides)
    # One text is read in half the time of many.
    status = orjson.loads(f"[{','.join(each.heard.status for each in of_rides)}]")
    return [
        _glance(connection, each, fixes, raised.get(each.device, []), said, now_s)
        for each, said in zip(of_rides, status, strict=True)
    ]


def alarms_of(connection: Connection, of_rides: Sequence[Ride]) -> dict[str, list[Row[Any]]]:
    """The alarms that stand and nobody looks after, as far as the viewer sees them, by device."""
    device = of_rides[0].device if len(of_rides) == 1 else None
    mine = {each.device: each for each in of_rides if each.live}
    found: dict[str, list[Row[Any]]] = {}
    for alarm in alarms.shown(connection, device):
        seen = mine.get(alarm.device)
        if seen and (seen.tenant is None or (seen.trip is not None and alarm.trip == seen.trip.trip)):
            found.setdefault(alarm.device, []).append(alarm)
    return found


def _latest(connection: Connection, live: Sequence[str]) -> Iterator[Fix]:
    """The latest position of each of these devices, in their order, that has one; those of others may be
    among them."""
    table = points_table
    # From the device to its one point: an outer join keeps the database from going through all points.
    to_point = (table.c.device == devices.c.device) & (table.c.seq == devices.c.position_seq)
    columns = (table.c.device, table.c.trip, *(table.c[name] for name in Fix._fields[2:-1]))
    wanted = select(*columns, devices.c.still_s).select_from(devices.outerjoin(table, to_point))
    if len(live) <= _NAMED:
        wanted = wanted.where(devices.c.device.in_(live))
    else:
        wanted = wanted.where(devices.c.device.between(live[0], live[-1]))
    fixes = map(Fix._make, connection.execute(wanted))
    return (fix for fix in fixes if fix.lat is not None)


def _trips(connection: Connection, tenant: str | None, first: str, last: str) -> dict[str, Trip]:
    """Of the devices from `first` to `last`."""
    is_among = trips_table.c.device.between(first, last)
    wanted = select(*(trips_table.c[name] for name in Trip._fields)).where(is_among)
    if tenant is None:
        wanted = wanted.where(trips_table.c.ended_s.is_(None))
    else:
        newest = select(func.max(trips_table.c.trip)).where(trips_table.c.tenant == tenant, is_among)
        wanted = wanted.where(trips_table.c.trip.in_(newest.group_by(trips_table.c.device)))
    return {each.device: each for each in map(Trip._make, connection.execute(wanted))}


def _ride(heard: Heard, trip: Trip | None, tenant: str | None) -> Ride:
    live = tenant is None or (trip is not None and trip.ended_s is None)
    return Ride(heard.device, heard, trip, live, tenant)


def _glance(
    connection: Connection,
    seen: Ride,
    fixes: Mapping[str, Fix],
    raised: Sequence[Row[Any]],
    status: Mapping[str, Any],
    now_s: int,
) -> Glance:
    fix = fixes.get(seen.device) if seen.live else _last_of(connection, seen)
    trip = seen.trip
    if seen.tenant is not None and fix is not None and trip is not None and fix.trip != trip.trip:
        fix = None  # from before the trip began
    names = list({each.name: 0 for each in raised if each.name != SILENT}) if raised else []
    last_s, next_s = contacts(seen)
    battery_mv = status.get("battery_mv") if last_s is not None else None
    if battery_mv is None and fix is not None:
        battery_mv = 20 * fix.battery
    return Glance(
        device=seen.device,
        container=trip.container if trip else None,
        line=trip.line if trip else None,
        destination=trip.destination if trip else None,
        state=_state(seen, fix, any(map(_is_grave, raised)), last_s, next_s, now_s),
        alarms=names,
        lon=fix.lon if fix else None,
        lat=fix.lat if fix else None,
        at_s=fix.at_s if fix else None,
        still_s=fix.still_s if fix else None,
        speed=fix.speed if fix else None,
        battery_mv=battery_mv or None,  # 0: it cannot be measured
        temperature=fix.temperature if fix else None,
        last_s=last_s,
        next_s=next_s,
    )


def told(it: Glance) -> dict[str, Any]:
    """A glance in words."""
    return {
        "device": it.device,
        "container": it.container,
        "line": it.line,
        "destination": it.destination,
        "state": it.state,
        "alarms": it.alarms,
        "longitude": it.lon / 1e5 if it.lon is not None else None,
        "latitude": it.lat / 1e5 if it.lat is not None else None,
        "time": iso(it.at_s),
        "still": iso(it.still_s),
        "speed_kmh": it.speed,
        "battery_mv": it.battery_mv,
        "temperature_c": it.temperature / 2 if it.temperature is not None else None,
        "last_contact": iso(it.last_s),
        "next_contact": iso(it.next_s),
    }


def contacts(seen: Ride) -> tuple[int | None, int | None]:
    """The last contact, and when more is due, of what is happening now; none of before a tenant's trip."""
    last_s = seen.heard.last_contact_s
    is_before = seen.tenant is not None and seen.trip is not None and (last_s or 0) < seen.trip.started_s
    return (None, None) if not seen.live or is_before else (last_s, seen.heard.next_contact_s)


def _last_of(connection: Connection, seen: Ride) -> Fix | None:
    if seen.trip is None:
        return None
    last = points.newest_fix(connection, seen.device, judge.NOT_LATEST, seen.trip.trip)
    if last is None or last.at_s is None:
        return None
    it = last.point
    return Fix(
        seen.device, last.trip, last.at_s, it.lat or 0, it.lon or 0, it.speed, it.battery, it.temperature
    )


def _is_grave(alarm: Row[Any]) -> bool:
    return alarm.name != SILENT and alarm.severity in GRAVE


def _state(
    seen: Ride, fix: Fix | None, is_grave: bool, last_s: int | None, next_s: int | None, now_s: int
) -> str:
    if not seen.live:
        return "ended"
    if is_grave:
        return "alarm"
    if last_s is None:
        return "new"
    if next_s is not None and now_s > next_s + max(LATE_S, next_s - last_s):
        return "silent"
    if fix is None:
        return "unlocated"
    moves = fix.still_s is None and (fix.speed or 0) >= MOVING_KMH
    return "moving" if moves else "dwelling"


def feature(stored: StoredPoint) -> dict[str, Any]:
    """A point as GeoJSON; how long it took to come in says whether it is late."""
    found = geojson.feature(stored)
    found["properties"]["alarms"] = [name for bit, name in ALARMS.items() if stored.point.events & bit]
    return found
