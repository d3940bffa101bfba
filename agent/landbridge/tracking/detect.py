"""Runs the detectors over a device's points in order of time. The result depends only on these points, the
trips' contexts and the initial state, so it can start again from any state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from landbridge.points.rows import StoredPoint
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
    """The tracking state of one trip, or of a time without one."""

    trip: int | None = None
    stops: Stops = field(default_factory=Stops)
    borders: Borders = field(default_factory=Borders)
    geofences: Geofences = field(default_factory=Geofences)
    gaps: Gaps = field(default_factory=Gaps)
    route: Route = field(default_factory=Route)
    suggestions: Suggestions = field(default_factory=Suggestions)

    def to_json(self) -> str:
        """Return the state for the database."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> State:
        """Return the state that `to_json` wrote."""
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
        """Process the next point; yield the events that it shows."""
        yield from self.gaps.step(point, context)
        yield from self.borders.step(point)
        yield from self.geofences.step(point, context.geofences)
        yield from self.stops.step(point, context)
        yield from self.route.step(point, context, self.stops)
        yield from arrival.step(point, context, self.stops, self.geofences, self.route)
        yield from self.suggestions.step(point, context, self.stops)


@dataclass
class Pass:
    """The state of a pass."""

    state: State
    """The state before the next point."""
    context_of: ContextOf

    def step(self, stored: StoredPoint) -> list[DetectedEvent]:
        """Process the next point, checked and with a time; return all events that it shows."""
        if stored.trip != self.state.trip:
            self.state = State(stored.trip)
        return list(self.state.step(to_track_point(stored), self.context_of(stored.trip)))
