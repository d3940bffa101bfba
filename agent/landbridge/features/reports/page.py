"""The page of reports, and reports over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from landbridge.core.texts import _, catalogues
from landbridge.features.reports import kinds
from landbridge.features.reports.render import MEDIA_TYPES, render
from landbridge.features.routes.queries import routes
from landbridge.features.trips import queries as trips
from landbridge.web import answers, serialize
from landbridge.web.auth import User
from landbridge.web.forms import CurrentUser
from landbridge.web.language import language_of
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter()
_MONTH_S = 30 * 86_400
_MOST_TRIPS = 100
Kind = Literal["trip", "route", "fleet", "compliance"]
Form = Literal["html", "pdf", "xlsx"]
_FILES = answers.files(MEDIA_TYPES.values())


@router.get("/v1/reports/{kind}.{form}", response_class=Response, responses=_FILES)
async def report(
    request: Request,
    who: CurrentUser,
    kind: Kind,
    form: Form,
    of: Annotated[str, Query(max_length=200, description="Trip number or route name.")] = "",
    since: datetime | None = None,
    until: datetime | None = None,
    language: Annotated[str | None, Query(max_length=16)] = None,
) -> Response:
    """Return a report as a file, in the language that is asked for or the user's; of the last 30 days,
    unless `since` and `until` say otherwise."""
    known = ", ".join(catalogues())
    if language is not None and language not in catalogues():
        raise HTTPException(400, _("no language {name}; known are {known}", name=language, known=known))
    it = services(request)
    catalogue = catalogues()[language] if language else language_of(request)

    def made() -> tuple[bytes, str]:
        now_s = it.clock.now_s()
        until_s = serialize.epoch_s(until, now_s)
        span = serialize.epoch_s(since, until_s - _MONTH_S), until_s
        with it.database.reading() as connection:
            found = kinds.build(connection, kind, of, who.tenant, span, now_s, catalogue)
        return render(found, form, catalogue), found.name

    async with it.exports:
        content, name = await run_in_threadpool(made)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


@router.get("/reports", include_in_schema=False)
def reports_page(request: Request, who: CurrentUser) -> HTMLResponse:
    """The page."""
    return _page(request, who)


def _page(request: Request, who: User) -> HTMLResponse:
    with services(request).database.reading() as connection:
        found = trips.every(connection)
        mine = [row for row in found if who.tenant in (None, row.tenant)][-_MOST_TRIPS:][::-1]
        known = [each.route for each in routes.every(connection)]
        names = [name for name in known if who.tenant is None or any(row.route == name for row in mine)]
    allowed = [kind for kind in kinds.FOR_THE_OPERATOR if who.tenant is None]
    return page(request, "reports.html", who=who, trips=mine, routes=names, whole=allowed, forms=kinds.FORMS)
