"""The page of reports, and reports over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from landbridge.core.texts import _, catalogues
from landbridge.features.reports import kinds
from landbridge.features.reports.render import MEDIA_TYPES, render
from landbridge.features.routes.queries import routes
from landbridge.features.trips import queries as trips
from landbridge.features.trips.queries import Wanted
from landbridge.web import answers, serialize
from landbridge.web.forms import CurrentUser
from landbridge.web.language import language_of
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter()
_MONTH_S = 30 * 86_400
_MOST_TRIPS = 50
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
def reports_page(
    request: Request, who: CurrentUser, text: Annotated[str, Query(max_length=40)] = ""
) -> HTMLResponse:
    """The reports that there are: of the fleet, of routes, of the newest trips, or of those with `text`."""
    with services(request).database.reading() as connection:
        found = trips.listed(connection, Wanted(who.tenant, text=text.strip()), None, _MOST_TRIPS)
        known = [each.route for each in routes.every(connection)]
        names = [name for name in known if trips.on_route(connection, name, 1, who.tenant)]
    whole = [kind for kind in kinds.FOR_THE_OPERATOR if who.tenant is None]
    values: dict[str, Any] = {"trips": found.rows, "routes": names, "whole": whole, "forms": kinds.FORMS}
    return page(request, "reports.html", who=who, text=text, more=bool(found.next), **values)
