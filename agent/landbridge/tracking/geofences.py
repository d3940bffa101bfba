"""Geofences: circle, polygon and corridor, with the accuracy of a fix taken into account.

A geofence is a GeoJSON geometry and a radius: a circle is a Point, a corridor a LineString. Distances are
measured in a plane that touches the globe at the fix, which is good to a per cent for a hundred kilometres.
One that lies across the 180th meridian comes in pieces (RFC 7946, 3.1.9), and is kept so; here it is whole.
shapely is loaded by the first of them: most commands need none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import cos, inf, radians
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Row

from landbridge.core import files
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.geo.distance import M_A_DEGREE, Place
from landbridge.tracking.detected import DetectedEvent, TrackPoint

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_PASSED_WITHIN_S = 7_200
"""Fixes further apart show too little of the way between."""
_NEEDS_RADIUS = ("Point", "LineString", "MultiLineString")
_AREAS = ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class Geofence:
    """`radius_m` is 0 for an area."""

    geofence: int
    name: str
    shape: BaseGeometry
    radius_m: float
    added_s: int
    removed_s: int | None
    tenant: str | None = None
    """Tenant on whose trips it applies; None: on all."""

    def holds_at(self, at_s: int) -> bool:
        """A geofence applies only to points since its addition."""
        return self.added_s <= at_s and (self.removed_s is None or at_s < self.removed_s)

    def outside_m(self, place: Place) -> float:
        """Return the metres outside the geofence; negative inside."""
        import shapely

        place = _beside(place, self._middle)
        if self._far_from(place):
            return inf
        shape = _plane(self.shape, place)
        origin = shapely.Point(0, 0)
        distance = float(shape.distance(origin))
        if distance == 0 and not self.radius_m:
            distance = -float(shape.boundary.distance(origin))
        return float(distance - self.radius_m)

    def is_passed(self, a: Place, b: Place) -> bool:
        """Whether the straight line from `a` to `b` crosses it."""
        import shapely

        a = _beside(a, self._middle)
        b = _beside(b, a.lon)
        if self._far_from(a, b):
            return False
        path = _plane(shapely.LineString([(a.lon, a.lat), (b.lon, b.lat)]), a)
        return bool(_plane(self.shape, a).distance(path) <= self.radius_m)

    @property
    def size_m(self) -> float:
        """Extent, to compare a yard with the country around it."""
        west, south, east, north = self._bounds
        return float(self.radius_m + max(north - south, (east - west) * cos(radians(south))) * M_A_DEGREE)

    @cached_property
    def _bounds(self) -> tuple[float, float, float, float]:
        west, south, east, north = self.shape.bounds
        return west, south, east, north

    @property
    def _middle(self) -> float:
        return (self._bounds[0] + self._bounds[2]) / 2

    def _far_from(self, *places: Place) -> bool:
        """Whether a box around the geofence contains none of them, nor anything between."""
        margin = (self.radius_m + 1000) / M_A_DEGREE
        west, south, east, north = self._bounds
        wide = margin / max(0.01, cos(radians(max(abs(south), abs(north)) + margin)))
        lats, lons = [each.lat for each in places], [each.lon for each in places]
        return bool(
            max(lats) < south - margin
            or min(lats) > north + margin
            or max(lons) < west - wide
            or min(lons) > east + wide
        )


def _beside(place: Place, lon: float) -> Place:
    """Return the place with a longitude, beyond 180 if needed, that is nearest to another one."""
    return place._replace(lon=place.lon + 360 * round((lon - place.lon) / 360))


def _plane(shape: BaseGeometry, origin: Place) -> BaseGeometry:
    """Return the shape in metres east and north of `origin`."""
    import shapely

    scale = (M_A_DEGREE * cos(radians(origin.lat)), M_A_DEGREE)
    return shapely.transform(shape, lambda lonlat: (lonlat - (origin.lon, origin.lat)) * scale)


def from_row(row: Row[Any]) -> Geofence:
    """Return a stored geofence."""
    shape = _shape(row.geometry)
    return Geofence(row.geofence, row.name, shape, row.radius_m, row.added_s, row.removed_s, row.tenant)


@lru_cache(10_000)
def _shape(geometry: str) -> BaseGeometry:
    import shapely

    return _whole(shapely.from_geojson(geometry))


def _whole(shape: BaseGeometry) -> BaseGeometry:
    """Join pieces on both sides of the 180th meridian into one whose east is beyond 180."""
    west, _south, east, _north = shape.bounds
    if east - west <= 180:
        return shape
    import shapely
    from shapely.affinity import translate

    pieces = shapely.get_parts(shape)
    return shapely.union_all([translate(each, 360) if each.bounds[2] <= 0 else each for each in pieces])


class Drawn(NamedTuple):
    """The content of a GeoJSON file of a geofence."""

    geometry: str
    radius_m: float


def read(text: str, radius_m: float | None, where: str) -> Drawn:
    """The geofence of a GeoJSON text: a geometry, a Feature, or a FeatureCollection of one; a Point or
    LineString needs a radius, which a Feature may have as property `radius_m`. `UserError` names `where`."""
    import shapely

    feature = _only_feature(files.json_of(text, where), where)
    geometry = feature.get("geometry")
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in (*_NEEDS_RADIUS, *_AREAS):
        known = ", ".join((*_NEEDS_RADIUS, *_AREAS))
        raise UserError(
            _("{file}: geometry {kind} is none of {known}", file=where, kind=repr(kind), known=known)
        )
    try:
        shape = shapely.from_geojson(json.dumps(geometry))
    except (shapely.errors.GEOSException, RecursionError) as error:
        # GEOS begins with the name of its class.
        why = str(error).rpartition("Exception: ")[2]
        raise UserError(_("{file}: {why}; correct the coordinates", file=where, why=why)) from None
    _check(shape, where)
    given = radius_m if radius_m is not None else (feature.get("properties") or {}).get("radius_m")
    if kind in _AREAS and given:
        raise UserError(
            _("{file}: a {kind} has no radius; draw it as large as it is meant", file=where, kind=kind)
        )
    if kind in _NEEDS_RADIUS and not (isinstance(given, int | float) and 50 <= given <= 500_000):
        raise UserError(
            _(
                "{file}: a {kind} needs a radius of 50 to 500000 metres, not {given}",
                file=where,
                kind=kind,
                given=given,
            )
        )
    return Drawn(shapely.to_geojson(shape), float(given or 0))


def of_drawn(drawn: Drawn) -> Geofence:
    """Return a geofence that is not stored, as if it had always applied."""
    return Geofence(0, "", _shape(drawn.geometry), drawn.radius_m, 0, None)


def _only_feature(content: Any, where: str) -> Mapping[str, Any]:
    if isinstance(content, dict) and content.get("type") == "FeatureCollection":
        features = content.get("features")
        if not isinstance(features, list) or len(features) != 1:
            raise UserError(
                _("{file}: a collection must have one feature; add the others one by one", file=where)
            )
        content = features[0]
    if not isinstance(content, dict):
        raise UserError(_("{file} is no GeoJSON: not an object", file=where))
    if content.get("type") != "Feature":
        return {"geometry": content, "properties": {}}
    if not isinstance(content.get("properties"), dict | None):
        raise UserError(_("{file}: the properties of a feature are an object or null (RFC 7946)", file=where))
    return content


def _check(shape: BaseGeometry, where: str) -> None:
    import shapely

    if shape.is_empty or not shape.is_valid:
        why = shapely.is_valid_reason(shape)
        raise UserError(_("{file}: {why}; draw the outline without crossings", file=where, why=why))
    west, south, east, north = shape.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise UserError(_("{file}: coordinates beyond the globe; longitude comes first", file=where))
    west, _south, east, _north = _whole(shape).bounds
    if east - west > 180:
        raise UserError(
            _(
                "{file}: it is wider than half the globe; one across the 180th meridian must be cut there"
                " into a MultiPolygon or MultiLineString (RFC 7946, 3.1.9)",
                file=where,
            )
        )


@dataclass
class Geofences:
    """The geofences around the container; one whose edge is nearer than the fix's error stays as it was."""

    inside: list[int] = field(default_factory=list)
    outside: list[int] = field(default_factory=list)
    """Geofences that it was certainly outside of at the last fix."""
    last: tuple[float, float, int] | None = None

    def step(self, point: TrackPoint, geofences: Sequence[Geofence]) -> Iterator[DetectedEvent]:
        """Yield the events that a point shows: enter, leave, and pass between two fixes."""
        if point.place is None:
            return
        before, self.last = self.last, (*point.place, point.at_s)
        held = {each.geofence: each for each in geofences if each.holds_at(point.at_s)}
        self.inside = [each for each in self.inside if each in held]
        self.outside = [each for each in self.outside if each in held]
        for geofence in held.values():
            yield from self._at(geofence, point, point.place, before)

    def _at(
        self, geofence: Geofence, point: TrackPoint, place: Place, before: tuple[float, float, int] | None
    ) -> Iterator[DetectedEvent]:
        away_m = geofence.outside_m(place)
        if away_m < -min(point.accuracy_m, geofence.size_m / 4):
            if geofence.geofence not in self.inside:
                yield _geofence_event(point, geofence, "enter")
            _move(geofence.geofence, self.outside, self.inside)
        elif away_m > point.accuracy_m:
            if geofence.geofence in self.inside:
                yield _geofence_event(point, geofence, "leave")
            elif before and geofence.geofence in self.outside and point.at_s - before[2] <= _PASSED_WITHIN_S:
                if geofence.is_passed(Place(*before[:2]), place):
                    yield _geofence_event(point, geofence, "pass")
            _move(geofence.geofence, self.inside, self.outside)


def _move(geofence: int, source: list[int], target: list[int]) -> None:
    if geofence in source:
        source.remove(geofence)
    if geofence not in target:
        target.append(geofence)


def _geofence_event(point: TrackPoint, geofence: Geofence, action: str) -> DetectedEvent:
    return DetectedEvent(
        "geofence", point, {"action": action, "geofence": geofence.name}, f"{geofence.geofence}-{action}"
    )
