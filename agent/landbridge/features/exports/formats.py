"""A track as a file: GeoJSON, GPX 1.1, KML 2.2 or CSV."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from xml.sax.saxutils import escape

from landbridge.core.clock import iso
from landbridge.points import geojson, quality
from landbridge.points.cells import Located
from landbridge.points.rows import StoredPoint
from landbridge.protocol.point import Point

Track = Iterable[tuple[StoredPoint, Located | None]]
"""Points in order, each with its approximate place if it has no position; iterated more than once."""


_COLUMNS = (
    "device", "container", "trip", "seq", "time", "received", "kind", "speed_kmh", "heading_deg", "hdop",
    "satellites", "battery_mv", "temperature_c", "plmn", "tac", "cell", "rsrp_dbm", "motion", "events",
    "quality_flags", "latitude", "longitude", "altitude_m", "approximate_latitude", "approximate_longitude",
    "approximate_radius_m", "approximate_method",
)  # fmt: skip
"""Columns of the CSV file."""


class Format(StrEnum):
    """An export format."""

    GEOJSON = "geojson"
    GPX = "gpx"
    CSV = "csv"
    KML = "kml"


MEDIA_TYPES = {
    Format.GEOJSON: "application/geo+json",
    Format.GPX: "application/gpx+xml",
    Format.CSV: "text/csv",
    Format.KML: "application/vnd.google-earth.kml+xml",
}


def export(device: str, track: Track, form: Format) -> Iterator[str]:
    """The text of a file with `track`, piece by piece. GPX and KML leave out points without position, and
    from the line those with a flag of `quality.NO_PLACE`; GeoJSON and CSV have them all."""
    match form:
        case Format.GEOJSON:
            return _geojson(track)
        case Format.GPX:
            return _gpx(device, track)
        case Format.CSV:
            return _csv(track)
        case Format.KML:
            return _kml(device, track)


def _geojson(track: Track) -> Iterator[str]:
    yield '{"type": "FeatureCollection", "features": ['
    for number, (stored, about) in enumerate(track):
        found = geojson.feature(stored)
        if about:
            found["properties"]["approximate"] = about._asdict()
        yield f"{',' if number else ''}\n{json.dumps(found)}"
    yield "\n]}\n"


def _gpx(device: str, track: Track) -> Iterator[str]:
    """Split segments at the 180th meridian, because programs draw a line around the world otherwise."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield '<gpx version="1.1" creator="landbridge" xmlns="http://www.topografix.com/GPX/1/1">\n'
    for each in _placed(track, on_line=False):
        yield _gpx_point("wpt", each)
    yield f"<trk><name>{escape(device)}</name><trkseg>\n"
    before: Point | None = None
    for each in _placed(track, on_line=True):
        if before and _crosses(before, each.point):
            yield "</trkseg><trkseg>\n"
        before = each.point
        yield _gpx_point("trkpt", each)
    yield "</trkseg></trk>\n</gpx>\n"


def _gpx_point(tag: str, stored: StoredPoint) -> str:
    point = stored.point
    # Decimals, never an exponent; the schema of GPX has -180 and not 180.
    lat, lon = (point.lat or 0) / 1e5, (point.lon or 0) / 1e5
    attributes = f'lat="{lat:.5f}" lon="{-180 if lon == 180 else lon:.5f}"'
    time = f"<time>{iso(stored.at_s)}</time>" if stored.at_s is not None else ""
    precision = f"<sat>{point.sats}</sat><hdop>{point.hdop_ratio}</hdop>"
    elements = f"<ele>{point.altitude_m}</ele>{time}{_quality_flags('desc', stored)}{precision}"
    return f"<{tag} {attributes}>{elements}</{tag}>\n"


