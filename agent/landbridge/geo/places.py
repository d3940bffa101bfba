"""In which country a point is, and what place is near. Sources: `data/make_map.py`."""

import csv
import gzip
import io
import json
import math
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

DATA = Path(__file__).parent / "data"
COUNTRIES, PLACES = DATA / "countries.geojson.gz", DATA / "places.csv.gz"
OVERVIEW = DATA / "overview.geojson.gz"
"""COUNTRIES in less detail, for a map of the world."""
LABEL_POPULATION = 100_000
_KM_A_DEGREE = 111.195
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


class Country(NamedTuple):
    """ISO 3166-1 code of two letters ("" if there is none), and English name."""

    code: str
    name: str


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
    return Near(best[1], round(best[0] * _KM_A_DEGREE)) if best else None


def country(lat: float, lon: float) -> Country | None:
    """The country on land; None at sea."""
    for (west, south, east, north), found, polygons in _areas():
        if west <= lon <= east and south <= lat <= north:
            if any(_inside(lat, lon, rings) for rings in polygons):
                return found
    return None


@cache
def labels() -> bytes:
    """What the map names, the largest first, as JSON, compressed: places (name, Chinese name, longitude,
    latitude), and countries (code, name, longitude, latitude, size in square degrees)."""
    large = sorted(
        (each for each in _places() if each.population >= LABEL_POPULATION), key=lambda each: -each.population
    )
    places = [[each.name, each.chinese or each.name, each.lon, each.lat] for each in large]
    middles = [(found, _middle(polygons)) for _, found, polygons in _areas() if found.code]
    middles.sort(key=lambda each: -each[1][2])
    named = {"places": places, "countries": [[*found, *middle] for found, middle in middles]}
    return gzip.compress(json.dumps(named, separators=(",", ":"), ensure_ascii=False).encode(), mtime=0)


def _middle(polygons: list[list[Ring]]) -> tuple[float, float, float]:
    """Of the largest part: the middle of its area, and its size."""
    parts = []
    for edge, *_ in polygons:
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


def _inside(lat: float, lon: float, rings: list[Ring]) -> bool:
    """Whether a ray to the east crosses the rings an odd number of times."""
    odd = False
    for ring in rings:
        x2, y2 = ring[-1]
        for x1, y1 in ring:
            if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
                odd = not odd
            x2, y2 = x1, y1
    return odd


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
def _areas() -> list[tuple[tuple[float, float, float, float], Country, list[list[Ring]]]]:
    """Bounds, country and outline of each."""
    found = []
    for shape in json.loads(gzip.decompress(COUNTRIES.read_bytes()))["features"]:
        polygons: list[Any] = shape["geometry"]["coordinates"]
        edge = [point for rings in polygons for point in rings[0]]
        xs, ys = [point[0] for point in edge], [point[1] for point in edge]
        bounds = (min(xs), min(ys), max(xs), max(ys))
        found.append((bounds, Country(shape["properties"]["code"], shape["properties"]["name"]), polygons))
    return found
