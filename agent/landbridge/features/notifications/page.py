"""The page of notifications and its part of the API: channels with their rules, tests, the log."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.db import order
from landbridge.features.notifications import channels
from landbridge.features.notifications import queries as stored
from landbridge.web import api, auth, paging
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.auth import User, demand
from landbridge.web.forms import ActingUser, CurrentUser, back, of_page
from landbridge.web.paging import Cursor, Limit
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter()
_MOST = 200
Before = Annotated[int, Query(ge=1, le=order.HIGHEST)]


class NotificationRule(BaseModel):
    """A rule of a channel: which events go to it, and when."""

    name: str
    kinds: list[str]
    severity: str
    tenant: str | None
    tag: str | None
    route: str | None
    least_s: int
    quiet: str | None
    digest: str | None
    most_a_week: int | None
    escalate_s: int | None
    escalate_to: str | None


class NotificationChannel(BaseModel):
    """Where notifications go."""

    name: str
    service: str
    tenant: str | None
    language: str
    zone: str
    rules: list[NotificationRule]


class NotificationChannels(BaseModel):
    """A page of channels."""

    channels: list[NotificationChannel]
    next: Next


class Notification(BaseModel):
    """A notification and the last answer of its channel."""

    notification: int
    channel: str
    event: str
    type: str
    alarm: str | None
    device: str | None
    container: str | None
    rule: str
    state: Literal["waiting", "sending", "sent", "withdrawn", "failed"]
    message: int | None
    made: str
    due: str
    attempts: int
    answer: str | None
    answered: Time


class Notifications(BaseModel):
    """A page of notifications."""

    notifications: list[Notification]
    next: Next


class Queued(BaseModel):
    """The channel to which a test is on its way."""

    channel: str


@router.get("/v1/notification-channels")
def listed(
    request: Request,
    who: api.CurrentUser,
    name: Annotated[str | None, Query(max_length=32)] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(NotificationChannels)]:
    """List the channels that notifications go to (or the one of this name) with their rules; addresses are
    never shown."""
    after = str((paging.start(cursor, str) or ("",))[0])
    with services(request).database.reading() as connection:
        found = [each for each in _channels(connection, who) if name in (None, each["name"])]
    rest = sorted((each for each in found if each["name"] > after), key=lambda each: str(each["name"]))
    return paging.cut("channels", rest, limit, "name")


@router.get("/v1/notifications")
def log(
    request: Request, who: api.CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(Notifications)]:
    """List notifications, newest first, each with the last answer of its channel."""
    with services(request).database.reading() as connection:
        rows = stored.log(connection, who.tenant, paging.before(cursor), limit + 1)
    return paging.cut("notifications", [_serialized(row) for row in rows], limit, "notification")


@router.post("/v1/notification-channels/{name}/test", status_code=202)
def test(request: Request, who: api.ActingUser, name: str) -> Annotated[Json, Schema(Queued)]:
    """Send a test to a channel; the log has the answer."""
    demand(who, "operator")
    with services(request).database.reading() as connection:
        if name not in {each["name"] for each in _channels(connection, who)}:
            raise HTTPException(
                404, _("no channel {name}; GET /v1/notification-channels lists them", name=name)
            )
    _test(request, who, name)
    return {"channel": name}


@router.get("/notifications", include_in_schema=False)
def notifications_page(request: Request, who: CurrentUser, before: Before = order.HIGHEST) -> HTMLResponse:
    """The page."""
    return _page(request, who, before)


def _page(request: Request, who: User, before: int = order.HIGHEST) -> HTMLResponse:
    with services(request).database.reading() as connection:
        found = _channels(connection, who)
        rows = [_serialized(row) for row in stored.log(connection, who.tenant, before, _MOST)]
    earlier = rows[-1]["notification"] if len(rows) == _MOST else None
    return page(request, "notifications.html", who=who, channels=found, rows=rows, earlier=earlier)


def show_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    """Show the page again after a refused test."""
    return _page(request, auth.current_user(request))


@router.post("/notifications/{name}/test", include_in_schema=False)
@of_page(show_again, "test", "/notifications")
def test_form(request: Request, who: ActingUser, name: str) -> Response:
    """Send a test by the button."""
    _test(request, who, name)
    return back("/notifications", "log")


def _test(request: Request, who: User, name: str) -> None:
    demand(who, "operator")
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        channels.test(connection, name, who.tenant, who.who, it.clock.now_s())


def _channels(connection: Connection, who: User) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "service": each.service,
            "tenant": each.tenant,
            "language": each.language,
            "zone": each.zone,
            "rules": stored.rules(connection, each.channel),
        }
        for each in stored.channels(connection, who.tenant)
    ]


def _serialized(row: Row[Any]) -> dict[str, Any]:
    event = json.loads(row.content)
    return {
        "notification": row.notification,
        "channel": row.channel_name,
        "event": row.event,
        "type": event["type"],
        "alarm": event.get("alarm"),
        "device": row.device,
        "container": event.get("container"),
        "rule": row.rule,
        "state": row.state,
        "message": row.message,
        "made": iso(row.made_s),
        "due": iso(row.due_s),
        "attempts": row.attempts,
        "answer": row.answer,
        "answered": iso(row.answered_s),
    }
