"""Devices over HTTP: list, show, add, tag, retire; the track. docs/reference/api.md."""

import json
import logging
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from landbridge.core.errors import UserError
from landbridge.db.keys import Keyring
from landbridge.features.devices import broker_users, enrol
from landbridge.features.devices import queries as stored_devices
from landbridge.features.devices.enrol import Enrolment
from landbridge.web import actions, answers, device_views, paging, serialize
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import LARGEST, MOST, ONE_LINE, ActingUser, CurrentUser, Device
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import Services, services

router = APIRouter(prefix="/v1/devices")
_log = logging.getLogger(__name__)
Tag = Annotated[str, Field(min_length=1, max_length=64, pattern=ONE_LINE)]
TagList = Annotated[list[Tag], Field(max_length=50)]


class NewDevice(BaseModel):
    """A device."""

    model_config = ConfigDict(extra="forbid")
    device: str = Field(max_length=32, description="1 to 32 of a-z, 0-9 and -.")
    tags: TagList = []


class DeviceChanges(BaseModel):
    """Changes to a device."""

    model_config = ConfigDict(extra="forbid")
    tags: TagList


class NearbyPlace(BaseModel):
    """A place nearby."""

    name: str
    chinese: str | None
    km: float
    country: str = Field(description="ISO 3166-1 code; near a border not always that of the position.")


class Country(BaseModel):
    """A country; its code is null for some areas."""

    code: str | None
    name: str


class DeviceState(BaseModel):
    """Position and state of a device."""

    device: str
    container: str | None
    route: str | None
    destination: str | None
    state: Literal["alarm", "silent", "moving", "dwelling", "unlocated", "new", "ended"]
    alarms: list[str]
    longitude: float | None
    latitude: float | None
    time: Time
    stationary_until: Time
    speed_kmh: int | None
    battery_mv: int | None
    temperature_c: float | None
    last_session: Time
    next_session: Time
    tags: list[str]
    eta: Time
    planned_arrival: Time
    place: NearbyPlace | None
    country: Country | None


class FleetPage(BaseModel):
    """A page of devices by id."""

    devices: list[DeviceState]
    next: Next


class TripOfDevice(BaseModel):
    """A trip."""

    trip: int
    container: str
    route: str
    destination: str
    started: str
    ended: Time


class OneDevice(DeviceState):
    """A device with position, place and trips."""

    trips: list[TripOfDevice]


class AddedDevice(BaseModel):
    """A new device with the configuration files for its flash."""

    device: str
    settings: Json
    """device.json, with the key of the device."""
    ca: str
    """ca.pem."""
    problem: str | None
    """What the broker refused; `landbridge broker sync` repeats it."""


class DeviceTags(BaseModel):
    """The tags of a device."""

    device: str
    tags: list[str]


@router.get("")
def devices(
    request: Request,
    who: CurrentUser,
    tag: Annotated[
        str | None, Query(max_length=64, description="Only devices with this tag, or on a trip with it.")
    ] = None,
    container: Annotated[
        str | None, Query(max_length=20, description="Only devices on a trip with this container.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = MOST,
) -> Annotated[Json, Schema(FleetPage)]:
    """List devices by id, with position and state."""
    it = services(request)
    after = str((paging.start(cursor, str) or ("",))[0])
    with it.database.reading() as connection:
        if tag is None and container is None:
            found = device_views.listed(connection, who.tenant, after=after, limit=limit + 1)
        else:
            every = device_views.listed(connection, who.tenant, after=after)
            found = device_views.matching(connection, every, tag, container)[: limit + 1]
        shown = device_views.whereabouts(connection, found[:limit], it.clock.now_s())
    return paging.page("devices", shown, (found[limit - 1].device,) if len(found) > limit else None)


@router.post("", status_code=201)
def add_device(request: Request, who: ActingUser, new: NewDevice) -> Annotated[Json, Schema(AddedDevice)]:
    """Add a device. `settings` is its device.json with its key, `ca` its ca.pem."""
    it = services(request)
    actions.require_operator(who, "admin")
    keyring = Keyring(it.config.store.database, it.config.store.key_file)
    enrolment = Enrolment(it.config, keyring, who.who, it.clock.now_s())
    with it.database.writing(who.who, who.tenant) as connection:
        enrolment.add(connection, new.device, new.tags)
        enrolment.write()
    folder = enrolment.folder(new.device)
    made = json.loads((folder / enrol.SETTINGS).read_text())
    problem = _users_follow(it, keyring)
    ca = (folder / enrol.CERTIFICATE).read_text()
    return {"device": new.device, "settings": made, "ca": ca, "problem": problem}


@router.patch("/{device}")
def change_device(
    request: Request, who: ActingUser, device: Device, changes: DeviceChanges
) -> Annotated[Json, Schema(DeviceTags)]:
    """Replace the tags of a device."""
    it = services(request)
    actions.require_operator(who)
    with it.database.writing(who.who, who.tenant) as connection:
        actions.view(connection, who, device)
        stored_devices.tag(connection, stored_devices.device_in_use(connection, device).device, changes.tags)
    return {"device": device, "tags": sorted(set(changes.tags))}


@router.delete("/{device}", status_code=204)
def retire_device(request: Request, who: ActingUser, device: Device) -> None:
    """Retire a device: its trip ends, its key and broker user are deleted, its history stays."""
    it = services(request)
    actions.require_operator(who, "admin")
    with it.database.writing(who.who, who.tenant) as connection:
        actions.view(connection, who, device)
        enrol.retire(connection, device, it.clock.now_s())
    enrol.forget_files(it.config, device)
    _users_follow(it, Keyring(it.config.store.database, it.config.store.key_file))


def _users_follow(it: Services, keyring: Keyring) -> str | None:
    """Return why the users at the broker could not be changed: the devices are stored in any case."""
    try:
        broker_users.follow(it.config.broker, it.database, keyring)
    except UserError as error:
        _log.warning("%s", error)
        return str(error)
    return None


@router.get("/{device}")
def device(request: Request, who: CurrentUser, device: Device) -> Annotated[Json, Schema(OneDevice)]:
    """Show a device: position, nearest place, trips."""
    it = services(request)
    with it.database.reading() as connection:
        return serialize.device(connection, actions.view(connection, who, device), it.clock.now_s())


@router.get("/{device}/track")
def track(
    request: Request,
    who: CurrentUser,
    device: Device,
    trip: Annotated[int | None, Query(ge=1, le=LARGEST)] = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Annotated[Json, Schema(answers.Track)]:
    """Return points in order of time as a GeoJSON FeatureCollection, from `since` on and before `until`.
    Points without a time are left out."""
    with services(request).database.reading() as connection:
        found = actions.view(connection, who, device)
        return serialize.track(connection, found, trip, since, until, cursor, limit)