def _kml(device: str, track: Track) -> Iterator[str]:
    """Yield the track as a line, and each point with its time, for the time slider of the viewer program."""
    name = escape(device)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n'
    yield f"<name>{name}</name>\n<Placemark><name>{name}</name>\n<MultiGeometry>"
    yield from _kml_lines(track)
    yield "</MultiGeometry></Placemark>\n<Folder><name>points</name>\n"
    for stored, _ in track:
        if geojson.has_position(stored):
            yield _kml_point(stored)
    yield "</Folder>\n</Document></kml>\n"


def _kml_lines(track: Track) -> Iterator[str]:
    """Return the track, split where it crosses the 180th meridian (as in RFC 7946, 3.1.9)."""
    begin = "<LineString><tessellate>1</tessellate><coordinates>"
    end = "</coordinates></LineString>"
    yield begin
    before: Point | None = None
    for each in _placed(track, on_line=True):
        if before and _crosses(before, each.point):
            here, there = _at_the_meridian(before, each.point)
            yield f"{here}{end}\n{begin}{there} "
        before = each.point
        yield f"{_kml_place(each)} "
    yield end


def _placed(track: Track, on_line: bool) -> Iterator[StoredPoint]:
    """Return the points with a position that belong on the line, or those whose flags exclude them."""
    for stored, _ in track:
        if geojson.has_position(stored) and on_line is not bool(stored.flags & quality.NO_PLACE):
            yield stored


def _at_the_meridian(a: Point, b: Point) -> tuple[str, str]:
    """Return where the way from `a` to `b` crosses it, on its side and on that of `b`."""
    edge = 180_00000 if (a.lon or 0) > 0 else -180_00000
    way = (b.lon or 0) + 2 * edge - (a.lon or 0)
    part = (edge - (a.lon or 0)) / way if way else 0.0
    lat = (a.lat or 0) + part * ((b.lat or 0) - (a.lat or 0))
    altitude_m = (a.altitude_m or 0) + part * ((b.altitude_m or 0) - (a.altitude_m or 0))
    rest = f"{lat / 1e5:.5f},{altitude_m:.0f}"
    return f"{edge / 1e5:.5f},{rest}", f"{-edge / 1e5:.5f},{rest}"


def _crosses(a: Point, b: Point) -> bool:
    """Whether the way between these is shorter across the 180th meridian."""
    return abs((a.lon or 0) - (b.lon or 0)) > 180_00000


def _kml_point(stored: StoredPoint) -> str:
    time = f"<TimeStamp><when>{iso(stored.at_s)}</when></TimeStamp>" if stored.at_s is not None else ""
    said = f"<name>{stored.point.seq}</name>{_quality_flags('description', stored)}{time}"
    return f"<Placemark>{said}<Point><coordinates>{_kml_place(stored)}</coordinates></Point></Placemark>\n"


def _quality_flags(tag: str, stored: StoredPoint) -> str:
    return f"<{tag}>{', '.join(quality.names(stored.flags))}</{tag}>" if stored.flags else ""


def _kml_place(stored: StoredPoint) -> str:
    point = stored.point
    return f"{(point.lon or 0) / 1e5:.5f},{(point.lat or 0) / 1e5:.5f},{point.altitude_m or 0}"


def _csv(track: Track) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for stored, about in track:
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        writer.writerow(_csv_row(stored, about))
    yield text.getvalue()


def _csv_row(stored: StoredPoint, about: Located | None) -> dict[str, object]:
    known, point = geojson.has_position(stored), stored.point
    row = geojson.properties(stored) | {
        "latitude": _degrees(point.latitude_deg) if known else None,
        "longitude": _degrees(point.longitude_deg) if known else None,
        "altitude_m": point.altitude_m if known else None,
        "approximate_latitude": _degrees(about and about.latitude),
        "approximate_longitude": _degrees(about and about.longitude),
        "approximate_radius_m": about and about.radius_m,
        "approximate_method": about and about.method,
    }
    return {name: " ".join(value) if isinstance(value, list) else value for name, value in row.items()}


def _degrees(value: float | None) -> str | None:
    """Decimals, never an exponent."""
    return None if value is None else f"{value:.5f}"
