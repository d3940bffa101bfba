"""Offers: a device on no trip sees light or is moved, so a trip of it may have begun.

There is one for each time without a trip: its first such point. It is the house's, and holds until a trip
starts."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from landbridge.events import queries as events
from landbridge.features.trips import queries as trips
from landbridge.protocol.event import Event
from landbridge.tracking.context import Way
from landbridge.tracking.findings import Finding, Seen
from landbridge.tracking.stops import Stops

START_OFFERED = "start-offered"


@dataclass
class Offers:
    """What was offered last."""

    at_s: int | None = None

    def step(self, seen: Seen, way: Way, stops: Stops) -> Iterator[Finding]:
        """What a point finds."""
        cause = _cause(seen)
        if way.idle_s is None or seen.at_s < way.idle_s or cause is None:
            return
        if self.at_s is not None and self.at_s >= way.idle_s:
            return
        self.at_s = seen.at_s
        place = stops.place and way.name_of(stops.place, seen.at_s)
        yield Finding(START_OFFERED, seen, {"cause": cause, "place": place})


def _cause(seen: Seen) -> str | None:
    if "light" in seen.stored.point.event_names:
        return "light"
    return None if seen.rests else "motion"


def standing(connection: Connection, device: str) -> list[Event]:
    """What is offered of a device now: one, or none."""
    idle_s = trips.idle_s(connection, device)
    if idle_s is None:
        return []
    told = events.inferred_from(connection, device, (idle_s, 0))
    return [each for each in told if each.type == START_OFFERED]
