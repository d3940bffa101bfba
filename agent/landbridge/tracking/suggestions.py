"""Suggested trips: a device without a trip detects light or motion, so a trip may have begun.

There is one for each time without a trip: its first such point. It is the operator's, and holds until a trip
starts."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from landbridge.events.queries import events
from landbridge.features.trips import queries as trips
from landbridge.protocol.event import Event
from landbridge.tracking.context import TripContext
from landbridge.tracking.detected import DetectedEvent, TrackPoint
from landbridge.tracking.stops import Stops

START_SUGGESTED = "start-suggested"


@dataclass
class Suggestions:
    """The last suggestion."""

    at_s: int | None = None

    def step(self, point: TrackPoint, context: TripContext, stops: Stops) -> Iterator[DetectedEvent]:
        """Yield the suggestion that a point shows."""
        cause = _cause(point)
        if context.idle_s is None or point.at_s < context.idle_s or cause is None:
            return
        if self.at_s is not None and self.at_s >= context.idle_s:
            return
        self.at_s = point.at_s
        place = stops.place and context.name_of(stops.place, point.at_s)
        yield DetectedEvent(START_SUGGESTED, point, {"cause": cause, "place": place})


def _cause(point: TrackPoint) -> str | None:
    if "light" in point.stored.point.event_names:
        return "light"
    return None if point.rests else "motion"


def current(connection: Connection, device: str) -> list[Event]:
    """Return the current suggestion for a device, if any."""
    idle_s = trips.idle_s(connection, device)
    if idle_s is None:
        return []
    inferred = events.inferred_from(connection, device, (idle_s, 0))
    return [each for each in inferred if each.type == START_SUGGESTED]
