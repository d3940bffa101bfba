"""What a newly stored batch says to the platforms: track, events, position (docs/protocol)."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from landbridge.core.clock import iso
from landbridge.core.names import HOUSE
from landbridge.events.outbox import Outgoing, Posted
from landbridge.points import geojson
from landbridge.points import quality as judge
from landbridge.points.queries import StoredPoint, StoredPoints
from landbridge.protocol.event import Event
from landbridge.protocol.limits import MAX_RECORDS
from landbridge.protocol.point import KIND_FIX, Point

if TYPE_CHECKING:
    from landbridge.points.cells import Located

NO_ALARMS = ("departed", "stopped", "country", "power-on")
"""Events of a record that are none; stops, departures and borders the journey tells, which knows better."""

Locate = Callable[[Sequence[StoredPoint]], Mapping[int, "Located"]]
"""Where points without a fix were about, by sequence."""
TRACK, POSITION = "track", "position"
_ROWS = b"["
"""What a track or a position begins with that is not yet as platforms get it. A row is the columns of a point
and what `StoredPoint` has besides: a track is rows, a position [row, when it stood there still]."""
_OF_POINT = len(Point._fields)


def tracks(device: str, stored: Sequence[StoredPoint]) -> list[Outgoing]:
    """Batches, each point once; none has points of two tenants. They lie in the outbox as the points are now:
    `whole` makes GeoJSON of them, when ingest need not wait for it."""
    by_column = StoredPoints.of(stored)
    rows, tenants = list(by_column.values(first=1)), set(by_column.column("tenant"))
    of_one = [rows] if len(tenants) == 1 else [list(each) for _, each in groupby(rows, itemgetter(-1))]
    return [
        _of_track(mine[0][-1], device, mine[i : i + MAX_RECORDS])
        for mine in of_one
        for i in range(0, len(mine), MAX_RECORDS)
    ]


def whole(message: Posted, locate: Locate = lambda _: {}) -> Posted:
    """A message of the outbox as it is passed on: of a track, a GeoJSON FeatureCollection, with what `locate`
    knows of its points."""
    if not message.payload.startswith(_ROWS):
        return message
    device, kept = message.device or "", orjson.loads(message.payload)
    if message.what == TRACK:
        track = [_stored(device, row) for row in kept]
        content = numbered(message.message, track, locate)
    else:
        stored, still_s = _stored(device, kept[0]), kept[1]
        content = {"id": geojson.point_id(stored)} | whereabouts(stored) | {"still": iso(still_s)}
    return message._replace(payload=orjson.dumps(content))


def numbered(number: int, track: Sequence[StoredPoint], locate: Locate) -> dict[str, Any]:
    """A batch of points as platforms get it, under the number of its message."""
    return {"track": number} | geojson.collection(track, locate(track))


def _stored(device: str, row: Sequence[Any]) -> StoredPoint:
    """The point of a row."""
    return StoredPoint(device, Point(*row[:_OF_POINT]), *row[_OF_POINT:])


def alarms(device: str, stored: Sequence[StoredPoint]) -> list[Event]:
    """One alarm for each bit of each record that is one, in their order."""
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
    """The event of type `kind` that a point shows; `name` tells it from others of its type there."""
    event_id = f"{geojson.point_id(stored)}/{kind}{name and '-'}{name}"
    content = {"id": event_id, "type": kind} | whereabouts(stored) | dict(details)
    shown_by = (stored.trip, stored.point.seq, stored.at_s)
    return Event(event_id, stored.device, kind, inferred, *shown_by, content, stored.tenant)


def alarm_id(device: str, number: int, change: str) -> str:
    """The id under which a change of the alarm of that number is told."""
    return f"{device}/{number}/alarm-{change}"


def told(event: Event, number: int, told_s: int, replaces: int | None = None) -> Outgoing:
    """The message of an event."""
    content = message(number, told_s, replaces, event.content)
    return _outgoing(event.tenant, event.device, f"event/{event.type}", content)


def message(number: int, told_s: int, replaces: int | None, content: Mapping[str, Any]) -> dict[str, Any]:
    """An event as platforms get it, on topics and over HTTP."""
    head = {"event": number, "told": iso(told_s)} | ({"replaces": replaces} if replaces else {})
    return head | dict(content)


def newest(stored: Sequence[StoredPoint]) -> StoredPoint | None:
    """The point of the batch that may become the device's position: the last good fix by time."""
    of = StoredPoints.of(stored)
    kinds, doubts = of.column("kind"), of.column("flags")
    good: Sequence[int] = range(len(of))
    if any(doubts) or kinds.count(KIND_FIX) < len(of):
        known = enumerate(zip(kinds, doubts, strict=True))
        good = [place for place, (kind, flags) in known if kind == KIND_FIX and not flags & judge.NOT_LATEST]
    # None of these is undated.
    return of[max(good, key=of.column("at_s").__getitem__)] if good else None


def position(stored: StoredPoint, still_s: int | None = None) -> Outgoing:
    """The retained message that `stored` is the latest position of its device, which stood there still at
    that time. It lies in the outbox as a track does."""
    _, point, *rest = stored
    return _outgoing(stored.tenant, stored.device, POSITION, [(*point, *rest), still_s], retain=True)


def no_position(device: str, tenant: str | None) -> Outgoing:
    """The retained message is taken away: no fix of the device lies within a trip of this tenant."""
    return Outgoing(_topic(tenant, device, POSITION), b"", True)


def whereabouts(stored: StoredPoint) -> dict[str, Any]:
    """The point as messages have it that are not GeoJSON; no position where that is a wrong one."""
    point, known = stored.point, geojson.has_position(stored) and not stored.flags & judge.WRONG_PLACE
    return {
        "latitude": point.latitude_deg if known else None,
        "longitude": point.longitude_deg if known else None,
        "altitude_m": point.altitude_m if known else None,
    } | geojson.properties(stored)


def _outgoing(tenant: str | None, device: str, leaf: str, content: object, retain: bool = False) -> Outgoing:
    payload = orjson.dumps(content)
    what = leaf.partition("/")[0]
    return Outgoing(_topic(tenant, device, leaf), payload, retain, tenant or HOUSE, device, what)


def _of_track(tenant: str | None, device: str, rows: Sequence[tuple[Any, ...]]) -> Outgoing:
    return _outgoing(tenant, device, TRACK, rows)._replace(sequences=[row[0] for row in rows])


def _topic(tenant: str | None, device: str, leaf: str) -> str:
    return f"landbridge/out/{tenant or HOUSE}/{device}/{leaf}"
