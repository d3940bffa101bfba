"""The walk over a device's points in the order of their time. What it finds depends on these points, the ways
of the trips and the state it begins with, and on nothing else: so it can be begun again from any state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from landbridge.points.queries import StoredPoint
from landbridge.tracking import arrival
from landbridge.tracking.borders import Borders
from landbridge.tracking.context import TripContext
from landbridge.tracking.detected import DetectedEvent, TrackPoint, to_track_point
from landbridge.tracking.gaps import Gaps
from landbridge.tracking.geofences import Geofences
from landbridge.tracking.route import Route
from landbridge.tracking.stops import Stops
from landbridge.tracking.suggestions import Suggestions

ContextOf = Callable[[int | None], TripContext]


@dataclass
class State:
    """What one trip, or a time without one, has come to."""

    trip: int | None = None
    stops: Stops = field(default_factory=Stops)
    borders: Borders = field(default_factory=Borders)
    geofences: Geofences = field(default_factory=Geofences)
    gaps: Gaps = field(default_factory=Gaps)
    route: Route = field(default_factory=Route)
    suggestions: Suggestions = field(default_factory=Suggestions)

    def to_json(self) -> str:
        """For the database."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> State:
        """The state that `to_json` wrote."""
        parts: dict[str, Any] = json.loads(text)
        on_route = parts["route"]["km"] is not None  # what was kept before it was noted
        return cls(
            parts["trip"],
            Stops(**parts["stops"]),
            Borders(**parts["borders"]),
            Geofences(**parts["geofences"]),
            Gaps(**parts["gaps"]),
            Route(**{"reached": on_route} | parts["route"]),
            Suggestions(**parts.get("suggestions", {})),  # not there in what was kept before there were any
        )

    def step(self, point: TrackPoint, context: TripContext) -> Iterator[DetectedEvent]:
        """Take the next point; everything it shows."""
        yield from self.gaps.step(point, context)
        yield from self.borders.step(point)
        yield from self.geofences.step(point, context.geofences)
        yield from self.stops.step(point, context)
        yield from self.route.step(point, context, self.stops)
        yield from arrival.step(point, context, self.stops, self.geofences, self.route)
        yield from self.suggestions.step(point, context, self.stops)


@dataclass
class Pass:
    """Where a walk has come to."""

    state: State
    """Before the next point."""
    context_of: ContextOf

    def step(self, stored: StoredPoint) -> list[DetectedEvent]:
        """Take the next point, checked and with a time; return all that it shows."""
        if stored.trip != self.state.trip:
            self.state = State(stored.trip)
        return list(self.state.step(to_track_point(stored), self.context_of(stored.trip)))
