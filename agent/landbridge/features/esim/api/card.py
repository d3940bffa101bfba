"""The card of a device over HTTP: profiles, switches, downloads. docs/reference/api.md."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from landbridge.core.texts import _
from landbridge.features.downloads import queries as downloads
from landbridge.features.esim.api import card_shown as card_of
from landbridge.features.esim.policy import AUTOMATIC
from landbridge.web import actions, answers, paging
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser, Device, NewDownload, Number
from landbridge.web.forms import require_operator_tenant
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1/devices/{device}")
of_fleet = APIRouter(prefix="/v1/downloads")
Task = Literal["associate", "dissociate", "list", "enable", "disable"]
"""A task of an IoT eUICC."""
Iccid = Annotated[str, Path(max_length=20, description="ICCID of the profile, 18 to 20 digits.")]


class ProfileChoice(BaseModel):
    """A profile of the policy."""

    model_config = ConfigDict(extra="forbid")
    profile: str = Field(
        max_length=63, description=f"Name of the profile, or {AUTOMATIC}: the policy decides."
    )


class NamedProfile(BaseModel):
    """A profile of a card."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=64)


class CardOrder(BaseModel):
    """A task of an IoT eUICC."""

    model_config = ConfigDict(extra="forbid")
    task: Task
    iccid: str = Field(
        "", max_length=20, description="ICCID of the profile to enable or disable, 18 to 20 digits."
    )


class CardIdentity(BaseModel):
    """Identity of modem and card as the device reported it."""

    imei: str | None
    iccid: str | None
    imsi: str | None


class InventoryEntry(BaseModel):
    """The card in the SIM inventory."""

    controls: str
    stage: str
    holder: str
    purpose: str
    binding: str
    blocked: str | None
    quota_mb: int | None
    month_bytes: int


class Profile(BaseModel):
    """A profile of a card."""

    name: str
    iccid: str
    apn: str
    used: bool
    fallback: bool
    countries: list[str]
    quota_mb: float | None
    used_mb: float | None
    """As the device counted by its last report of the card."""
    month_mb: float | None
    """Since the first of the month, estimated by the agent."""


class MonthlyUsage(BaseModel):
    """Data of a month in a country, in bytes."""

    month: str
    country: str | None
    reports: int
    bytes: int
    on_air_bytes: int


class ListedProfile(BaseModel):
    """A profile as listed by an IoT eUICC."""

    iccid: str
    name: str
    enabled: bool
    fallback: bool
    """The card may enable it without a signature."""
    may_fall_back: bool


class Euicc(BaseModel):
    """What an eUICC reports about itself."""

    eid: str
    kind: Literal["iot", "consumer"]
    """iot: SGP.32; consumer: SGP.22."""
    manager: str | None
    """Id of the remote manager (eIM) that the card obeys."""
    associated: bool
    """Whether that is this agent."""
    counter: int | None
    """Number of the last signed package."""
    reported: str
    proved: Time
    """When the agent sent the package that the card signed last; null: only the device reports this card."""
    profiles: list[ListedProfile] | None


class Card(BaseModel):
    """The card of a device."""

    state: str
    desired: str | None
    reported: Time
    eid: str | None
    free_bytes: int | None
    """Free memory for profiles as the card reported it."""
    euicc: Euicc | None
    """Null: the card has not reported its type."""
    binding: str
    identity: CardIdentity | None
    services: str | None
    plan: InventoryEntry | None
    profiles: list[Profile]
    switches: list[Json]
    quota_mb: float | None
    usage: list[MonthlyUsage]


class Download(BaseModel):
    """A profile download."""

    download: int
    device: str
    task: Literal["download", "delete", "rename"] | Task
    server: str | None
    by: str
    ordered: str
    changed: str
    state: str
    """waiting, ordered, authenticating, preparing, loading, checking or cancelling; associating, signing,
    switching or removing; installed, enabled, done, failed or cancelled."""
    loaded: int | None
    """The number of `pieces` that the device has, while it is loading."""
    pieces: int | None
    enable: bool
    iccid: str | None
    profile: str | None
    provider: str | None
    problem: str | None
    postponed: str | None
    """Why the device does not begin yet, and when it is asked again."""
    refusal: str | None
    """Subject and reason code of the server (SGP.22 5.2.6)."""
    open: bool


