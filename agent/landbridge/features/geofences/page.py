"""The page of geofences: draw, import, name, change, remove, and try on past tracks."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row
from starlette.concurrency import run_in_threadpool

from landbridge.core.clock import iso
from landbridge.core.errors import UserError, is_one_line
from landbridge.core.texts import _
from landbridge.features.geofences import queries as geofences
from landbridge.features.geofences.trial import trial
from landbridge.tracking.geofences import Drawn, read
from landbridge.web import api, auth
from landbridge.web.auth import User, demand
from landbridge.web.forms import ActingUser, CurrentUser, back, of_page
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
LONGEST = 60_000
"""Characters of a geometry; a form has at most a little more."""
Geometry = Annotated[str, Form(max_length=LONGEST)]
Name = Annotated[str, Form(max_length=80)]
Radius = Annotated[float | None, Form(ge=0, le=500_000)]


class Tried(BaseModel):
    """A geofence that is not stored."""

    model_config = ConfigDict(extra="forbid")
    geometry: str = Field(max_length=LONGEST)
    radius_m: float | None = None


@router.get("/geofences")
def geofences_page(request: Request, who: CurrentUser) -> HTMLResponse:
    """Show the geofences that apply."""
    with services(request).database.reading() as connection:
        found = [_serialized(row, who) for row in _shown(connection, who)]
    return page(request, "geofences.html", who=who, geofences=found, data={"geofences": found})


def _again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return geofences_page(request, auth.current_user(request))


@router.post("/geofences/try")
async def tried(request: Request, who: api.CurrentUser, given: Tried) -> dict[str, Any]:
    """Return the events that it would have raised. Frequent requests delay exports, but no page."""
    it = services(request)

    def found() -> dict[str, Any]:
        drawn = _read(given.geometry, given.radius_m)
        with it.database.reading() as connection:
            return trial(connection, drawn, who.tenant)

    async with it.exports:
        return await run_in_threadpool(found)


@router.post("/geofences")
@of_page(_again, "geofence", "/geofences", "name", "geometry", "radius_m")
def save(
    request: Request, who: ActingUser, name: Name, geometry: Geometry = "",
    radius_m: Radius = None, changed: Annotated[int | None, Form(ge=1, le=api.LARGEST)] = None,
) -> Response:  # fmt: skip
    """Add a geofence, or put it in place of the `changed` one, whose past events remain."""
    demand(who, "operator")
    it = services(request)
    drawn, name = _read(geometry, radius_m), _named(name)
    with it.database.writing(who.who, who.tenant) as connection:
        before = None if changed is None else _unchanged(connection, who, changed)
        tenant = before.tenant if before is not None else who.tenant
        there = geofences.find(connection, name, tenant)
        if there is not None and there.geofence != changed:
            raise UserError(_("geofence {name} already exists; choose another name", name=there.name), "name")
        if before is not None:
            geofences.remove(connection, before.geofence, it.clock.now_s())
        number = geofences.add(connection, name, drawn.geometry, drawn.radius_m, it.clock.now_s())
        if tenant is not None:
            geofences.give_to(connection, number, tenant)
    return back("/geofences")


@router.post("/geofences/{number}/remove")
@of_page(_again, "remove", "/geofences")
def remove(request: Request, who: ActingUser, number: api.Number) -> Response:
    """Remove a geofence; its past events remain."""
    demand(who, "operator")
    it = services(request)
    with it.database.writing(who.who, who.tenant) as connection:
        geofences.remove(connection, _mine(connection, who, number).geofence, it.clock.now_s())
    return back("/geofences")


def _read(geometry: str, radius_m: float | None) -> Drawn:
    if not geometry.strip():
        raise UserError(_("draw the geofence on the map, or give its GeoJSON"), "geometry")
    try:
        return read(geometry, radius_m or None, "GeoJSON")
    except UserError as error:
        raise UserError(error.args[0], "geometry") from None


def _named(name: str) -> str:
    name = name.strip()
    if not name or not is_one_line(name):
        raise UserError(_("a geofence needs a name of 1 to 80 characters"), "name")
    return name


def _shown(connection: Connection, who: User) -> list[Row[Any]]:
    """Return those in force that a user sees: of all, and of the user's tenant."""
    held = (row for row in geofences.every(connection) if row.removed_s is None)
    seen = (row for row in held if who.tenant is None or row.tenant in (None, who.tenant))
    return sorted(seen, key=lambda row: str(row.name).casefold())


def _mine(connection: Connection, who: User, number: int) -> Row[Any]:
    """Return a geofence that the user may change; 404 if there is none."""
    for row in _shown(connection, who):
        if row.geofence == number and who.tenant in (None, row.tenant):
            return row
    raise HTTPException(404, _("no geofence {number}", number=number))


def _unchanged(connection: Connection, who: User, number: int) -> Row[Any]:
    """The same; 409 for one that was changed, which gives it another number, or removed."""
    for row in geofences.every(connection):
        if row.geofence == number and row.removed_s is not None and who.tenant in (None, row.tenant):
            raise HTTPException(
                409,
                _(
                    "{name} was changed or removed after you opened this page. Your entries are kept in the"
                    " form: save them under another name, or press Edit again",
                    name=row.name,
                ),
            )
    return _mine(connection, who, number)


def _serialized(row: Row[Any], who: User) -> dict[str, Any]:
    geometry = json.loads(row.geometry)
    return {
        "number": row.geofence, "name": row.name, "geometry": geometry, "radius_m": row.radius_m or None,
        "shape": geometry["type"], "tenant": row.tenant, "added": iso(row.added_s),
        "mine": who.may("operator") and who.tenant in (None, row.tenant),
    }  # fmt: skip
