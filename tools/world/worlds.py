"""The worlds of a trip: the usual route, and variants that occur on real trips.

A world is data for the parts of `Trip`: how the container travels, when no network is there at all, how long
it stands at its goal, what the battery really holds. Figures are model values [C] unless marked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.world.rail.route import Route
from tools.world.rail.train import HOUR_MS, RAIL, TRUCK, Pace, Train

DAY_MS = 24 * HOUR_MS
SEA_FROM, SEA_TO = "Alashankou", "Malaszewicze"
"""A ship replaces the rails between them: 5,190 km of the route's table, 13 knots over nine days."""


@dataclass(frozen=True)
class World:
    """What is other than usual. `dark_days`: so many without any network, from the day on which the container
    leaves its first country. `sea_days`: so long the ship takes, out of reach of every network. `stay_days`:
    the operator ends the trip so long after the arrival, and the device does not know when. `charge`: the
    part that the battery holds of what the device is configured with.
    """

    pace: Pace = RAIL
    dark_days: int = 0
    sea_days: int = 0
    stay_days: int | None = None
    charge: float = 1.0

    def train(self, route: Route, rng: random.Random) -> Train:
        """The way of the container through this world."""
        train = Train.draw(route, rng, self.pace)
        return train.sailed(SEA_FROM, SEA_TO, self.sea_days) if self.sea_days else train

    def silences(self, train: Train) -> Sequence[tuple[int, int]]:
        """From and until when, in ms, no network is there at all; in order."""
        return tuple(sorted(self._silences(train)))

    def ends_ms(self, train: Train) -> int | None:
        """When the operator ends the trip; None: not before the demo ends."""
        return None if self.stay_days is None else train.arrival_ms + self.stay_days * DAY_MS

    def _silences(self, train: Train) -> Iterator[tuple[int, int]]:
        if self.dark_days:
            first_ms = train.passes_ms(train.route.borders[0].km) // DAY_MS * DAY_MS
            yield first_ms, first_ms + self.dark_days * DAY_MS
        yield from ((each.start_ms, each.end_ms) for each in train.segments if each.kind == "sea")


WORLDS = {
    "rail": World(),
    "dark": World(dark_days=5),
    "sea": World(sea_days=9),
    "truck": World(pace=TRUCK, stay_days=2),
    "stay": World(stay_days=14),
    "weak-battery": World(charge=0.5),
}
"""By the name that the command line takes."""
USUAL = "rail"
ROUGH = tuple(name for name in WORLDS if name != USUAL)

USUAL_DAYS = 45
AFTER_END_DAYS = 1
"""A trip that the operator ends is followed for so long."""


def days(world: World, seed: int) -> int:
    """How long a trip is followed unless the command line says it."""
    ends_ms = world.ends_ms(world.train(Route.read(), rng(seed)))
    return USUAL_DAYS if ends_ms is None else -(-ends_ms // DAY_MS) + AFTER_END_DAYS


def rng(seed: int) -> random.Random:
    """The chance of a trip's way."""
    return random.Random(f"{seed}/train")
