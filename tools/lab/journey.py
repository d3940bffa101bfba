"""What a trip's line tells a device: time to go, borders, places.

The host knows the stations ahead and how long trains stand at such; the device gets a table and looks
up the place of its last fix. Typical dwells are those of `tools.world.train`, which the facts give.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

from tools.lab.lines import Route, route
from tools.lab.state import Journey
from tools.world.sites import Operator
from tools.world.train import DWELLS, LINE_STOP_PROBABILITY, SPEED_KMH, TRACK_KM_A_LINE_KM

NEAR_KM = 3.0
"""A fix so near a station is one at it."""
HOURS_A_KM_LOOPS = 0.0025
"""Stops in passing loops."""
USUAL_KMH = 48.0
"""In a country of which nothing is known."""
SPEED_SPREAD = 1.04
"""Mean of one over the speed, against one over the mean."""
LEG_DEVIATION = 0.25
"""Of the hours of 50 km, per km."""


class Ahead(NamedTuple):
    """Of one station: hours to go after its stop and their variance; its stop is made with probability
    `stops` and takes `median_h` with a log-normal `sigma`."""

    km: float
    after_h: float
    variance: float
    stops: float
    median_h: float
    sigma: float

    def stay_h(self, stood_h: float) -> tuple[float, float]:
        """Mean and variance of the rest of a stop that has lasted for `stood_h`."""
        if not self.median_h:
            return 0.0, 0.0
        z = math.log(max(stood_h, 0.01) / self.median_h) / self.sigma
        beyond = max(_above(z), 1e-6)
        mean_h = self.median_h * math.exp(self.sigma**2 / 2) * _above(z - self.sigma) / beyond
        square = self.median_h**2 * math.exp(2 * self.sigma**2) * _above(z - 2 * self.sigma) / beyond
        return mean_h - stood_h, max(0.0, square - mean_h * mean_h)

    def arrival(self) -> tuple[float, float]:
        """Mean and variance of hours to go on arrival."""
        mean_h, variance = self.stay_h(0.0)
        whole = self.stops * (variance + mean_h * mean_h) - (self.stops * mean_h) ** 2
        return self.after_h + self.stops * mean_h, self.variance + whole


def _above(z: float) -> float:
    """Probability that a normal variate is above z."""
    return math.erfc(z / math.sqrt(2)) / 2


@lru_cache(maxsize=64)
def stations(name: str) -> tuple[Ahead, ...]:
    """The table of a route by its name (`lines.route`)."""
    return table(route(name))


def table(here: Route) -> tuple[Ahead, ...]:
    """The table of a route, in the order of the line."""
    points = here.line.waypoints
    found = [Ahead(points[-1].km, 0.0, 0.0, 0.0, 0.0, 1.0)]
    for point, after in zip(points[-2::-1], points[:0:-1], strict=True):
        median_h, sigma = DWELLS.get(point.name, DWELLS[point.kind])
        stops = LINE_STOP_PROBABILITY if point.kind == "line" else 1.0
        leg_km = after.km - point.km
        speed_kmh = SPEED_KMH.get(point.country, USUAL_KMH)
        run_h = leg_km * (TRACK_KM_A_LINE_KM * SPEED_SPREAD / speed_kmh + HOURS_A_KM_LOOPS)
        mean_h, variance = found[-1].arrival()
        variance += (LEG_DEVIATION * leg_km / 50) ** 2
        found.append(Ahead(point.km, mean_h + run_h, variance, stops, median_h, sigma))
    return tuple(reversed(found))


class Guide:
    """Looks up the place of the last fix."""

    def __init__(self, here: Route, networks: tuple[Operator, ...], places: bool) -> None:
        self._route = here
        self._table = stations(here.name) if here.name in ("w1", "n1") else table(here)
        self._kms = [station.km for station in self._table]
        self._places = places
        self._networks = {
            country: tuple(i for i, each in enumerate(networks) if each.country == country)
            for country in {each.country for each in networks}
        }
        self._known_km = -1.0

    def journey(self, km: float, moving: bool, since_h: float, stood_h: float) -> Journey:
        """From a fix at `km` that is `since_h` old; the train runs, or has stood for `stood_h`."""
        if km != self._known_km:
            self._look_up(km)
        here = self._here
        hours, variance = here.after_h, here.variance
        if km - here.km < NEAR_KM and not moving:
            stay_h, stay_variance = here.stay_h(stood_h)
            hours, variance = hours + stay_h, variance + stay_variance
        else:
            hours += (self._next_h - hours) * self._part(km) - (since_h if moving else 0.0)
        to_go_s = max(0, int(hours * 3_600))
        country_s = max(0, to_go_s - self._border_s)
        return Journey(to_go_s, int(3_600 * math.sqrt(variance)), country_s, self._place_km, self._usable)

    def _part(self, km: float) -> float:
        """Of the leg between two stations."""
        leg_km = self._after_km - self._here.km
        return min(1.0, (km - self._here.km) / leg_km) if leg_km else 0.0

    def _look_up(self, km: float) -> None:
        self._known_km = km
        index = min(bisect_right(self._kms, km + NEAR_KM) - 1, len(self._table) - 1)
        self._here, after = self._table[index], self._table[min(index + 1, len(self._table) - 1)]
        self._after_km, self._next_h = after.km, after.arrival()[0]
        country = self._route.line.country(km)
        ahead = [border.km for border in self._route.line.borders if border.km > km]
        self._border_s = (
            int(3_600 * self._table[bisect_right(self._kms, ahead[0]) - 1].after_h) if ahead else 0
        )
        place_km = self._route.place_km(km)
        self._place_km = round(place_km) if self._places and not math.isnan(place_km) else -1
        self._usable = self._networks.get(country, ())
