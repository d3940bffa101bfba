"""The page of alarms; its data are those of `alarms.py`."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Row
from starlette.concurrency import run_in_threadpool

from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.protocol.event import SEVERITIES
from landbridge.web import actions, auth, serialize
from landbridge.web.api import LARGEST, Number
from landbridge.web.auth import User
from landbridge.web.forms import ActingUser, CurrentUser, back, inside, of_page
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_MOST = 200


@router.get("/alarms")
def alarms_page(
    request: Request,
    who: CurrentUser,
    every: bool = False,
    severity: Annotated[str, Query(max_length=16)] = "",
    text: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """The list, the gravest first."""
    return _page(request, who, every, severity if severity in SEVERITIES else "", text.strip())


def _page(request: Request, who: User, every: bool, severity: str = "", text: str = "") -> HTMLResponse:
    wanted = alarms.Wanted(who.tenant, None, not every, severity or None, text)
    with services(request).database.reading() as connection:
        rows = alarms.listed(connection, wanted, LARGEST, _MOST)
        found = serialize.alarms(connection, who.tenant, sorted(rows, key=_urgency))
    chosen: dict[str, Any] = {"every": every, "severity": severity, "text": text}
    severities = SEVERITIES[::-1]
    return page(request, "alarms.html", who=who, alarms=found, severities=severities, **chosen)


def _urgency(row: Row[Any]) -> tuple[int, int]:
    """First the raised alarms by severity, then the others by time."""
    grave = SEVERITIES.index(row.severity) if engine.state(row) == "raised" else -1
    return -grave, -row.alarm


def show_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    """Show the list again after a refused button on it or on a device's page."""
    return _page(request, auth.current_user(request), "every=true" in names["after"])


@router.post("/alarms/{alarm}/acknowledge")
@of_page(show_again, "alarms", "/alarms")
async def acknowledge(request: Request, who: ActingUser, alarm: Number) -> Response:
    """Acknowledge or clear by a button; return to the page of the button."""
    await run_in_threadpool(actions.acknowledge, services(request), who, alarm, note="")
    return back(inside(str((await request.form()).get("after", "/alarms"))))
