"""The page of a share link: where a container is, how far along its route, and when it arrives."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, Row

from landbridge.core import secret
from landbridge.core.clock import iso
from landbridge.core.texts import _
from landbridge.events.queries import events
from landbridge.features.devices import queries as devices
from landbridge.features.routes.queries.drawn import chinese_names, drawn
from landbridge.features.sharing import queries as share_links
from landbridge.features.sharing.rules import SHARE_PATH
from landbridge.points import quality
from landbridge.points.queries import points, stationary
from landbridge.web import serialize
from landbridge.web.language import language_of
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_EVENTS = ("stop", "departure", "border", "arrival")
_SHOWN = ("type", "time", "place", "from", "to")
_MOST = 30


@router.get(SHARE_PATH + "{link}")
def shared(request: Request, link: str) -> HTMLResponse:
    """Return what the link shows; 404 when it has expired, was revoked or never existed, without saying
    which."""
    it = services(request)
    with it.database.reading() as connection:
        row = share_links.opened_by(connection, secret.hashed(link), it.clock.now_s())
        if row is None:
            raise HTTPException(404, _("this link is invalid or has expired"))
        shown = _serialized(connection, row, language_of(request).is_chinese)
    request.state.framed = row.embedded
    return page(request, "share.html", data=shown, shared=shown)


def _serialized(connection: Connection, row: Row[Any], is_chinese: bool) -> dict[str, Any]:
    fix = points.newest_fix(connection, row.device, quality.NOT_LATEST, row.trip)
    device = devices.find(connection, row.device)
    heard = device and row.ended_s is None and (device.last_session_s or 0) >= row.started_s
    due_s = device.next_session_s if device and heard else None
    stationary_until_s = stationary.until_s(connection, row.device, fix.point.seq) if fix else None
    lat, lon = (fix.point.latitude_deg, fix.point.longitude_deg) if fix else (None, None)
    way = drawn(connection, row.route, lat, lon) | {"route": None}  # its name is the operator's own
    names = chinese_names(connection, [(row.route, row.destination)]) if is_chinese else {}
    return {
        "container": row.container,
        "destination": names.get(row.destination, row.destination),
        "way": way,
        "progress": _progress(way),
        "latitude": lat,
        "longitude": lon,
        "time": iso(fix.at_s) if fix else None,
        "stationary_until": iso(stationary_until_s),
        "next_session": iso(due_s),
        **_events(connection, row, names),
    } | serialize.place(lat, lon)


def _progress(way: Mapping[str, Any]) -> dict[str, int] | None:
    """Return the kilometre on the route, and that of its end; None if it is not on the route."""
    if way["km"] is None:
        return None
    return {"km": round(way["km"]), "of_km": way["stations"][-1]["km"]}


def _events(connection: Connection, row: Row[Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return the arrival, expected or past, and the events of its trip; nothing about the device."""
    rows = sorted(events.of_trip(connection, row.trip), key=lambda each: events.happened_s(each) or 0)
    shown = [serialize.event(each) | {"time": iso(events.happened_s(each))} for each in rows]
    changes = [each for each in shown if each["type"] == "eta"]
    arrived = next((each["time"] for each in shown if each["type"] == "arrival"), None)
    eta = changes[-1] if changes and not arrived and row.ended_s is None else None
    happened = [each for each in shown if each["type"] in _EVENTS and each["time"]]
    return {
        "arrived": arrived,
        "arrival": eta and {name: eta[name] for name in ("earliest", "likely", "latest")},
        "events": [
            {name: each.get(name) for name in _SHOWN} | {"place": _named(each.get("place"), names)}
            for each in happened[-_MOST:][::-1]
        ],
        "is_cut": len(happened) > _MOST,
    }


def _named(place: str | None, names: Mapping[str, str]) -> str | None:
    return place and names.get(place, place)
