"""Alarms over HTTP: list, acknowledge, clear, take over, comment. docs/reference/api.md."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from landbridge.features.alarms import engine, teamwork
from landbridge.features.alarms import queries as alarms
from landbridge.web import actions, paging
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import LARGEST, ActingUser, CurrentUser, Number
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1")


class AlarmNote(BaseModel):
    """A note for an alarm."""

    model_config = ConfigDict(extra="forbid")
    note: str = Field("", max_length=500)


class ManyAcknowledgements(AlarmNote):
    """Alarms to acknowledge together, with one note."""

    alarms: list[Annotated[int, Field(ge=1, le=LARGEST)]] = Field(min_length=1, max_length=1_000)


class Comment(BaseModel):
    """A comment on an alarm."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=teamwork.LONGEST)


class Alarm(BaseModel):
    """An alarm; its other fields are those of the event that raised it, as in `Event`."""

    number: int
    alarm: str
    severity: Literal["warning", "minor", "major", "critical"]
    state: Literal["raised", "acknowledged", "cleared"]
    since: str
    last: str
    times: int
    acknowledged: Time
    acknowledged_by: str | None
    note: str | None
    cleared: Time
    cleared_by: str | None


class Alarms(BaseModel):
    """A page of alarms."""

    alarms: list[Alarm]
    next: Next


@router.get("/alarms")
def listed(
    request: Request,
    who: CurrentUser,
    state: Literal["open", "all"] = "open",
    device: Annotated[str | None, Query(max_length=32)] = None,
    severity: Annotated[str | None, Query(max_length=16)] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(Alarms)]:
    """List alarms, newest first."""
    with services(request).database.reading() as connection:
        wanted = alarms.Wanted(who.tenant, device, state == "open", severity)
        rows = alarms.listed(connection, wanted, paging.before(cursor), limit + 1)
    return paging.cut("alarms", [engine.serialize(row) for row in rows], limit, "number")


@router.get("/alarms/{alarm}")
def one(request: Request, who: CurrentUser, alarm: Number) -> Annotated[Json, Schema(Alarm)]:
    """Show an alarm."""
    with services(request).database.reading() as connection:
        return engine.serialize(actions.alarm_of(connection, who, alarm))


@router.post("/alarms/{alarm}/acknowledge")
def acknowledge(
    request: Request, who: ActingUser, alarm: Number, note: AlarmNote
) -> Annotated[Json, Schema(Alarm)]:
    """Acknowledge an alarm; an event is published."""
    return actions.acknowledge(services(request), who, alarm, note.note)


@router.post("/alarms/acknowledge")
def acknowledge_many(
    request: Request, who: ActingUser, many: ManyAcknowledgements
) -> Annotated[Json, Schema(Alarms)]:
    """Acknowledge several alarms, all or none."""
    shown = actions.acknowledge_many(services(request), who, many.alarms, many.note)
    return paging.page("alarms", shown, None)


@router.post("/alarms/{alarm}/take", status_code=204)
def take(request: Request, who: ActingUser, alarm: Number) -> None:
    """Take over an alarm."""
    actions.take(services(request), who, alarm)


@router.post("/alarms/{alarm}/leave", status_code=204)
def leave(request: Request, who: ActingUser, alarm: Number) -> None:
    """Hand back an alarm that you took over."""
    actions.leave(services(request), who, alarm)


@router.post("/alarms/{alarm}/comments", status_code=204)
def comment(request: Request, who: ActingUser, alarm: Number, comment: Comment) -> None:
    """Comment on an alarm."""
    actions.comment(services(request), who, alarm, comment.text)


@router.post("/alarms/{alarm}/clear")
def clear(request: Request, who: ActingUser, alarm: Number) -> Annotated[Json, Schema(Alarm)]:
    """Clear an alarm; the next event of its kind raises it again."""
    return actions.clear(services(request), who, alarm)
