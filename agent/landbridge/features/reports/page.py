"""The page of reports: files, and schedules by mail."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from landbridge.features.reports import api, kinds
from landbridge.features.reports.schedule import EVERY
from landbridge.features.routes.queries import routes
from landbridge.features.trips import queries as trips
from landbridge.features.trips.queries import Wanted
from landbridge.web import auth
from landbridge.web.auth import User
from landbridge.web.forms import ActingUser, CurrentUser, Field, back, digest, of_page
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_MOST_TRIPS = 50
_PAGE = "/reports"


@router.get(_PAGE)
def reports_page(
    request: Request, who: CurrentUser, text: Annotated[str, Query(max_length=40)] = ""
) -> HTMLResponse:
    """Show the reports that a user may make, of the newest trips or of those with `text`, and what is sent
    by mail."""
    return _page(request, who, text)


def _page(request: Request, who: User, text: str = "") -> HTMLResponse:
    with services(request).database.reading() as connection:
        found = trips.listed(connection, Wanted(who.tenant, text=text.strip()), None, _MOST_TRIPS)
        known = [each.route for each in routes.every(connection)]
        names = [name for name in known if trips.on_route(connection, name, 1, who.tenant)]
        sent = [
            api.serialized(row) | {"seen": digest(*api.replaced(row))} for row in api.of_user(connection, who)
        ]
    allowed = [kind for kind in kinds.FOR_THE_OPERATOR if who.tenant is None]
    return page(
        request, "reports.html", who=who, trips=found.rows, routes=names, whole=allowed, schedules=sent,
        formats=kinds.FORMATS, periods=EVERY, text=text, is_cut=bool(found.next),
    )  # fmt: skip


def _again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return _page(request, auth.current_user(request))


@router.post(_PAGE)
@of_page(_again, "schedule", _PAGE, "name", "mailbox", "tenant")
def add(
    request: Request, who: ActingUser, name: Field, what: Field, mailbox: Field, format: Field = "pdf",
    language: Field = "en", every: Field = "week", tenant: Field = "",
) -> Response:  # fmt: skip
    """Add a schedule; `what` is a kind, and after a colon of which trip or route."""
    kind, _colon, subject = what.partition(":")
    given: dict[str, Any] = {"kind": kind, "format": format, "every": every, "language": language}
    new = api.NewReportSchedule.model_construct(
        name=name.strip(), subject=subject, mailbox=mailbox.strip(), tenant=tenant.strip() or None, **given
    )
    api.add(request, who, new)
    return back(_PAGE, "schedules")


@router.post("/reports/{schedule}/change")
@of_page(_again, "change-{schedule}", _PAGE, "mailbox")
def change(
    request: Request, who: ActingUser, schedule: str, mailbox: Field, format: Field, language: Field,
    every: Field, tenant: Field = "", paused: Field = "",
) -> Response:  # fmt: skip
    """Change or pause a schedule."""
    given: dict[str, Any] = {"format": format, "language": language, "every": every}
    changes = api.ReportScheduleChanges.model_construct(mailbox=mailbox.strip(), paused=bool(paused), **given)
    api.change(request, who, schedule, changes, tenant or None)
    return back(_PAGE, "schedules")


@router.post("/reports/{schedule}/remove")
@of_page(_again, "schedules", _PAGE)
def remove(request: Request, who: ActingUser, schedule: str, tenant: Field = "") -> Response:
    """Remove a schedule."""
    api.remove(request, who, schedule, tenant or None)
    return back(_PAGE, "schedules")
