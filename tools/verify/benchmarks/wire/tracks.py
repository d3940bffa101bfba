"""Synthetic tracks for the wire benchmark: what a tracker would measure on four kinds of trip.

Speed and heading are Ornstein-Uhlenbeck processes with stops; a fix errs by 3 m that last for minutes
and 1 m of white noise, and comes when the search for it has ended; every 4 km of road is another cell.
The four trips and the spread of each quantity are those of the team's survey of wire formats, so
that its figures can be compared.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import NamedTuple

POINTS = 1024
_START_S = 845_000_000
_M_PER_DEGREE = 111_195.0
_CELL_M = 4_000.0
_FARTHEST_LAT = 65.0
_GNSS_CORRELATED_M, _GNSS_WHITE_M, _GNSS_TAU_S = 3.0, 1.0, 300.0


class Sample(NamedTuple):
    """One fix as measured, before any rounding."""

    time_s: float
    """Seconds since 2000."""
    lat_deg: float
    lon_deg: float
    altitude_m: float
    speed_kmh: float
    heading_deg: float
    hdop: float
    sats: int
    battery_mv: float
    temperature_c: float
    cell: int
    """28 bits, 0 none."""
    rsrp_dbm: int
    """0 unknown."""


@dataclass(frozen=True)
class TripKind:
    """What one kind of trip is like: a mean and a standard deviation each."""

    name: str
    every_s: float
    speed_kmh: tuple[float, float]
    speed_tau_s: float
    turn_deg: float
    """Standard deviation of the change of heading in an hour."""
    stop_chance: float
    """That a fix begins a stop of a few fixes."""
    has_cell: bool = True


TRIP_KINDS = (
    TripKind("truck 60 s", 60, (75.0, 18.0), 400.0, 120.0, 0.02),
    TripKind("truck 15 min", 900, (65.0, 22.0), 1_200.0, 120.0, 0.05),
    TripKind("vessel 1 h", 3_600, (33.0, 3.0), 40_000.0, 12.0, 0.0, has_cell=False),
    TripKind("dwell 4 h", 14_400, (0.0, 0.0), 1.0, 0.0, 0.0),
)


class Drift:
    """An Ornstein-Uhlenbeck process: wanders about `mean`, forgets itself after `tau_s`."""

    def __init__(self, rng: random.Random, mean: float, sd: float, tau_s: float) -> None:
        self._rng, self._mean, self._sd, self._tau_s = rng, mean, sd, tau_s
        self.value = rng.gauss(mean, sd)

    def pass_s(self, seconds: float) -> float:
        """The value after this time."""
        kept = math.exp(-seconds / self._tau_s)
        spread = self._sd * math.sqrt(1 - kept * kept)
        self.value = self._mean + (self.value - self._mean) * kept + self._rng.gauss(0, spread)
        return self.value


class Traveller:
    """The container and its tracker on one trip."""

    def __init__(self, trip: TripKind, seed: int) -> None:
        self._trip = trip
        self._rng = rng = random.Random(f"{seed} {trip.name}")
        self._time_s = float(_START_S)
        self._lat, self._lon = 47.0 + rng.random(), 62.0 + rng.random()
        self._heading = rng.uniform(0, 360)
        self._stopped = 0
        self._speed = Drift(rng, *trip.speed_kmh, trip.speed_tau_s)
        self._errors = [Drift(rng, 0, _GNSS_CORRELATED_M, _GNSS_TAU_S) for _ in range(3)]
        self._height = Drift(rng, 320, 120, 6 * 3600)
        self._temperature = Drift(rng, 12, 8, 5 * 3600)
        self._hdop = Drift(rng, 1.0, 0.25, 1800)
        self._sats = Drift(rng, 11, 2.0, 1800)
        self._rsrp = Drift(rng, -98, 8, 300)
        self._battery_mv = 3640.0
        self._new_cell()

    def samples(self, n: int) -> list[Sample]:
        """The first `n` fixes."""
        return [self._sample(i) for i in range(n)]

    def _sample(self, i: int) -> Sample:
        rng, trip = self._rng, self._trip
        time_s = _START_S + i * trip.every_s + max(0.0, rng.gauss(2.0, 0.4))
        elapsed_s, self._time_s = max(1.0, time_s - self._time_s), time_s
        speed = self._move(elapsed_s)
        north, east, up = (drift.pass_s(elapsed_s) + rng.gauss(0, _GNSS_WHITE_M) for drift in self._errors)
        self._battery_mv -= elapsed_s / 86400 * 4
        narrow = math.cos(math.radians(self._lat))
        sats = min(20, max(4, round(self._sats.pass_s(elapsed_s))))
        rsrp = round(min(-60.0, max(-125.0, self._rsrp.pass_s(elapsed_s)))) if trip.has_cell else 0
        return Sample(
            time_s=time_s,
            lat_deg=self._lat + north / _M_PER_DEGREE,
            lon_deg=self._lon + east / _M_PER_DEGREE / narrow,
            altitude_m=self._altitude(elapsed_s) + 1.5 * up,
            speed_kmh=max(0.0, speed + rng.gauss(0, 0.3)),
            heading_deg=(self._heading + rng.gauss(0, 1.0)) % 360,
            hdop=max(0.6, self._hdop.pass_s(elapsed_s)),
            sats=sats,
            battery_mv=self._battery_mv + rng.gauss(0, 4),
            temperature_c=self._temperature.pass_s(elapsed_s),
            cell=self._cell if trip.has_cell else 0,
            rsrp_dbm=rsrp,
        )

    def _altitude(self, elapsed_s: float) -> float:
        """The sea and a yard are flat."""
        if self._trip.stop_chance:
            return self._height.pass_s(elapsed_s)
        return 20.0

    def _move(self, elapsed_s: float) -> float:
        """Go on for so long; the speed at the end, km/h."""
        trip, rng = self._trip, self._rng
        if self._stopped:
            self._stopped -= 1
        elif rng.random() < trip.stop_chance:
            self._stopped = rng.randrange(1, 8)
        before = max(0.0, self._speed.value)
        speed = max(0.0, self._speed.pass_s(elapsed_s))
        if self._stopped or not trip.speed_kmh[0]:
            return 0.0
        self._heading += rng.gauss(0, trip.turn_deg * math.sqrt(min(elapsed_s, 3600) / 3600))
        way_m = (before + speed) / 7.2 * elapsed_s
        course = math.radians(self._heading)
        self._lat += way_m * math.cos(course) / _M_PER_DEGREE
        east = way_m * math.sin(course) / _M_PER_DEGREE / math.cos(math.radians(self._lat))
        self._lon = (self._lon + east + 180) % 360 - 180
        if abs(self._lat) > _FARTHEST_LAT:  # home again
            self._heading = 180.0 if self._lat > 0 else 0.0
        self._to_next_cell_m -= way_m
        if self._to_next_cell_m <= 0:
            self._new_cell()
        return speed

    def _new_cell(self) -> None:
        self._cell = self._rng.getrandbits(28)
        self._to_next_cell_m = self._rng.expovariate(1 / _CELL_M)


def tracks(seed: int = 1) -> dict[str, list[Sample]]:
    """The fixes of each trip by its name."""
    return {trip.name: Traveller(trip, seed).samples(POINTS) for trip in TRIP_KINDS}