class Downloads(BaseModel):
    """A page of profile downloads."""

    downloads: list[Download]
    next: Next


class OrderedDownload(BaseModel):
    """The number of a download."""

    download: int


@router.get("/card")
def card(request: Request, who: CurrentUser, device: Device) -> Annotated[Json, Schema(Card)]:
    """Show the card of a device: identity, profiles, profile switches and their results, data by month and
    country. The operator tenant also sees the inventory and the data of each profile."""
    it = services(request)
    with it.database.reading() as connection:
        return card_of.serialize(
            connection, card_of.live(actions.view(connection, who, device)), it.clock.now_s()
        )


@router.post("/card/switch")
def switch(
    request: Request, who: ActingUser, device: Device, choice: ProfileChoice
) -> Annotated[Json, Schema(answers.Revision)]:
    """Switch the device to a profile; it returns to the previous one if it cannot connect."""
    return {"revision": actions.switch(services(request), who, device, choice.profile)}


@of_fleet.get("")
def every_download(
    request: Request,
    who: CurrentUser,
    state: Literal["open", "all"] = "all",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(Downloads)]:
    """List the profile downloads of all devices, newest first; for the operator tenant."""
    require_operator_tenant(who)
    before = paging.before(cursor)
    with services(request).database.reading() as connection:
        found = downloads.newest(connection, state == "open", before, limit + 1)
        shown = downloads.shown(connection, found)
    return paging.cut("downloads", shown, limit, "download")


@router.get("/downloads")
def downloads_of(
    request: Request, who: CurrentUser, device: Device, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(Downloads)]:
    """List the profile downloads of a device, newest first."""
    it, before = services(request), paging.before(cursor)
    with it.database.reading() as connection:
        shown = card_of.downloads_of(
            connection, card_of.live(actions.view(connection, who, device)), it.clock.now_s()
        )
    return paging.cut("downloads", [each for each in shown if each["download"] < before], limit, "download")


@router.get("/downloads/{download}")
def one_download(
    request: Request, who: CurrentUser, device: Device, download: Number
) -> Annotated[Json, Schema(Download)]:
    """Show a profile download."""
    it = services(request)
    with it.database.reading() as connection:
        for each in card_of.downloads_of(connection, actions.view(connection, who, device), it.clock.now_s()):
            if each["download"] == download:
                return each
    raise HTTPException(404, _("{device} has no download {number}", device=device, number=download))


@router.post("/downloads", status_code=201)
def download(
    request: Request, who: ActingUser, device: Device, wanted: NewDownload
) -> Annotated[Json, Schema(OrderedDownload)]:
    """Download a profile onto the card."""
    it = services(request)
    number = actions.download(it, who, device, wanted.code, wanted.confirmation, wanted.enable)
    return {"download": number}


@router.delete("/downloads/{download}", status_code=204)
def cancel_download(request: Request, who: ActingUser, device: Device, download: Number) -> None:
    """Cancel a profile download."""
    actions.cancel_download(services(request), who, device, download)


@router.post("/card/operations", status_code=202)
def order(
    request: Request, who: ActingUser, device: Device, wanted: CardOrder
) -> Annotated[Json, Schema(OrderedDownload)]:
    """Manage an IoT eUICC (SGP.32): associate it with the agent, end the association, or list, enable or
    disable profiles by signed package."""
    number = actions.manage_card(services(request), who, device, wanted.task, wanted.iccid)
    return {"download": number}


@router.delete("/profiles/{iccid}", status_code=202)
def delete_profile(
    request: Request, who: ActingUser, device: Device, iccid: Iccid
) -> Annotated[Json, Schema(OrderedDownload)]:
    """Delete a profile from the card."""
    return {"download": actions.delete_profile(services(request), who, device, iccid)}


@router.patch("/profiles/{iccid}", status_code=202)
def rename_profile(
    request: Request, who: ActingUser, device: Device, iccid: Iccid, named: NamedProfile
) -> Annotated[Json, Schema(OrderedDownload)]:
    """Rename a profile on the card."""
    return {"download": actions.rename_profile(services(request), who, device, iccid, named.name)}
