"""A point as tracking sees it, and an event detected there."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from landbridge.geo.distance import Place
from landbridge.points import quality
from landbridge.points.geojson import has_position
from landbridge.points.rows import StoredPoint

_UERE_M = 5.0
"""Range error of one satellite in metres; times HDOP, and twice that for 95 %, it is the error of a fix."""
_LEAST_ACCURACY_M = 20.0


class TrackPoint(NamedTuple):
    """A stored point that has a time."""

    stored: StoredPoint
    at_s: int
    place: Place | None
    """None: no fix, or one with a flag of `quality.NO_PLACE`."""
    accuracy_m: float

    @property
    def rests(self) -> bool:
        """The device has not moved since the wake before."""
        return self.stored.point.motion == 0


class DetectedEvent(NamedTuple):
    """An event that `point` shows."""

    type: str
    point: TrackPoint
    details: Mapping[str, Any]
    name: str = ""
    """Distinguishes it from others of its type at the same point; part of its id."""


def to_track_point(stored: StoredPoint) -> TrackPoint:
    """Return the point for tracking; it must have a time."""
    assert stored.at_s is not None
    point = stored.point
    accuracy_m = max(_LEAST_ACCURACY_M, 2 * _UERE_M * (point.hdop_ratio or 0))
    trusted = has_position(stored) and not stored.flags & quality.NO_PLACE
    return TrackPoint(stored, stored.at_s, place_of(stored) if trusted else None, accuracy_m)


def place_of(stored: StoredPoint) -> Place:
    """Return the position of a fix."""
    return Place(stored.point.latitude_deg or 0.0, stored.point.longitude_deg or 0.0)
