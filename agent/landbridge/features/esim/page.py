"""The page of a device's card."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from landbridge.core.texts import _
from landbridge.features.esim.api import card_shown as card_of
from landbridge.features.esim.api.card import Task
from landbridge.features.esim.policy import AUTOMATIC
from landbridge.web import actions, auth, device_head, serialize
from landbridge.web.api import CurrentUser, Device, Number
from landbridge.web.auth import User
from landbridge.web.forms import ActingUser, Field, back, device_path, of_page
from landbridge.web.language import language_of
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_MISPLACED = ("separated", _("the SIM card is in another device"), _("unknown SIM card"))


@router.get("/devices/{device}/card")
def card_page(request: Request, who: CurrentUser, device: Device) -> HTMLResponse:
    """The page of the card."""
    return _page(request, who, device)


def show_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    """Show the page after a refused switch."""
    return _page(request, auth.current_user(request), names["device"])


def _page(request: Request, who: User, device: str) -> HTMLResponse:
    it = services(request)
    now_s = it.clock.now_s()
    with it.database.reading() as connection:
        found = card_of.live(actions.view(connection, who, device))
        shown = card_of.serialize(connection, found, now_s)
        whole = serialize.device(connection, found, now_s)
        head = device_head.head(connection, found, whole, language_of(request))
        ordered = card_of.downloads_of(connection, found, now_s)
    may_operate = who.may("operator") and found.live
    values: dict[str, Any] = {
        "misplaced": shown["binding"] in _MISPLACED, "may_operate": may_operate, "automatic": AUTOMATIC,
        "downloads": ordered, **head,
    }  # fmt: skip
    return page(request, "card.html", who=who, device=whole, card=shown, **values)


@router.post("/devices/{device}/card/switch")
@of_page(show_again, "profiles", "/devices/{device}/card")
def switch_form(request: Request, who: ActingUser, device: Device, profile: Field) -> Response:
    """By the button."""
    actions.switch(services(request), who, device, profile)
    return back(device_path(device, "/card"), "profiles")


@router.post("/devices/{device}/card/download")
@of_page(show_again, "downloads", "/devices/{device}/card", "code", "confirmation")
def download_form(
    request: Request,
    who: ActingUser,
    device: Device,
    code: Annotated[str, Form(max_length=600)],
    confirmation: Annotated[str, Form(max_length=64)] = "",
    enable: Annotated[bool, Form()] = False,
) -> Response:
    """By the form."""
    actions.download(services(request), who, device, code, confirmation, enable)
    return back(device_path(device, "/card"), "downloads")


@router.post("/devices/{device}/card/order")
@of_page(show_again, "euicc", "/devices/{device}/card")
def order_form(
    request: Request,
    who: ActingUser,
    device: Device,
    task: Annotated[Task | Literal["delete"], Form()],
    iccid: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """By a button."""
    if task == "delete":
        actions.delete_profile(services(request), who, device, iccid)
    else:
        actions.manage_card(services(request), who, device, task, iccid)
    return back(device_path(device, "/card"), "downloads")


@router.post("/devices/{device}/card/downloads/{download}/cancel")
@of_page(show_again, "downloads", "/devices/{device}/card")
def cancel_form(request: Request, who: ActingUser, device: Device, download: Number) -> Response:
    """By the button."""
    actions.cancel_download(services(request), who, device, download)
    return back(device_path(device, "/card"), "downloads")
