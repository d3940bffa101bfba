"""The containers of one line as distance over time: where they wait."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.features.routes.queries import routes as lines
from landbridge.features.trips import queries as trips
from landbridge.geo.route import Waypoint, find
from landbridge.points import outline
from landbridge.web import answers
from landbridge.web.answers import Json, Told
from landbridge.web.api import Looks
from landbridge.web.here import here
from landbridge.web.render import page
from landbridge.web.viewer import Viewer

router = APIRouter()
_MOST_TRIPS, _MOST_POINTS = 40, 150
Line = Annotated[str, Query(max_length=200)]


@router.get("/v1/journeys")
def journeys(request: Request, who: Looks, line: Line) -> Annotated[Json, Told(answers.Journeys)]:
    """The newest trips on a line, 40 at most: kilometre over time, thinned; its stations and borders."""
    with here(request).database.reading() as connection:
        return _told(connection, who, line)


@router.get("/journeys", include_in_schema=False)
def journeys_page(request: Request, who: Looks, line: Line = "") -> HTMLResponse:
    """The diagram of one line."""
    with here(request).database.reading() as connection:
        names = [each.line for each in lines.every(connection) if _trips(connection, who, each.line)]
        chosen = line or (names[0] if names else "")
        told = _told(connection, who, chosen) if chosen else None
    return page(request, "journeys.html", who=who, lines=names, chosen=chosen, data=told)


def _trips(connection: Connection, who: Viewer, line: str) -> list[Any]:
    return trips.on_line(connection, line, _MOST_TRIPS, who.tenant)


def _told(connection: Connection, who: Viewer, line: str) -> dict[str, Any]:
    known, mine = lines.find(connection, line), _trips(connection, who, line)
    if known is None or (not mine and who.tenant is not None):
        raise HTTPException(404, _("no route {name}", name=line))
    stations = [Waypoint(*each) for each in known.stations]
    return {
        "line": line,
        "stations": [_station(each) for each in stations],
        "trips": [
            {
                "trip": each.trip, "device": each.device, "container": each.container,
                "started": iso(each.started_s), "ended": iso(each.ended_s),
                "way": _way(connection, stations, each.device, each.trip),
            }
            for each in mine
        ],
    }  # fmt: skip


def _station(it: Waypoint) -> dict[str, Any]:
    return {"name": it.name, "country": it.country, "kind": it.kind, "km": round(it.km)}


def _way(
    connection: Connection, stations: list[Waypoint], device: str, trip: int
) -> list[tuple[str | None, int]]:
    """(time, kilometre) of fixes on the line."""
    found: list[tuple[str | None, int]] = []
    km: float | None = None
    for row in outline.along(connection, device, trip, _MOST_POINTS):
        here_km = find(stations, row.lat / 1e5, row.lon / 1e5, km)
        if here_km is not None:
            km = here_km
            found.append((iso(row.at_s), round(km)))
    return found
