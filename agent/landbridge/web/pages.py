"""The pages: fleet, device, and their forms."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from landbridge.features.exports.formats import Format
from landbridge.features.settings import fields
from landbridge.features.sharing.rules import share_url
from landbridge.points import quality
from landbridge.protocol.settings import SETTINGS
from landbridge.web import actions, auth, columns, device_head, device_views, serialize
from landbridge.web.api import LARGEST, MOST, Number
from landbridge.web.auth import User
from landbridge.web.forms import (
    ActingUser,
    CurrentUser,
    Field,
    back,
    device_path,
    number,
    of_page,
)
from landbridge.web.language import language_of
from landbridge.web.live import Live, stream
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
MADE_COOKIE = "landbridge-made"
_ALARMS = 200


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
    it = services(request)
    return Live(it, who.name, stream(it, who.tenant, lambda: auth.is_signed_in(request)))


@router.get("/devices/{device}")
def device(request: Request, who: CurrentUser, device: str) -> HTMLResponse:
    """One device: track, charts, wake log, commands, share links; the address of a new link is shown once."""
    made = request.cookies.get(MADE_COOKIE)
    address = {"made": share_url(services(request).config.web, made)} if made else {}
    answer = _device(request, who, device, **address)
    if made:
        answer.delete_cookie(MADE_COOKIE, path=device_path(device))
    return answer


def _device(request: Request, who: User, device: str, **more: Any) -> HTMLResponse:
    it = services(request)
    now_s = it.clock.now_s()
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        about = serialize.device(connection, found, now_s)
        head = device_head.head(connection, found, about, language_of(request))
        shown: Mapping[str, Any] = {
            "device": about,
            **head,
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
        data={"names": head["names"]}, **setting_forms(), **shown, **more,
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
def share(
    request: Request, who: ActingUser, device: str, length: Field = "", embedded: Field = ""
) -> Response:
    """Create a share link; only the next page shows it."""
    made = actions.share(services(request), who, device, length, bool(embedded))
    answer = back(device_path(device), "share-links")
    auth.set_cookie(request, answer, MADE_COOKIE, made.secret, 60, device_path(device))
    return answer


@router.post("/devices/{device}/share-links/{link}/revoke")
@of_page(show_device, "share-links", "/devices/{device}")
def revoke(request: Request, who: ActingUser, device: str, link: Number) -> Response:
    """Revoke a share link."""
    actions.revoke(services(request), who, device, link)
    return back(device_path(device), "share-links")
