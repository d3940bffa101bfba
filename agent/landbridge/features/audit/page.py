"""Who did what."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from landbridge.features.audit import queries as audit
from landbridge.features.audit import rules
from landbridge.web.api import LARGEST
from landbridge.web.forms import CurrentUser
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_MOST = 200
Before = Annotated[int, Query(ge=1, le=LARGEST)]


@router.get("/audit")
def audit_page(request: Request, who: CurrentUser, before: Before = LARGEST) -> HTMLResponse:
    """The list."""
    with services(request).database.reading() as connection:
        rows = audit.newest(connection, before, _MOST, who.tenant)
    earlier = rows[-1].entry if len(rows) == _MOST else None
    return page(request, "audit.html", who=who, entries=[*map(rules.serialize, rows)], earlier=earlier)
