"""The application: routes, errors as page or JSON, and the guard around all requests."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.alarms import api as alarms
from landbridge.features.alarms import page as alarm_page
from landbridge.features.audit import api as audit
from landbridge.features.audit import page as audit_page
from landbridge.features.commands import api as commands
from landbridge.features.devices.api import devices, history
from landbridge.features.diagnostics import api as diagnostics
from landbridge.features.diagnostics import page as system
from landbridge.features.esim import page as card_page
from landbridge.features.esim.api import card, policies, rollouts
from landbridge.features.exports import api as feed
from landbridge.features.fleet import api as many
from landbridge.features.geofences import api as geofences
from landbridge.features.geofences import page as geofence_page
from landbridge.features.integrations import api as integrations
from landbridge.features.integrations import page as integration_page
from landbridge.features.notifications import api as notifications
from landbridge.features.notifications import page as notification_page
from landbridge.features.reports import api as reports
from landbridge.features.reports import page as report_page
from landbridge.features.routes import api as routes
from landbridge.features.routes.page import diagram, editor
from landbridge.features.settings import api as settings
from landbridge.features.sharing import api as share_links
from landbridge.features.sharing.page import links, shared
from landbridge.features.sims import api as sims
from landbridge.features.sims import page as sim_page
from landbridge.features.trips import api as trips
from landbridge.features.trips import page as trip_page
from landbridge.features.updates import api as releases
from landbridge.features.updates import page as updates
from landbridge.features.users import api as people
from landbridge.features.users import page as account
from landbridge.web import assets, document, pages, parameters, sign_in, tiles
from landbridge.web.address import own_address
from landbridge.web.answers import BEARER, REFUSALS
from landbridge.web.api import ONE_LINE
from landbridge.web.auth import COOKIE, NotSignedIn, SecondFactorMissing, signed_in_user
from landbridge.web.forms import NOTHING_WRONG, shown_again
from landbridge.web.guard import Guard
from landbridge.web.language import language_of
from landbridge.web.once import Once
from landbridge.web.problems import NOT_ONE_LINE, RETRY_S, is_api, not_valid, problem, standard
from landbridge.web.render import page
from landbridge.web.services import Services

NO_TOKEN = "no valid token: send Authorization: Bearer <token>; `landbridge tokens add` makes one"
_NOT_COMPRESSED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/vnd.pmtiles")
"""Ranges of a file are those of what lies on the disk."""
_STANDARD = {
    "Not Found": _("this page does not exist"),
    "Method Not Allowed": _("this page does not accept such a request"),
}
"""Texts of the pages for the server's standard errors."""
_INVALID = {
    "missing": _("this field is required"),
    "string_too_short": _("this field is required"),
    "int": _("enter a whole number"),
    "float": _("enter a number"),
    "datetime": _("enter a time in UTC, such as 2026-10-01T08:00:00Z"),
}
"""What is wrong, by pydantic's type of an error or its first word."""
_log = logging.getLogger(__name__)


def make(it: Services) -> FastAPI:
    """Return the application with these parts."""
    # FastAPI's documentation pages load scripts from other hosts.
    app = FastAPI(
        title="Landbridge",
        version="1",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(BEARER), Depends(parameters.check)],
        responses=REFUSALS,
    )
    app.state.services = it
    for each in (
        devices, commands, settings, share_links, history, diagnostics, feed, many, trips, alarms, alarm_page,
        notifications, notification_page, card, card_page, policies, rollouts, sims, geofences, geofence_page,
        routes, diagram, editor, integrations, integration_page, releases, audit, audit_page, reports,
        report_page, updates, people, account, sign_in, pages, links, shared, sim_page, system, trip_page,
    ):  # fmt: skip
        app.include_router(each.router)
    for router in (commands.of_fleet, card.of_fleet, trips.suggested):
        app.include_router(router)
    assets.attach(app)
    tiles.attach(app, it.config.web)
    app.add_exception_handler(NotSignedIn, _not_signed_in)
    app.add_exception_handler(SecondFactorMissing, _second_factor_missing)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(OperationalError, _no_database)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(AnyHTTPException, _http_error)
    app.add_exception_handler(Exception, _failed)
    app.openapi = lambda: document.described(app)  # type: ignore[method-assign]  # as FastAPI has it done
    app.add_middleware(Once)
    app.add_middleware(
        GZipMiddleware, minimum_size=1000, compresslevel=4, exclude_content_types=_NOT_COMPRESSED
    )
    app.add_middleware(Guard, tiles_origin=tiles.origin(it.config.web))
    return app


