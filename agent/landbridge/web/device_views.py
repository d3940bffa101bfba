"""The view of a user on devices: the operator sees everything, a tenant what is within its trips."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.texts import Catalogue, _
from landbridge.features.alarms import queries as alarms
from landbridge.features.alarms.rules import GRAVE
from landbridge.features.devices import queries as devices
from landbridge.features.fleet import queries as fleet
from landbridge.features.fleet.queries import Fix, Heard, Trip
from landbridge.features.trips import queries as trips
from landbridge.geo import places as geography
from landbridge.geo.places import Where
from landbridge.points import geojson, quality
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint
from landbridge.protocol.point import EVENTS
from landbridge.tracking.silence import GRACE_S

ALARMS = {
    bit: name
    for bit, name in EVENTS.items()
    if name not in ("departed", "stopped", "country", "power-on", "temperature-back")
}
ALARM_BITS = sum(ALARMS)
SILENT = "silent"
"""Alarm that is also a state of a device."""
MOVING_KMH = 3


class Glance(NamedTuple):
    """The columns of list and map: 1e-5 degrees, km/h, 0.5 C, seconds since 2000."""

    device: str
    container: str | None
    route: str | None
    destination: str | None
    state: str
    alarms: list[str]
    lon: int | None
    lat: int | None
    at_s: int | None
    stationary_until_s: int | None
    speed: int | None
    battery_mv: int | None
    temperature: int | None
    last_s: int | None
    next_s: int | None
    tags: str
    """As JSON."""
    planned_s: int | None
    """When it was first expected to arrive."""
    eta_s: int | None


class DeviceView(NamedTuple):
    """A device as one user sees it."""

    device: str
    heard: Heard
    """To be shown only if the view is `live`."""
    trip: Trip | None
    """The running trip; for a tenant its newest."""
    live: bool
    """Whether the user sees the present state, and may act."""
    tenant: str | None


def listed(
    connection: Connection,
    tenant: str | None,
    device: str | None = None,
    since_s: int | None = None,
    after: str = "",
    limit: int | None = None,
) -> list[DeviceView]:
    """The devices that `tenant` sees, or only `device`, or those heard or with an alarm published or
    acknowledged since `since_s`; by id, the first `limit` of those after `after`."""
    heard = fleet.heard(connection, tenant, device, since_s, after, limit)
    of_device = fleet.shown_trips(connection, tenant, heard[0].device, heard[-1].device) if heard else {}
    return [_view(each, of_device.get(each.device), tenant) for each in heard]


def matching(
    connection: Connection, views: Sequence[DeviceView], tag: str | None, container: str | None
) -> list[DeviceView]:
    """Return those that have the tag or whose trip has it (a tenant sees tags of its trips only), and whose
    trip is on the container."""
    tagged = set() if tag is None else set(devices.tagged(connection, tag))

    def fits(view: DeviceView) -> bool:
        trip = view.trip
        of_trip = trip is not None and tag in orjson.loads(trip.tags)
        has_tag = tag is None or of_trip or (view.tenant is None and view.device in tagged)
        return has_tag and (container is None or (trip is not None and trip.container == container))

    return [view for view in views if fits(view)]


def find(connection: Connection, tenant: str | None, device: str) -> DeviceView | None:
    """Return a device as `tenant` sees it; None if the tenant may not see it, or it does not exist."""
    found = listed(connection, tenant, device)
    return found[0] if found else None


def trips_of(connection: Connection, view: DeviceView) -> list[Row[Any]]:
    """Return the trips of the device that the user sees, in order."""
    if view.tenant is None:
        return trips.of_device(connection, view.device)
    return trips.of_tenant(connection, view.device, view.tenant)


def intervals(connection: Connection, view: DeviceView, now_s: int) -> list[tuple[int, int]]:
    """Return when the device is the user's, [from, until), in order."""
    if view.tenant is None:
        return [(0, now_s + 1)]
    return [(each.started_s, each.ended_s or now_s + 1) for each in trips_of(connection, view)]


def whereabouts(connection: Connection, views: Sequence[DeviceView], now_s: int) -> list[dict[str, Any]]:
    """Return the positions of devices, serialized."""
    return [serialize(each) for each in glances(connection, views, now_s)]


def glances(connection: Connection, views: Sequence[DeviceView], now_s: int) -> list[Glance]:
    """The same before serialization."""
    live = [each.device for each in views if each.live]
    fixes = {row.device: row for row in fleet.latest_fixes(connection, live)}
    raised = raised_alarms(connection, views)
    # One JSON text is read in half the time of many.
    status = orjson.loads(f"[{','.join(each.heard.status for each in views)}]")
    return [
        _glance(connection, each, fixes, raised.get(each.device, []), said, now_s)
        for each, said in zip(views, status, strict=True)
    ]


def raised_alarms(connection: Connection, views: Sequence[DeviceView]) -> dict[str, list[Row[Any]]]:
    """Return the open, unacknowledged alarms that the user sees, by device."""
    device = views[0].device if len(views) == 1 else None
    mine = {each.device: each for each in views if each.live}
    found: dict[str, list[Row[Any]]] = {}
    for alarm in alarms.shown(connection, device):
        view = mine.get(alarm.device)
        if view and (view.tenant is None or (view.trip is not None and alarm.trip == view.trip.trip)):
            found.setdefault(alarm.device, []).append(alarm)
    return found


def _view(heard: Heard, trip: Trip | None, tenant: str | None) -> DeviceView:
    live = tenant is None or (trip is not None and trip.ended_s is None)
    return DeviceView(heard.device, heard, trip, live, tenant)


