"""Profile policies over HTTP, for the operator tenant: list, show, set, remove. docs/reference/api.md."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.features.devices import queries as devices
from landbridge.features.esim import handler, policy
from landbridge.features.esim.assign import assign, has
from landbridge.features.esim.coding import ELSEWHERE, Policy, Profile
from landbridge.features.esim.queries import policies as stored
from landbridge.web import actions, batch, paging
from landbridge.web.answers import BatchResult, Json, Next, Schema
from landbridge.web.api import ActingUser, CurrentUser, Device, Devices
from landbridge.web.device_views import DeviceView
from landbridge.web.forms import require_operator_tenant
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1")
_PROFILES = {"roaming": {"iccid": "8931440400012345678", "apn": "iot.example", "quota_mb": 10}}
_COUNTRIES = {policy.ELSEWHERE: ["roaming"]}


class WantedPolicy(BaseModel):
    """A policy, with the keys of the policy file (`landbridge esim set-policy --help`)."""

    model_config = ConfigDict(extra="forbid")
    fallback: str = Field(max_length=63, examples=["roaming"])
    blocked: list[int] = Field([], max_length=300, examples=[[432]])
    profile: dict[str, Json] = Field(max_length=16, examples=[_PROFILES])
    countries: dict[str, list[str]] = Field({}, max_length=300, examples=[_COUNTRIES])


class PolicyOfMany(Devices):
    """A policy for several devices."""

    policy: WantedPolicy


class UpdateAccessPoint(BaseModel):
    """The access point for downloading releases."""

    host: str
    apn: str


class ProfileOfPolicy(BaseModel):
    """A profile of a policy, without its secrets."""

    iccid: str
    apn: str
    hosts: list[str]
    updates: UpdateAccessPoint | None
    quota_mb: int
    awaited: bool
    """Whether it is still to be loaded onto the card."""


class PolicyOfDevice(BaseModel):
    """The policy of a device."""

    device: str
    revision: int
    wanted: str
    """The profile that was chosen, or auto: the policy decides."""
    state: str
    by: str
    set: str
    fallback: str
    blocked: list[int]
    profile: dict[str, ProfileOfPolicy]
    countries: dict[str, list[str]]


class PoliciesOfDevices(BaseModel):
    """A page of policies by device."""

    policies: list[PolicyOfDevice]
    next: Next


@router.get("/profile-policies")
def listed(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(PoliciesOfDevices)]:
    """List devices with their profile policies."""
    require_operator_tenant(who)
    after = str((paging.start(cursor, str) or ("",))[0])
    with services(request).database.reading() as connection:
        found = stored.holders(connection, after, limit + 1)
        shown = [_shown(connection, device) for device in found]
    return paging.cut("policies", shown, limit, "device")


@router.post("/profile-policies")
def set_many(request: Request, who: ActingUser, many: PolicyOfMany) -> Annotated[Json, Schema(BatchResult)]:
    """Set the profile policy of several devices; devices that already have it are not changed."""
    actions.require_operator(who, "admin")
    it = services(request)
    wanted, codes = policy.of_table(many.policy.model_dump())

    def act(connection: Connection, view: DeviceView) -> None:
        if not has(connection, view.device, wanted):
            now_s = it.clock.now_s()
            assign(connection, it.keyring, it.config.esim, view.device, wanted, codes, who.who, now_s)

    return batch.each(it, who, many.chosen(), "admin", act).serialize()


@router.get("/devices/{device}/profile-policy")
def one(request: Request, who: CurrentUser, device: Device) -> Annotated[Json, Schema(PolicyOfDevice)]:
    """Show the profile policy of a device."""
    require_operator_tenant(who)
    with services(request).database.reading() as connection:
        actions.view(connection, who, device)
        return _shown(connection, device)


@router.put("/devices/{device}/profile-policy")
def put(
    request: Request, who: ActingUser, device: Device, wanted: WantedPolicy
) -> Annotated[Json, Schema(PolicyOfDevice)]:
    """Set the profile policy of a device. Profiles that are not on the card are downloaded in the first
    country that prefers them."""
    actions.require_operator(who, "admin")
    it = services(request)
    found, codes = policy.of_table(wanted.model_dump())
    with it.database.writing(who.who, who.tenant) as connection:
        actions.view(connection, who, device)
        devices.device_in_use(connection, device)
        if not has(connection, device, found):
            now_s = it.clock.now_s()
            assign(connection, it.keyring, it.config.esim, device, found, codes, who.who, now_s)
        return _shown(connection, device)


@router.delete("/devices/{device}/profile-policy", status_code=204)
def remove(request: Request, who: ActingUser, device: Device) -> None:
    """Stop managing the profile policy of a device; the device keeps the policy that it has."""
    actions.require_operator(who, "admin")
    with services(request).database.writing(who.who, who.tenant) as connection:
        actions.view(connection, who, device)
        _shown(connection, device)
        stored.forget(connection, device)


def _shown(connection: Connection, device: str) -> dict[str, Any]:
    """Return the policy of a device, serialized; 404 if it has none."""
    desired = stored.desired(connection, device)
    if desired is None:
        raise HTTPException(404, _("{device} has no profile policy", device=device))
    found: Policy = desired.policy
    countries = sorted(found.countries.items())
    return {
        "device": device, "revision": desired.revision, "wanted": desired.profile,
        "state": handler.state(connection, device), "by": desired.set_by, "set": iso(desired.set_s),
        "fallback": found.fallback, "blocked": [mcc for mcc, names in countries if not names],
        "profile": {name: _profile(each) for name, each in found.profiles.items()},
        "countries": {_country(mcc): list(names) for mcc, names in countries if names},
    }  # fmt: skip


def _country(mcc: int) -> str:
    return policy.ELSEWHERE if mcc == ELSEWHERE else str(mcc)


def _profile(found: Profile) -> dict[str, Any]:
    """Without what opens the access points."""
    updates = None
    if found.updates:
        apn, _user, _password, name, port = found.updates
        updates = {"host": f"{name}:{port}", "apn": apn}
    return {
        "iccid": found.iccid, "apn": found.apn, "hosts": [f"{name}:{port}" for name, port in found.hosts],
        "updates": updates, "quota_mb": found.quota_kb // 1024, "awaited": found.awaited,
    }  # fmt: skip
