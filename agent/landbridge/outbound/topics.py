"""What each newly stored batch says to the platforms: position, track, events (docs/schemas)."""

import json
from typing import Any

from landbridge.outbound import geojson
from landbridge.store.outbox import Outgoing
from landbridge.store.points import StoredPoint

TENANT = "default"
_ALARMS = {1: "light", 2: "shock", 4: "temperature", 8: "battery"}
"""Bits of a record's events that are alarms: the last level of the event topic."""


def track(device: str, stored: list[StoredPoint]) -> list[Outgoing]:
    """The batch on the track topic; nothing if no point of it has a position."""
    features = geojson.collection(stored)
    return [_outgoing(device, "track", features)] if features["features"] else []


def position(stored: StoredPoint) -> Outgoing:
    """The retained message that `stored` is the latest position of its device."""
    return _outgoing(stored.device, "position", _whereabouts(stored), retain=True)


def alarms(device: str, stored: list[StoredPoint]) -> list[Outgoing]:
    """One event for each alarm bit of each record, in their order."""
    return [
        _outgoing(device, f"event/{kind}", _alarm(each, kind))
        for each in stored
        for bit, kind in _ALARMS.items()
        if each.point.events & bit
    ]


def _alarm(stored: StoredPoint, kind: str) -> dict[str, Any]:
    name = {"id": f"{stored.device}/{stored.point.seq}/{kind}", "type": kind}
    return name | _whereabouts(stored)


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
