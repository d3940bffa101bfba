"""Commands to a device over HTTP: list, show, send, cancel. docs/reference/api.md."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.web import actions, paging, serialize
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser, Device, NewCommand, Number
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1/devices/{device}/commands")


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


class Given(BaseModel):
    """A command that waits for its device."""

    command: int
    expires: str


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
) -> Annotated[Json, Schema(Given)]:
    """Send a command; the device receives it with its next downlink."""
    given = actions.send(services(request), who, device, command.verb, command.argument, command.expires)
    return {"command": given.command, "expires": iso(given.expires_s)}


@router.delete("/{command}", status_code=204)
def cancel(request: Request, who: ActingUser, device: Device, command: Number) -> None:
    """Cancel a command that was not delivered."""
    actions.cancel(services(request), who, device, command)
