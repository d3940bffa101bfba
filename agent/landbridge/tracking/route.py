"""The container's kilometre on its route, departures from the route, and the ETA."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log, sqrt
from statistics import NormalDist

from landbridge.core.clock import iso
from landbridge.geo.distance import Place
from landbridge.geo.route import find, position
from landbridge.geo.timetable import rest_of_stop
from landbridge.tracking.context import TripContext
from landbridge.tracking.detected import DetectedEvent, TrackPoint
from landbridge.tracking.stops import Stops

OFF_M, BACK_M = 60_000.0, 40_000.0
"""A route is straight between its stations; the track is not."""
OFF_FIXES = 2
_PAST_KM = 3.0
CHANGE_H, CHANGE_PART = 6.0, 0.15
"""A change of the ETA below this, and below this fraction of the remaining time, is not published."""
INTERVAL = 0.8
"""Probability that the arrival is inside the interval."""


@dataclass
class Route:
    """Kilometre on the route, and the last published ETA."""

    km: float | None = None
    reached: bool = False
    """Whether it has been on the route: before that it can neither leave it nor have an ETA."""
    off: bool = False
    contrary_fixes: int = 0
    """Consecutive fixes that contradict `off`."""
    published_s: int | None = None
    arrived: bool = False

    def step(self, point: TrackPoint, context: TripContext, stops: Stops) -> Iterator[DetectedEvent]:
        """Yield the events that a point shows."""
        if not context.stations or self.arrived:
            return
        if point.place:
            km = find(context.stations, *point.place, self.km)
            self.km = self.km if km is None else km
            yield from self._off(point, point.place, km, context)
        if self.km is not None and self.reached and not self.off:
            yield from self._eta(point, self.km, context, stops)

    def _off(
        self, point: TrackPoint, place: Place, km: float | None, context: TripContext
    ) -> Iterator[DetectedEvent]:
        away_m = None if km is None else place.metres_to(Place(*position(context.stations, km)))
        near = away_m is not None and away_m <= (BACK_M if self.off else OFF_M)
        self.reached = self.reached or near
        self.contrary_fixes = self.contrary_fixes + 1 if near == self.off and self.reached else 0
        if self.contrary_fixes >= OFF_FIXES:
            self.off, self.contrary_fixes = not self.off, 0
            action = "leave" if self.off else "return"
            away_km = None if away_m is None else round(away_m / 1000)
            yield DetectedEvent("off-route", point, {"action": action, "away_km": away_km})

    def _eta(
        self, point: TrackPoint, km: float, context: TripContext, stops: Stops
    ) -> Iterator[DetectedEvent]:
        mean_h, variance = hours_to_go(km, context, stops)
        likely_s = point.at_s + round(3600 * _quantile(mean_h, variance, 0.5))
        moved_h = max(CHANGE_H, CHANGE_PART * mean_h)
        if self.published_s is not None and abs(likely_s - self.published_s) < 3600 * moved_h:
            return
        self.published_s = likely_s
        earliest, latest = (
            point.at_s + round(3600 * _quantile(mean_h, variance, part))
            for part in ((1 - INTERVAL) / 2, (1 + INTERVAL) / 2)
        )
        to_go_km = round(context.stations[-1].km - km)
        yield DetectedEvent("eta", point, {
            "earliest": iso(earliest), "likely": iso(likely_s), "latest": iso(latest), "to_go_km": to_go_km,
        })  # fmt: skip


def hours_to_go(km: float, context: TripContext, stops: Stops) -> tuple[float, float]:
    """Return mean and variance of the hours to the end of the route."""
    index = context.station_at(stops.place) if stops.place else None
    if index is not None and not stops.reported:
        # It may stop here, unless it is past it.
        return (
            context.ahead[index].arrival()
            if km <= context.stations[index].km + _PAST_KM
            else _between(km, context)
        )
    if index is not None and index < len(context.stations) - 1:
        ahead = context.ahead[index]
        stood = (stops.until_s - stops.since_s) / 3600 / ahead.median_h
        mean, variance = rest_of_stop(stood, ahead.sigma)
        return ahead.after_h + mean * ahead.median_h, ahead.variance + variance * ahead.median_h**2
    return _between(km, context)


def _between(km: float, context: TripContext) -> tuple[float, float]:
    """The same for a container between two stations."""
    after = next(
        (i for i, station in enumerate(context.stations) if station.km > km), len(context.stations) - 1
    )
    left, coming = context.ahead[after - 1], context.ahead[after]
    part = min(1.0, max(0.0, (km - left.km) / (coming.km - left.km)))
    mean_h, variance = coming.arrival()
    if after == len(context.stations) - 1:
        mean_h, variance = 0.0, 0.0
    leg_h, leg_variance = max(0.0, left.after_h - mean_h), max(0.0, left.variance - variance)
    return mean_h + (1 - part) * leg_h, variance + (1 - part) * leg_variance


def _quantile(mean: float, variance: float, part: float) -> float:
    """Return the quantile of the log-normal distribution with this mean and variance."""
    if mean <= 0:
        return 0.0
    square = log(1 + variance / mean**2)
    return exp(log(mean) - square / 2 + sqrt(square) * NormalDist().inv_cdf(part))
