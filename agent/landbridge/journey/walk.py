"""The walk over a device's points in the order of their time. What it finds depends on these points, the ways
of the trips and the state it begins with, and on nothing else: so it can be begun again from any state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from landbridge.journey import arrival, doubts
from landbridge.journey.borders import Borders
from landbridge.journey.fences import Fences
from landbridge.journey.gaps import Gaps
from landbridge.journey.offers import Offers
from landbridge.journey.route import Route
from landbridge.journey.seen import Finding, Seen, see
from landbridge.journey.stops import Stops
from landbridge.journey.way import Way
from landbridge.store.points import StoredPoint

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
        return cls(
            parts["trip"],
            Stops(**parts["stops"]),
            Borders(**parts["borders"]),
            Fences(**parts["fences"]),
            Gaps(**parts["gaps"]),
            Route(**parts["route"]),
            Offers(**parts.get("offers", {})),  # not there in what was kept before there were any
        )

    def step(self, seen: Seen, way: Way) -> Iterator[Finding]:
        """Take the next point; everything it shows."""
        yield from self.gaps.step(seen)
        yield from self.borders.step(seen)
        yield from self.fences.step(seen, way.fences)
        yield from self.stops.step(seen, way)
        yield from self.route.step(seen, way, self.stops)
        yield from arrival.step(seen, way, self.stops, self.fences, self.route)
        yield from self.offers.step(seen, way, self.stops)


@dataclass
class Step:
    """One point: as it is judged now, what it shows, and the state before it."""

    stored: StoredPoint
    before: str | None
    """None where nobody keeps it."""
    found: list[Finding]


def walk(
    points: Sequence[StoredPoint], begin: State, last_good: StoredPoint | None, way_of: WayOf, every: int
) -> Iterator[Step]:
    """Walk over `points`, all of one device and with a time, by time. `last_good` is the last good fix before
    them; the state is given for every `every`th point, and for the last fix and what follows it; but for none
    that is behind a first fix which coming ones may still put in doubt."""
    state, nexts = begin, _next_fixes(points)
    awaited = 0  # fixes until the first one is settled
    last_fix = max((i for i, each in enumerate(points) if doubts.is_judged(each)), default=0)
    for index, stored in enumerate(points):
        point, is_first = stored, False
        if doubts.is_judged(point):
            is_first = last_good is None and not awaited
            awaited = doubts.NEXT_OF_FIRST if last_good is None else max(0, awaited - 1)
            point = doubts.judged(last_good, point, nexts[index])
            last_good = last_good if doubts.is_doubtful(point) else point
        kept = is_first or (not awaited and (index == last_fix or (index and index % every == 0)))
        before = state.to_json() if kept else None
        if point.trip != state.trip:
            state = State(point.trip)
        yield Step(point, before, list(state.step(see(point), way_of(point.trip))))


def _next_fixes(points: Sequence[StoredPoint]) -> list[list[StoredPoint]]:
    """For each point the next fixes after it, as many as judge the first."""
    found: list[list[StoredPoint]] = []
    coming: list[StoredPoint] = []
    for each in reversed(points):
        found.append(coming)
        coming = [each, *coming][: doubts.NEXT_OF_FIRST] if doubts.is_judged(each) else coming
    return found[::-1]
