"""The remaining travel time of a trip, from the stations of its route and usual speeds and dwells.

A stop is log-normal by kind of station. What is usual comes from published corridor times; a route of the
operator's own with known times may differ.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from landbridge.geo.route import Waypoint

STOPS = {
    "hub": (110.0, 0.5),
    "border": (14.0, 0.8),
    "gauge": (24.0, 0.8),
    "yard": (3.0, 0.8),
    "line": (0.5, 0.7),
}
"""Median in hours and sigma of the logarithm, by kind of station."""
STOPS_AT = {"Malaszewicze": (40.0, 1.0)}
"""Stops at stations that differ from their kind, by name."""
STAY_H, STAY_SIGMA = 120.0, 0.8
"""Mean stay of a container at its goal until the trip is ended, and sigma of the logarithm."""
LINE_STOP_PROBABILITY = 0.5
SPEED_KMH = {"CN": 62.0, "KZ": 48.0, "RU": 52.0, "BY": 48.0, "PL": 34.0, "DE": 50.0}
USUAL_KMH = 48.0
"""In a country of which nothing is known."""
TRACK_KM_A_ROUTE_KM = 1.10
"""The real track is longer than the line of the table."""
HOURS_A_KM_LOOPS = 0.0025
"""Stops in passing loops."""
SPEED_SPREAD = 1.04
"""Mean of one over the speed, against one over the mean."""
LEG_DEVIATION = 0.25
"""Standard deviation as a fraction of the hours for 50 km, per km."""
STOOD = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
"""How long a stop has lasted, as parts of its median: where a `Stay` has its values."""


class Stay(NamedTuple):
    """The rest of a stop by how long it has lasted (STOOD): mean and deviation as parts of its median."""

    mean: Sequence[float]
    deviation: Sequence[float]


@dataclass(frozen=True)
class Ahead:
    """Of one station: hours to go after its stop and their variance; its stop is made with probability
    `stops` and takes `median_h` with a log-normal `sigma`."""

    km: float
    after_h: float
    variance: float
    stops: float
    median_h: float
    sigma: float

    def arrival(self) -> tuple[float, float]:
        """Mean and variance of hours to go on arrival."""
        mean, variance = rest_of_stop(0.0, self.sigma)
        mean_h, variance_h = mean * self.median_h, variance * self.median_h**2
        whole = self.stops * (variance_h + mean_h * mean_h) - (self.stops * mean_h) ** 2
        return self.after_h + self.stops * mean_h, self.variance + whole


def timetable(waypoints: Sequence[Waypoint], stay_h: float = 0.0) -> list[Ahead]:
    """What is ahead at each station, in the order of the route. At its goal a container stays for `stay_h` on
    the average, until it is unpacked or the trip is ended; 0: it does not."""
    median_h = stay_h / math.exp(STAY_SIGMA**2 / 2)
    found = [Ahead(waypoints[-1].km, 0.0, 0.0, 1.0 if stay_h else 0.0, median_h, STAY_SIGMA)]
    for after, point in pairwise(reversed(waypoints)):
        median_h, sigma = STOPS_AT.get(point.name, STOPS[point.kind])
        stops = LINE_STOP_PROBABILITY if point.kind == "line" else 1.0
        leg_km = after.km - point.km
        speed_kmh = SPEED_KMH.get(point.country, USUAL_KMH)
        run_h = leg_km * (TRACK_KM_A_ROUTE_KM * SPEED_SPREAD / speed_kmh + HOURS_A_KM_LOOPS)
        mean_h, variance = found[-1].arrival()
        variance += (LEG_DEVIATION * leg_km / 50) ** 2
        found.append(Ahead(point.km, mean_h + run_h, variance, stops, median_h, sigma))
    return found[::-1]


def rest_of_stop(stood: float, sigma: float) -> tuple[float, float]:
    """Mean and variance of the rest of a stop that has lasted for `stood`, all in parts of its median: a stop
    that lasts longer than usual is expected to last longer still."""
    z = math.log(max(stood, 1e-3)) / sigma
    beyond = max(_above(z), 1e-12)
    mean = math.exp(sigma**2 / 2) * _above(z - sigma) / beyond
    square = math.exp(2 * sigma**2) * _above(z - 2 * sigma) / beyond
    return mean - stood, max(0.0, square - mean * mean)


def stay(sigma: float) -> Stay:
    """The same as a device gets it."""
    rests = [rest_of_stop(stood, sigma) for stood in STOOD]
    return Stay([mean for mean, _ in rests], [math.sqrt(variance) for _, variance in rests])


def _above(z: float) -> float:
    """Probability that a normal variate is above z."""
    return math.erfc(z / math.sqrt(2)) / 2
