"""The pages: fleet, device, sign-in, and their forms."""

import hmac
import time
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Row
from starlette.concurrency import run_in_threadpool

from landbridge.core import secret
from landbridge.core.texts import _
from landbridge.features.exports.formats import Format
from landbridge.features.settings import fields
from landbridge.features.sharing.rules import share_url
from landbridge.features.users import passwords
from landbridge.features.users import queries as tokens
from landbridge.points import quality
from landbridge.protocol.settings import SETTINGS
from landbridge.web import actions, auth, columns, device_head, device_views, serialize
from landbridge.web.api import LARGEST, MOST, Number
from landbridge.web.auth import User
from landbridge.web.forms import (
    LONGEST_PATH,
    ActingUser,
    CurrentUser,
    Field,
    back,
    device_path,
    inside,
    number,
    of_page,
)
from landbridge.web.guard import SIGN_IN
from landbridge.web.language import language_of
from landbridge.web.live import Live, stream
from landbridge.web.render import page
from landbridge.web.services import Services, services

router = APIRouter(include_in_schema=False)
FORM_COOKIE, MADE_COOKIE = "landbridge-form", "landbridge-made"
_ALARMS = 200


@router.get("/sign-in")
def sign_in_page(request: Request, after: str = "/") -> HTMLResponse:
    """Show the form for a token."""
    made, _ = secret.make()
    answer = page(request, "sign_in.html", after=inside(after), csrf=auth.csrf_of(made))
    _set_cookie(request, answer, FORM_COOKIE, made, 3600)
    return answer


def _sign_in_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return sign_in_page(request, names["after"])


@router.post("/sign-in")
@of_page(_sign_in_again, "sign-in", "/sign-in")
async def sign_in(
    request: Request,
    token: Field,
    csrf: Field,
    name: Field = "",
    after: Annotated[str, Form(max_length=LONGEST_PATH)] = "/",
) -> Response:
    """Begin a sign-in session with a valid token, or with a name and its password."""
    it = services(request)
    kept = request.cookies.get(FORM_COOKIE)
    if not kept or not hmac.compare_digest(auth.csrf_of(kept).encode(), csrf.encode()):
        raise HTTPException(403, _("this form has expired; reload the page and try again"))
    name = name.strip()
    if name and not it.guesses.take(name, SIGN_IN, time.monotonic()):
        raise HTTPException(
            429, _("too many sign-in attempts as {name}; wait a moment, or use a token", name=name)
        )
    row = await run_in_threadpool(_token, it, name, token)
    if name:
        async with it.hashing.turn():  # guesses do not delay others
            row = row if await run_in_threadpool(passwords.is_of, row, token) else None
    if row is None:
        raise HTTPException(401, _("Sign-in failed. Check the token or password."))
    cookie = await run_in_threadpool(_begin, it, row)
    answer = RedirectResponse(inside(after), 303)
    _set_cookie(request, answer, auth.COOKIE, cookie, auth.SESSION_S)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, who: ActingUser) -> Response:
    """End the sign-in session."""
    with services(request).database.writing() as connection:
        tokens.end_session(connection, secret.hashed(request.cookies.get(auth.COOKIE, "")))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(auth.COOKIE)
    return answer


def setting_forms() -> dict[str, Any]:
    """Return what forms need to show settings in people's units."""
    return {
        "groups": fields.GROUPS, "bits": fields.BITS, "in_units": fields.shown, "known": SETTINGS,
        "defaults": {name: each.default for name, each in SETTINGS.items()},
    }  # fmt: skip


@router.get("/")
def fleet(request: Request, who: CurrentUser) -> HTMLResponse:
    """Map and list of all devices."""
    return page(request, "fleet.html", who=who, verbs=actions.verbs(who), **setting_forms())


@router.get("/fleet")
def fleet_rows(request: Request, who: CurrentUser) -> Response:
    """Return all of `device_views.Glance`, for the map and the list."""
    it = services(request)
    with it.database.reading() as connection:
        shown = device_views.glances(
            connection, device_views.listed(connection, who.tenant), it.clock.now_s()
        )
    packed = orjson.dumps(
        columns.fleet(shown, language_of(request).is_chinese), option=orjson.OPT_NON_STR_KEYS
    )
    return Response(packed, media_type="application/json")


@router.get("/live")
def live(request: Request, who: CurrentUser) -> Live:
    """Stream the changes in the fleet."""
    it, cookie = services(request), request.cookies.get(auth.COOKIE, "")
    return Live(it, who.name, stream(it, who.tenant, lambda: auth.is_signed_in(it, cookie)))


