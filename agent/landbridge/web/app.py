"""The application: routes, errors as page or JSON, and the guard around all requests."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware.gzip import GZipMiddleware

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.alarms import api as alarms
from landbridge.features.alarms import page as alarm_page
from landbridge.features.audit import api as audit
from landbridge.features.audit import page as audit_page
from landbridge.features.devices import api as history
from landbridge.features.diagnostics import api as diagnostics
from landbridge.features.esim import page as card
from landbridge.features.exports import api as feed
from landbridge.features.notifications import page as notifications
from landbridge.features.reports import page as reports
from landbridge.features.routes import page as tracking
from landbridge.features.sharing import page as shared
from landbridge.features.updates import page as updates
from landbridge.web import api, assets, pages
from landbridge.web.address import own_address
from landbridge.web.answers import BEARER, REFUSALS
from landbridge.web.auth import COOKIE, NotSignedIn, current_user
from landbridge.web.forms import NOTHING_WRONG, shown_again
from landbridge.web.guard import Guard
from landbridge.web.language import language_of
from landbridge.web.render import page
from landbridge.web.services import Services

_RETRY_S = 10
_STANDARD = {
    "Not Found": _("this page does not exist"),
    "Method Not Allowed": _("this page does not accept such a request"),
}
"""Texts of the pages for the server's standard errors."""
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
        dependencies=[Depends(BEARER)],
        responses=REFUSALS,
    )
    app.state.services = it
    for each in (
        api, history, diagnostics, feed, alarms, alarm_page, notifications, card, tracking, audit, audit_page,
        reports, updates, pages, shared,
    ):  # fmt: skip
        app.include_router(each.router)
    assets.attach(app)
    app.add_exception_handler(NotSignedIn, _not_signed_in)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(OperationalError, _no_database)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(AnyHTTPException, _http_error)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=4)
    app.add_middleware(Guard)
    return app


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(("/v1/", "/dcsa/v1/"))


async def _not_signed_in(request: Request, error: Exception) -> Response:
    if _is_api(request):
        why = {"detail": "no token, or one that is not good (any more)"}
        return JSONResponse(why, 401, {"www-authenticate": "Bearer"})
    after = f"?after={quote(own_address(request))}" if request.method == "GET" else ""
    # The empty part after # keeps a browser from taking over that of the page: there it would be a token.
    return RedirectResponse(f"/sign-in{after}#", 303)


async def _user_error(request: Request, error: Exception) -> Response:
    detail = str(error).encode("utf-8", "backslashreplace").decode()  # half a surrogate pair cannot be sent
    why = error.args[0] if detail == str(error) else detail
    return await _refused(request, HTTPException(400, why), getattr(error, "field", ""))


async def _no_database(request: Request, error: Exception) -> Response:
    """The database is locked, away or full: the client may try again later."""
    assert isinstance(error, OperationalError)
    _log.error("%s %s: the database does not answer: %s", request.method, request.url.path, error.orig)
    retry = {"retry-after": str(_RETRY_S)}
    return await _http_error(
        request, HTTPException(503, _("the database does not answer; try again in a moment"), retry)
    )


async def _not_valid(request: Request, error: Exception) -> Response:
    """Leave out the given values: a NaN or half a surrogate pair cannot be written in JSON."""
    assert isinstance(error, RequestValidationError)
    detail = [
        {"loc": [ascii(part)[1:-1] if isinstance(part, str) else part for part in each["loc"]]}
        | {"msg": each["msg"], "type": each["type"]}
        for each in error.errors()
    ]
    if _is_api(request):
        return JSONResponse({"detail": detail}, 422)
    return await _refused(request, HTTPException(422, _invalid(error.errors()[0])), str(detail[0]["loc"][-1]))


def _invalid(error: Mapping[str, Any]) -> str:
    """Return what is wrong with a field of a form."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return _("this field is required")
        case "string_too_long":
            return _("at most {number} characters", number=limits["max_length"])
        case "greater_than_equal":
            return _("must be at least {number}", number=limits["ge"])
        case "less_than_equal":
            return _("must be at most {number}", number=limits["le"])
        case "int_parsing" | "int_type" | "int_from_float":
            return _("enter a whole number")
    return str(error["msg"])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)
    return await _refused(request, error)


async def _refused(request: Request, error: AnyHTTPException, field: str = "") -> Response:
    """Answer with a page or JSON, as the client expects; a refused form is shown again."""
    if _is_api(request):
        if COOKIE in request.cookies:  # a page's script, which shows it to a person
            error.detail = language_of(request).translate(error.detail)
        return await http_exception_handler(request, error)
    code, why = error.status_code, _STANDARD.get(error.detail, error.detail)
    # A request for an unknown page may have a user.
    with suppress(NotSignedIn, AnyHTTPException, OperationalError):
        if answer := await shown_again(request, code, why, field):
            answer.headers.update(error.headers or {})
            return answer
    who = None
    request.state.wrong = NOTHING_WRONG
    with suppress(NotSignedIn, OperationalError):
        who = await run_in_threadpool(current_user, request)
    answer = page(request, "error.html", code, who=who, code=code, why=why)
    answer.headers.update(error.headers or {})
    return answer
