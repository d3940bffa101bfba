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
from landbridge.tracking.context import Way
from landbridge.tracking.findings import Finding, Seen, see
from landbridge.tracking.gaps import Gaps
from landbridge.tracking.geofences import Fences
from landbridge.tracking.offers import Offers
from landbridge.tracking.route import Route
from landbridge.tracking.stops import Stops

WayOf = Callable[[int | None], Way]


@dataclass
class State:
    """What one trip, or a time without one, has come to."""

    trip: int | None = None
    stops: Stops = field(default_factory=Stops)
    borders: Borders = field(default_factory=Borders)
    fences: Fences = field(default_factory=Fences)
    gaps: Gaps = field(default_factory=Gaps)
    route: Route = field(default_factory=Route)
    offers: Offers = field(default_factory=Offers)

    def to_json(self) -> str:
        """For the database."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> State:
        """The state that `to_json` wrote."""
        parts: dict[str, Any] = json.loads(text)
        on_line = parts["route"]["km"] is not None  # what was kept before it was noted
        return cls(
            parts["trip"],
            Stops(**parts["stops"]),
            Borders(**parts["borders"]),
            Fences(**parts["fences"]),
            Gaps(**parts["gaps"]),
            Route(**{"reached": on_line} | parts["route"]),
            Offers(**parts.get("offers", {})),  # not there in what was kept before there were any
        )

    def step(self, seen: Seen, way: Way) -> Iterator[Finding]:
        """Take the next point; everything it shows."""
        yield from self.gaps.step(seen, way)
        yield from self.borders.step(seen)
        yield from self.fences.step(seen, way.fences)
        yield from self.stops.step(seen, way)
        yield from self.route.step(seen, way, self.stops)
        yield from arrival.step(seen, way, self.stops, self.fences, self.route)
        yield from self.offers.step(seen, way, self.stops)


@dataclass
class Walk:
    """Where a walk has come to."""

    state: State
    """Before the next point."""
    way_of: WayOf

    def step(self, stored: StoredPoint) -> list[Finding]:
        """Take the next point, judged and with a time; everything it shows."""
        if stored.trip != self.state.trip:
            self.state = State(stored.trip)
        return list(self.state.step(see(stored), self.way_of(stored.trip)))
