"""Commands to a device over HTTP: list, show, send, cancel. docs/reference/api.md."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.features.commands import queries
from landbridge.web import actions, paging, serialize
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser, Device, NewCommand, Number
from landbridge.web.forms import require_operator_tenant
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1/devices/{device}/commands")
of_fleet = APIRouter(prefix="/v1/commands")


class Command(BaseModel):
    """A command and its result."""

    command: int
    verb: str
    argument: int
    by: str
    given: str
    expires: str
    sent: Time
    result_of: Time
    state: str
    open: bool


class Commands(BaseModel):
    """A page of commands."""

    commands: list[Command]
    next: Next


class FleetCommand(Command):
    """A command and its device."""

    device: str


class FleetCommands(BaseModel):
    """A page of commands of all devices."""

    commands: list[FleetCommand]
    next: Next


class QueuedCommand(BaseModel):
    """A command that waits for the next session of its device."""

    command: int
    expires: str


@of_fleet.get("")
def every_command(
    request: Request,
    who: CurrentUser,
    state: Literal["open", "all"] = "all",
    verb: Annotated[str | None, Query(max_length=32)] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(FleetCommands)]:
    """List the commands to all devices and their results, newest first; for the operator tenant."""
    require_operator_tenant(who)
    now_s, before = services(request).clock.now_s(), paging.start(cursor, int, str, int)
    with services(request).database.reading() as connection:
        found = queries.listed(connection, queries.Wanted(verb, state == "open"), now_s, before, limit)
    shown = [serialize.command(row, now_s) | {"device": row.device} for row in found.rows]
    return paging.page("commands", shown, found.next)


@router.get("")
def commands(
    request: Request, who: CurrentUser, device: Device, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(Commands)]:
    """List the commands of a device and their results, newest first."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        before = paging.before(cursor)
        shown = serialize.commands_of(connection, found, it.clock.now_s(), before, limit + 1)
    return paging.cut("commands", shown, limit, "command")


@router.get("/{command}")
def command(
    request: Request, who: CurrentUser, device: Device, command: Number
) -> Annotated[Json, Schema(Command)]:
    """Show a command and its result."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        shown = serialize.commands_of(connection, found, it.clock.now_s(), command + 1, 1)
    if not shown or shown[0]["command"] != command:
        raise HTTPException(404, _("{device} has no command {number}", device=device, number=command))
    return shown[0]


@router.post("", status_code=201)
def send(
    request: Request, who: ActingUser, device: Device, command: NewCommand
) -> Annotated[Json, Schema(QueuedCommand)]:
    """Send a command; the device receives it in its next session."""
    given = actions.send(services(request), who, device, command.verb, command.argument, command.expires)
    return {"command": given.command, "expires": iso(given.expires_s)}


@router.delete("/{command}", status_code=204)
def cancel(request: Request, who: ActingUser, device: Device, command: Number) -> None:
    """Cancel a command that has no result yet."""
    actions.cancel(services(request), who, device, command)
