"""Channels of notifications and their rules over HTTP, tests, and the log of deliveries. A tenant has
channels by mail only: the agent calls no address that a tenant chose."""

import json
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.names import OPERATOR, is_of, only
from landbridge.core.rate_limit import Rate
from landbridge.core.texts import _
from landbridge.features.notifications import channels
from landbridge.features.notifications import queries as stored
from landbridge.features.notifications.queries import Channel
from landbridge.features.notifications.rules import LONGEST_S, MOST_A_WEEK, Rule
from landbridge.web import paging
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser, Owner
from landbridge.web.auth import User, demand
from landbridge.web.forms import digest, refuse_stale
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1")
Name = Annotated[str, Path(max_length=32)]
_Short = Annotated[str, Field(max_length=64)]
_MOST_OF_TENANT = 50
"""Channels of a tenant, and rules of each."""
_TESTS = Rate(5, 1 / 60)
"""Tests of a channel: its mailbox may belong to someone else."""


class NewChannel(BaseModel):
    """A channel."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=32, examples=["dispatch"])
    address: str = Field(
        max_length=2_000, examples=["dispatch@example.org"],
        description="A mail address; for the operator tenant also an Apprise URL, which is never shown.",
    )  # fmt: skip
    language: str = Field("en", max_length=16, description="Language of the messages.")
    zone: str = Field(
        "UTC", max_length=64, description="Time zone of quiet hours and digests.", examples=["UTC"]
    )
    tenant: str | None = Field(None, max_length=32, description="Only events of this tenant; omit for all.")


class ChannelChanges(BaseModel):
    """Changes to a channel; omitted fields stay as they are."""

    model_config = ConfigDict(extra="forbid")
    address: str | None = Field(None, max_length=2_000)
    language: str | None = Field(None, max_length=16)
    zone: str | None = Field(None, max_length=64)
    paused: bool | None = Field(None, description="Notifications wait until it is resumed.")


class NewRule(BaseModel):
    """A rule. An omitted field does not restrict it."""

    model_config = ConfigDict(extra="forbid")
    kinds: list[_Short] = Field(
        [], max_length=64, description="Alarms and types of events; empty: every alarm.", examples=[["light"]]
    )
    severity: str = Field("warning", max_length=16, description="Minimum severity of an alarm.")
    tenant: str | None = Field(None, max_length=32)
    tag: str | None = Field(None, max_length=64)
    route: str | None = Field(None, max_length=64)
    least_s: int = Field(0, ge=0, le=LONGEST_S, description="Minimum duration of the alarm, in seconds.")
    quiet: str | None = Field(None, max_length=11, description="Quiet hours.", examples=["22:00-06:00"])
    digest: str | None = Field(None, max_length=8, description="hour, day or week.", examples=["day"])
    most_a_week: int | None = Field(
        None, ge=1, le=MOST_A_WEEK, description="Maximum number of messages per container per week."
    )
    escalate_s: int | None = Field(
        None,
        ge=60,
        le=LONGEST_S,
        description="Seconds without acknowledgement before the alarm is escalated.",
        examples=[None],
    )
    escalate_to: str | None = Field(
        None, max_length=32, description="Channel to escalate to.", examples=[None]
    )
    first: bool = Field(False, description="Check this rule before the others instead of after them.")


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
    """A channel: a mailbox or service that receives notifications."""

    name: str
    service: str
    tenant: str | None
    language: str
    zone: str
    paused: bool
    rules: list[NotificationRule]


class NotificationChannels(BaseModel):
    """A page of channels."""

    channels: list[NotificationChannel]
    next: Next


class Notification(BaseModel):
    """A notification and the last response of its channel."""

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


class QueuedTest(BaseModel):
    """The channel that receives the test."""

    channel: str


@router.get("/notification-channels")
def listed(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(NotificationChannels)]:
    """List notification channels with their rules. Addresses of services are never shown."""
    after = paging.start(cursor, str, int) or ("", 0)
    with services(request).database.reading() as connection:
        found = sorted(stored.channels(connection, who.tenant), key=_place)
        rows = [each for each in found if _place(each) > after][: limit + 1]
        shown = [_serialized(connection, each) for each in rows[:limit]]
    return paging.page("channels", shown, _place(rows[limit - 1]) if len(rows) > limit else None)


@router.get("/notification-channels/{name}")
def one(
    request: Request, who: CurrentUser, name: Name, tenant: Owner = None
) -> Annotated[Json, Schema(NotificationChannel)]:
    """Show a channel with its rules."""
    with services(request).database.reading() as connection:
        return _serialized(connection, _of(connection, who, name, tenant))


@router.post("/notification-channels", status_code=201)
def add(request: Request, who: ActingUser, new: NewChannel) -> Annotated[Json, Schema(NotificationChannel)]:
    """Add a channel with the default rules; it receives events from now on. Tenants can add mailboxes
    only."""
    it = services(request)
    demand(who, "admin")
    if new.tenant not in (None, who.tenant or new.tenant):
        raise HTTPException(403, _("a tenant has channels of its own only; leave tenant out"))
    with it.database.writing(who.who, who.tenant) as connection:
        if who.tenant is not None and len(stored.channels(connection, who.tenant)) >= _MOST_OF_TENANT:
            raise HTTPException(
                409, _("there are {count} channels; remove one that is not used", count=_MOST_OF_TENANT)
            )
        made = channels.add(
            connection, it.keyring, new.name, new.address.strip(), new.language, new.zone,
            who.tenant or new.tenant, who.who, it.clock.now_s(), only_mail=who.tenant is not None,
        )  # fmt: skip
        return _serialized(connection, made)


@router.patch("/notification-channels/{name}")
def change(
    request: Request, who: ActingUser, name: Name, changes: ChannelChanges, tenant: Owner = None
) -> Annotated[Json, Schema(NotificationChannel)]:
    """Change or pause a channel."""
    it = services(request)
    demand(who, "admin")
    given = changes.model_dump(exclude_none=True)
    with it.database.writing(who.who, who.tenant) as connection:
        found = _of(connection, who, name, tenant)
        refuse_stale(request, name, *replaced(found))
        if given:
            channels.change(connection, it.keyring, found, given, only_mail=who.tenant is not None)
        return _serialized(connection, _of(connection, who, name, tenant))


@router.delete("/notification-channels/{name}", status_code=204)
def remove(request: Request, who: ActingUser, name: Name, tenant: Owner = None) -> None:
    """Remove a channel and its waiting notifications."""
    it = services(request)
    demand(who, "admin")
    with it.database.writing(who.who, who.tenant) as connection:
        owner = _owner(_of(connection, who, name, tenant))
        channels.remove(connection, name, who.who, it.clock.now_s(), owner)


@router.put("/notification-channels/{name}/rules/{rule}")
def set_rule(
    request: Request, who: ActingUser, name: Name, rule: Name, new: NewRule, tenant: Owner = None
) -> Annotated[Json, Schema(NotificationChannel)]:
    """Add or replace a rule of a channel; the first rule that matches an event applies."""
    it = services(request)
    demand(who, "admin")
    given = new.model_dump(exclude={"first"})
    made = Rule(rule, **given | {"kinds": tuple(new.kinds)})
    with it.database.writing(who.who, who.tenant) as connection:
        channel = _of(connection, who, name, tenant)
        before = stored.rules(connection, channel.channel)
        for each in before:
            if each["name"] == rule:
                refuse_stale(request, rule, channel.channel, each)
        names = {each["name"] for each in before} | {rule}
        if who.tenant is not None and len(names) > _MOST_OF_TENANT:
            raise HTTPException(
                409, _("there are {count} rules; remove one that is not used", count=_MOST_OF_TENANT)
            )
        now_s, by_tenant = it.clock.now_s(), who.tenant is not None
        channels.set_rule(connection, name, made, new.first, who.who, now_s, _owner(channel), by_tenant)
        return _serialized(connection, channel)


@router.delete("/notification-channels/{name}/rules/{rule}", status_code=204)
def remove_rule(request: Request, who: ActingUser, name: Name, rule: Name, tenant: Owner = None) -> None:
    """Remove a rule of a channel."""
    it = services(request)
    demand(who, "admin")
    with it.database.writing(who.who, who.tenant) as connection:
        channel = _of(connection, who, name, tenant)
        if rule not in {each["name"] for each in stored.rules(connection, channel.channel)}:
            raise HTTPException(404, _("{name} has no rule {rule}", name=name, rule=rule))
        channels.remove_rule(connection, name, rule, who.who, it.clock.now_s(), _owner(channel))


@router.post("/notification-channels/{name}/test", status_code=202)
def test(
    request: Request, who: ActingUser, name: Name, tenant: Owner = None
) -> Annotated[Json, Schema(QueuedTest)]:
    """Send a test to a channel; the result is in the log."""
    it = services(request)
    demand(who, "operator")
    with it.database.writing(who.who, who.tenant) as connection:
        channel = _of(connection, who, name, tenant)
        if not it.guesses.take(f"tests of channel {channel.channel}", _TESTS, time.monotonic()):
            raise HTTPException(429, _("too many attempts; wait some minutes"))
        channels.test(connection, name, _owner(channel), who.who, it.clock.now_s())
    return {"channel": name}


@router.get("/notifications")
def log(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(Notifications)]:
    """List notifications, newest first, each with the last response of its channel."""
    with services(request).database.reading() as connection:
        rows = stored.log(connection, who.tenant, paging.before(cursor), limit + 1)
    return paging.cut("notifications", [logged(row) for row in rows], limit, "notification")


def all_of(connection: Connection, who: User) -> list[dict[str, Any]]:
    """Return the channels that a user sees, each with a digest for its form, and those of its rules."""
    return [
        _serialized(connection, each)
        | {
            "seen": digest(*replaced(each)),
            "seen_rules": [digest(each.channel, rule) for rule in stored.rules(connection, each.channel)],
        }
        for each in stored.channels(connection, who.tenant)
    ]


def _of(connection: Connection, who: User, name: str, owner: str | None) -> Channel:
    mine = stored.channels(connection, who.tenant)
    found = [each for each in mine if each.name == name and is_of(each.tenant, owner)]
    if found:
        return only(found, name)
    raise HTTPException(404, _("no channel {name}; GET /v1/notification-channels lists them", name=name))


def replaced(channel: Channel) -> tuple[object, ...]:
    """Return what the form of a channel replaces."""
    return channel.channel, channel.wrapped_address, channel.language, channel.zone, channel.paused


def _owner(channel: Channel) -> str:
    return channel.tenant or OPERATOR


def _place(channel: Channel) -> tuple[str, int]:
    """Return where a channel is in the list: several tenants may have one of a name."""
    return channel.name, channel.channel


def _serialized(connection: Connection, channel: Channel) -> dict[str, Any]:
    return {
        "name": channel.name, "service": channel.service, "tenant": channel.tenant,
        "language": channel.language, "zone": channel.zone, "paused": channel.paused,
        "rules": stored.rules(connection, channel.channel),
    }  # fmt: skip


def logged(row: Row[Any]) -> dict[str, Any]:
    """Return a notification as the log shows it."""
    event = json.loads(row.content)
    return {
        "notification": row.notification, "channel": row.channel_name, "event": row.event,
        "type": event["type"], "alarm": event.get("alarm"), "device": row.device,
        "container": event.get("container"), "rule": row.rule, "state": row.state, "message": row.message,
        "made": iso(row.made_s), "due": iso(row.due_s), "attempts": row.attempts, "answer": row.answer,
        "answered": iso(row.answered_s),
    }  # fmt: skip
