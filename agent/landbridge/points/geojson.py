"""Points as GeoJSON (RFC 7946): longitude first, UTC times, natural units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from landbridge.core.clock import iso
from landbridge.points import quality
from landbridge.points.rows import StoredPoint
from landbridge.protocol.point import KIND_CELL, KIND_FIX

if TYPE_CHECKING:
    from landbridge.points.cells import Located

_KINDS = {KIND_FIX: "fix", KIND_CELL: "cell"}


def has_position(stored: StoredPoint) -> bool:
    """Whether it is a valid fix and not at 0,0; a point with only a cell has no position."""
    return stored.point.kind == KIND_FIX and not stored.flags & quality.NOWHERE


def collection(track: Iterable[StoredPoint], located: Mapping[int, Located] | None = None) -> dict[str, Any]:
    """Return a FeatureCollection of all points of `track`, those without a position included. `located` adds
    their approximate places."""
    features = [feature(stored) for stored in track]
    for each in features if located else ():
        place_about(each, located)
    return {"type": "FeatureCollection", "features": features}


def place_about(found: dict[str, Any], located: Mapping[int, Located] | None) -> None:
    """Add the approximate place of a point to its Feature, if known."""
    place = (located or {}).get(found["properties"]["seq"])
    if place is not None:
        found["properties"]["approximate"] = place._asdict()


def feature(stored: StoredPoint) -> dict[str, Any]:
    """Return a point as a Feature with the id <device>/<capture sequence>; geometry is null without a
    position."""
    return {
        "type": "Feature",
        "id": point_id(stored),
        "geometry": _geometry(stored) if has_position(stored) else None,
        "properties": properties(stored),
    }


def point_id(stored: StoredPoint) -> str:
    """Return the permanent id of a point: <device>/<capture sequence>."""
    return f"{stored.device}/{stored.point.seq}"


def properties(stored: StoredPoint) -> dict[str, Any]:
    """Return the properties of a point besides its position; None where unknown."""
    point = stored.point
    return {
        "device": stored.device,
        "container": stored.container,
        "trip": stored.trip,
        "seq": point.seq,
        "time": iso(stored.at_s),
        "received": iso(stored.received_s),
        "kind": _KINDS.get(point.kind, "reused"),
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
        "quality_flags": quality.names(stored.flags),
    }


def _geometry(stored: StoredPoint) -> dict[str, Any]:
    point = stored.point
    coordinates = [point.longitude_deg, point.latitude_deg, point.altitude_m]
    return {"type": "Point", "coordinates": coordinates}
