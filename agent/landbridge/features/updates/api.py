"""Releases and their roll-out over HTTP, for the operator tenant. docs/reference/api.md."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.features.updates import queries as releases
from landbridge.features.updates import rollout
from landbridge.protocol.limits import RELEASE_SEQUENCE
from landbridge.web import actions, paging
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser
from landbridge.web.forms import require_operator_tenant
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1")
Board = Annotated[str, Path(max_length=32)]
Sequence = Annotated[int, Path(ge=1, le=RELEASE_SEQUENCE)]


class Stages(BaseModel):
    """How a roll-out goes on."""

    model_config = ConfigDict(extra="forbid")
    canaries: int = Field(5, ge=1, le=1_000, description="Devices that must succeed first.")
    days: int = Field(2, ge=0, le=365, description="Of each stage at least.")


class Release(BaseModel):
    """A release and its roll-out."""

    board: str
    sequence: int
    version: str
    added: str
    stage: str | None
    halted: bool
    assigned: int
    running: int
    failed: int


class Releases(BaseModel):
    """A page of releases by board."""

    releases: list[Release]
    next: Next


class DeviceUpdate(BaseModel):
    """The release of a device, and its newest update."""

    device: str
    board: str | None
    running: int | None
    on_trial: bool | None
    reported: Time
    assigned: int | None
    pulls: int | None
    ended: str | None


class DeviceUpdates(BaseModel):
    """A page of devices by id."""

    updates: list[DeviceUpdate]
    next: Next


@router.get("/releases")
def listed(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(Releases)]:
    """List releases by board, the newest first, with their roll-out."""
    require_operator_tenant(who)
    board, below = paging.start(cursor, str, int) or ("", 0)
    with services(request).database.reading() as connection:
        rows = [
            row
            for row in releases.every(connection)
            if (row.board, -row.sequence) > (str(board), -int(below)) or not below
        ]
    last = rows[limit - 1] if len(rows) > limit else None
    following = (last.board, last.sequence) if last is not None else None
    return paging.page("releases", [_shown(row) for row in rows[:limit]], following)


@router.get("/releases/{board}/{sequence}")
def one(
    request: Request, who: CurrentUser, board: Board, sequence: Sequence
) -> Annotated[Json, Schema(Release)]:
    """Show a release and its roll-out."""
    require_operator_tenant(who)
    with services(request).database.reading() as connection:
        return _of(connection, board, sequence)


@router.post("/releases/{board}/{sequence}/roll-out")
def roll_out(
    request: Request, who: ActingUser, board: Board, sequence: Sequence, stages: Stages
) -> Annotated[Json, Schema(Release)]:
    """Roll out a release in stages, or resume a halted roll-out."""
    it = services(request)
    actions.roll_out(it, who, board, sequence, stages.canaries, stages.days)
    with it.database.reading() as connection:
        return _of(connection, board, sequence)


@router.post("/releases/{board}/{sequence}/halt")
def halt(
    request: Request, who: ActingUser, board: Board, sequence: Sequence
) -> Annotated[Json, Schema(Release)]:
    """Halt a roll-out; devices that run the release keep it."""
    it = services(request)
    actions.halt(it, who, board, sequence)
    with it.database.reading() as connection:
        return _of(connection, board, sequence)


@router.get("/updates")
def of_devices(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(DeviceUpdates)]:
    """List the devices by id with their release and update."""
    require_operator_tenant(who)
    after = str((paging.start(cursor, str) or ("",))[0])
    with services(request).database.reading() as connection:
        rows = [row for row in releases.by_device(connection) if row.device > after]
    return paging.cut("updates", [progress(row) for row in rows[: limit + 1]], limit, "device")


def _of(connection: Connection, board: str, sequence: int) -> dict[str, Any]:
    for row in releases.every(connection):
        if (row.board, row.sequence) == (board, sequence):
            return _shown(row)
    raise HTTPException(
        404,
        _(
            "no release {number} for {board}; GET /v1/releases lists those there are",
            number=sequence,
            board=board,
        ),
    )


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "board": row.board, "sequence": row.sequence, "version": row.version, "added": iso(row.added_s),
        "stage": rollout.stage(row), "halted": row.halted is not None, "assigned": row.assigned,
        "running": row.taken, "failed": row.failed,
    }  # fmt: skip


def progress(row: Row[Any]) -> dict[str, Any]:
    """Return a device's releases, serialized."""
    return {
        "device": row.device, "board": row.board, "running": row.running, "on_trial": row.on_trial,
        "reported": iso(row.reported_s), "assigned": row.assigned, "pulls": row.pulls, "ended": row.ended,
    }  # fmt: skip
