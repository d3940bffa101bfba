"""The position as people see it: the nearest place and the country; the names on the map.

Sources: `data/make_map.py`. How far from people a position is, is for `settlements` to say.
"""

import csv
import gzip
import io
import json
import math
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from landbridge.core.texts import Catalogue, _
from landbridge.geo import countries
from landbridge.geo.countries import Country
from landbridge.geo.distance import KM_A_DEGREE
from landbridge.geo.distance import Place as Position

DATA = Path(__file__).parent / "data"
COUNTRIES, PLACES = DATA / "countries.geojson.gz", DATA / "places.csv.gz"
OVERVIEW = DATA / "overview.geojson.gz"
"""COUNTRIES in less detail, for a map of the world."""
NEAR = DATA / "near.geojson.gz"
"""COUNTRIES in more detail, for who looks near."""
LABEL_POPULATION = 100_000
_REACH_DEG = 6
Ring = list[list[float]]


class Place(NamedTuple):
    """A place with at least 15,000 inhabitants; `chinese` may be empty."""

    name: str
    chinese: str
    lat: float
    lon: float
    country: str
    population: int


class Near(NamedTuple):
    """The nearest place, and how far it is."""

    place: Place
    km: int


class Where(NamedTuple):
    """A position in words; None: no place is near, or it is at sea."""

    near: Near | None
    country: Country | None

    def in_words(self, language: Catalogue) -> str:
        """Return them as people read it: a place in another country is named with that country."""
        land = self.country and language.country(self.country.code, self.country.name)
        if self.near is None:
            return land or ""
        place, km = self.near
        said = (language.is_chinese and place.chinese) or place.name
        if self.abroad:
            home = language.country(self.abroad, self.abroad)
            said = _("{place} ({country})", place=said, country=home)
        if km > 1:
            said = _("{km} km from {place}", km=km, place=said)
        if land:
            both = {"place": said, "country": land}
            said = _("In {country}, {place}", **both) if self.abroad else _("{place}, {country}", **both)
        return language.translate(said)

    @property
    def abroad(self) -> str | None:
        """Return the country of the nearest place if it is not that of the position."""
        home = self.country and self.country.code
        return self.near.place.country if self.near and home and self.near.place.country != home else None


def where(lat: float, lon: float) -> Where:
    """The nearest place and the country of a position in degrees, which is that of its border events."""
    return Where(nearest(lat, lon), countries.at(lat, lon))


def nearest(lat: float, lon: float) -> Near | None:
    """The nearest place, if there is one within some hundred kilometres."""
    cosine = max(math.cos(math.radians(lat)), 0.05)
    best: tuple[float, Place] | None = None
    for ring in range(_REACH_DEG + 1):
        if best and best[0] <= (ring - 1) * cosine:
            break
        for place in _around(math.floor(lat), math.floor(lon), ring):
            east = (place.lon - lon + 180) % 360 - 180
            away = math.hypot(place.lat - lat, east * cosine)
            if best is None or away < best[0]:
                best = away, place
    return Near(best[1], round(best[0] * KM_A_DEGREE)) if best else None


def called(name: str, lat: float, lon: float, within_km: float) -> Place | None:
    """The largest place near a position in degrees that a name begins with."""
    near = (each for ring in (0, 1) for each in _around(math.floor(lat), math.floor(lon), ring))
    here = Position(lat, lon)
    named = [
        each
        for each in near
        if name.startswith(each.name) and here.metres_to(Position(each.lat, each.lon)) <= within_km * 1000
    ]
    return max(named, key=lambda each: each.population, default=None)


@cache
def labels() -> bytes:
    """What the map names, the largest first, as JSON, compressed: places (name, Chinese name, longitude,
    latitude), and countries (code, name, longitude, latitude, size in square degrees)."""
    large = sorted(
        (each for each in _places() if each.population >= LABEL_POPULATION), key=lambda each: -each.population
    )
    places = [[each.name, each.chinese or each.name, each.lon, each.lat] for each in large]
    middles = [(found, _middle(polygons)) for found, polygons in _areas() if found.code]
    middles.sort(key=lambda each: -each[1][2])
    named = {"places": places, "countries": [[*found, *middle] for found, middle in middles]}
    return gzip.compress(json.dumps(named, separators=(",", ":"), ensure_ascii=False).encode(), mtime=0)


def _middle(polygons: list[list[Ring]]) -> tuple[float, float, float]:
    """Of the largest part: the middle of its area, and its size."""
    parts = []
    for edge, *_holes in polygons:
        twice = x = y = 0.0
        for (x1, y1), (x2, y2) in pairwise([edge[-1], *edge]):
            cross = x2 * y1 - x1 * y2
            twice, x, y = twice + cross, x + (x1 + x2) * cross, y + (y1 + y2) * cross
        if twice:
            parts.append((abs(twice) / 2, x / (3 * twice), y / (3 * twice)))
    size, lon, lat = max(parts)
    return round(lon, 2), round(lat, 2), round(size, 2)


def _around(row: int, column: int, ring: int) -> Iterator[Place]:
    """The places in the cells of one degree that are `ring` away."""
    tiles = _tiles()
    for i in range(-ring, ring + 1):
        for j in range(-ring, ring + 1) if abs(i) == ring else {-ring, ring}:
            yield from tiles.get((row + i, (column + j + 180) % 360 - 180), ())


@cache
def _places() -> list[Place]:
    rows = csv.reader(io.StringIO(gzip.decompress(PLACES.read_bytes()).decode()))
    return [Place(row[0], row[1], float(row[2]), float(row[3]), row[4], int(row[5])) for row in rows]


@cache
def _tiles() -> dict[tuple[int, int], list[Place]]:
    tiles: dict[tuple[int, int], list[Place]] = {}
    for each in _places():
        tiles.setdefault((math.floor(each.lat), math.floor(each.lon)), []).append(each)
    return tiles


@cache
def _areas() -> list[tuple[Country, list[list[Ring]]]]:
    """Country and outline of each."""
    return [
        (Country(shape["properties"]["code"], shape["properties"]["name"]), shape["geometry"]["coordinates"])
        for shape in json.loads(gzip.decompress(COUNTRIES.read_bytes()))["features"]
    ]
