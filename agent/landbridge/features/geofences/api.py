"""Geofences over HTTP: list, show, add, rename, remove; tenants have their own. docs/reference/api.md."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.names import is_of
from landbridge.core.texts import _
from landbridge.features.geofences import queries as geofences
from landbridge.features.geofences import rules
from landbridge.tracking.geofences import read
from landbridge.web import paging
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import ONE_LINE, ActingUser, CurrentUser, Number
from landbridge.web.auth import User, demand
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1/geofences")
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]


class Geometry(BaseModel):
    """A geometry as in GeoJSON (RFC 7946): Point or LineString with a radius, Polygon or MultiPolygon."""

    model_config = ConfigDict(extra="forbid")
    type: str = Field(max_length=20, examples=["Point"])
    coordinates: list[Any] = Field(examples=[[6.76, 51.43]])


class NewGeofence(BaseModel):
    """A geofence."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    geometry: Geometry
    radius_m: float | None = Field(None, ge=50, le=500_000, examples=[800.0])
    tenant: str | None = Field(
        None, max_length=32, description="Applies to trips of this tenant; omit for all trips."
    )


class GeofenceChanges(BaseModel):
    """Changes to a geofence."""

    model_config = ConfigDict(extra="forbid")
    name: Name


class Geofence(BaseModel):
    """A geofence."""

    geofence: int
    name: str
    geometry: Json
    radius_m: float
    added: str
    removed: Time
    tenant: str | None


class Geofences(BaseModel):
    """A page of geofences."""

    geofences: list[Geofence]
    next: Next


@router.get("")
def listed(
    request: Request,
    who: CurrentUser,
    removed: bool = False,
    name: Annotated[str | None, Query(max_length=200)] = None,
    tenant: Annotated[
        str | None, Query(max_length=32, description="Only geofences of this tenant, or operator.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(Geofences)]:
    """List geofences, newest first; `removed` includes removed ones."""
    before = paging.before(cursor)
    with services(request).database.reading() as connection:
        rows = [row for row in geofences.every(connection) if _sees(who, row) and row.geofence < before]
    wanted = [row for row in rows if name in (None, row.name) and is_of(row.tenant, tenant)]
    shown = [_shown(row) for row in reversed(wanted) if removed or row.removed_s is None]
    return paging.cut("geofences", shown, limit, "geofence")


@router.get("/{geofence}")
def one(request: Request, who: CurrentUser, geofence: Number) -> Annotated[Json, Schema(Geofence)]:
    """Show a geofence."""
    with services(request).database.reading() as connection:
        return _shown(_of(connection, who, geofence))


@router.post("", status_code=201)
def add(request: Request, who: ActingUser, new: NewGeofence) -> Annotated[Json, Schema(Geofence)]:
    """Add a geofence; it applies to new points. A geofence of a tenant applies to the trips of that
    tenant."""
    it = services(request)
    demand(who, "operator")
    if who.tenant is not None and new.tenant not in (None, who.tenant):
        raise HTTPException(403, _("a tenant has geofences of its own only; leave tenant out"))
    drawn = read(json.dumps(new.geometry.model_dump()), new.radius_m, "geometry")
    with it.database.writing(who.who, who.tenant) as connection:
        number = rules.add(connection, new.name, drawn, who.tenant or new.tenant, it.clock.now_s())
        return _shown(_of(connection, who, number))


@router.patch("/{geofence}")
def rename(
    request: Request, who: ActingUser, geofence: Number, changes: GeofenceChanges
) -> Annotated[Json, Schema(Geofence)]:
    """Rename a geofence. Its shape cannot change, so that past events stay explicable: remove it and add
    another."""
    demand(who, "operator")
    with services(request).database.writing(who.who, who.tenant) as connection:
        row = _own(connection, who, geofence)
        there = geofences.find(connection, changes.name, row.tenant)
        if there is not None and there.geofence != row.geofence:
            raise UserError(_("there is a geofence {name} already", name=there.name), "name")
        geofences.rename(connection, geofence, changes.name)
        return _shown(_of(connection, who, geofence))


@router.delete("/{geofence}", status_code=204)
def remove(request: Request, who: ActingUser, geofence: Number) -> None:
    """Remove a geofence; its past events remain."""
    it = services(request)
    demand(who, "operator")
    with it.database.writing(who.who, who.tenant) as connection:
        _own(connection, who, geofence)
        geofences.remove(connection, geofence, it.clock.now_s())


def _sees(who: User, row: Row[Any]) -> bool:
    return who.tenant is None or row.tenant in (None, who.tenant)


def _of(connection: Connection, who: User, number: int) -> Row[Any]:
    row = geofences.numbered(connection, number)
    if row is None or not _sees(who, row):
        raise HTTPException(404, _("no geofence {number}; GET /v1/geofences lists them", number=number))
    return row


def _own(connection: Connection, who: User, number: int) -> Row[Any]:
    """Return one that holds and that the user may change."""
    row = _of(connection, who, number)
    if who.tenant is not None and row.tenant is None:
        raise HTTPException(403, _("geofence {name} belongs to the fleet operator", name=row.name))
    if row.removed_s is not None:
        raise UserError(_("geofence {name} was removed already", name=row.name))
    return row


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "geofence": row.geofence, "name": row.name, "geometry": json.loads(row.geometry),
        "radius_m": row.radius_m, "added": iso(row.added_s), "removed": iso(row.removed_s),
        "tenant": row.tenant,
    }  # fmt: skip
