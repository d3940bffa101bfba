"""The HTTP API, under /v1. Tokens come as `Authorization: Bearer ...`; docs/reference/api.md."""

import json
import logging
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.db.keys import Keyring
from landbridge.features.devices import broker_users, enrol
from landbridge.features.devices import queries as stored_devices
from landbridge.features.devices.enrol import Enrolment
from landbridge.web import actions, answers, device_views, paging, serialize
from landbridge.web.answers import Json, Schema
from landbridge.web.auth import User, acting_user, current_user
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import Services, services

LARGEST = 2**31 - 1
MOST = 1_000
"""Entries of a long list."""
router = APIRouter(prefix="/v1")
_log = logging.getLogger(__name__)
CurrentUser = Annotated[User, Depends(current_user)]
ActingUser = Annotated[User, Depends(acting_user)]
Device = Annotated[str, Path(max_length=32, description="Device id.")]
Number = Annotated[int, Path(ge=1, le=LARGEST)]
Tags = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=50)]


class NewDevice(BaseModel):
    """A device."""

    model_config = ConfigDict(extra="forbid")
    device: str = Field(max_length=32, description="1 to 32 of a-z, 0-9 and -.")
    tags: Tags = []


class DeviceChanges(BaseModel):
    """What to change of a device."""

    model_config = ConfigDict(extra="forbid")
    tags: Tags


class NewCommand(BaseModel):
    """A command."""

    model_config = ConfigDict(extra="forbid")
    verb: str = Field(max_length=32)
    argument: int | None = Field(None, ge=0, le=LARGEST)
    expires: str = Field(
        "24h", max_length=8, description="How long it may wait for the device: 30m, 24h, 7d."
    )


class Length(BaseModel):
    """Validity of a share link."""

    model_config = ConfigDict(extra="forbid")
    length: str = Field("", max_length=8, description="12h, 30d; empty: until the trip ends, a year at most.")
    embedded: bool = Field(False, description="Whether other sites may show it within their pages.")


@router.get("/devices")
def devices(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = MOST
) -> Annotated[Json, Schema(answers.FleetPage)]:
    """List devices by id, with position and state."""
    it = services(request)
    after = paging.start(cursor, str) or ("",)
    with it.database.reading() as connection:
        found = device_views.listed(connection, who.tenant, after=str(after[0]), limit=limit + 1)
        shown = device_views.whereabouts(connection, found[:limit], it.clock.now_s())
    return paging.page("devices", shown, (found[limit - 1].device,) if len(found) > limit else None)


@router.post("/devices", status_code=201)
def add_device(
    request: Request, who: ActingUser, new: NewDevice
) -> Annotated[Json, Schema(answers.AddedDevice)]:
    """Add a device: `settings` is its device.json, with its key, and `ca` its ca.pem."""
    it = services(request)
    actions.require_operator(who, "admin")
    keyring = Keyring(it.config.store.database, it.config.store.key_file)
    enrolment = Enrolment(it.config, keyring, who.who, it.clock.now_s())
    with it.database.writing(who.who) as connection:
        enrolment.add(connection, new.device, new.tags)
        enrolment.write()
    folder = enrolment.folder(new.device)
    made = json.loads((folder / enrol.SETTINGS).read_text())
    problem = _users_follow(it, keyring)
    ca = (folder / enrol.CERTIFICATE).read_text()
    return {"device": new.device, "settings": made, "ca": ca, "problem": problem}


@router.patch("/devices/{device}")
def change_device(
    request: Request, who: ActingUser, device: Device, changes: DeviceChanges
) -> Annotated[Json, Schema(answers.Tags)]:
    """Set the tags of a device, in place of those it has."""
    it = services(request)
    actions.require_operator(who)
    with it.database.writing(who.who) as connection:
        actions.view(connection, who, device)
        stored_devices.tag(connection, stored_devices.device_in_use(connection, device).device, changes.tags)
    return {"device": device, "tags": sorted(set(changes.tags))}


@router.delete("/devices/{device}", status_code=204)
def retire_device(request: Request, who: ActingUser, device: Device) -> None:
    """Retire a device: its trip ends, its key and broker user are removed for good, its history stays."""
    it = services(request)
    actions.require_operator(who, "admin")
    with it.database.writing(who.who) as connection:
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


