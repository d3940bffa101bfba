"""The page of routes: draw, import, name, change, remove, and compare with past tracks."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from landbridge.core.errors import UserError, is_one_line
from landbridge.core.texts import _
from landbridge.features.routes.queries import routes
from landbridge.features.routes.queries.drawn import station
from landbridge.features.trips import queries as trips
from landbridge.geo import places, settlements
from landbridge.geo.route import Waypoint, find, parse, position
from landbridge.points.queries import outline
from landbridge.protocol.route_data import TILE_KM, tile_count
from landbridge.web import api, auth
from landbridge.web.auth import User, demand
from landbridge.web.forms import (
    ActingUser,
    CurrentUser,
    back,
    digest,
    of_page,
    refuse_stale,
    require_operator_tenant,
)
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
COLUMNS = ("name", "country", "lat", "lon", "kind", "km", "chinese")
LONGEST = 60_000
_TRIPS, _FIXES = 20, 300
"""Newest trips that a route is compared with, and fixes of each."""
Stations = Annotated[str, Form(max_length=LONGEST)]
Name = Annotated[str, Form(max_length=80)]
Degrees = Annotated[float, Query(ge=-180, le=180)]


class Tried(BaseModel):
    """A route that is not stored."""

    model_config = ConfigDict(extra="forbid")
    stations: str = Field(max_length=LONGEST)


@router.get("/routes")
def routes_page(request: Request, who: CurrentUser) -> HTMLResponse:
    """Show the routes."""
    require_operator_tenant(who)
    with services(request).database.reading() as connection:
        every = routes.every(connection)
    found = [_serialized(each) for each in every]
    shown: dict[str, Any] = {"routes": found, "digests": " ".join(map(digest, every))}
    return page(request, "routes.html", who=who, columns=COLUMNS, data={"routes": found}, **shown)


def _again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return routes_page(request, auth.current_user(request))


@router.get("/routes/place")
def place(request: Request, who: CurrentUser, lat: Degrees, lon: Degrees) -> dict[str, Any]:
    """Return the names of a new station: those of the nearest place."""
    near, country = places.where(lat, lon)
    return {
        "name": near.place.name if near else "", "chinese": near.place.chinese if near else "",
        "country": country.code if country else near.place.country if near else "",
    }  # fmt: skip


@router.post("/routes/read")
def drawn_text(request: Request, who: api.CurrentUser, given: Tried) -> dict[str, Any]:
    """Return the stations of a route that is being drawn, and the same as CSV with commas."""
    require_operator_tenant(who)
    stations = _read(given.stations, fewest=0)
    return {"stations": [station(each) for each in stations], "csv": _csv(stations)}


@router.post("/routes/try")
def tried(request: Request, who: api.CurrentUser, given: Tried) -> dict[str, Any]:
    """Return how many of the fixes of the newest trips lie on the route."""
    require_operator_tenant(who)
    stations = _read(given.stations)
    with services(request).database.reading() as connection:
        return _compared(connection, stations)


@router.post("/routes")
@of_page(_again, "route", "/routes", "name", "stations")
def save(request: Request, who: ActingUser, name: Name, stations: Stations, changed: Name = "") -> Response:
    """Add a route, or put it in place of the `changed` one."""
    _demand(who)
    it = services(request)
    read, name = _read(stations), name.strip()
    if not name or not is_one_line(name):
        raise UserError(_("a route needs a name of 1 to 80 characters"), "name")
    middles = ((tile + 0.5) * TILE_KM for tile in range(tile_count(read)))
    places_km = [settlements.distance_km(*position(read, km)) for km in middles]
    with it.database.writing(who.who, who.tenant) as connection:
        if name != changed and routes.find(connection, name):
            raise UserError(_("route {name} already exists; choose another name", name=name), "name")
        if changed:
            refuse_stale(request, changed, routes.known_route(connection, changed))
            routes.remove(connection, changed)
        routes.add(connection, name, read, places_km, it.clock.now_s())
    return back("/routes")


@router.post("/routes/remove")
@of_page(_again, "remove", "/routes")
def remove(request: Request, who: ActingUser, name: Name) -> Response:
    """Remove a route and its coverage data."""
    _demand(who)
    with services(request).database.writing(who.who, who.tenant) as connection:
        routes.known_route(connection, name)
        routes.remove(connection, name)
    return back("/routes")


def _demand(who: User) -> None:
    demand(who, "operator")
    require_operator_tenant(who)


def _read(text: str, fewest: int = 2) -> list[Waypoint]:
    try:
        return parse(text, "CSV", fewest)
    except UserError as error:
        raise UserError(error.args[0], "stations") from None


def _compared(connection: Connection, stations: Sequence[Waypoint]) -> dict[str, Any]:
    fixes, on_route, near = 0, 0, 0
    for trip in trips.recent(connection, _TRIPS):
        km: float | None = None
        along = outline.along(connection, trip.device, trip.trip, _FIXES)
        before = on_route
        for row in along:
            here_km = find(stations, row.lat / 1e5, row.lon / 1e5, km)
            km, on_route = (km, on_route) if here_km is None else (here_km, on_route + 1)
        fixes, near = fixes + len(along), near + (on_route > before)
    return {"trips": near, "fixes": fixes, "on_route": on_route}


def _serialized(it: routes.StoredRoute) -> dict[str, Any]:
    stations = [Waypoint(*each) for each in it.stations]
    return {
        "route": it.route, "stations": [station(each) for each in stations], "csv": _csv(stations),
        "from": stations[0].name, "to": stations[-1].name, "km": round(stations[-1].km),
    }  # fmt: skip


def _csv(stations: Sequence[Waypoint]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        (each.name, each.country, each.lat, each.lon, each.kind, round(each.km), each.chinese)
        for each in stations
    )
    return text.getvalue()
