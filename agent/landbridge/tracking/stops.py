"""Stops and departures, and stops at named places that last longer than usual there."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp

from landbridge.core.clock import iso
from landbridge.geo.distance import Place
from landbridge.geo.timetable import STOPS, STOPS_AT
from landbridge.tracking.context import TripContext
from landbridge.tracking.detected import DetectedEvent, TrackPoint

STAYS_M = 1_000.0
"""Shunting stays within this distance in a yard; further away the train has left."""
SHORTEST_S = 3_600
"""A shorter halt is no stop."""
LONG = 1.28
"""Standard deviations of the logarithm above the median: nine of ten stops are shorter."""


@dataclass
class Stops:
    """Where the container is, and since when; times are those of points."""

    lat: float | None = None
    lon: float = 0.0
    since_s: int = 0
    """First point there."""
    until_s: int = 0
    """Last point there so far."""
    before_s: int | None = None
    """Last fix elsewhere."""
    reported: bool = False
    long: bool = False

    @property
    def place(self) -> Place | None:
        """Return where it is stopped or was last stopped."""
        return None if self.lat is None else Place(self.lat, self.lon)

    def step(self, point: TrackPoint, context: TripContext) -> Iterator[DetectedEvent]:
        """Yield the events that a point shows."""
        here = self.place
        if point.place and (here is None or here.metres_to(point.place) > STAYS_M + point.accuracy_m):
            if self.reported and here:
                yield DetectedEvent(
                    "departure", point, self._stay(here, context) | {"until": iso(self.until_s)}
                )
            self._begin(point.place, point.at_s)
        elif here and (point.place or point.rests):
            self.until_s = point.at_s
        if self.place and not self.reported and self.until_s - self.since_s >= SHORTEST_S:
            self.reported = True
            yield DetectedEvent("stop", point, self._stay(self.place, context) | self.place.degrees)
        if self.place and self.reported and not self.long:
            yield from self._long(point, self.place, context)

    def _begin(self, place: Place, at_s: int) -> None:
        before_s = None if self.lat is None else self.until_s
        self.lat, self.lon = place
        self.since_s = self.until_s = at_s
        self.before_s, self.reported, self.long = before_s, False, False

    def _stay(self, here: Place, context: TripContext) -> dict[str, object]:
        return {
            "place": context.name_of(here, self.since_s),
            "since": iso(self.since_s),
            "not_before": iso(self.before_s),
            "stood_s": self.until_s - self.since_s,
        }

    def _long(self, point: TrackPoint, here: Place, context: TripContext) -> Iterator[DetectedEvent]:
        index = context.station_at(here)
        if index is None:
            return
        station = context.stations[index]
        median_h, sigma = STOPS_AT.get(station.name, STOPS[station.kind])
        if self.until_s - self.since_s > 3600 * median_h * exp(LONG * sigma):
            self.long = True
            stay = self._stay(here, context) | {"usual_s": round(3600 * median_h)}
            yield DetectedEvent("dwell", point, stay | here.degrees)
