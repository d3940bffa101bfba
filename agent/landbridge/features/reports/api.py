"""Reports and their schedules over HTTP. A tenant schedules reports on its own trips and routes."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row
from starlette.concurrency import run_in_threadpool

from landbridge.core.clock import iso
from landbridge.core.names import OPERATOR, is_of, only
from landbridge.core.texts import _, catalogues
from landbridge.features.reports import kinds, schedule
from landbridge.features.reports import queries as stored
from landbridge.features.reports.render import MEDIA_TYPES, render
from landbridge.web import answers, paging, serialize
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser, Owner
from landbridge.web.auth import User, demand
from landbridge.web.forms import refuse_stale
from landbridge.web.language import language_of
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1")
_MONTH_S = 30 * 86_400
_MOST_OF_TENANT = 50
Kind = Literal["trip", "route", "fleet", "compliance"]
Format = Literal["html", "pdf", "xlsx"]
Every = Literal["day", "week", "month"]
_FILES = answers.files(MEDIA_TYPES.values())


class NewReportSchedule(BaseModel):
    """A report that is sent by mail each day, week or month."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=32, examples=["monday"])
    kind: Kind = Field(examples=["fleet"])
    subject: str = Field("", max_length=200, description="Trip number or route name.")
    format: Format = "pdf"
    mailbox: str = Field(max_length=254, examples=["dispatch@example.org"])
    language: str = Field("en", max_length=16)
    every: Every = "week"
    tenant: str | None = Field(None, max_length=32, description="Only trips of this tenant; omit for all.")


class ReportScheduleChanges(BaseModel):
    """Changes to a schedule; omitted fields stay as they are."""

    model_config = ConfigDict(extra="forbid")
    format: Format | None = None
    mailbox: str | None = Field(None, max_length=254)
    language: str | None = Field(None, max_length=16)
    every: Every | None = None
    paused: bool | None = Field(None, description="No report is sent until it is resumed.")


class ReportSchedule(BaseModel):
    """A schedule and the last response of the mail server."""

    name: str
    kind: Kind
    subject: str
    format: Format
    mailbox: str
    language: str
    every: Every
    tenant: str | None
    paused: bool
    due: str
    answer: str | None
    answered: Time


class ReportSchedules(BaseModel):
    """A page of schedules by name."""

    schedules: list[ReportSchedule]
    next: Next


@router.get("/reports/{kind}.{format}", response_class=Response, responses=_FILES)
async def report(
    request: Request,
    who: CurrentUser,
    kind: Kind,
    format: Format,
    subject: Annotated[str, Query(max_length=200, description="Trip number or route name.")] = "",
    since: datetime | None = None,
    until: datetime | None = None,
    language: Annotated[str | None, Query(max_length=16)] = None,
) -> Response:
    """Make a report as a file, in `language` or the language of the user. It covers the last 30 days unless
    `since` and `until` are given."""
    known = ", ".join(catalogues())
    if language is not None and language not in catalogues():
        raise HTTPException(400, _("no language {name}; choose from {known}", name=language, known=known))
    it = services(request)
    catalogue = catalogues()[language] if language else language_of(request)

    def made() -> tuple[bytes, str]:
        now_s = it.clock.now_s()
        until_s = serialize.epoch_s(until, now_s)
        span = serialize.epoch_s(since, until_s - _MONTH_S), until_s
        with it.database.reading() as connection:
            found = kinds.build(connection, kind, subject, who.tenant, span, now_s, catalogue)
        return render(found, format, catalogue), found.name

    async with it.exports:
        content, name = await run_in_threadpool(made)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"'}
    return Response(content, media_type=MEDIA_TYPES[format], headers=headers)


