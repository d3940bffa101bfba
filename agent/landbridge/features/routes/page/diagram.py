"""The time-distance diagram of a route."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlalchemy import Connection

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.features.routes.api import DrawnStation
from landbridge.features.routes.queries import routes
from landbridge.features.routes.queries.drawn import station
from landbridge.features.routes.usual import usual
from landbridge.features.trips import queries as trips
from landbridge.geo.route import Waypoint, find
from landbridge.points.queries import outline
from landbridge.web.answers import Json, Schema, Time
from landbridge.web.api import CurrentUser
from landbridge.web.auth import User
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter()
_MOST_TRIPS, _MOST_POINTS = 40, 150
RouteName = Annotated[str, Query(max_length=200)]


class TripCurve(BaseModel):
    """A trip as (time, kilometre)."""

    trip: int
    device: str
    container: str
    started: str
    ended: Time
    points: list[tuple[Time, int]]


class UsualTimes(BaseModel):
    """Of one station, in hours after the departure: as planned, and when 10 % and 90 % of the containers are
    there."""

    km: int
    planned_h: float
    early_h: float
    late_h: float


class TimeDistance(BaseModel):
    """Trips on a route; `usual` has its stations in the same order."""

    route: str
    stations: list[DrawnStation]
    usual: list[UsualTimes]
    trips: list[TripCurve]


@router.get("/v1/time-distance")
def time_distance(
    request: Request, who: CurrentUser, route: RouteName
) -> Annotated[Json, Schema(TimeDistance)]:
    """Time-distance diagram: the newest trips on a route, at most 40. Kilometres over time, thinned, with
    stations and borders."""
    with services(request).database.reading() as connection:
        return _serialized(connection, who, route)


@router.get("/time-distance", include_in_schema=False)
def time_distance_page(request: Request, who: CurrentUser, route: RouteName = "") -> HTMLResponse:
    """Return the diagram of a route."""
    with services(request).database.reading() as connection:
        names = [each.route for each in routes.every(connection) if _trips(connection, who, each.route)]
        chosen = route or (names[0] if names else "")
        shown = _serialized(connection, who, chosen) if chosen else None
    return page(request, "time-distance.html", who=who, routes=names, chosen=chosen, data=shown)


def _trips(connection: Connection, who: User, route: str) -> list[Any]:
    return trips.on_route(connection, route, _MOST_TRIPS, who.tenant)


def _serialized(connection: Connection, who: User, route: str) -> dict[str, Any]:
    known, mine = routes.find(connection, route), _trips(connection, who, route)
    if known is None or (not mine and who.tenant is not None):
        raise HTTPException(404, _("no route {name}", name=route))
    stations = [Waypoint(*each) for each in known.stations]
    curves = [_curve(connection, stations, each.device, each.trip) for each in mine]
    return {
        "route": route,
        "stations": [station(each) for each in stations],
        "usual": usual(stations, curves),
        "trips": [
            {
                "trip": each.trip, "device": each.device, "container": each.container,
                "started": iso(each.started_s), "ended": iso(each.ended_s),
                "points": [(iso(at_s), round(km)) for at_s, km in curve],
            }
            for each, curve in zip(mine, curves, strict=True)
        ],
    }  # fmt: skip


def _curve(
    connection: Connection, stations: list[Waypoint], device: str, trip: int
) -> list[tuple[int, float]]:
    """Return (seconds, kilometre) of fixes on the route."""
    found: list[tuple[int, float]] = []
    km: float | None = None
    for row in outline.along(connection, device, trip, _MOST_POINTS):
        here_km = find(stations, row.lat / 1e5, row.lon / 1e5, km)
        if here_km is not None:
            km = here_km
            found.append((row.at_s, km))
    return found
