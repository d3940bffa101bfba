"""Routes over HTTP: list, show, add, remove; the route of a device's trip. docs/reference/api.md."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.features.routes import rules
from landbridge.features.routes.queries import routes as stored
from landbridge.features.routes.queries.drawn import NOTHING, drawn
from landbridge.features.routes.queries.routes import StoredRoute
from landbridge.features.trips import queries as trips
from landbridge.geo.route import LONGEST_KM, MOST_STATIONS, Waypoint, of_rows
from landbridge.web import actions, device_views, paging
from landbridge.web.answers import Json, Next, Schema
from landbridge.web.api import ONE_LINE, ActingUser, CurrentUser, Device
from landbridge.web.auth import User
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1")
Name = Annotated[str, Path(min_length=1, max_length=200)]


_EXAMPLE = [
    {"name": "Chongqing", "country": "CN", "lat": 29.63, "lon": 106.39, "kind": "hub"},
    {"name": "Duisburg", "country": "DE", "lat": 51.43, "lon": 6.76, "kind": "hub"},
]


class NewStation(BaseModel):
    """A station, in the order of travel; a missing `km` is computed."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=200, pattern=ONE_LINE)
    country: str = Field(max_length=2, description="ISO 3166-1.")
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    kind: Literal["hub", "border", "gauge", "yard", "line"]
    km: float | None = Field(None, ge=0, le=LONGEST_KM)
    chinese: str = Field("", max_length=200)


class RouteStations(BaseModel):
    """The stations of a route."""

    model_config = ConfigDict(extra="forbid")
    stations: list[NewStation] = Field(min_length=2, max_length=MOST_STATIONS, examples=[_EXAMPLE])


class NewRoute(RouteStations):
    """A route."""

    name: str = Field(min_length=1, max_length=200, pattern=ONE_LINE)


class Station(BaseModel):
    """A station."""

    name: str
    country: str
    lat: float
    lon: float
    kind: str
    km: float
    chinese: str


class Route(BaseModel):
    """A route."""

    route: str
    added: str
    stations: list[Station]


class Routes(BaseModel):
    """A page of routes by name."""

    routes: list[Route]
    next: Next


class DrawnStation(BaseModel):
    """A station of a route as drawn; `chinese` is its name in Chinese."""

    name: str
    chinese: str | None
    country: str
    kind: str
    km: int
    longitude: float
    latitude: float


class RouteOfDevice(BaseModel):
    """The route of a trip and the kilometre that its device has reached."""

    route: str | None
    stations: list[DrawnStation]
    km: float | None


@router.get("/routes")
def listed(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(Routes)]:
    """List routes by name; a tenant sees those of its trips."""
    after = str((paging.start(cursor, str) or ("",))[0])
    with services(request).database.reading() as connection:
        found = [each for each in stored.every(connection) if each.route > after]
        mine = [_shown(each) for each in found if _sees(connection, who, each.route)]
    return paging.cut("routes", mine, limit, "route")


@router.get("/routes/{route}")
def one(request: Request, who: CurrentUser, route: Name) -> Annotated[Json, Schema(Route)]:
    """Show a route and its stations."""
    with services(request).database.reading() as connection:
        found = stored.find(connection, route)
        if found is None or not _sees(connection, who, route):
            raise _missing(route)
        return _shown(found)


@router.post("/routes", status_code=201)
def add(request: Request, who: ActingUser, new: NewRoute) -> Annotated[Json, Schema(Route)]:
    """Add a route."""
    it = services(request)
    actions.require_operator(who)
    stations = of_rows([each.model_dump(exclude_none=True) for each in new.stations])
    with it.database.writing(who.who, who.tenant) as connection:
        rules.add(connection, new.name, stations, it.clock.now_s())
        found = stored.find(connection, new.name)
        assert found
        return _shown(found)


@router.put("/routes/{route}")
def redraw(
    request: Request, who: ActingUser, route: Name, wanted: RouteStations
) -> Annotated[Json, Schema(Route)]:
    """Replace the stations of a route; its coverage data is removed."""
    it = services(request)
    actions.require_operator(who)
    stations = of_rows([each.model_dump(exclude_none=True) for each in wanted.stations])
    with it.database.writing(who.who, who.tenant) as connection:
        if stored.find(connection, route) is None:
            raise _missing(route)
        stored.remove(connection, route)
        rules.add(connection, route, stations, it.clock.now_s())
        found = stored.find(connection, route)
        assert found
        return _shown(found)


@router.delete("/routes/{route}", status_code=204)
def remove(request: Request, who: ActingUser, route: Name) -> None:
    """Remove a route and its coverage data."""
    actions.require_operator(who)
    with services(request).database.writing(who.who, who.tenant) as connection:
        if stored.find(connection, route) is None:
            raise _missing(route)
        stored.remove(connection, route)


@router.get("/devices/{device}/route")
def route_of_device(
    request: Request, who: CurrentUser, device: Device
) -> Annotated[Json, Schema(RouteOfDevice)]:
    """Show the route of a device's trip: its stations and the kilometre that the device has reached. The list
    is empty without a route."""
    it = services(request)
    with it.database.reading() as connection:
        view = actions.view(connection, who, device)
        if view.trip is None:
            return NOTHING
        (shown,) = device_views.whereabouts(connection, [view], it.clock.now_s())
        return drawn(connection, view.trip.route, shown["latitude"], shown["longitude"])


def _sees(connection: Connection, who: User, route: str) -> bool:
    return who.tenant is None or bool(trips.on_route(connection, route, 1, who.tenant))


def _missing(route: str) -> HTTPException:
    return HTTPException(404, _("no route {name}; GET /v1/routes lists them", name=route))


def _shown(found: StoredRoute) -> dict[str, Any]:
    stations = [Waypoint(*each)._asdict() for each in found.stations]
    return {"route": found.route, "added": iso(found.added_s), "stations": stations}
