"""Roll-outs of eSIM profiles over HTTP, for the operator tenant. docs/reference/api.md."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from landbridge.core import stages
from landbridge.core.clock import iso
from landbridge.core.texts import _, stored
from landbridge.features.esim import rollout
from landbridge.features.esim.queries import rollouts
from landbridge.web import actions, paging
from landbridge.web.answers import Json, Next, Schema
from landbridge.web.api import ActingUser, CurrentUser, Number
from landbridge.web.forms import require_operator_tenant
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1/profile-roll-outs")
_DAY_S = 86_400


class NewRollout(BaseModel):
    """A staged roll-out of a profile to the devices on trips with a tag."""

    model_config = ConfigDict(extra="forbid")
    tag: str = Field(min_length=1, max_length=64)
    profile: str = Field(min_length=1, max_length=63)
    canaries: int = Field(5, ge=1, le=1_000, description="Devices that must succeed first.")
    days: int = Field(2, ge=0, le=365, description="Minimum days per stage.")


class Rollout(BaseModel):
    """A roll-out of a profile."""

    rollout: int
    tag: str
    profile: str
    by: str
    begun: str
    stage: str
    reached: int
    in_use: int
    failed: int


class Rollouts(BaseModel):
    """A page of roll-outs."""

    rollouts: list[Rollout]
    next: Next


@router.get("")
def listed(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(Rollouts)]:
    """List roll-outs of profiles, newest first."""
    require_operator_tenant(who)
    before = paging.before(cursor)
    with services(request).database.reading() as connection:
        shown = [each for each in _every(connection) if each["rollout"] < before]
    return paging.cut("rollouts", shown, limit, "rollout")


@router.get("/{rollout}")
def one(request: Request, who: CurrentUser, rollout: Number) -> Annotated[Json, Schema(Rollout)]:
    """Show a roll-out of a profile."""
    require_operator_tenant(who)
    with services(request).database.reading() as connection:
        return _of(connection, rollout)


@router.post("", status_code=201)
def begin(request: Request, who: ActingUser, new: NewRollout) -> Annotated[Json, Schema(Rollout)]:
    """Roll out a profile to the devices on trips with a tag, or resume a halted roll-out."""
    it = services(request)
    actions.require_operator(who, "admin")
    with it.database.writing(who.who, who.tenant) as connection:
        stage_s, now_s = new.days * _DAY_S, it.clock.now_s()
        number = rollout.begin(connection, new.tag, new.profile, new.canaries, stage_s, who.who, now_s)
        return _of(connection, number)


@router.post("/{rollout}/halt")
def halt(request: Request, who: ActingUser, rollout: Number) -> Annotated[Json, Schema(Rollout)]:
    """Halt a roll-out; devices that have switched keep the profile."""
    actions.require_operator(who, "admin")
    with services(request).database.writing(who.who, who.tenant) as connection:
        _of(connection, rollout)
        rollouts.change(connection, rollout, halted=stored(_("by {who}", who=who.name)))
        return _of(connection, rollout)


def _every(connection: Connection) -> list[dict[str, Any]]:
    return [
        {
            "rollout": row.rollout, "tag": row.tag, "profile": row.profile, "by": row.begun_by,
            "begun": iso(row.begun_s), "stage": stages.describe(row), "reached": row.reached,
            "in_use": row.taken, "failed": row.failed,
        }
        for row in rollouts.every(connection)
    ]  # fmt: skip


def _of(connection: Connection, number: int) -> dict[str, Any]:
    for each in _every(connection):
        if each["rollout"] == number:
            return each
    raise HTTPException(404, _("no roll-out {number}; GET /v1/profile-roll-outs lists them", number=number))
