"""Routes of the lab: two known ones, routes drawn from a seed, and routes from a file.

A corridor is a route of `tools.world` with the places around it, from which coverage is derived. Where no
table of places exists they are drawn, as densely as in the tables of the known routes.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from landbridge.core.errors import UserError
from landbridge.geo.route import ROUTE_KM_A_CHORD_KM, read
from numpy.typing import NDArray

from tools.world.nature.weather import read_nodes
from tools.world.radio.sites import Settlement
from tools.world.rail.route import DATA as WORLD_DATA
from tools.world.rail.route import Route, Waypoint, rows
from tools.world.rail.train import SPEED_KMH

DATA = Path(__file__).parent / "data"
TRAINING = ("w1", "n1")
STEP_KM = 2.0
"""Of the tables along a route."""
BLOCK = 64
"""Points whose distances to all places are in memory at a time: all at once take seconds."""
PLACES_A_KM = {"CN": 0.15, "KZ": 0.0085, "RU": 0.18, "BY": 0.17, "PL": 0.61, "DE": 1.39}
"""Within `NEAR_KM` of W1."""
NEAR_KM = 27.0
PLACE_POPULATION = (8.0, 1.3)
TOWN_POPULATION = (10.5, 1.2)
"""Mean and sigma of the logarithm, of a place and of a town that has a station [C]."""
STATION_TOWN = {"KZ": 0.5}
"""Probability that a station has a town of its own; elsewhere 0.95 [C]."""


class FileError(ValueError):
    """A route or a recording that cannot be read; the message names file, row and column."""


class Corridor(NamedTuple):
    """A route and the places around it; `places_km` is the distance to the nearest one in steps of
    STEP_KM."""

    name: str
    route: Route
    places: tuple[Settlement, ...]
    places_km: NDArray[np.float32]

    def place_km(self, km: float) -> float:
        """Return the distance in km from a kilometre of the route to the nearest place."""
        return float(self.places_km[min(int(km / STEP_KM), len(self.places_km) - 1)])


@lru_cache(maxsize=64)
def corridor(name: str) -> Corridor:
    """Return the corridor `w1`, `n1`, `drawn-SEED`, or that of a CSV file. Raises FileError."""
    if name == "w1":
        return _corridor(name, _known(WORLD_DATA / "w1.csv"), _places(WORLD_DATA / "settlements.csv"))
    if name == "n1":
        return _corridor(name, _known(DATA / "n1.csv"), _places(DATA / "n1_settlements.csv"))
    if name.startswith("drawn-"):
        rng = random.Random(f"lab/{name}")
        waypoints = _drawn(rng)
    else:
        rng = random.Random(f"lab/{Path(name).name}")
        waypoints = read_route(Path(name))
    return _corridor(Path(name).stem, waypoints, tuple(_drawn_places(waypoints, rng)))


def read_route(path: Path) -> tuple[Waypoint, ...]:
    """Return the waypoints of a CSV file as the agent reads it. Raises FileError."""
    try:
        return tuple(Waypoint(*station[:6]) for station in read(path))
    except UserError as error:
        raise FileError(str(error)) from None


def is_in_world(name: str) -> bool:
    """Return whether trains, places and networks of all countries of a route are known. Raises FileError."""
    if name in TRAINING or name.startswith("drawn-"):
        return True
    return {point.country for point in read_route(Path(name))} <= SPEED_KMH.keys()


def coldest_c(route: Route) -> NDArray[np.float32]:
    """Return the January mean less a cold spell (two sigma) in C, in steps of STEP_KM: the coldest that a
    device can expect."""
    nodes = np.array(read_nodes())
    points = np.array([route.position(km) for km in _steps_km(route)])
    east = (points[:, None, 1] - nodes[None, :, 1]) * np.cos(np.radians(points[:, None, 0]))
    nearest = np.argsort(np.hypot(points[:, None, 0] - nodes[None, :, 0], east), axis=1)[:, :3]
    mean, half_range, extreme = (nodes[nearest, column].mean(axis=1) for column in (2, 3, 4))
    coldest: NDArray[np.float32] = (mean - 2 * (mean - extreme) / 3 - half_range).astype(np.float32)
    return coldest


def _known(path: Path) -> tuple[Waypoint, ...]:
    return tuple(
        Waypoint(r["name"], r["country"], float(r["lat"]), float(r["lon"]), r["kind"], float(r["km"]))
        for r in rows(path)
    )


def _places(path: Path) -> tuple[Settlement, ...]:
    return tuple(
        Settlement(r["name"], r["country"], float(r["lat"]), float(r["lon"]), int(r["population"]))
        for r in rows(path)
    )


def _corridor(name: str, waypoints: tuple[Waypoint, ...], places: tuple[Settlement, ...]) -> Corridor:
    route = Route.of(waypoints)
    points = np.array([route.position(km) for km in _steps_km(route)])
    blocks = (points[start : start + BLOCK] for start in range(0, len(points), BLOCK))
    nearest_km = [place_distances_km(block, places).min(axis=1, initial=99.0) for block in blocks]
    return Corridor(name, route, places, np.concatenate(nearest_km))


def place_distances_km(points: NDArray[np.float64], places: Sequence[Settlement]) -> NDArray[np.float32]:
    """Return (points, places) flat-earth distances in km from rows of (lat, lon) in degrees."""
    at = np.array([(place.lat, place.lon) for place in places], dtype=np.float32).reshape(-1, 2)
    here = points.astype(np.float32)
    north = here[:, None, 0] - at[None, :, 0]
    east = (here[:, None, 1] - at[None, :, 1]) * np.cos(np.radians(here[:, None, 0]))
    distances: NDArray[np.float32] = np.float32(111.19) * np.hypot(north, east)
    return distances


def _steps_km(route: Route) -> Iterator[float]:
    return (min(i * STEP_KM, route.length_km) for i in range(int(route.length_km / STEP_KM) + 2))


def _drawn(rng: random.Random) -> tuple[Waypoint, ...]:
    """Return a route westwards through three to six countries, 5,000 to 12,000 km [C]."""
    lat, lon, km = rng.uniform(34, 52), rng.uniform(100, 120), 0.0
    countries = [rng.choice(sorted(SPEED_KMH))]
    while len(countries) < rng.randint(4, 6):
        countries.append(rng.choice([each for each in sorted(SPEED_KMH) if each != countries[-1]]))
    lengths_km = [math.exp(rng.gauss(7.2, 0.7)) for _ in countries]
    scale = rng.uniform(5_000, 12_000) / sum(lengths_km)
    waypoints = [Waypoint("0", countries[0], lat, lon, "hub", 0.0)]
    for index, (country, length_km) in enumerate(zip(countries, lengths_km, strict=True)):
        kinds = ["gauge" if rng.random() < 0.4 else "border"] if index else []
        kinds += [_kind(rng) for _ in range(max(2, round(length_km * scale / 105)))]
        kinds += ["border"] if index < len(countries) - 1 else ["hub"]
        for kind in kinds:
            leg_km = 12.0 if kind == kinds[0] and index else rng.uniform(30, 180)
            north = rng.gauss(0, 0.35) + (0.3 if lat < 40 else -0.3 if lat > 55 else 0.0)
            chord_km = leg_km / ROUTE_KM_A_CHORD_KM
            lat += math.sin(north) * chord_km / 111.2
            lon -= math.cos(north) * chord_km / 111.2 / math.cos(math.radians(lat))
            km += leg_km
            waypoints.append(Waypoint(str(len(waypoints)), country, lat, lon, kind, km))
    return tuple(waypoints)


def _kind(rng: random.Random) -> str:
    draw = rng.random()
    return "hub" if draw < 0.015 else "yard" if draw < 0.4 else "line"


def _drawn_places(waypoints: Sequence[Waypoint], rng: random.Random) -> Iterator[Settlement]:
    """Return towns at stations and places along the route; each country has its own density around the
    mean."""
    density = {country: places * math.exp(rng.gauss(0, 0.5)) for country, places in PLACES_A_KM.items()}
    for point in waypoints:
        if rng.random() < STATION_TOWN.get(point.country, 0.95):
            town = round(math.exp(rng.gauss(*TOWN_POPULATION)))
            yield Settlement(point.name, point.country, point.lat, point.lon, max(500, town))
    for a, b in pairwise(waypoints):
        for _ in range(_poisson(rng, (b.km - a.km) * density[b.country])):
            part, aside_km = rng.random(), rng.uniform(-NEAR_KM, NEAR_KM)
            lat = a.lat + part * (b.lat - a.lat) + aside_km / 111.2
            lon = a.lon + part * (b.lon - a.lon)
            population = max(500, round(math.exp(rng.gauss(*PLACE_POPULATION))))
            yield Settlement("", b.country, lat, lon, population)


def _poisson(rng: random.Random, mean: float) -> int:
    count, left = 0, rng.expovariate(1)
    while left < mean:
        count += 1
        left += rng.expovariate(1)
    return count
