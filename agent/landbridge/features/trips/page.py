"""The pages of trips: all trips with suggestions for new ones, and one trip. They act by the API."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.events.queries import events
from landbridge.features.routes.queries import routes
from landbridge.features.routes.queries.drawn import chinese_names, drawn
from landbridge.features.trips import queries as trips
from landbridge.features.trips.queries import Wanted
from landbridge.points import quality
from landbridge.points.queries import points
from landbridge.tracking import suggestions
from landbridge.web import device_head, device_views, serialize
from landbridge.web.api import CurrentUser, Number
from landbridge.web.language import language_of
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_MOST, _MOST_IDLE = 200, 50


@router.get("/trips")
def all_trips(
    request: Request,
    who: CurrentUser,
    state: Literal["running", "ended", "all"] = "running",
    text: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """The newest trips, and a form that starts one."""
    with services(request).database.reading() as connection:
        found = trips.listed(connection, Wanted(who.tenant, state, text=text.strip()), None, _MOST)
        arrived = _arrivals(connection, found.rows)
        shown = [_trip(row, arrived.get(row.trip)) for row in found.rows]
        idle = _idle(connection) if who.tenant is None else []
        offers = [offer for device in idle for offer in _offers(connection, device)]
        known = [each.route for each in routes.every(connection)]
        names = _chinese_names(request, connection, found.rows)
    values: dict[str, Any] = {
        "trips": shown, "idle": idle, "offers": offers, "routes": known, "names": names,
    }  # fmt: skip
    return page(request, "trips.html", who=who, state=state, text=text, is_cut=bool(found.next), **values)


@router.get("/trips/{trip}")
def one_trip(request: Request, who: CurrentUser, trip: Number) -> HTMLResponse:
    """One trip with its map and its events."""
    with services(request).database.reading() as connection:
        row = trips.find(connection, trip)
        if row is None or (who.tenant is not None and row.tenant != who.tenant):
            raise HTTPException(404, _("no trip {number}", number=trip))
        rows = [each for each in events.of_trip(connection, trip) if each.type in events.TRACKED]
        happened = [serialize.event(each) for each in rows]
        arrived_s = _arrivals(connection, [row]).get(trip)
        known = [each.route for each in routes.every(connection)]
        fix = points.newest_fix(connection, row.device, quality.NOT_LATEST, trip)
        at = (fix.point.latitude_deg, fix.point.longitude_deg) if fix else (None, None)
        way = drawn(connection, row.route, *at)
        names = _chinese_names(request, connection, [row])
    data = {"events": happened, "way": way, "names": names}
    shown: dict[str, Any] = {"trip": _trip(row, arrived_s), "events": happened[::-1], "routes": known}
    return page(request, "trip.html", who=who, data=data, **shown)


def _chinese_names(request: Request, connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, str]:
    """Return the names of the places of these trips, for a page in Chinese."""
    is_chinese = language_of(request).is_chinese
    return chinese_names(connection, {(row.route, row.destination) for row in rows}) if is_chinese else {}


def _idle(connection: Connection) -> list[str]:
    """Return the first devices without a trip."""
    running = trips.under_way(connection)
    views = device_views.listed(connection, None)
    return [each.device for each in views if each.device not in running][:_MOST_IDLE]


def _offers(connection: Connection, device: str) -> list[dict[str, Any]]:
    return [
        {"device": device, "since": iso(each.at_s), "cause": each.content["cause"]}
        | {name: each.content[name] for name in ("latitude", "longitude")}
        | serialize.place(each.content["latitude"], each.content["longitude"])
        for each in suggestions.current(connection, device)
    ]


def _arrivals(connection: Connection, rows: Sequence[Row[Any]]) -> dict[int, int | None]:
    """Return when the containers of these trips arrived; a trip may go on after that."""
    found = events.of_trips(connection, [row.trip for row in rows], ("arrival",))
    return {each.trip: events.happened_s(each) for each in found}


def _trip(row: Row[Any], arrived_s: int | None) -> dict[str, Any]:
    late_s = row.eta_s - row.planned_s if row.eta_s and row.planned_s and row.ended_s is None else None
    return {
        "trip": row.trip, "device": row.device, "container": row.container, "route": row.route,
        "destination": row.destination, "started": iso(row.started_s), "ended": iso(row.ended_s),
        "arrived": iso(arrived_s), "tenant": row.tenant, "references": json.loads(row.customer),
        "tags": json.loads(row.tags), "eta": iso(row.eta_s) if row.ended_s is None else None,
        "late": None if late_s is None else device_head.lateness(late_s),
    }  # fmt: skip
