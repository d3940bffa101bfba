"""A track as a file: GeoJSON, GPX 1.1, KML 2.2 or CSV."""

import csv
import io
import json
from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise
from xml.sax.saxutils import escape

from landbridge.clock import iso
from landbridge.coverage.cells import Located
from landbridge.outbound import geojson
from landbridge.store.points import StoredPoint
from landbridge.wire.point import Point


class Format(StrEnum):
    """What a track can be exported as."""

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


def export(
    device: str, track: list[StoredPoint], form: Format, located: Mapping[int, Located] | None = None
) -> str:
    """The text of a file with `track`; GPX and KML leave out points without position, GeoJSON and CSV say
    where
    those of `located` were about."""
    match form:
        case Format.GEOJSON:
            return json.dumps(geojson.collection(track, located), indent=1) + "\n"
        case Format.GPX:
            return _gpx(device, track)
        case Format.CSV:
            return _csv(track, located or {})
        case Format.KML:
            return _kml(device, track)


def _gpx(device: str, track: list[StoredPoint]) -> str:
    """A segment ends at the 180th meridian: programs draw a line around the world otherwise."""
    points: list[str] = []
    before = 0
    for each in (each for each in track if geojson.has_position(each)):
        if points and _crosses(before, each.point.lon or 0):
            points.append("</trkseg><trkseg>")
        before = each.point.lon or 0
        points.append(_gpx_point(each))
    segments = "\n".join(points)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="landbridge" xmlns="http://www.topografix.com/GPX/1/1">
<trk><name>{escape(device)}</name><trkseg>
{segments}
</trkseg></trk>
</gpx>
"""


def _gpx_point(stored: StoredPoint) -> str:
    point = stored.point
    # Decimals, never an exponent; the schema of GPX has -180 and not 180.
    lat, lon = (point.lat or 0) / 1e5, (point.lon or 0) / 1e5
    attributes = f'lat="{lat:.5f}" lon="{-180 if lon == 180 else lon:.5f}"'
    time = f"<time>{iso(stored.at_s)}</time>" if stored.at_s is not None else ""
    precision = f"<sat>{point.sats}</sat><hdop>{point.hdop_ratio}</hdop>"
    return f"<trkpt {attributes}><ele>{point.altitude_m}</ele>{time}{precision}</trkpt>"


def _kml(device: str, track: list[StoredPoint]) -> str:
    """The way as a line, and each point with its time, for the slider of whoever shows it."""
    placed = [each for each in track if geojson.has_position(each)]
    lines = "\n".join(
        f"<LineString><tessellate>1</tessellate><coordinates>{' '.join(piece)}</coordinates></LineString>"
        for piece in _kml_pieces(placed)
    )
    points = "\n".join(_kml_point(each) for each in placed)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<name>{escape(device)}</name>
<Placemark><name>{escape(device)}</name>
<MultiGeometry>{lines}</MultiGeometry></Placemark>
<Folder><name>points</name>
{points}
</Folder>
</Document></kml>
"""


def _kml_pieces(placed: list[StoredPoint]) -> list[list[str]]:
    """The way, cut where it crosses the 180th meridian (as of RFC 7946, 3.1.9)."""
    pieces: list[list[str]] = [[]]
    for before, each in pairwise([None, *placed]):
        if before and each and _crosses(before.point.lon or 0, each.point.lon or 0):
            here, there = _at_the_meridian(before.point, each.point)
            pieces[-1].append(here)
            pieces.append([there])
        pieces[-1] += [_kml_place(each)] if each else []
    return pieces


def _at_the_meridian(a: Point, b: Point) -> tuple[str, str]:
    """Where the way from `a` to `b` crosses it, on its side and on that of `b`."""
    edge = 180_00000 if (a.lon or 0) > 0 else -180_00000
    way = (b.lon or 0) + 2 * edge - (a.lon or 0)
    part = (edge - (a.lon or 0)) / way if way else 0.0
    lat = (a.lat or 0) + part * ((b.lat or 0) - (a.lat or 0))
    altitude_m = (a.altitude_m or 0) + part * ((b.altitude_m or 0) - (a.altitude_m or 0))
    rest = f"{lat / 1e5:.5f},{altitude_m:.0f}"
    return f"{edge / 1e5:.5f},{rest}", f"{-edge / 1e5:.5f},{rest}"


def _crosses(a: int, b: int) -> bool:
    """Whether the way between these longitudes, 1e-5 degrees, is shorter across the 180th meridian."""
    return abs(a - b) > 180_00000


def _kml_point(stored: StoredPoint) -> str:
    time = f"<TimeStamp><when>{iso(stored.at_s)}</when></TimeStamp>" if stored.at_s is not None else ""
    name = f"<name>{stored.point.seq}</name>"
    return (
        f"<Placemark>{name}{time}<Point><coordinates>{_kml_place(stored)}</coordinates></Point></Placemark>"
    )


def _kml_place(stored: StoredPoint) -> str:
    point = stored.point
    return f"{(point.lon or 0) / 1e5:.5f},{(point.lat or 0) / 1e5:.5f},{point.altitude_m or 0}"


def _csv(track: list[StoredPoint], located: Mapping[int, Located]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for i, stored in enumerate(track):
        row = _csv_row(stored, located.get(stored.point.seq))
        if i == 0:
            writer.writerow(row)
        writer.writerow(row.values())
    return text.getvalue()


def _csv_row(stored: StoredPoint, about: Located | None) -> dict[str, object]:
    known, point = geojson.has_position(stored), stored.point
    position = {
        "latitude": point.latitude_deg if known else None,
        "longitude": point.longitude_deg if known else None,
        "altitude_m": point.altitude_m if known else None,
    }
    names = ("latitude", "longitude", "radius_m", "method")
    approximate = {f"approximate_{name}": about and getattr(about, name) for name in names}
    row = geojson.properties(stored) | position | approximate
    return {name: " ".join(value) if isinstance(value, list) else value for name, value in row.items()}
