"""The page of share links: those to all trips of a user, to see, make and revoke."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from landbridge.db import order
from landbridge.features.sharing import queries, rules
from landbridge.features.sharing.queries import Wanted
from landbridge.features.sharing.rules import share_url
from landbridge.web import actions, auth, device_views
from landbridge.web.api import Number
from landbridge.web.auth import User
from landbridge.web.forms import ActingUser, CurrentUser, Field, back, of_page
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_PATH, _MOST = "/share-links", 200
Before = Annotated[int, Query(ge=1, le=order.HIGHEST)]
DeviceId = Annotated[str, Form(max_length=32)]


@router.get(_PATH)
def links_page(
    request: Request, who: CurrentUser, every: bool = False, before: Before = order.HIGHEST
) -> HTMLResponse:
    """The list, of links that work or of all."""
    return _page(request, who, every, before)


def _page(
    request: Request, who: User, every: bool = False, before: int = order.HIGHEST, made: str = ""
) -> HTMLResponse:
    it = services(request)
    now_s, wanted = it.clock.now_s(), Wanted(who.tenant, only_open=not every)
    with it.database.reading() as connection:
        rows = queries.listed(connection, wanted, now_s, before, _MOST)
        views = device_views.listed(connection, who.tenant)
    values: dict[str, Any] = {
        "links": [rules.serialize(row, now_s) | {"tenant": row.tenant} for row in rows], "every": every,
        "trips": [view.trip for view in views if view.live and view.trip],
        "earlier": rows[-1].share_link if len(rows) == _MOST else None,
    }  # fmt: skip
    return page(request, "share-links.html", who=who, made=made, **values)


def show_again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    """Show the list after a refused form."""
    return _page(request, auth.current_user(request))


@router.post(_PATH)
@of_page(show_again, "share-link", _PATH, "device", "length")
def share(
    request: Request, who: ActingUser, device: DeviceId, length: Field = "", embedded: Field = ""
) -> Response:
    """Create a share link, and show its address once."""
    it = services(request)
    made = actions.share(it, who, device, length, bool(embedded))
    return _page(request, who, made=share_url(it.config.web, made.secret))


@router.post(_PATH + "/{link}/revoke")
@of_page(show_again, "share-links", _PATH)
def revoke(request: Request, who: ActingUser, link: Number) -> Response:
    """Revoke a share link."""
    actions.revoke_share_link(services(request), who, link)
    return back(_PATH)
