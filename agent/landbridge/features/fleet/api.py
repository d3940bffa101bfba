"""The API of the fleet as a whole: the same for many devices in one request, and saved views."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.fleet import queries as views
from landbridge.web import batch
from landbridge.web.answers import BatchResult, Json, Schema
from landbridge.web.api import (
    LARGEST,
    ONE_LINE,
    ActingUser,
    CurrentUser,
    Devices,
    NewCommand,
    NewDownload,
    Number,
    ShareLinkOptions,
)
from landbridge.web.services import services

router = APIRouter(prefix="/v1/fleet")
Tag = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
DeviceTag = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x20\x7f-\x9f]+$")]


class ManySettings(Devices):
    """Settings of several devices."""

    changes: dict[str, Annotated[int, Field(ge=-LARGEST, le=LARGEST)] | str] = Field(min_length=1)


class ManyCommands(Devices, NewCommand):
    """A command to several devices."""


class ManyTags(Devices):
    """Tags of the running trips of several devices."""

    add: list[Tag] = Field(default=[], max_length=20)
    remove: list[Tag] = Field(default=[], max_length=20)


class ManyDeviceTags(Devices):
    """Tags of several devices."""

    add: list[DeviceTag] = Field(default=[], max_length=20)
    remove: list[DeviceTag] = Field(default=[], max_length=20)


class ManyDownloads(Devices, NewDownload):
    """A profile for several devices."""


class ManyLinks(Devices, ShareLinkOptions):
    """Share links to the running trips of several devices."""


class NewSavedView(BaseModel):
    """A view of the fleet list to save."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=60, pattern=ONE_LINE)
    query: str = Field(max_length=1_000)


class SavedView(BaseModel):
    """A saved view of the fleet list; `query` is the query string of its address."""

    view: int
    name: str
    query: str


class SavedViews(BaseModel):
    """All saved views of a user."""

    views: list[SavedView]


@router.post("/settings")
def settings(request: Request, who: ActingUser, many: ManySettings) -> Annotated[Json, Schema(BatchResult)]:
    """Change settings of up to 1,000 devices."""
    changes = {name: str(value) for name, value in many.changes.items()}
    return batch.change(services(request), who, many.chosen(), changes).serialize()


@router.post("/commands")
def commands(request: Request, who: ActingUser, many: ManyCommands) -> Annotated[Json, Schema(BatchResult)]:
    """Send a command to up to 1,000 devices."""
    sent = batch.send(services(request), who, many.chosen(), many.verb, many.argument, many.expires)
    return sent.serialize()


@router.post("/tags")
def tags(request: Request, who: ActingUser, many: ManyTags) -> Annotated[Json, Schema(BatchResult)]:
    """Add and remove tags of up to 1,000 trips."""
    return batch.tag(services(request), who, many.chosen(), many.add, many.remove).serialize()


@router.post("/share-links")
def share(request: Request, who: ActingUser, many: ManyLinks) -> Annotated[Json, Schema(BatchResult)]:
    """Share up to 1,000 trips; each address is shown only once."""
    return batch.share(services(request), who, many.chosen(), many.length).serialize()


@router.post("/device-tags")
def device_tags(
    request: Request, who: ActingUser, many: ManyDeviceTags
) -> Annotated[Json, Schema(BatchResult)]:
    """Add and remove tags of up to 1,000 devices; they stay after a trip."""
    return batch.tag_devices(services(request), who, many.chosen(), many.add, many.remove).serialize()


@router.post("/downloads")
def download(request: Request, who: ActingUser, many: ManyDownloads) -> Annotated[Json, Schema(BatchResult)]:
    """Download a profile onto the cards of up to 1,000 devices with a shared activation code."""
    it = services(request)
    ordered = batch.download(it, who, many.chosen(), many.code, many.confirmation, many.enable)
    return ordered.serialize()


@router.post("/end-trips")
def end_trips(request: Request, who: ActingUser, many: Devices) -> Annotated[Json, Schema(BatchResult)]:
    """End the running trips of up to 1,000 devices."""
    return batch.end_trips(services(request), who, many.chosen()).serialize()


@router.post("/key-rotations")
def rotate_keys(request: Request, who: ActingUser, many: Devices) -> Annotated[Json, Schema(BatchResult)]:
    """Rotate the keys of up to 1,000 devices; each device derives new keys in its next session."""
    return batch.rotate_keys(services(request), who, many.chosen()).serialize()


@router.get("/views/{view}")
def saved_view(request: Request, who: CurrentUser, view: Number) -> Annotated[Json, Schema(SavedView)]:
    """Show one of your saved views."""
    with services(request).database.reading() as connection:
        for row in views.of_owner(connection, who.who):
            if row.view == view:
                return {"view": row.view, "name": row.name, "query": row.query}
    raise HTTPException(404, _("no saved view {number}", number=view))


@router.get("/views")
def saved(request: Request, who: CurrentUser) -> Annotated[Json, Schema(SavedViews)]:
    """List your saved views of the fleet list."""
    with services(request).database.reading() as connection:
        rows = views.of_owner(connection, who.who)
    return {"views": [{"view": row.view, "name": row.name, "query": row.query} for row in rows]}


@router.post("/views", status_code=201)
def save(request: Request, who: ActingUser, view: NewSavedView) -> Annotated[Json, Schema(SavedView)]:
    """Save a view of the fleet list, or replace the one with this name."""
    with services(request).database.writing(who.who, who.tenant) as connection:
        mine = views.of_owner(connection, who.who)
        if len(mine) >= views.MOST and view.name not in {row.name for row in mine}:
            raise UserError(_("you have {number} saved views; delete one first", number=views.MOST))
        number = views.save(connection, who.who, view.name, view.query)
    return {"view": number} | view.model_dump()


@router.delete("/views/{view}", status_code=204)
def remove(request: Request, who: ActingUser, view: Number) -> None:
    """Delete one of your saved views."""
    with services(request).database.writing(who.who, who.tenant) as connection:
        if not views.remove(connection, who.who, view):
            raise HTTPException(404, _("no saved view {number}", number=view))
