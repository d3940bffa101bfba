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
from landbridge.features.sharing.rules import share_url
from landbridge.features.users import passwords
from landbridge.features.users import queries as tokens
from landbridge.points import quality as judge
from landbridge.protocol.settings import SETTINGS
from landbridge.web import act, columns, seen, tell, viewer
from landbridge.web.api import LARGEST, MOST, Number
from landbridge.web.forms import (
    LONGEST_PATH,
    Acts,
    Field,
    Looks,
    back,
    device_path,
    inside,
    number,
    of_page,
)
from landbridge.web.guard import SIGN_IN
from landbridge.web.here import Here, here
from landbridge.web.live import Live, stream
from landbridge.web.render import page
from landbridge.web.viewer import Viewer

router = APIRouter(include_in_schema=False)
FORM_COOKIE, MADE_COOKIE = "landbridge-form", "landbridge-made"
_ALARMS = 200


@router.get("/sign-in")
def sign_in_page(request: Request, after: str = "/") -> HTMLResponse:
    """The form that takes a token."""
    made, _ = secret.make()
    answer = page(request, "sign_in.html", after=inside(after), csrf=viewer.csrf_of(made))
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
    """Begin a session with a token that is good, or with a name and its password."""
    it = here(request)
    kept = request.cookies.get(FORM_COOKIE)
    if not kept or not hmac.compare_digest(viewer.csrf_of(kept).encode(), csrf.encode()):
        raise HTTPException(403, _("this form has expired; reload the page and try again"))
    name = name.strip()
    if name and not it.guesses.take(name, SIGN_IN, time.monotonic()):
        raise HTTPException(
            429, _("too many sign-in attempts as {name}; wait a moment, or use a token", name=name)
        )
    row = await run_in_threadpool(_token, it, name, token)
    if name:
        async with it.hashing.turn():  # who guesses holds up nobody
            row = row if await run_in_threadpool(passwords.is_of, row, token) else None
    if row is None:
        raise HTTPException(401, _("Sign-in failed. Check the token or password."))
    cookie = await run_in_threadpool(_begin, it, row)
    answer = RedirectResponse(inside(after), 303)
    _set_cookie(request, answer, viewer.COOKIE, cookie, viewer.SESSION_S)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, who: Acts) -> Response:
    """End the session."""
    with here(request).database.writing() as connection:
        tokens.end_session(connection, secret.hashed(request.cookies.get(viewer.COOKIE, "")))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(viewer.COOKIE)
    return answer


@router.get("/")
def fleet(request: Request, who: Looks) -> HTMLResponse:
    """Map and list of all devices."""
    return page(request, "fleet.html", who=who)


@router.get("/fleet")
def fleet_rows(request: Request, who: Looks) -> Response:
    """All of `seen.Glance`, for the map and the list."""
    it = here(request)
    with it.database.reading() as connection:
        told = seen.glances(connection, seen.rides(connection, who.tenant), it.clock.now_s())
    packed = orjson.dumps(columns.fleet(told), option=orjson.OPT_NON_STR_KEYS)
    return Response(packed, media_type="application/json")


@router.get("/live")
def live(request: Request, who: Looks) -> Live:
    """What changes in the fleet."""
    it, cookie = here(request), request.cookies.get(viewer.COOKIE, "")
    return Live(it, who.name, stream(it, who.tenant, lambda: viewer.is_signed_in(it, cookie)))


@router.get("/devices/{device}")
def device(request: Request, who: Looks, device: str) -> HTMLResponse:
    """One device: track, charts, reasons, orders, links; of a link just made the address, this once."""
    made = request.cookies.get(MADE_COOKIE)
    address = {"made": share_url(here(request).config.web, made)} if made else {}
    answer = _device(request, who, device, **address)
    if made:
        answer.delete_cookie(MADE_COOKIE, path=device_path(device))
    return answer


def _token(it: Here, name: str, given: str) -> Row[Any] | None:
    """The token of this name; without one the token that is given itself."""
    with it.database.reading() as connection:
        if name:
            return tokens.named(connection, name)
        return tokens.valid(connection, secret.hashed(given.strip()))


def _begin(it: Here, token: Row[Any]) -> str:
    with it.database.writing() as connection:
        return viewer.begin(connection, it, token)


def _device(request: Request, who: Viewer, device: str, **more: Any) -> HTMLResponse:
    it = here(request)
    now_s = it.clock.now_s()
    with it.database.reading() as connection:
        found = act.ride(connection, who, device)
        told: Mapping[str, Any] = {
            "device": tell.device(connection, found, now_s),
            "commands": tell.ordered(connection, found, now_s, LARGEST, MOST),
            "settings": tell.set_so(connection, found) if found.live else None,
            "shares": tell.shared(connection, found, now_s, LARGEST, MOST),
            "alarms": tell.raised(connection, who.tenant, device, LARGEST, _ALARMS) if found.live else [],
        }
    verbs = act.verbs(who)
    acts = who.may("operator") and found.live
    bits = {"alarms": seen.ALARM_BITS, "doubtful": judge.NO_PLACE, "nowhere": judge.NOWHERE}
    return page(request, "device.html", who=who, verbs=verbs, acts=acts, bits=bits, **told, **more)


def show_device(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    """The page of a device, after one of its forms was refused."""
    return _device(request, viewer.viewer(request), names["device"])


@router.post("/devices/{device}/commands")
@of_page(show_device, "commands", "/devices/{device}", "verb", "argument", "expires")
def send(
    request: Request, who: Acts, device: str, verb: Field, argument: Field = "", expires: Field = "24h"
) -> Response:
    """Give a command."""
    act.send(here(request), who, device, verb, number(argument), expires)
    return back(device_path(device), "commands")


@router.post("/devices/{device}/commands/{command}/cancel")
@of_page(show_device, "commands", "/devices/{device}")
def cancel(request: Request, who: Acts, device: str, command: Number) -> Response:
    """Take a command back."""
    act.cancel(here(request), who, device, command)
    return back(device_path(device), "commands")


@router.post("/devices/{device}/settings")
@of_page(show_device, "settings", "/devices/{device}", *SETTINGS)
async def change(request: Request, who: Acts, device: str) -> Response:
    """Change the settings whose fields were filled in."""
    given = {name: str(value) for name, value in (await request.form()).items()}
    given.pop(viewer.CSRF_FIELD, None)  # who comes with a token has none
    given = {name: value for name, value in given.items() if value}
    await run_in_threadpool(act.change, here(request), who, device, given)
    return back(device_path(device), "settings")


@router.post("/devices/{device}/shares")
@of_page(show_device, "shares", "/devices/{device}", "length")
def share(request: Request, who: Acts, device: str, length: Field = "") -> Response:
    """Make a link; the next page is the only one that shows it."""
    made = act.share(here(request), who, device, length)
    answer = back(device_path(device), "shares")
    _set_cookie(request, answer, MADE_COOKIE, made.secret, 60, device_path(device))
    return answer


@router.post("/devices/{device}/shares/{link}/revoke")
@of_page(show_device, "shares", "/devices/{device}")
def revoke(request: Request, who: Acts, device: str, link: Number) -> Response:
    """End a link."""
    act.revoke(here(request), who, device, link)
    return back(device_path(device), "shares")


def _set_cookie(
    request: Request, answer: Response, name: str, value: str, seconds: int, path: str = "/"
) -> None:
    secure = request.url.scheme == "https"
    answer.set_cookie(
        name, value, max_age=seconds, path=path, httponly=True, samesite="strict", secure=secure
    )
