"""What a newly stored batch says to the platforms: track, events, position (docs/protocol)."""

import json
from typing import Any

from landbridge.ingest import judge
from landbridge.outbound import geojson
from landbridge.store.outbox import Outgoing
from landbridge.store.points import StoredPoint
from landbridge.wire.point import EVENTS

TENANT = "default"
_OTHERS = {16: "departure", 32: "stop", 64: "border", 128: None}
_EVENTS = {
    bit: (_OTHERS[bit], None) if bit in _OTHERS else ("alarm", name) for bit, name in EVENTS.items()
}
"""Bit of a record's events -> type, the last level of the topic (None: no news), and which alarm."""


def track(device: str, stored: list[StoredPoint]) -> Outgoing:
    """The batch, each point once, as one GeoJSON FeatureCollection."""
    return _outgoing(device, "track", geojson.collection(stored))


def events(device: str, stored: list[StoredPoint]) -> list[Outgoing]:
    """One event for each bit of each record that is one, in their order."""
    return [
        _outgoing(device, f"event/{kind}", _event(each, kind, alarm))
        for each in stored
        for bit, (kind, alarm) in _EVENTS.items()
        if kind and each.point.events & bit
    ]


def newest(stored: list[StoredPoint]) -> StoredPoint | None:
    """The point of the batch that may become the device's position: the last good fix by time."""
    good = [each for each in stored if geojson.has_position(each) and not each.flags & judge.NOT_LATEST]
    return max(good, key=lambda each: each.at_s or 0, default=None)


def position(stored: StoredPoint) -> Outgoing:
    """The retained message that `stored` is the latest position of its device."""
    content = {"id": geojson.point_id(stored)} | _whereabouts(stored)
    return _outgoing(stored.device, "position", content, retain=True)


def _event(stored: StoredPoint, kind: str, alarm: str | None) -> dict[str, Any]:
    name = f"{kind}-{alarm}" if alarm else kind
    which = {"alarm": alarm} if alarm else {}
    return {"id": f"{geojson.point_id(stored)}/{name}", "type": kind} | which | _whereabouts(stored)


def _whereabouts(stored: StoredPoint) -> dict[str, Any]:
    point, known = stored.point, geojson.has_position(stored)
    return {
        "latitude": point.latitude_deg if known else None,
        "longitude": point.longitude_deg if known else None,
        "altitude_m": point.altitude_m if known else None,
    } | geojson.properties(stored)


def _outgoing(device: str, leaf: str, content: dict[str, Any], retain: bool = False) -> Outgoing:
    topic = f"landbridge/out/{TENANT}/{device}/{leaf}"
    return Outgoing(topic, json.dumps(content, separators=(",", ":")).encode(), retain)
