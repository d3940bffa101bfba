"""The API of a device's history: outline of the track, days, events, single records."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel
from sqlalchemy import Connection

from landbridge.core.clock import iso
from landbridge.events.queries import events
from landbridge.points.queries import outline, points
from landbridge.points.queries.outline import Box
from landbridge.tracking import battery
from landbridge.web import actions, columns, device_views, paging, serialize
from landbridge.web.answers import Json, Next, Schema, Time
from landbridge.web.api import MOST, CurrentUser, Device, Number
from landbridge.web.device_views import DeviceView
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1/devices/{device}")
_TRACK = (
    "seq",
    "at_s",
    "lat",
    "lon",
    "delay_s",
    "speed",
    "rsrp",
    "battery",
    "temperature",
    "events",
    "flags",
)
PARTS = {
    "position": (10, 11, 12, 13, 70, 71, 72, 73),
    "stationary": (20, 21, 22),
    "search": (30, 31),
    "report": (40, 50, 60, 61, 62, 63, 64, 65, 74),
}
"""The purpose of a wake, by the reason of its first action (diagnostics/wake_coding.py); else "other"."""


class Outline(BaseModel):
    """Points in columns, all of the same length."""

    count: int
    step_s: int
    columns: dict[str, list[int | None]]


class Energy(BaseModel):
    """Joules of a day by purpose."""

    day: str
    joules: dict[str, float]


class Traffic(BaseModel):
    """Uplinks of a day."""

    day: str
    bytes: int
    reports: int


class BatteryEnd(BaseModel):
    """Time range in which the battery is expected to run empty; null: more than a year from now."""

    earliest: Time
    latest: Time


class Days(BaseModel):
    """Energy and data of a device by day."""

    energy: list[Energy]
    traffic: list[Traffic]
    battery_end: BatteryEnd | None


class TrackingEvent(BaseModel):
    """An event that is not retracted; its other fields are those of `Event`."""

    event: int
    type: str
    time: Time
    seq: int | None


class TrackingEvents(BaseModel):
    """A page of events that are not retracted."""

    events: list[TrackingEvent]
    next: Next


class Record(BaseModel):
    """A record in its own units, and its GeoJSON feature."""

    record: dict[str, int | None]
    feature: Json


@router.get("/outline")
def track_outline(
    request: Request,
    who: CurrentUser,
    device: Device,
    since: datetime | None = None,
    until: datetime | None = None,
    box: Annotated[
        str | None, Query(max_length=80, description="Bounding box: west,south,east,north in degrees.")
    ] = None,
    most: Annotated[int, Query(ge=10, le=10_000)] = 2_000,
) -> Annotated[Json, Schema(Outline)]:
    """Return points thinned to about `most`, in columns. seq, at_s, lat and lon are differences from the
    previous row that has a value; units are those of records (1e-5 degrees, -dBm, 20 mV, 0.5 C). `flags` has
    a bit for each quality flag (docs/reference/api.md). Points with alarms are always included; `step_s` 1
    means that no point is left out. Points without a time are left out."""
    with services(request).database.reading() as connection:
        found = actions.view(connection, who, device)
        span = (serialize.epoch_s(since, serialize.BEGINNING_S), serialize.epoch_s(until, serialize.END_S))
        mine = _trips(connection, found)
        outlined = outline.outline(connection, device, mine, span, _box(box), most, device_views.ALARM_BITS)
    return {
        "count": outlined.total,
        "step_s": outlined.step_s,
        "columns": columns.track(outlined.rows, _TRACK),
    }


@router.get("/days")
def days(request: Request, who: CurrentUser, device: Device) -> Annotated[Json, Schema(Days)]:
    """Summarise the days of a device: energy by purpose in joules, data in bytes, and the time range in which
    the battery is expected to run empty."""
    it = services(request)
    now_s = it.clock.now_s()
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        spans = device_views.intervals(connection, found, now_s)
        took = outline.energy(connection, device, spans)
        sent = outline.traffic(connection, device, spans)
        end = battery.battery_end(connection, device, now_s) if found.live else None
    parts = {number: part for part, numbers in PARTS.items() for number in numbers}
    energy: dict[int, dict[str, float]] = {}
    for row in took:
        of_day = energy.setdefault(row.day, {})
        part = parts.get(row.did, "other")
        of_day[part] = round(of_day.get(part, 0.0) + row.joules, 1)
    return {
        "energy": [{"day": iso(day * outline.DAY_S), "joules": joules} for day, joules in energy.items()],
        "traffic": [
            {"day": iso(row.day * outline.DAY_S), "bytes": row.bytes, "reports": row.reports} for row in sent
        ],
        "battery_end": end and {"earliest": iso(end.earliest_s), "latest": iso(end.latest_s)},
    }


@router.get("/events")
def tracked_events(
    request: Request,
    who: CurrentUser,
    device: Device,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: Cursor = None,
    limit: Limit = MOST,
) -> Annotated[Json, Schema(TrackingEvents)]:
    """List the latest events of a device by time: stops, borders, geofences, gaps, alarms, arrival. Retracted
    events are left out. The next page has earlier events."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        span = serialize.span(since, until)
        before = serialize.page_start(cursor, 3) if cursor else None
        rows = events.current(connection, device, _trips(connection, found), span, limit + 1, before)
    following = events.place(rows[1]) if len(rows) > limit else None
    return paging.page("events", [serialize.event(row) for row in rows[-limit:]], following)


@router.get("/points/{seq}")
def record(
    request: Request, who: CurrentUser, device: Device, seq: Number
) -> Annotated[Json, Schema(Record)]:
    """Show a record as the device recorded it (docs/reference/protocol.md), and as it is published."""
    it = services(request)
    with it.database.reading() as connection:
        found = actions.view(connection, who, device)
        stored = points.find(connection, device, seq)
        mine = _trips(connection, found)
        if stored is None or (mine is not None and stored.trip not in mine):
            raise HTTPException(404, f"{device} has no record {seq}")
    return {"record": stored.point._asdict(), "feature": device_views.feature(stored)}


def _trips(connection: Connection, found: DeviceView) -> list[int] | None:
    return None if found.tenant is None else [each.trip for each in device_views.trips_of(connection, found)]


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise HTTPException(400, f"box={text}: four numbers, west,south,east,north") from None
    if not (max(abs(west), abs(east)) < 400 and -90 <= south <= north <= 90):
        raise HTTPException(400, f"box={text}: degrees, west,south,east,north")
    # The box extends from west to east across the 180th meridian (RFC 7946, 5.2).
    return Box(west, south, east if west <= east else east + 360, north)
