"""Integrations over HTTP: list, show, add, remove, discard; tenants have their own. docs/reference/api.md."""

import json
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.http import is_public
from landbridge.core.names import OPERATOR, is_of, only
from landbridge.core.texts import _
from landbridge.db import audit, order
from landbridge.db.keys import Keyring
from landbridge.features.integrations import queries as stored
from landbridge.features.integrations import rules, webhook
from landbridge.features.integrations.kinds import KINDS
from landbridge.web import paging
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser, Device, Owner
from landbridge.web.auth import User, demand
from landbridge.web.forms import refuse_stale
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1/integrations")
Name = Annotated[str, Path(max_length=32)]


class NewIntegration(BaseModel):
    """An integration."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=32, examples=["erp"])
    kind: str = Field("webhook", max_length=16, description=f"One of {', '.join(KINDS)}.")
    address: str = Field(max_length=2_000)
    tenant: str | None = Field(None, max_length=32, description="Only messages of this tenant; omit for all.")
    what: list[Literal["event", "position", "track"]] = Field(
        [], max_length=3, description="Kinds of messages to deliver; empty: all."
    )


class IntegrationChanges(BaseModel):
    """Changes to an integration; omitted fields stay as they are."""

    model_config = ConfigDict(extra="forbid")
    address: str | None = Field(None, max_length=2_000)
    what: list[Literal["event", "position", "track"]] | None = Field(None, max_length=3)
    paused: bool | None = Field(None, description="Messages wait until it is resumed.")


class Integration(BaseModel):
    """An integration and its state."""

    name: str
    kind: str
    address: str
    tenant: str | None
    messages: list[str]
    paused: bool
    delivered: int
    waiting: int
    last_delivery: Time
    failure: str | None
    by: str
    added: str


class AddedIntegration(Integration):
    """An integration with its secret, which is shown once."""

    secret: str | None


class Integrations(BaseModel):
    """A page of integrations by name."""

    integrations: list[Integration]
    next: Next


class WantedReplay(BaseModel):
    """The message at which a replay starts."""

    model_config = ConfigDict(extra="forbid")
    first: int = Field(
        alias="from",
        ge=1,
        le=order.HIGHEST,
        description="Number of the first message: its `webhook-id` without msg_.",
    )


class Replay(BaseModel):
    """Number of messages that are sent again."""

    messages: int


class Rotation(BaseModel):
    """A step of a secret rotation."""

    model_config = ConfigDict(extra="forbid")
    finish: bool = Field(
        False, description="Stop signing with the old secret, once the receiver uses the new one."
    )


class NewSecret(BaseModel):
    """The new secret; null after the rotation is finished."""

    secret: str | None


class Delivery(BaseModel):
    """A device whose message an integration refuses."""

    device: str
    message: int
    attempts: int
    due: Time
    failure: str


class Deliveries(BaseModel):
    """A page of refused deliveries by device."""

    deliveries: list[Delivery]
    next: Next


@router.get("")
def listed(
    request: Request,
    who: CurrentUser,
    kind: Annotated[str | None, Query(max_length=16)] = None,
    tenant: Owner = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(Integrations)]:
    """List integrations by name."""
    after = paging.start(cursor, str, int) or ("", 0)
    with services(request).database.reading() as connection:
        found = sorted(active(connection, who), key=_place)
        wanted = (row for row in found if kind in (None, row.kind) and is_of(row.tenant, tenant))
        rows = [row for row in wanted if _place(row) > after][: limit + 1]
        shown = [serialized(connection, row) for row in rows]
    return paging.page("integrations", shown[:limit], _place(rows[limit - 1]) if len(rows) > limit else None)


@router.get("/{integration}")
def one(
    request: Request, who: CurrentUser, integration: Name, tenant: Owner = None
) -> Annotated[Json, Schema(Integration)]:
    """Show an integration."""
    with services(request).database.reading() as connection:
        return serialized(connection, _of(connection, who, integration, tenant))


@router.post("", status_code=201)
def add(request: Request, who: ActingUser, new: NewIntegration) -> Annotated[Json, Schema(AddedIntegration)]:
    """Add an integration; it receives messages published from now on. Its secret is shown once."""
    it = services(request)
    demand(who, "admin")
    if who.tenant is not None:
        _check_of_tenant(who.tenant, new)
    keyring = Keyring(it.config.store.database, it.config.store.key_file)
    with it.database.writing(who.who, who.tenant) as connection:
        secret = rules.add(
            connection, keyring, new.name, new.kind, new.address, who.tenant or new.tenant, new.what, who.who,
            it.clock.now_s(), who.tenant is not None,
        )  # fmt: skip
        spelled = KINDS[new.kind].spelled
        shown = serialized(connection, _of(connection, who, new.name, who.tenant or new.tenant or OPERATOR))
    return shown | {"secret": spelled(secret) if spelled and secret else None}


@router.patch("/{integration}")
def change(
    request: Request, who: ActingUser, integration: Name, changes: IntegrationChanges, tenant: Owner = None
) -> Annotated[Json, Schema(Integration)]:
    """Change or pause an integration."""
    it = services(request)
    demand(who, "admin")
    given = changes.model_dump(exclude_none=True)
    if who.tenant is not None and "address" in given:
        _check_public(given["address"])
    with it.database.writing(who.who, who.tenant) as connection:
        row = _of(connection, who, integration, tenant)
        refuse_stale(request, row.name, *replaced(row))
        found = stored.of_row(row)
        if given:
            rules.change(connection, found, given, it.clock.now_s(), who.tenant is not None)
        return serialized(connection, _of(connection, who, integration, tenant))


@router.delete("/{integration}", status_code=204)
def remove(request: Request, who: ActingUser, integration: Name, tenant: Owner = None) -> None:
    """Remove an integration and its waiting messages."""
    it = services(request)
    demand(who, "admin")
    with it.database.writing(who.who, who.tenant) as connection:
        found = stored.of_row(_of(connection, who, integration, tenant))
        rules.remove(connection, found, who.who, it.clock.now_s())


@router.post("/{integration}/replay")
def replay(
    request: Request, who: ActingUser, integration: Name, wanted: WantedReplay, tenant: Owner = None
) -> Annotated[Json, Schema(Replay)]:
    """Replay messages to an integration from a number on, in order and with their original ids. Positions
    are not replayed. Messages are kept for [store] raw_days."""
    it = services(request)
    demand(who, "admin")
    with it.database.writing(who.who, who.tenant) as connection:
        found = stored.of_row(_of(connection, who, integration, tenant))
        days, now_s = it.config.store.raw_days, it.clock.now_s()
        count = rules.replay(connection, found, wanted.first, days, who.who, now_s)
    return {"messages": count}


@router.post("/{integration}/rotate")
def rotate(
    request: Request, who: ActingUser, integration: Name, rotation: Rotation, tenant: Owner = None
) -> Annotated[Json, Schema(NewSecret)]:
    """Rotate the secret of a webhook. The new one is shown once; messages are signed with both until you
    finish."""
    it = services(request)
    demand(who, "admin")
    with it.database.writing(who.who, who.tenant) as connection:
        found = stored.of_row(_of(connection, who, integration, tenant))
        if rotation.finish:
            rules.finish_rotation(connection, found)
            return {"secret": None}
        secret = rules.rotate(connection, it.keyring, found)
        what = _("new secret created for {name}", name=found.name)
        audit.add(connection, who.who, what, it.clock.now_s(), tenant=found.tenant)
    return {"secret": webhook.spelled(secret)}


@router.get("/{integration}/deliveries")
def refused(
    request: Request,
    who: CurrentUser,
    integration: Name,
    tenant: Owner = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(Deliveries)]:
    """List devices with a message that an integration refuses; their later messages wait."""
    after = str((paging.start(cursor, str) or ("",))[0])
    with services(request).database.reading() as connection:
        rows = stored.retries(connection, _of(connection, who, integration, tenant).integration)
    shown = [
        {
            "device": each.device, "message": each.message, "attempts": each.attempts,
            "due": iso(each.next_s), "failure": each.failure,
        }
        for each in sorted(rows)
        if each.device > after
    ]  # fmt: skip
    return paging.cut("deliveries", shown, limit, "device")


@router.delete("/{integration}/deliveries/{device}", status_code=204)
def discard(
    request: Request, who: ActingUser, integration: Name, device: Device, tenant: Owner = None
) -> None:
    """Discard the refused message of a device; its waiting messages are sent immediately."""
    it = services(request)
    demand(who, "admin")
    with it.database.writing(who.who, who.tenant) as connection:
        found = stored.of_row(_of(connection, who, integration, tenant))
        rules.discard(connection, found, device, who.who, it.clock.now_s())


def _check_of_tenant(tenant: str, new: NewIntegration) -> None:
    """The agent sends from within the operator's network: a tenant may not have it ask hosts there."""
    if new.tenant not in (None, tenant):
        raise HTTPException(403, _("a tenant has integrations of its own only; leave tenant out"))
    _check_public(new.address)


