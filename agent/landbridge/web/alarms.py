"""Alarms over HTTP: what calls for somebody, and that somebody looks after it. docs/web.md."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from landbridge.alarms import engine
from landbridge.outbound import announce
from landbridge.store import alarms
from landbridge.web.api import LARGEST, Acts, Looks, Number
from landbridge.web.here import here
from landbridge.web.viewer import Viewer, demand

router = APIRouter(prefix="/v1")


class Note(BaseModel):
    """What is being done about it."""

    model_config = ConfigDict(extra="forbid")
    note: str = Field("", max_length=500)


@router.get("/alarms")
def listed(
    request: Request,
    who: Looks,
    state: Literal["open", "all"] = "open",
    device: Annotated[str | None, Query(max_length=32)] = None,
    before: Annotated[int, Query(ge=1, le=LARGEST)] = LARGEST,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[dict[str, Any]]:
    """Alarms, the newest first; `before` a number: the older ones."""
    with here(request).database.reading() as connection:
        rows = alarms.listed(connection, who.tenant, device, state == "open", before, limit)
    return [engine.told(row) for row in rows]


@router.post("/alarms/{alarm}/acknowledge")
def acknowledge(request: Request, who: Acts, alarm: Number, note: Note) -> dict[str, Any]:
    """Somebody looks after it; platforms are told."""
    demand(who, "operator")
    it = here(request)
    with it.database.writing() as connection:
        _mine(connection, who, alarm)
        now_s = it.clock.now_s()
        announce.tell(connection, engine.acknowledge(connection, alarm, who.who, note.note, now_s), now_s)
        return engine.told(engine.known(connection, alarm))


@router.post("/alarms/{alarm}/clear")
def clear(request: Request, who: Acts, alarm: Number) -> dict[str, Any]:
    """It is over; the next event of its kind raises it anew."""
    demand(who, "operator")
    it = here(request)
    with it.database.writing() as connection:
        _mine(connection, who, alarm)
        now_s = it.clock.now_s()
        announce.tell(connection, engine.clear(connection, alarm, who.who, now_s), now_s)
        return engine.told(engine.known(connection, alarm))


def _mine(connection: Connection, who: Viewer, alarm: int) -> None:
    """404 if the viewer has no such alarm, whether there is one or not."""
    row = alarms.find(connection, alarm)
    if row is None or (who.tenant is not None and row.tenant != who.tenant):
        raise HTTPException(404, f"no alarm {alarm}")
