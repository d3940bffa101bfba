"""The audit log over HTTP: list, read, export. docs/reference/api.md."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from landbridge.core.texts import _
from landbridge.db.audited import AUDITED
from landbridge.features.audit import queries as audit
from landbridge.features.audit import rules
from landbridge.features.audit.queries import Wanted
from landbridge.features.audit.rules import MEDIA_TYPES, AuditFormat
from landbridge.web import paging, serialize
from landbridge.web.answers import Json, Next, Schema
from landbridge.web.api import CurrentUser, Number
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1/audit")
_NOUNS = ", ".join(sorted(each.noun for each in AUDITED.values()))
By = Annotated[str | None, Query(max_length=200, description="Only actions of this user.")]
ByTenant = Annotated[
    str | None, Query(max_length=32, description="Only actions of users and tokens of this tenant.")
]
Noun = Annotated[str | None, Query(max_length=32, description=f"Only entries of this kind: {_NOUNS}.")]
OfDevice = Annotated[str | None, Query(max_length=32, description="Only entries of this device.")]


class AuditEntry(BaseModel):
    """An entry of the audit log."""

    entry: int
    time: str
    who: str
    by_tenant: str | None
    """Whose user or token that is; null: the operator tenant's."""
    device: str | None
    action: Literal["added", "changed", "removed"] | None
    """null: an action that has changed no row, `what` says which."""
    noun: str | None
    subject: str | None
    name: str | None
    what: str
    before: Json | None
    """The changed values, in units and names of the database."""
    after: Json | None


class AuditEntries(BaseModel):
    """A page of the audit log."""

    entries: list[AuditEntry]
    next: Next


AUDIT_FILES: dict[int | str, Json] = {
    200: {
        "description": "The file.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "array"}},
        },
    }
}
"""Responses of an export of the audit log."""


@router.get("")
def entries(
    request: Request,
    who: CurrentUser,
    by: By = None,
    by_tenant: ByTenant = None,
    noun: Noun = None,
    device: OfDevice = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(AuditEntries)]:
    """List the audit log, newest first: who added, changed or removed what."""
    wanted = _wanted(who.tenant, by, by_tenant, noun, device, since, until)
    with services(request).database.reading() as connection:
        found = audit.listed(connection, wanted, paging.start(cursor, int), limit)
    return paging.page("entries", [rules.serialize(row) for row in found.rows], found.next)


@router.get("/export", response_class=Response, responses=AUDIT_FILES)
def exported(
    request: Request,
    who: CurrentUser,
    format: AuditFormat = AuditFormat.CSV,
    by: By = None,
    by_tenant: ByTenant = None,
    noun: Noun = None,
    device: OfDevice = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> StreamingResponse:
    """Export the audit log as a file, oldest first."""
    database, wanted = (
        services(request).database,
        _wanted(who.tenant, by, by_tenant, noun, device, since, until),
    )
    text = rules.export(audit.every(database, wanted), format)
    headers = {"Content-Disposition": f'attachment; filename="audit.{format}"'}
    return StreamingResponse(text, media_type=MEDIA_TYPES[format], headers=headers)


@router.get("/{entry}")
def entry(request: Request, who: CurrentUser, entry: Number) -> Annotated[Json, Schema(AuditEntry)]:
    """Show an entry of the audit log."""
    with services(request).database.reading() as connection:
        row = audit.find(connection, entry, who.tenant)
    if row is None:
        raise HTTPException(404, _("no entry {number}; GET /v1/audit lists them", number=entry))
    return rules.serialize(row)


def _wanted(
    tenant: str | None,
    by: str | None,
    by_tenant: str | None,
    noun: str | None,
    device: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Wanted:
    since_s, until_s = (None if each is None else serialize.epoch_s(each, 0) for each in (since, until))
    return Wanted(tenant, by, by_tenant, noun, device, since_s, until_s)
