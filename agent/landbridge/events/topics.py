"""The messages for platforms about a newly stored batch: track, events, position
(docs/reference/protocol.md)."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson

from landbridge.core.clock import iso
from landbridge.core.names import OPERATOR
from landbridge.events.queries.outbox import NewMessage
from landbridge.points import geojson, quality
from landbridge.points.rows import StoredPoint, StoredPoints
from landbridge.protocol.downlink import ranges
from landbridge.protocol.event import Event
from landbridge.protocol.limits import MAX_RECORDS
from landbridge.protocol.point import KIND_FIX

NO_ALARMS = ("departed", "stopped", "country", "power-on")
"""Bits of a record that are not published as events: stops, departures and borders come from tracking, which
is more accurate."""

TRACK, POSITION = "track", "position"


def tracks(device: str, stored: Sequence[StoredPoint]) -> list[NewMessage]:
    """Return batches in which each point occurs once and all points have one tenant. The outbox holds only
    their capture sequences; the content is made at publication (finished.py), so ingest need not wait."""
    by_column = StoredPoints.of(stored)
    of_points = zip(by_column.column("tenant"), by_column.column("seq"), strict=True)
    of_tenants = groupby(of_points, itemgetter(0))
    of_one = [(tenant, [seq for _, seq in mine]) for tenant, mine in of_tenants]
    return [
        track_message(tenant, device, sequences[i : i + MAX_RECORDS])
        for tenant, sequences in of_one
        for i in range(0, len(sequences), MAX_RECORDS)
    ]


def alarms(device: str, stored: Sequence[StoredPoint]) -> list[Event]:
    """Return one alarm for each alarm bit of each record, in order."""
    if not any(StoredPoints.of(stored).column("events")):
        return []
    return [
        event(each, "alarm", {"alarm": name}, name)
        for each in stored
        for name in each.point.event_names
        if name not in NO_ALARMS
    ]


def event(
    stored: StoredPoint, kind: str, details: Mapping[str, Any], name: str = "", inferred: bool = False
) -> Event:
    """Return the event of type `kind` that a point shows; `name` distinguishes several of one type at a
    point."""
    event_id = f"{geojson.point_id(stored)}/{kind}{name and '-'}{name}"
    content = {"id": event_id, "type": kind} | whereabouts(stored) | dict(details)
    shown_by = (stored.trip, stored.point.seq, stored.at_s)
    return Event(event_id, stored.device, kind, inferred, *shown_by, content, stored.tenant)


def alarm_id(device: str, number: int, change: str) -> str:
    """Return the id of the event for a change of this alarm."""
    return f"{device}/{number}/alarm-{change}"


def event_message(event: Event, number: int, published_s: int, replaces: int | None = None) -> NewMessage:
    """Return the message of an event."""
    content = message(number, published_s, replaces, event.content)
    return _message(event.tenant, event.device, f"event/{event.type}", content)


def message(
    number: int, published_s: int, replaces: int | None, content: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an event as platforms get it, on topics and over HTTP."""
    head = {"event": number, "published": iso(published_s)} | ({"replaces": replaces} if replaces else {})
    return head | dict(content)


def newest(stored: Sequence[StoredPoint]) -> StoredPoint | None:
    """Return the point of the batch that may become the device's position: the last good fix by time."""
    of = StoredPoints.of(stored)
    kinds, flags = of.column("kind"), of.column("flags")
    good: Sequence[int] = range(len(of))
    if any(flags) or kinds.count(KIND_FIX) < len(of):
        known = enumerate(zip(kinds, flags, strict=True))
        good = [
            place for place, (kind, flags) in known if kind == KIND_FIX and not flags & quality.NOT_LATEST
        ]
    # All of these have a time.
    return of[max(good, key=of.column("at_s").__getitem__)] if good else None


def position(stored: StoredPoint, stationary_until_s: int | None = None) -> NewMessage:
    """Return the retained message: `stored` is the latest position of its device, which was still there at
    that time."""
    content = (
        {"id": geojson.point_id(stored)} | whereabouts(stored) | {"stationary_until": iso(stationary_until_s)}
    )
    return _message(stored.tenant, stored.device, POSITION, content, retain=True)


def no_position(device: str, tenant: str | None) -> NewMessage:
    """Return the empty message that removes the retained one: no fix of the device is on a trip of this
    tenant."""
    return NewMessage(_topic(tenant, device, POSITION), b"", True)


def whereabouts(stored: StoredPoint) -> dict[str, Any]:
    """Return the point for messages that are not GeoJSON; without a position if that is wrong."""
    point, known = stored.point, geojson.has_position(stored) and not stored.flags & quality.WRONG_PLACE
    return {
        "latitude": point.latitude_deg if known else None,
        "longitude": point.longitude_deg if known else None,
        "altitude_m": point.altitude_m if known else None,
    } | geojson.properties(stored)


def _message(tenant: str | None, device: str, leaf: str, content: object, retain: bool = False) -> NewMessage:
    payload = orjson.dumps(content)
    what = leaf.partition("/")[0]
    return NewMessage(_topic(tenant, device, leaf), payload, retain, tenant or OPERATOR, device, what)


def track_message(tenant: str | None, device: str, sequences: Sequence[int]) -> NewMessage:
    """Return the message of a batch of points, as the outbox holds it."""
    return _message(tenant, device, TRACK, ranges(sequences))._replace(sequences=sequences)


def _topic(tenant: str | None, device: str, leaf: str) -> str:
    return f"landbridge/out/{tenant or OPERATOR}/{device}/{leaf}"
