"""Settings of a device over HTTP: show, change. docs/reference/api.md."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from landbridge.core.texts import _
from landbridge.web import actions, answers, serialize
from landbridge.web.answers import Json, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser, Device
from landbridge.web.services import services

router = APIRouter(prefix="/v1/devices/{device}/settings")


class Setting(BaseModel):
    """A setting."""

    name: str
    value: int
    default: int
    lowest: int
    highest: int
    help: str


class AppliedSettings(BaseModel):
    """The settings that the device reported."""

    revision: int
    source: str


class Settings(BaseModel):
    """The desired settings of a device."""

    revision: int
    state: str
    set: Time
    applied: AppliedSettings | None
    reported: Time
    settings: list[Setting]


@router.get("")
def settings(request: Request, who: CurrentUser, device: Device) -> Annotated[Json, Schema(Settings)]:
    """Show the desired and reported settings, with their ranges."""
    with services(request).database.reading() as connection:
        found = actions.view(connection, who, device)
        if not found.live:
            raise HTTPException(404, _("{device} is not on any of your trips now", device=device))
        return serialize.settings_of(connection, found)


@router.patch("")
def change(
    request: Request, who: ActingUser, device: Device, changes: dict[str, int | str]
) -> Annotated[Json, Schema(answers.Revision)]:
    """Change settings; the value "default" resets a setting. The revision is null if nothing changed."""
    given = {name: str(value) for name, value in changes.items()}
    return {"revision": actions.change(services(request), who, device, given)}