@router.get("/report-schedules")
def listed(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(ReportSchedules)]:
    """List report schedules by name."""
    after = paging.start(cursor, str, int) or ("", 0)
    with services(request).database.reading() as connection:
        rows = [row for row in of_user(connection, who) if _place(row) > after][: limit + 1]
    shown = [serialized(row) for row in rows[:limit]]
    return paging.page("schedules", shown, _place(rows[limit - 1]) if len(rows) > limit else None)


@router.post("/report-schedules", status_code=201)
def add(request: Request, who: ActingUser, new: NewReportSchedule) -> Annotated[Json, Schema(ReportSchedule)]:
    """Schedule a report: it is sent by mail each day, week or month at 06:00 UTC."""
    it = services(request)
    demand(who, "admin")
    if new.tenant not in (None, who.tenant or new.tenant):
        raise HTTPException(403, _("a tenant has schedules of its own only; leave tenant out"))
    with it.database.writing(who.who, who.tenant) as connection:
        if who.tenant is not None and len(of_user(connection, who)) >= _MOST_OF_TENANT:
            raise HTTPException(
                409, _("there are {count} schedules; remove one that is not used", count=_MOST_OF_TENANT)
            )
        schedule.add(
            connection, new.name, new.kind, new.subject, new.format, new.mailbox, new.language, new.every,
            who.tenant or new.tenant, who.who, it.clock.now_s(),
        )  # fmt: skip
        owner = who.tenant or new.tenant or OPERATOR
        return serialized(_of(connection, who, new.name, owner))


@router.patch("/report-schedules/{schedule}")
def change(
    request: Request,
    who: ActingUser,
    name: Annotated[str, Path(alias="schedule", max_length=32)],
    changes: ReportScheduleChanges,
    tenant: Owner = None,
) -> Annotated[Json, Schema(ReportSchedule)]:
    """Change or pause a schedule."""
    it = services(request)
    demand(who, "admin")
    given = changes.model_dump(exclude_none=True)
    with it.database.writing(who.who, who.tenant) as connection:
        row = _of(connection, who, name, tenant)
        refuse_stale(request, name, *replaced(row))
        schedule.change(connection, row, given, it.clock.now_s())
        return serialized(_of(connection, who, name, tenant))


@router.delete("/report-schedules/{schedule}", status_code=204)
def remove(
    request: Request,
    who: ActingUser,
    name: Annotated[str, Path(alias="schedule", max_length=32)],
    tenant: Owner = None,
) -> None:
    """Remove a schedule."""
    it = services(request)
    demand(who, "admin")
    with it.database.writing(who.who, who.tenant) as connection:
        owner = _of(connection, who, name, tenant).tenant or OPERATOR
        schedule.remove(connection, name, who.who, it.clock.now_s(), owner)


def of_user(connection: Connection, who: User) -> list[Row[Any]]:
    """Return the schedules that a user sees, by name."""
    return [row for row in stored.schedules(connection) if who.tenant in (None, row.tenant)]


def _of(connection: Connection, who: User, name: str, owner: str | None) -> Row[Any]:
    found = [row for row in of_user(connection, who) if row.name == name and is_of(row.tenant, owner)]
    if found:
        return only(found, name)
    raise HTTPException(404, _("no schedule {name}; GET /v1/report-schedules lists them", name=name))


def replaced(row: Row[Any]) -> tuple[object, ...]:
    """Return what the form of a schedule replaces."""
    return row.schedule, row.format, row.mailbox, row.language, row.every, row.paused


def _place(row: Row[Any]) -> tuple[str, int]:
    """Return where a schedule is in the list: several tenants may have one of a name."""
    return row.name, row.schedule


def serialized(row: Row[Any]) -> dict[str, Any]:
    """Return a schedule as in the API."""
    return {
        "name": row.name, "kind": row.kind, "subject": row.subject, "format": row.format,
        "mailbox": row.mailbox, "language": row.language, "every": row.every, "tenant": row.tenant,
        "paused": row.paused, "due": iso(row.try_s),
        "answer": row.answer, "answered": iso(row.answered_s),
    }  # fmt: skip
