"""The country of a place, from outlines, and of a network, from its mobile country code.

The outlines are good to a kilometre or two. They derive from Natural Earth 1:10m (public domain).
"""

import lzma
import math
from functools import cache
from pathlib import Path

import shapely

from landbridge.geo.route import MCC

DATA = Path(__file__).parent / "data" / "countries.xz"
UNSURE_KM = 10.0
"""Nearer to a border an outline alone proves nothing."""
_SECOND_CODES = {235: "GB", 289: "GE", 405: "IN", 406: "IN", 430: "AE", 431: "AE", 441: "JP", 461: "CN"}
_OF_MCC = {mcc: country for country, mcc in MCC.items()} | _SECOND_CODES


def of_place(lat: float, lon: float) -> str | None:
    """ISO 3166-1 code of the country at a place in degrees; None at sea."""
    codes, tree = _outlines()
    found = tree.query(shapely.Point(lon, lat), predicate="within")
    return codes[found[0]] if len(found) else None


def is_alone(lat: float, lon: float, country: str) -> bool:
    """True when no other country is near enough to a place for the outlines to err."""
    north = UNSURE_KM / 111.2
    east = north / max(0.01, math.cos(math.radians(lat)))
    codes, tree = _outlines()
    around = tree.query(shapely.box(lon - east, lat - north, lon + east, lat + north), predicate="intersects")
    return all(codes[index] == country for index in around)


def of_network(plmn: int) -> str | None:
    """ISO 3166-1 code of the country of a network (MCC * 1000 + MNC); None when it is not known."""
    return _OF_MCC.get(plmn // 1000)


@cache
def _outlines() -> tuple[list[str], shapely.STRtree]:
    """Country and outline of each piece of land."""
    lines = lzma.decompress(DATA.read_bytes()).decode().splitlines()
    shapes = shapely.from_geojson([line[2:] for line in lines])
    parts, indices = shapely.get_parts(shapes, return_index=True)
    return [lines[index][:2] for index in indices], shapely.STRtree(parts)
