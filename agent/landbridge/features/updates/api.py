"""Releases and their roll-out over HTTP, for the operator tenant. docs/reference/api.md."""

from base64 import b64decode
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import Base64Encoder, BaseModel, ConfigDict, EncodedBytes, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.features.updates import queries as releases
from landbridge.features.updates import releases as rules
from landbridge.features.updates import rollout
from landbridge.protocol.limits import RELEASE_FILES, RELEASE_SEQUENCE
from landbridge.web import actions, paging
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser, Device
from landbridge.web.forms import require_operator_tenant
from landbridge.web.guard import UPLOAD_BYTES
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1")
Board = Annotated[str, Path(max_length=32)]
OfBoard = Annotated[
    str | None, Query(alias="board", max_length=32, description="Only releases for this board.")
]
Sequence = Annotated[int, Path(ge=1, le=RELEASE_SEQUENCE)]


class _Strict(Base64Encoder):
    """Unlike pydantic's, it takes nothing that is no Base64."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        """Return the bytes."""
        try:
            return b64decode(data, validate=True)
        except ValueError:
            raise PydanticCustomError("base64", "no Base64") from None


_Contents = Annotated[bytes, EncodedBytes(encoder=_Strict)]


class RolloutOptions(BaseModel):
    """Stages of a roll-out."""

    model_config = ConfigDict(extra="forbid")
    canaries: int = Field(5, ge=1, le=1_000, description="Devices that must succeed first.")
    days: int = Field(2, ge=0, le=365, description="Minimum days per stage.")


class NewRelease(BaseModel):
    """The contents of release.json and its files."""

    model_config = ConfigDict(extra="forbid")
    sequence: int = Field(ge=1, le=RELEASE_SEQUENCE, examples=[2])
    version: str = Field(max_length=32)
    board: str = Field(max_length=32)
    mpy: int = Field(ge=0, le=255, description="Version of MicroPython's bytecode (.mpy).", examples=[6])
    files: dict[str, _Contents] = Field(
        min_length=1, max_length=RELEASE_FILES, description="Contents of the files in Base64, by name.",
        examples=[{"locator/wake.mpy": "TQY="}],
    )  # fmt: skip


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
    request: Request, who: CurrentUser, of: OfBoard = None, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(Releases)]:
    """List releases and their roll-outs by board, newest first."""
    require_operator_tenant(who)
    board, below = paging.start(cursor, str, int) or ("", 0)
    with services(request).database.reading() as connection:
        rows = [
            row
            for row in releases.every(connection)
            if ((row.board, -row.sequence) > (str(board), -int(below)) or not below)
            and of in (None, row.board)
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


@router.post(
    "/releases", status_code=201, responses={413: {"description": f"More than {UPLOAD_BYTES} bytes."}}
)
def add(request: Request, who: ActingUser, new: NewRelease) -> Annotated[Json, Schema(Release)]:
    """Add a release built by `python -m tools.flash.release`. No device gets it before its roll-out."""
    it = services(request)
    actions.require_operator(who, "admin")
    manifest = new.model_dump(exclude={"files"}) | {"files": [*new.files]}
    release = rules.uploaded(manifest, new.files)
    with it.database.writing(who.who, who.tenant) as connection:
        rules.add(connection, release, it.clock.now_s())
        return _of(connection, release.board, release.sequence)


@router.delete("/releases/{board}/{sequence}", status_code=204)
def remove(request: Request, who: ActingUser, board: Board, sequence: Sequence) -> None:
    """Remove a release that was never rolled out."""
    actions.require_operator(who, "admin")
    with services(request).database.writing(who.who, who.tenant) as connection:
        _of(connection, board, sequence)
        rules.remove(connection, board, sequence)


@router.post("/releases/{board}/{sequence}/roll-out")
def roll_out(
    request: Request, who: ActingUser, board: Board, sequence: Sequence, stages: RolloutOptions
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
    request: Request, who: CurrentUser, of: OfBoard = None, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(DeviceUpdates)]:
    """List devices by id with their release and newest update."""
    require_operator_tenant(who)
    after = str((paging.start(cursor, str) or ("",))[0])
    with services(request).database.reading() as connection:
        rows = [
            row for row in releases.by_device(connection) if row.device > after and of in (None, row.board)
        ]
    return paging.cut("updates", [progress(row) for row in rows[: limit + 1]], limit, "device")


@router.get("/devices/{device}/update")
def of_device(request: Request, who: CurrentUser, device: Device) -> Annotated[Json, Schema(DeviceUpdate)]:
    """Show the release and the newest update of a device."""
    require_operator_tenant(who)
    with services(request).database.reading() as connection:
        actions.view(connection, who, device)
        (row,) = releases.by_device(connection, device)
    return progress(row)


def _of(connection: Connection, board: str, sequence: int) -> dict[str, Any]:
    for row in releases.every(connection):
        if (row.board, row.sequence) == (board, sequence):
            return _shown(row)
    raise HTTPException(
        404,
        _(
            "no release {number} for {board}; GET /v1/releases lists them",
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