@router.get("/devices/{device}")
def device(request: Request, who: CurrentUser, device: str) -> HTMLResponse:
    """One device: track, charts, wake log, commands, share links; the address of a new link is shown once."""
    made = request.cookies.get(MADE_COOKIE)
    address = {"made": share_url(services(request).config.web, made)} if made else {}
    answer = _device(request, who, device, **address)
    if made:
        answer.delete_cookie(MADE_COOKIE, path=device_path(device))
    return answer


def _token(it: Services, name: str, given: str) -> Row[Any] | None:
    """Return the token of this name; without a name, the given token."""
    with it.database.reading() as connection:
        if name:
            return tokens.named(connection, name)
        return tokens.valid(connection, secret.hashed(given.strip()))


def _begin(it: Services, token: Row[Any]) -> str:
    with it.database.writing() as connection:
        return auth.begin(connection, it, token)


def _device(request: Request, who: User, device: str, **more: Any) -> HTMLResponse:
    it = services(request)
    now_s = it.clock.now_s()
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        about = serialize.device(connection, found, now_s)
        shown: Mapping[str, Any] = {
            "device": about,
            **device_head.head(connection, found, about),
            "on_device": device_head.on_device(connection, device) if found.live else None,
            "update": device_head.update_of(connection, device) if who.tenant is None else None,
            "commands": serialize.commands_of(connection, found, now_s, LARGEST, MOST),
            "settings": serialize.settings_of(connection, found) if found.live else None,
            "share_links": serialize.share_links_of(connection, found, now_s, LARGEST, MOST),
            "alarms": serialize.open_alarms(connection, who.tenant, device, LARGEST, _ALARMS)
            if found.live
            else [],
        }
    verbs = actions.verbs(who)
    may_operate = who.may("operator") and found.live
    masks = {"alarms": device_views.ALARM_BITS, "doubtful": quality.NO_PLACE, "nowhere": quality.NOWHERE}
    return page(
        request, "device.html", who=who, verbs=verbs, may_operate=may_operate, masks=masks, formats=[*Format],
        **setting_forms(), **shown, **more,
    )  # fmt: skip


def show_device(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    """Show the page of a device after a refused form."""
    return _device(request, auth.current_user(request), names["device"])


@router.post("/devices/{device}/commands")
@of_page(show_device, "commands", "/devices/{device}", "verb", "argument", "expires")
def send(
    request: Request, who: ActingUser, device: str, verb: Field, argument: Field = "", expires: Field = "24h"
) -> Response:
    """Send a command."""
    actions.send(services(request), who, device, verb, number(argument), expires)
    return back(device_path(device), "commands")


@router.post("/devices/{device}/commands/{command}/cancel")
@of_page(show_device, "commands", "/devices/{device}")
def cancel(request: Request, who: ActingUser, device: str, command: Number) -> Response:
    """Cancel a command."""
    actions.cancel(services(request), who, device, command)
    return back(device_path(device), "commands")


@router.post("/devices/{device}/settings")
@of_page(show_device, "settings", "/devices/{device}", *SETTINGS)
async def change(request: Request, who: ActingUser, device: str) -> Response:
    """Change the settings whose fields differ from what is wanted so far."""
    form = await request.form()
    given = {name: [str(each) for each in form.getlist(name)] for name in form}
    given.pop(auth.CSRF_FIELD, None)  # a user with a token in the header has none
    await run_in_threadpool(actions.change_fields, services(request), who, device, given)
    return back(device_path(device), "settings")


@router.post("/devices/{device}/share-links")
@of_page(show_device, "share-links", "/devices/{device}", "length")
def share(request: Request, who: ActingUser, device: str, length: Field = "") -> Response:
    """Create a share link; only the next page shows it."""
    made = actions.share(services(request), who, device, length)
    answer = back(device_path(device), "share-links")
    _set_cookie(request, answer, MADE_COOKIE, made.secret, 60, device_path(device))
    return answer


@router.post("/devices/{device}/share-links/{link}/revoke")
@of_page(show_device, "share-links", "/devices/{device}")
def revoke(request: Request, who: ActingUser, device: str, link: Number) -> Response:
    """Revoke a share link."""
    actions.revoke(services(request), who, device, link)
    return back(device_path(device), "share-links")


def _set_cookie(
    request: Request, answer: Response, name: str, value: str, seconds: int, path: str = "/"
) -> None:
    secure = request.url.scheme == "https"
    answer.set_cookie(
        name, value, max_age=seconds, path=path, httponly=True, samesite="strict", secure=secure
    )
