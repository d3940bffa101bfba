"""The country of a place, from outlines, and of a network, from its mobile country code.

The outlines are good to a kilometre or two. They derive from Natural Earth 1:10m (public domain). shapely is
loaded with them: most commands need neither.
"""

from __future__ import annotations

import io
import lzma
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from landbridge.geo.distance import KM_A_DEGREE
from landbridge.geo.route import MCC

if TYPE_CHECKING:
    import shapely

DATA = Path(__file__).parent / "data" / "countries.xz"
STEPS_A_DEGREE = 1_000
"""The grid of the outlines: from place to place the file has steps on it, which are read ten times as fast as
text."""
UNSURE_KM = 10.0
"""Nearer to a border an outline alone proves nothing."""
_SECOND_CODES = {
    235: "GB", 289: "GE", 311: "US", 312: "US", 313: "US", 314: "US", 315: "US", 316: "US", 340: "FR",
    405: "IN", 406: "IN", 430: "AE", 431: "AE", 441: "JP", 461: "CN", 647: "FR", 742: "FR",
}  # fmt: skip
_OF_MCC = {mcc: country for country, mcc in MCC.items()} | _SECOND_CODES


class Country(NamedTuple):
    """ISO 3166-1 code of two letters ("" if there is none), and English name."""

    code: str
    name: str


def of_place(lat: float, lon: float) -> str | None:
    """ISO 3166-1 code of the country at a place in degrees; None at sea."""
    found = at(lat, lon)
    return found.code or None if found else None


def at(lat: float, lon: float) -> Country | None:
    """The country at a place in degrees; None at sea."""
    import shapely

    countries, tree = load_outlines()
    found = tree.query(shapely.Point(lon, lat), predicate="within")
    return countries[found[0]] if len(found) else None


def is_alone(lat: float, lon: float, country: str) -> bool:
    """True when no other country is near enough to a place for the outlines to err."""
    import shapely

    north = UNSURE_KM / KM_A_DEGREE
    east = north / max(0.01, math.cos(math.radians(lat)))
    countries, tree = load_outlines()
    around = tree.query(shapely.box(lon - east, lat - north, lon + east, lat + north), predicate="intersects")
    return all(countries[index].code == country for index in around)


def of_network(plmn: int) -> str | None:
    """ISO 3166-1 code of the country of a network (MCC * 1000 + MNC); None when it is not known."""
    return _OF_MCC.get(plmn // 1000)


@cache
def load_outlines() -> tuple[list[Country], shapely.STRtree]:
    """Country and outline of each piece of land."""
    import numpy as np  # shapely needs it too
    import shapely

    kept = np.load(io.BytesIO(lzma.decompress(DATA.read_bytes())))
    countries = [Country(*named) for named in kept["countries"].tolist()]
    places = np.cumsum(kept["steps"], axis=1).T / STEPS_A_DEGREE
    offsets = kept["rings"], kept["parts"]
    parts = shapely.from_ragged_array(shapely.GeometryType.POLYGON, np.ascontiguousarray(places), offsets)
    return [countries[index] for index in kept["of"]], shapely.STRtree(parts)
