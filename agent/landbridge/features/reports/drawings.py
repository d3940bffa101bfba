"""Drawings of a report: the map of a track, and temperatures over time."""

import gzip
import json
import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from landbridge.features.reports.document import Drawing, Label, Line, Point
from landbridge.geo.places import OVERVIEW

_WIDTH, _MOST_HEIGHT = 700.0, 450.0
_LAND, _BORDER, _TRACK, _BAND, _MEAN = "#e8ecef", "#9aa5ad", "#0b5cad", "#c8dcf0", "#0b5cad"
_MARGIN = 0.08


def track(places: Sequence[Point], labels: Sequence[tuple[Point, str]]) -> Drawing | None:
    """Return the map of a track of (longitude, latitude), with labels; None without a place."""
    if not places:
        return None
    west, east = min(lon for lon, _ in places), max(lon for lon, _ in places)
    south, north = min(lat for _, lat in places), max(lat for _, lat in places)
    margin = max(east - west, north - south, 2.0) * _MARGIN
    west, east, south, north = west - margin, east + margin, south - margin, north + margin
    scale = math.cos(math.radians((south + north) / 2))
    unit = min(_WIDTH / ((east - west) * scale), _MOST_HEIGHT / (north - south))
    wider = (_WIDTH / unit / scale - (east - west)) / 2
    west, east = west - wider, east + wider
    height = max((north - south) * unit, 120.0)

    def to(lon: float, lat: float) -> Point:
        return round((lon - west) * scale * unit, 1), round((north - lat) * unit, 1)

    lines = [
        Line([to(*each) for each in ring], _BORDER, 0.5, fill=_LAND)
        for ring in _rings()
        if _touches(ring, west, south, east, north)
    ]
    lines.append(Line([to(*each) for each in places], _TRACK, 2.0))
    dots = [to(*at) for at, _text in labels]
    return Drawing(_WIDTH, height, lines, [_label(to(*at), text, height) for at, text in labels], dots)


def _label(at: Point, text: str, height: float) -> Label:
    """Return a label below its point, or above it, within the drawing: the track goes sideways."""
    y = at[1] + 18 if at[1] + 24 < height else at[1] - 10
    is_end = at[0] > _WIDTH / 2
    return Label((min(at[0] + 4, _WIDTH - 4) if is_end else max(at[0] - 4, 4), y), text, is_end)


def _touches(ring: Sequence[Point], west: float, south: float, east: float, north: float) -> bool:
    lons, lats = [lon for lon, _ in ring], [lat for _, lat in ring]
    return max(lons) >= west and min(lons) <= east and max(lats) >= south and min(lats) <= north


@cache
def _rings() -> list[list[Point]]:
    found = json.loads(gzip.decompress(OVERVIEW.read_bytes()))
    return [
        [(lon, lat) for lon, lat, *_ in polygon[0]]
        for feature in found["features"]
        for polygon in _polygons(feature["geometry"])
    ]


def _polygons(geometry: dict[str, Any]) -> list[Any]:
    coordinates: list[Any] = geometry["coordinates"]
    return [coordinates] if geometry["type"] == "Polygon" else coordinates


def band(days: Sequence[tuple[str, float, float, float]]) -> Drawing | None:
    """Return the lowest, mean and highest value of each day as a band with a line; None with fewer than two
    days."""
    if len(days) < 2:
        return None
    height, left = 180.0, 40.0
    low, high = min(each[1] for each in days), max(each[3] for each in days)
    span = max(high - low, 1.0)
    step = (_WIDTH - left - 10) / (len(days) - 1)

    def to(number: int, value: float) -> Point:
        return round(left + number * step, 1), round(10 + (high - value) / span * (height - 40), 1)

    above = [to(number, day[3]) for number, day in enumerate(days)]
    below = [to(number, day[1]) for number, day in enumerate(days)]
    mean = [to(number, day[2]) for number, day in enumerate(days)]
    labels = [Label((2, 16), f"{high:g} °C"), Label((2, height - 28), f"{low:g} °C")]
    labels += [
        Label((left, height - 6), days[0][0]),
        Label((_WIDTH - 10, height - 6), days[-1][0], is_end=True),
    ]
    lines = [Line([*above, *reversed(below)], _BAND, 0.5, fill=_BAND), Line(mean, _MEAN, 1.5)]
    return Drawing(_WIDTH, height, lines, labels)
