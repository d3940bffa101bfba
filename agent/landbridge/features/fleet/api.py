"""The API of the fleet as a whole: the same for many devices in one request, and saved views."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.fleet import queries as views
from landbridge.web import batch
from landbridge.web.answers import Json, Schema, Time
from landbridge.web.api import LARGEST, ActingUser, CurrentUser, Length, NewCommand, Number
from landbridge.web.services import services

router = APIRouter(prefix="/v1/fleet")
Tag = Annotated[str, Field(min_length=1, max_length=40)]


class Devices(BaseModel):
    """Devices to act on."""

    model_config = ConfigDict(extra="forbid")
    devices: list[Annotated[str, Field(max_length=32)]] = Field(min_length=1, max_length=1_000)


class ManySettings(Devices):
    """Settings of several devices."""

    changes: dict[str, Annotated[int, Field(ge=-LARGEST, le=LARGEST)] | str] = Field(min_length=1)


class ManyCommands(Devices, NewCommand):
    """A command to several devices."""


class ManyTags(Devices):
    """Tags of the running trips of several devices."""

    add: list[Tag] = Field(default=[], max_length=20)
    remove: list[Tag] = Field(default=[], max_length=20)


class ManyLinks(Devices, Length):
    """Share links to the running trips of several devices."""


class View(BaseModel):
    """A view of the fleet's list."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=60)
    query: str = Field(max_length=1_000)


class Refused(BaseModel):
    """A device that an action on many left out."""

    device: str
    why: str


class SharedTrip(BaseModel):
    """A new link; its path is not shown again."""

    device: str
    container: str
    link: int
    path: str
    until: Time


class Batch(BaseModel):
    """What became of an action on many devices."""

    done: list[str]
    refused: list[Refused]
    links: list[SharedTrip]


class SavedView(BaseModel):
    """A view of the fleet's list; `query` is what its address says after the question mark."""

    view: int
    name: str
    query: str


class SavedViews(BaseModel):
    """All saved views of a user."""

    views: list[SavedView]


@router.post("/settings")
def settings(request: Request, who: ActingUser, many: ManySettings) -> Annotated[Json, Schema(Batch)]:
    """Change settings of up to 1,000 devices."""
    changes = {name: str(value) for name, value in many.changes.items()}
    return batch.change(services(request), who, many.devices, changes).serialize()


@router.post("/commands")
def commands(request: Request, who: ActingUser, many: ManyCommands) -> Annotated[Json, Schema(Batch)]:
    """Send a command to up to 1,000 devices."""
    sent = batch.send(services(request), who, many.devices, many.verb, many.argument, many.expires)
    return sent.serialize()


@router.post("/tags")
def tags(request: Request, who: ActingUser, many: ManyTags) -> Annotated[Json, Schema(Batch)]:
    """Add and remove tags of up to 1,000 trips."""
    return batch.tag(services(request), who, many.devices, many.add, many.remove).serialize()


@router.post("/share-links")
def share(request: Request, who: ActingUser, many: ManyLinks) -> Annotated[Json, Schema(Batch)]:
    """Share up to 1,000 trips; each address is shown only once."""
    return batch.share(services(request), who, many.devices, many.length).serialize()


@router.get("/views")
def saved(request: Request, who: CurrentUser) -> Annotated[Json, Schema(SavedViews)]:
    """List your saved views of the list."""
    with services(request).database.reading() as connection:
        rows = views.of_owner(connection, who.who)
    return {"views": [{"view": row.view, "name": row.name, "query": row.query} for row in rows]}


@router.post("/views", status_code=201)
def save(request: Request, who: ActingUser, view: View) -> Annotated[Json, Schema(SavedView)]:
    """Save a view of the list; one of the same name is replaced."""
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
