"""Points as GeoJSON (RFC 7946): longitude first, UTC times, natural units."""

from collections.abc import Iterable
from typing import Any

from landbridge.clock import iso
from landbridge.ingest import judge
from landbridge.store.points import StoredPoint
from landbridge.wire.point import KIND_CELL, KIND_FIX

_KINDS = {KIND_FIX: "fix", KIND_CELL: "cell"}


def has_position(stored: StoredPoint) -> bool:
    """True for a fix on the globe."""
    return stored.point.kind == KIND_FIX and not stored.flags & judge.OUT_OF_RANGE


def collection(track: Iterable[StoredPoint]) -> dict[str, Any]:
    """A FeatureCollection of all points of `track` that have a position."""
    features = [feature(stored) for stored in track if has_position(stored)]
    return {"type": "FeatureCollection", "features": features}


def feature(stored: StoredPoint) -> dict[str, Any]:
    """A point with a position as a Feature; its id is <device>/<capture sequence>."""
    point = stored.point
    coordinates = [point.longitude_deg, point.latitude_deg, point.altitude_m]
    return {
        "type": "Feature",
        "id": f"{stored.device}/{point.seq}",
        "geometry": {"type": "Point", "coordinates": coordinates},
        "properties": properties(stored),
    }


def properties(stored: StoredPoint) -> dict[str, Any]:
    """What is known of a point besides its position; None where nothing is."""
    point = stored.point
    return {
        "device": stored.device,
        "container": stored.container,
        "seq": point.seq,
        "time": iso(stored.at_s),
        "received": iso(stored.received_s),
        "kind": _KINDS.get(point.kind, "still"),
        "speed_kmh": point.speed,
        "heading_deg": point.heading_deg,
        "hdop": point.hdop_ratio,
        "satellites": point.sats,
        "battery_mv": point.battery_mv,
        "temperature_c": point.temperature_c,
        "plmn": point.plmn or None,
        "tac": point.tac,
        "cell": point.cell,
        "rsrp_dbm": point.rsrp_dbm,
        "motion": point.motion,
        "events": point.event_names,
        "doubts": judge.names(stored.flags),
    }
