"""Alarms over HTTP: list, acknowledge, clear. docs/reference/api.md."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.web import actions, answers
from landbridge.web.answers import Json, Schema
from landbridge.web.api import LARGEST, ActingUser, CurrentUser, Number
from landbridge.web.services import services

router = APIRouter(prefix="/v1")


class Note(BaseModel):
    """State and acknowledgement of an alarm."""

    model_config = ConfigDict(extra="forbid")
    note: str = Field("", max_length=500)


@router.get("/alarms")
def listed(
    request: Request,
    who: CurrentUser,
    state: Literal["open", "all"] = "open",
    device: Annotated[str | None, Query(max_length=32)] = None,
    before: Annotated[int, Query(ge=1, le=LARGEST)] = LARGEST,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[Annotated[Json, Schema(answers.Alarm)]]:
    """List alarms, newest first; `before` a number returns older ones."""
    with services(request).database.reading() as connection:
        rows = alarms.listed(connection, who.tenant, device, state == "open", before, limit)
    return [engine.serialize(row) for row in rows]


@router.post("/alarms/{alarm}/acknowledge")
def acknowledge(
    request: Request, who: ActingUser, alarm: Number, note: Note
) -> Annotated[Json, Schema(answers.Alarm)]:
    """Acknowledge an alarm; an event is published."""
    return actions.acknowledge(services(request), who, alarm, note.note)


@router.post("/alarms/{alarm}/clear")
def clear(request: Request, who: ActingUser, alarm: Number) -> Annotated[Json, Schema(answers.Alarm)]:
    """Clear an alarm; the next event of its kind raises it again."""
    return actions.clear(services(request), who, alarm)