def _glance(
    connection: Connection,
    view: DeviceView,
    fixes: Mapping[str, Fix],
    raised: Sequence[Row[Any]],
    status: Mapping[str, Any],
    now_s: int,
) -> Glance:
    fix, trip = _fix_of(connection, view, fixes), view.trip
    last_s, next_s = sessions(view)
    return Glance(
        device=view.device,
        container=trip.container if trip else None,
        route=trip.route if trip else None,
        destination=trip.destination if trip else None,
        state=_state(view, fix, any(map(_is_grave, raised)), last_s, next_s, now_s),
        alarms=list({each.name: 0 for each in raised if each.name != SILENT}) if raised else [],
        lon=fix.lon if fix else None,
        lat=fix.lat if fix else None,
        at_s=fix.at_s if fix else None,
        stationary_until_s=fix.stationary_until_s if fix else None,
        speed=fix.speed if fix else None,
        battery_mv=_battery_mv(status if last_s is not None else {}, fix),
        temperature=fix.temperature if fix else None,
        last_s=last_s,
        next_s=next_s,
        tags=trip.tags if trip else "[]",
        planned_s=trip.planned_s if trip else None,
        eta_s=trip.eta_s if trip and trip.ended_s is None else None,
    )


def _fix_of(connection: Connection, view: DeviceView, fixes: Mapping[str, Fix]) -> Fix | None:
    """Return the latest fix that the user sees: a tenant none from before its trip began."""
    fix, trip = fixes.get(view.device) if view.live else _last_of(connection, view), view.trip
    if view.tenant is not None and fix is not None and trip is not None and fix.trip != trip.trip:
        return None
    return fix


def _battery_mv(status: Mapping[str, Any], fix: Fix | None) -> int | None:
    """Return the reported voltage, else that at the fix; None if it is unknown or cannot be measured."""
    battery_mv: int | None = status.get("battery_mv")
    if battery_mv is None and fix is not None:
        battery_mv = 20 * fix.battery
    return battery_mv or None


def serialize(it: Glance) -> dict[str, Any]:
    """Serialize a glance."""
    return {
        "device": it.device,
        "container": it.container,
        "route": it.route,
        "destination": it.destination,
        "state": it.state,
        "alarms": it.alarms,
        "longitude": it.lon / 1e5 if it.lon is not None else None,
        "latitude": it.lat / 1e5 if it.lat is not None else None,
        "time": iso(it.at_s),
        "stationary_until": iso(it.stationary_until_s),
        "speed_kmh": it.speed,
        "battery_mv": it.battery_mv,
        "temperature_c": it.temperature / 2 if it.temperature is not None else None,
        "last_session": iso(it.last_s),
        "next_session": iso(it.next_s),
        "tags": orjson.loads(it.tags),
        "eta": iso(it.eta_s),
        "planned_arrival": iso(it.planned_s),
        **place(it.lat, it.lon),
    }


def place(lat: int | None, lon: int | None) -> dict[str, Any]:
    """Return the nearest place and the country of 1e-5 degrees, serialized; None where there is none."""
    near, land = (None, None) if lat is None or lon is None else where(lat, lon)
    named = near and {
        "name": near.place.name, "chinese": near.place.chinese or None, "km": near.km,
        "country": near.place.country,
    }  # fmt: skip
    return {"place": named, "country": land and {"code": land.code or None, "name": land.name}}


def in_words(language: Catalogue, lat: float | None, lon: float | None) -> str:
    """Return the place of degrees as people read it."""
    if lat is None or lon is None:
        return language.translate(_("No position yet"))
    return where(round(lat * 1e5), round(lon * 1e5)).in_words(language) or f"{lat:.2f}°, {lon:.2f}°"


@lru_cache(maxsize=65_536)
def where(lat: int, lon: int) -> Where:
    """Return the place of 1e-5 degrees in words: most devices are where they were at the last look."""
    return geography.where(lat / 1e5, lon / 1e5)


def sessions(view: DeviceView) -> tuple[int | None, int | None]:
    """Return the last session and the next due one in the present; none from before a tenant's trip."""
    last_s = view.heard.last_session_s
    is_before = view.tenant is not None and view.trip is not None and (last_s or 0) < view.trip.started_s
    return (None, None) if not view.live or is_before else (last_s, view.heard.next_session_s)


def _last_of(connection: Connection, view: DeviceView) -> Fix | None:
    if view.trip is None:
        return None
    last = points.newest_fix(connection, view.device, quality.NOT_LATEST, view.trip.trip)
    if last is None or last.at_s is None:
        return None
    it = last.point
    return Fix(
        view.device, last.trip, last.at_s, it.lat or 0, it.lon or 0, it.speed, it.battery, it.temperature
    )


def _is_grave(alarm: Row[Any]) -> bool:
    return alarm.name != SILENT and alarm.severity in GRAVE


def _state(
    view: DeviceView, fix: Fix | None, is_grave: bool, last_s: int | None, next_s: int | None, now_s: int
) -> str:
    if not view.live:
        return "ended"
    if is_grave:
        return "alarm"
    if last_s is None:
        return "new"
    if next_s is not None and now_s > next_s + GRACE_S:
        return "silent"
    if fix is None:
        return "unlocated"
    moves = fix.stationary_until_s is None and (fix.speed or 0) >= MOVING_KMH
    return "moving" if moves else "dwelling"


def feature(stored: StoredPoint) -> dict[str, Any]:
    """Return a point as GeoJSON, with its delay."""
    found = geojson.feature(stored)
    found["properties"]["alarms"] = [name for bit, name in ALARMS.items() if stored.point.events & bit]
    return found
