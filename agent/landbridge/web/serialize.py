"""Serializes one device, for the API and for its page."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import HTTPException
from sqlalchemy import Connection, Row

from landbridge.core.clock import iso, to_epoch_s
from landbridge.core.texts import _
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as stored_alarms
from landbridge.features.commands import handler as commands
from landbridge.features.commands import queries as stored_commands
from landbridge.features.settings import handler as settings
from landbridge.features.settings import queries as stored_settings
from landbridge.features.sharing import queries as stored_share_links
from landbridge.features.sharing import rules as share_links
from landbridge.points import cells, geojson, quality
from landbridge.points.queries import points
from landbridge.points.queries.points import Place
from landbridge.protocol.settings import SETTINGS, SOURCES, applied
from landbridge.web import device_views, paging
from landbridge.web.device_views import DeviceView

BEGINNING_S, END_S = 0, 2**31 - 1
_OF_EVENT = (
    "latitude", "longitude", "container", "alarm", "place", "since", "until", "stood_s", "from", "to",
    "agreed", "geofence", "action", "missing", "away_km", "earliest", "likely", "latest", "to_go_km",
    "ends_trip", "due",
)  # fmt: skip


def device(connection: Connection, found: DeviceView, now_s: int) -> dict[str, Any]:
    """Return position, nearest place and trips."""
    (shown,) = device_views.whereabouts(connection, [found], now_s)
    trips = [
        {
            "trip": each.trip, "container": each.container, "route": each.route,
            "destination": each.destination, "started": iso(each.started_s), "ended": iso(each.ended_s),
        }
        for each in device_views.trips_of(connection, found)
    ]  # fmt: skip
    return shown | {"trips": trips}


def place(lat: float | None, lon: float | None) -> dict[str, Any]:
    """Return the nearest place and the country of degrees; None where there is none."""
    if lat is None or lon is None:
        return device_views.place(None, None)
    return device_views.place(round(lat * 1e5), round(lon * 1e5))


def track(
    connection: Connection,
    found: DeviceView,
    trip: int | None,
    since: datetime | None,
    until: datetime | None,
    cursor: str | None,
    most: int,
) -> dict[str, Any]:
    """Return one page of a track as GeoJSON."""
    mine = of_trips(connection, found, trip)
    span = (epoch_s(since, BEGINNING_S), epoch_s(until, END_S))
    stored = points.page(connection, found.device, mine, *span, Place(*page_start(cursor, 2)), most + 1)
    more = len(stored) > most
    last = stored[most - 1] if more else None
    located = cells.locate(connection, stored[:most])
    features = [device_views.feature(each) for each in stored[:most]]
    for each in features:
        geojson.place_about(each, located)
    return {
        "type": "FeatureCollection",
        "features": features,
        "next": paging.cursor((last.at_s or 0, last.point.seq)) if last else None,
    }


def of_trips(connection: Connection, found: DeviceView, trip: int | None) -> list[int] | None:
    """Return the trips whose points the user sees, or only `trip` (404 if there is none); None: all."""
    mine = [each.trip for each in device_views.trips_of(connection, found)]
    if trip is not None and trip not in mine:
        raise HTTPException(404, _("{device} has no trip {number}", device=found.device, number=trip))
    return [trip] if trip is not None else None if found.tenant is None else mine


def commands_of(
    connection: Connection, found: DeviceView, now_s: int, before: int, most: int
) -> list[dict[str, Any]]:
    """Return the newest commands of the user's device, of those with numbers below `before`."""
    mine = device_views.intervals(connection, found, now_s)
    rows = stored_commands.newest(connection, found.device, mine, before, most)
    return [command(row, now_s) for row in rows]


def command(row: Row[Any], now_s: int) -> dict[str, Any]:
    """Return a command and its result."""
    return {
        "command": row.command, "verb": row.verb, "argument": row.argument, "by": row.given_by,
        "given": iso(row.given_s), "expires": iso(row.expires_s), "sent": iso(row.sent_s),
        "result_of": iso(row.result_s), "state": commands.state(row, now_s),
        "open": row.result is None and row.cancelled_s is None and row.expires_s > now_s,
    }  # fmt: skip


