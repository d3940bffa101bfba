"""Who did what."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from landbridge.core.clock import iso
from landbridge.core.texts import loaded
from landbridge.features.audit import queries as audit
from landbridge.web import answers
from landbridge.web.answers import Json, Schema
from landbridge.web.api import LARGEST, CurrentUser
from landbridge.web.auth import User
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter()
_MOST = 200
Before = Annotated[int, Query(ge=1, le=LARGEST)]


@router.get("/v1/audit")
def entries(
    request: Request, who: CurrentUser, before: Before = LARGEST
) -> list[Annotated[Json, Schema(answers.Entry)]]:
    """List the audit log, newest first, at most 200 entries below `before`."""
    with services(request).database.reading() as connection:
        return _serialized(connection, who, before)


@router.get("/audit", include_in_schema=False)
def audit_page(request: Request, who: CurrentUser, before: Before = LARGEST) -> HTMLResponse:
    """The list."""
    found = entries(request, who, before)
    earlier = found[-1]["entry"] if len(found) == _MOST else None
    return page(request, "audit.html", who=who, entries=found, earlier=earlier)


def _serialized(connection: Connection, who: User, before: int) -> list[dict[str, Any]]:
    return [
        {
            "entry": row.entry,
            "time": iso(row.at_s),
            "who": row.who,
            "device": row.device,
            "what": loaded(row.what),
        }
        for row in audit.newest(connection, before, _MOST, who.tenant)
    ]