@router.get("/devices/{device}")
def device(request: Request, who: CurrentUser, device: Device) -> Annotated[Json, Schema(answers.OneDevice)]:
    """Show a device: position, nearest place, trips."""
    it = services(request)
    with it.database.reading() as connection:
        return serialize.device(connection, actions.view(connection, who, device), it.clock.now_s())


@router.get("/devices/{device}/track")
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
    """Dated points by time as a GeoJSON FeatureCollection, from `since` on and before `until`."""
    with services(request).database.reading() as connection:
        found = actions.view(connection, who, device)
        return serialize.track(connection, found, trip, since, until, cursor, limit)


@router.get("/devices/{device}/commands")
def commands(
    request: Request, who: CurrentUser, device: Device, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(answers.Commands)]:
    """List the commands of a device and their results, newest first."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        before = paging.before(cursor)
        shown = serialize.commands_of(connection, found, it.clock.now_s(), before, limit + 1)
    return paging.cut("commands", shown, limit, "command")


@router.get("/devices/{device}/commands/{command}")
def command(
    request: Request, who: CurrentUser, device: Device, command: Number
) -> Annotated[Json, Schema(answers.Command)]:
    """Show a command and its result."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        shown = serialize.commands_of(connection, found, it.clock.now_s(), command + 1, 1)
    if not shown or shown[0]["command"] != command:
        raise HTTPException(404, _("{device} has no command {number}", device=device, number=command))
    return shown[0]


@router.post("/devices/{device}/commands", status_code=201)
def send(
    request: Request, who: ActingUser, device: Device, command: NewCommand
) -> Annotated[Json, Schema(answers.Given)]:
    """Send a command; the device receives it with its next downlink."""
    given = actions.send(services(request), who, device, command.verb, command.argument, command.expires)
    return {"command": given.command, "expires": iso(given.expires_s)}


@router.delete("/devices/{device}/commands/{command}", status_code=204)
def cancel(request: Request, who: ActingUser, device: Device, command: Number) -> None:
    """Cancel a command that was not delivered."""
    actions.cancel(services(request), who, device, command)


@router.get("/devices/{device}/settings")
def settings(request: Request, who: CurrentUser, device: Device) -> Annotated[Json, Schema(answers.Settings)]:
    """Show the desired and reported settings, with their ranges."""
    with services(request).database.reading() as connection:
        found = actions.view(connection, who, device)
        if not found.live:
            raise HTTPException(404, _("{device} is not on any of your trips now", device=device))
        return serialize.settings_of(connection, found)


@router.patch("/devices/{device}/settings")
def change(
    request: Request, who: ActingUser, device: Device, changes: dict[str, int | str]
) -> Annotated[Json, Schema(answers.Revision)]:
    """Change settings; the value "default" resets one. Revision null: nothing changed."""
    given = {name: str(value) for name, value in changes.items()}
    return {"revision": actions.change(services(request), who, device, given)}


@router.get("/devices/{device}/share-links")
def share_links(
    request: Request, who: CurrentUser, device: Device, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(answers.Links)]:
    """List the share links to the trips of a device, newest first; their secrets are not stored."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        before = paging.before(cursor)
        shown = serialize.share_links_of(connection, found, it.clock.now_s(), before, limit + 1)
    return paging.cut("share_links", shown, limit, "link")


@router.get("/devices/{device}/share-links/{link}")
def share_link(
    request: Request, who: CurrentUser, device: Device, link: Number
) -> Annotated[Json, Schema(answers.Link)]:
    """Show a share link; its secret is not stored."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        shown = serialize.share_links_of(connection, found, it.clock.now_s(), link + 1, 1)
    if not shown or shown[0]["link"] != link:
        raise HTTPException(404, _("no share link {number}", number=link))
    return shown[0]


@router.post("/devices/{device}/share-links", status_code=201)
def share(
    request: Request, who: ActingUser, device: Device, length: Length
) -> Annotated[Json, Schema(answers.NewLink)]:
    """Create a share link to the running trip; its address is shown only once."""
    it = services(request)
    made = actions.share(it, who, device, length.length, length.embedded)
    return {"link": made.share, "path": f"/s/{made.secret}", "until": iso(made.until_s)}


@router.delete("/devices/{device}/share-links/{link}", status_code=204)
def revoke(request: Request, who: ActingUser, device: Device, link: Number) -> None:
    """Revoke a share link."""
    actions.revoke(services(request), who, device, link)