def settings_of(connection: Connection, found: DeviceView) -> dict[str, Any]:
    """Return the desired settings and their progress."""
    desired = stored_settings.desired(connection, found.device)
    said = stored_settings.report(connection, found.device)
    report, reported_s = said or (None, None)
    return {
        "revision": desired.revision,
        "state": settings.state(desired, report),
        "set": iso(desired.set_s),
        "applied": report and {"revision": report.revision, "source": SOURCES[report.source]},
        "reported": iso(reported_s),
        "settings": [
            {
                "name": name, "value": value, "default": known.default,
                "lowest": known.lowest, "highest": known.highest, "help": known.help,
            }
            for name, value in applied(desired.changes).items()
            for known in (SETTINGS[name],)
        ],
    }  # fmt: skip


def share_links_of(
    connection: Connection, found: DeviceView, now_s: int, before: int, most: int
) -> list[dict[str, Any]]:
    """Return the newest share links to trips that the user sees, of those with numbers below `before`."""
    mine = {each.trip for each in device_views.trips_of(connection, found)}
    rows = stored_share_links.newest(connection, mine, before, most)
    return [share_links.serialize(row, now_s) for row in rows]


def span(since: datetime | None, until: datetime | None) -> tuple[int, int] | None:
    """Return [from, until) in seconds since 2000; None: all, undated included."""
    if since is None and until is None:
        return None
    return epoch_s(since, BEGINNING_S), epoch_s(until, END_S)


def epoch_s(time: datetime | None, otherwise: int) -> int:
    """Return seconds since 2000; a time without a zone is UTC."""
    if time is None:
        return otherwise
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return min(max(to_epoch_s(aware), BEGINNING_S), END_S)


def page_start(cursor: str | None, parts: int) -> tuple[int, ...]:
    """Return where the previous page ended, as so many numbers."""
    key = paging.start(cursor, *[int] * parts)
    return (-1,) * parts if key is None else tuple(int(each) for each in key)


def alarms(connection: Connection, tenant: str | None, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """Return alarms as in the API, with the place, who has taken them over, and comments. `known` is the time
    of the place if the alarm's own point has none: then it is that of the container before the alarm, or
    now."""
    comments = stored_alarms.comments(connection, [row.alarm for row in rows])
    found = []
    for row in rows:
        shown = engine.serialize(row) | {"known": None, "taken_by": row.taken_by, "taken": iso(row.taken_s)}
        shown["comments"] = [
            {"by": each.written_by, "time": iso(each.written_s), "text": each.text}
            for each in comments.get(row.alarm, [])
        ]
        if shown["latitude"] is None:
            shown |= _known_place(connection, tenant, row)
        found.append(shown | place(shown["latitude"], shown["longitude"]))
    return found


def _known_place(connection: Connection, tenant: str | None, row: Row[Any]) -> dict[str, Any]:
    """Return the last good fix before an alarm, else the newest one; a tenant's only of the same trip."""
    before = points.last_fix(connection, row.device, (row.raised_s + 1, 0), quality.NOT_LATEST)
    for fix in (before, points.newest_fix(connection, row.device, quality.NOT_LATEST, row.trip)):
        if fix is not None and (tenant is None or fix.trip == row.trip):
            at = fix.point
            return {"latitude": at.latitude_deg, "longitude": at.longitude_deg, "known": iso(fix.at_s)}
    return {}


def open_alarms(
    connection: Connection, tenant: str | None, device: str, before: int, most: int
) -> list[dict[str, Any]]:
    """Return the newest unacknowledged alarms of a device, of those with numbers below `before`."""
    rows = stored_alarms.listed(connection, stored_alarms.Wanted(tenant, device), before, most)
    return alarms(connection, tenant, [row for row in rows if row.acknowledged_s is None])


def event(row: Row[Any]) -> dict[str, Any]:
    """Return an event as published, without the other properties of its point."""
    content = json.loads(row.content)
    shown = {name: content[name] for name in _OF_EVENT if name in content}
    return {"event": row.event, "type": row.type, "time": iso(row.at_s), "seq": row.seq} | shown
