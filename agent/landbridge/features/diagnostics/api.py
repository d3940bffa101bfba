"""The API of the wake log."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from landbridge.core.clock import iso
from landbridge.features.diagnostics.queries import log as device_log
from landbridge.features.diagnostics.queries import wakes
from landbridge.features.diagnostics.wake_coding import reason
from landbridge.protocol.diagnostics import KINDS, meaning
from landbridge.web import actions, device_views, paging, serialize
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import CurrentUser, Device
from landbridge.web.forms import require_operator_tenant
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1/devices/{device}")


class Wake(BaseModel):
    """A wake."""

    time: str
    did: str
    slept: str
    joules: float


class LogEntry(BaseModel):
    """An entry of the device log."""

    time: Time
    power_on: int
    """Number of its power-on."""
    seconds_since: int
    what: str
    value: str


class DeviceLog(BaseModel):
    """A page of the device log."""

    log: list[LogEntry]
    next: Next


class Wakes(BaseModel):
    """A page of wakes."""

    wakes: list[Wake]
    next: Next


@router.get("/log")
def log(
    request: Request, who: CurrentUser, device: Device, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(DeviceLog)]:
    """List the device log: errors and resets reported by the device, oldest first; for the operator
    tenant."""
    require_operator_tenant(who)
    after = int((paging.start(cursor, int) or (-1,))[0])
    with services(request).database.reading() as connection:
        actions.view(connection, who, device)
        rows = list(enumerate(device_log.log(connection, device)))[after + 1 :][: limit + 1]
    shown = [
        {
            "time": iso(row.at_s), "power_on": row.boot, "seconds_since": row.clock_s,
            "what": KINDS.get(row.kind, f"kind {row.kind}"), "value": str(meaning(row.kind, row.value)),
        }
        for _place, row in rows[:limit]
    ]  # fmt: skip
    return paging.page("log", shown, (rows[limit - 1][0],) if len(rows) > limit else None)


@router.get("/wakes")
def woken(
    request: Request,
    who: CurrentUser,
    device: Device,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=5_000)] = 1_000,
) -> Annotated[Json, Schema(Wakes)]:
    """List the wake log of a device: actions and reasons of each wake."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        spans = device_views.intervals(connection, found, it.clock.now_s())
        since_s, until_s = (
            serialize.epoch_s(since, serialize.BEGINNING_S),
            serialize.epoch_s(until, serialize.END_S),
        )
        start = serialize.page_start(cursor, 3)
        rows = [
            row
            for begin_s, end_s in spans
            for row in wakes.between(
                connection, device, max(begin_s, since_s), min(end_s, until_s), start, limit + 1
            )
        ][: limit + 1]
    last = rows[limit - 1] if len(rows) > limit else None
    return {
        "wakes": [
            {"time": iso(row.at_s), "did": reason(row.did), "slept": reason(row.rest), "joules": row.joules}
            for row in rows[:limit]
        ],
        "next": paging.cursor((last.at_s, last.boot, last.clock_min)) if last else None,
    }