async def _not_signed_in(request: Request, error: Exception) -> Response:
    if is_api(request.scope):
        return problem(401, NO_TOKEN, {"www-authenticate": "Bearer"})
    after = f"?after={quote(own_address(request))}" if request.method == "GET" else ""
    # The empty part after # keeps a browser from taking over that of the page: there it would be a token.
    return RedirectResponse(f"/sign-in{after}#", 303)


async def _second_factor_missing(request: Request, error: Exception) -> Response:
    if is_api(request.scope):
        why = _("an administrator needs a second factor here: set it up on the page of your account")
        return await _refused(request, HTTPException(403, why))
    return RedirectResponse("/account#second-factor", 303)


async def _user_error(request: Request, error: Exception) -> Response:
    detail = str(error).encode("utf-8", "backslashreplace").decode()  # half a surrogate pair cannot be sent
    why = error.args[0] if detail == str(error) else detail
    return await _refused(request, HTTPException(400, why), getattr(error, "field", ""))


async def _no_database(request: Request, error: Exception) -> Response:
    """The database is locked, away or full: the client may try again later."""
    assert isinstance(error, OperationalError)
    _log.error("%s %s: the database does not answer: %s", request.method, request.url.path, error.orig)
    retry = {"retry-after": str(RETRY_S)}
    return await _http_error(
        request, HTTPException(503, _("the database does not answer; try again in a moment"), retry)
    )


async def _failed(request: Request, error: Exception) -> Response:
    """A fault of the agent; its traceback is in the log."""
    why = "the agent has failed at this request; its log says why"
    return problem(500, why) if is_api(request.scope) else PlainTextResponse("Internal Server Error", 500)


async def _not_valid(request: Request, error: Exception) -> Response:
    """Answer that the request is not as described."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if is_api(request.scope):
        why, errors = not_valid(error.errors())
        if COOKIE in request.cookies:  # as in _refused
            why = language_of(request).translate(_invalid(first))
        return problem(422, why, errors=errors)
    field = first["loc"][-1]
    return await _refused(request, HTTPException(422, _invalid(first)), ascii(field).strip("'"))


def _invalid(error: Mapping[str, Any]) -> str:
    """Return what is wrong with a field of a form."""
    kind, limits = error["type"], error.get("ctx", {})
    match kind:
        case "string_too_long":
            return _("at most {number} characters", number=limits["max_length"])
        case "greater_than_equal":
            return _("must be at least {number}", number=limits["ge"])
        case "less_than_equal":
            return _("must be at most {number}", number=limits["le"])
        case "string_pattern_mismatch" if limits["pattern"] == ONE_LINE:
            return NOT_ONE_LINE
    return _INVALID.get(kind) or _INVALID.get(
        kind.partition("_")[0], _("this value is not valid; correct it")
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)
    return await _refused(request, error)


async def _refused(request: Request, error: AnyHTTPException, field: str = "") -> Response:
    """Answer with a page or JSON, as the client expects; a refused form is shown again."""
    if is_api(request.scope):
        why = standard(request, error.status_code, error.detail)
        if COOKIE in request.cookies:  # a page's script, which shows it to a person
            why = language_of(request).translate(why)
            errors = [{"pointer": f"#/{field}", "detail": why}] if field else []
            return problem(error.status_code, why, error.headers, errors)
        return problem(error.status_code, why, error.headers)
    code, why = error.status_code, _STANDARD.get(error.detail, error.detail)
    # A request for an unknown page may have a user.
    with suppress(NotSignedIn, SecondFactorMissing, AnyHTTPException, OperationalError):
        if answer := await shown_again(request, code, why, field):
            answer.headers.update(error.headers or {})
            return answer
    who = None
    request.state.wrong = NOTHING_WRONG
    with suppress(NotSignedIn, OperationalError):
        who = await run_in_threadpool(signed_in_user, request)
    answer = page(request, "error.html", code, who=who, code=code, why=why)
    answer.headers.update(error.headers or {})
    return answer
