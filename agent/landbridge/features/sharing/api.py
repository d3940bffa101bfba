"""Share links over HTTP, of a device or all that are yours: list, show, create, revoke.
docs/reference/api.md."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, Field

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.features.sharing import queries, rules
from landbridge.features.sharing.queries import Wanted
from landbridge.web import actions, paging, serialize
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ActingUser, CurrentUser, Device, Number, ShareLinkOptions
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1")
_OF_DEVICE = "/devices/{device}/share-links"


class ShareLink(BaseModel):
    """A share link."""

    link: int
    trip: int
    device: str
    container: str
    until: Time
    """null: until the trip ends, a year at most."""
    by: str
    made: str
    state: str


class WantedShareLink(ShareLinkOptions):
    """A share link to the running trip of a device."""

    device: str = Field(max_length=32)


class ShareLinks(BaseModel):
    """A page of share links."""

    share_links: list[ShareLink]
    next: Next


class NewShareLink(BaseModel):
    """A share link with its secret."""

    link: int
    path: str
    until: Time
    """null: until the trip ends, a year at most."""


@router.get(_OF_DEVICE)
def share_links(
    request: Request, who: CurrentUser, device: Device, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(ShareLinks)]:
    """List the share links to the trips of a device, newest first, without their secrets."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        before = paging.before(cursor)
        shown = serialize.share_links_of(connection, found, it.clock.now_s(), before, limit + 1)
    return paging.cut("share_links", shown, limit, "link")


@router.get(_OF_DEVICE + "/{link}")
def share_link(
    request: Request, who: CurrentUser, device: Device, link: Number
) -> Annotated[Json, Schema(ShareLink)]:
    """Show a share link, without its secret."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        shown = serialize.share_links_of(connection, found, it.clock.now_s(), link + 1, 1)
    if not shown or shown[0]["link"] != link:
        raise HTTPException(404, _("no share link {number}", number=link))
    return shown[0]


@router.post(_OF_DEVICE, status_code=201)
def share(
    request: Request, who: ActingUser, device: Device, length: ShareLinkOptions
) -> Annotated[Json, Schema(NewShareLink)]:
    """Create a share link to the running trip; its address is shown only once."""
    it = services(request)
    made = actions.share(it, who, device, length.length, length.embedded)
    return {"link": made.share, "path": f"/s/{made.secret}", "until": iso(made.until_s)}


@router.delete(_OF_DEVICE + "/{link}", status_code=204)
def revoke(request: Request, who: ActingUser, device: Device, link: Number) -> None:
    """Revoke a share link."""
    actions.revoke(services(request), who, device, link)


@router.get("/share-links")
def every_link(
    request: Request,
    who: CurrentUser,
    state: Literal["open", "all"] = "all",
    device: Annotated[str | None, Query(max_length=32)] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(ShareLinks)]:
    """List the share links to all of your trips, newest first, without their secrets."""
    it, wanted = services(request), Wanted(who.tenant, device, state == "open")
    now_s, before = it.clock.now_s(), paging.before(cursor)
    with it.database.reading() as connection:
        rows = queries.listed(connection, wanted, now_s, before, limit + 1)
    return paging.cut("share_links", [rules.serialize(row, now_s) for row in rows], limit, "link")


@router.get("/share-links/{link}")
def any_link(request: Request, who: CurrentUser, link: Number) -> Annotated[Json, Schema(ShareLink)]:
    """Show a share link to one of your trips, without its secret."""
    it = services(request)
    with it.database.reading() as connection:
        return rules.serialize(actions.share_link(connection, who, link), it.clock.now_s())


@router.post("/share-links", status_code=201)
def share_one(
    request: Request, who: ActingUser, wanted: WantedShareLink
) -> Annotated[Json, Schema(NewShareLink)]:
    """Create a share link to the running trip of a device; its address is shown only once."""
    it = services(request)
    made = actions.share(it, who, wanted.device, wanted.length, wanted.embedded)
    return {"link": made.share, "path": f"/s/{made.secret}", "until": iso(made.until_s)}


@router.delete("/share-links/{link}", status_code=204)
def revoke_one(request: Request, who: ActingUser, link: Number) -> None:
    """Revoke a share link to one of your trips."""
    actions.revoke_share_link(services(request), who, link)
