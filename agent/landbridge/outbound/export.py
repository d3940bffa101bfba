"""A track as a file: GeoJSON, GPX 1.1 or CSV."""

import csv
import io
import json
from enum import StrEnum
from xml.sax.saxutils import escape

from landbridge.clock import iso
from landbridge.outbound import geojson
from landbridge.store.points import StoredPoint


class Format(StrEnum):
    """What a track can be exported as."""

    GEOJSON = "geojson"
    GPX = "gpx"
    CSV = "csv"


def export(device: str, track: list[StoredPoint], form: Format) -> str:
    """The text of a file with `track`; GPX leaves out points without position."""
    match form:
        case Format.GEOJSON:
            return json.dumps(geojson.collection(track), indent=1) + "\n"
        case Format.GPX:
            return _gpx(device, track)
        case Format.CSV:
            return _csv(track)


def _gpx(device: str, track: list[StoredPoint]) -> str:
    points = "\n".join(_gpx_point(each) for each in track if geojson.has_position(each))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="landbridge" xmlns="http://www.topografix.com/GPX/1/1">
<trk><name>{escape(device)}</name><trkseg>
{points}
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


def _csv(track: list[StoredPoint]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for i, stored in enumerate(track):
        row = _csv_row(stored)
        if i == 0:
            writer.writerow(row)
        writer.writerow(row.values())
    return text.getvalue()


def _csv_row(stored: StoredPoint) -> dict[str, object]:
    known, point = geojson.has_position(stored), stored.point
    position = {
        "latitude": point.latitude_deg if known else None,
        "longitude": point.longitude_deg if known else None,
        "altitude_m": point.altitude_m if known else None,
    }
    row = geojson.properties(stored) | position
    return {name: " ".join(value) if isinstance(value, list) else value for name, value in row.items()}