def _check_public(address: str) -> None:
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError as error:
        raise UserError(
            _("{address} is not a valid address: {error}", address=address, error=error)
        ) from None
    try:
        public = is_public(host)
    except ValueError:
        public = "." in host and not host.endswith((".local", ".internal", ".localhost"))
    if parts.scheme != "https" or not public:
        raise UserError(
            _("give an https address of a public host, such as https://erp.example/hook"), "address"
        )


def active(connection: Connection, who: User) -> list[Row[Any]]:
    rows = (row for row in stored.every(connection) if row.removed_s is None)
    return [row for row in rows if who.tenant is None or row.tenant == who.tenant]


def replaced(row: Row[Any]) -> tuple[object, ...]:
    """Return what the form of an integration replaces."""
    return row.integration, row.address, row.what, row.paused


def _place(row: Row[Any]) -> tuple[str, int]:
    """Return where an integration is in the list: several tenants may have one of a name."""
    return row.name, row.integration


def _of(connection: Connection, who: User, name: str, owner: str | None) -> Row[Any]:
    found = [row for row in active(connection, who) if row.name == name and is_of(row.tenant, owner)]
    if found:
        return only(found, name)
    raise HTTPException(404, _("no integration {name}; GET /v1/integrations lists them", name=name))


def serialized(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    what = json.loads(row.what)
    return {
        "name": row.name, "kind": row.kind, "address": row.address, "tenant": row.tenant, "messages": what,
        "paused": row.paused,
        "delivered": row.delivered, "waiting": rules.waiting(connection, row),
        "last_delivery": iso(row.delivered_s), "failure": row.failure, "by": row.added_by,
        "added": iso(row.added_s),
    }  # fmt: skip
