"""The route: a chain of waypoints, and data at each of its kilometres."""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parents[1] / "data"
EARTH_KM = 6_371.0


class Waypoint(NamedTuple):
    """A station of the route; `kind` is hub, border, gauge, yard or line (an open-line station)."""

    name: str
    country: str
    lat: float
    lon: float
    kind: str
    km: float


class Border(NamedTuple):
    """Where the route passes from one country to the next."""

    left: str
    entered: str
    km: float


def rows(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a CSV file that begins with comment lines."""
    with path.open(encoding="utf-8") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Between two (latitude, longitude) in degrees that are not far apart: flat-earth distance."""
    middle = math.cos(math.radians((a[0] + b[0]) / 2))
    return EARTH_KM * math.radians(math.hypot(a[0] - b[0], (a[1] - b[1]) * middle))


@dataclass(frozen=True)
class Route:
    """Straight pieces between waypoints; a kilometre is one of the table, not of the chord."""

    waypoints: tuple[Waypoint, ...]
    borders: tuple[Border, ...]

    @classmethod
    def read(cls) -> Route:
        """The route of the tables in the data folder."""
        waypoints = tuple(
            Waypoint(
                row["name"],
                row["country"],
                float(row["lat"]),
                float(row["lon"]),
                row["kind"],
                float(row["km"]),
            )
            for row in rows(DATA / "w1.csv")
        )
        borders = tuple(
            Border(row["left"], row["entered"], float(row["km"])) for row in rows(DATA / "borders.csv")
        )
        return cls(waypoints, borders)

    @classmethod
    def of(cls, waypoints: Sequence[Waypoint]) -> Route:
        """Through these; each border is half way between the last waypoint of a country and the next."""
        return cls(
            tuple(waypoints),
            tuple(
                Border(a.country, b.country, (a.km + b.km) / 2)
                for a, b in pairwise(waypoints)
                if a.country != b.country
            ),
        )

    @property
    def length_km(self) -> float:
        """From the first waypoint to the last."""
        return self.waypoints[-1].km

    def position(self, km: float) -> tuple[float, float]:
        """Latitude and longitude in degrees."""
        a, b = self._around(km)
        part = (km - a.km) / (b.km - a.km)
        return a.lat + (b.lat - a.lat) * part, a.lon + (b.lon - a.lon) * part

    def heading_deg(self, km: float) -> float:
        """The direction in which the train runs, clockwise from north."""
        a, b = self._around(km)
        east = (b.lon - a.lon) * math.cos(math.radians((a.lat + b.lat) / 2))
        return math.degrees(math.atan2(east, b.lat - a.lat)) % 360

    def country(self, km: float) -> str:
        """ISO 3166-1 alpha-2 code of the country at this kilometre."""
        country = self.waypoints[0].country
        for border in self.borders:
            if km >= border.km:
                country = border.entered
        return country

    def nearest(self, km: float) -> Waypoint:
        """The waypoint nearest along the route."""
        return min(self._around(km), key=lambda waypoint: abs(waypoint.km - km))

    def _around(self, km: float) -> tuple[Waypoint, Waypoint]:
        """The waypoints before and after."""
        after = bisect_right(self.waypoints, km, key=lambda waypoint: waypoint.km)
        after = min(max(after, 1), len(self.waypoints) - 1)
        return self.waypoints[after - 1], self.waypoints[after]
