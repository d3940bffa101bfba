"""The page of alarms; its data are those of `alarms.py`."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from landbridge.features.alarms import queries as alarms
from landbridge.web import actions, auth, serialize
from landbridge.web.api import LARGEST, Number
from landbridge.web.auth import User
from landbridge.web.forms import ActingUser, CurrentUser, back, inside, of_page
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_MOST = 200


@router.get("/alarms")
def alarms_page(request: Request, who: CurrentUser, every: bool = False) -> HTMLResponse:
    """The list."""
    return _page(request, who, every)


def _page(request: Request, who: User, every: bool) -> HTMLResponse:
    with services(request).database.reading() as connection:
        found = serialize.alarms(alarms.listed(connection, who.tenant, None, not every, LARGEST, _MOST))
    return page(request, "alarms.html", who=who, alarms=found, every=every)


def show_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    """Show the list again after a refused button on it or on a device's page."""
    return _page(request, auth.current_user(request), "every=true" in names["after"])


@router.post("/alarms/{alarm}/acknowledge")
@of_page(show_again, "alarms", "/alarms")
async def acknowledge(request: Request, who: ActingUser, alarm: Number) -> Response:
    """Acknowledge or clear by a button; return to the page of the button."""
    await run_in_threadpool(actions.acknowledge, services(request), who, alarm, note="")
    return back(inside(str((await request.form()).get("after", "/alarms"))))
