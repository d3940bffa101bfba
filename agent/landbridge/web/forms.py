"""What the pages and their forms share: who looks, who acts, and the way back."""

import re
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from landbridge.web import viewer
from landbridge.web.viewer import Viewer

Looks = Annotated[Viewer, Depends(viewer.viewer)]
LONGEST_PATH = 2_000
_INSIDE = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")
"""Browsers read a backslash as a slash, and pass over tabs and the ends of lines."""
Field = Annotated[str, Form(max_length=200)]


async def _from_our_page(request: Request, who: Looks) -> Viewer:
    """The viewer, if the form he sends is one of ours."""
    form = await request.form()
    viewer.check_csrf(who, str(form.get(viewer.CSRF_FIELD, "")))
    return who


Acts = Annotated[Viewer, Depends(_from_our_page)]


def back(path: str, part: str = "") -> Response:
    """To the page that the form was on."""
    return RedirectResponse(f"{path}{part and '#'}{part}", 303)


def device_path(device: str, leaf: str = "") -> str:
    """Of a device's page, or of one behind it."""
    return f"/devices/{quote(device, safe='')}{leaf}"


def inside(path: str) -> str:
    """`path`, with its query, if it leads to one of our pages, else the first."""
    return path if len(path) <= LONGEST_PATH and _INSIDE.fullmatch(path) else "/"


def number(text: str) -> int | None:
    """A whole number, None for nothing; 400 if it is neither."""
    if not text.strip():
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(400, f"{text!r} is no argument: give a whole number")
    return int(text)


def only_house(who: Viewer) -> None:
    """404 for a tenant: what is behind is of all devices."""
    if who.tenant is not None:
        raise HTTPException(404, "this is the house's; a tenant has nothing here")
