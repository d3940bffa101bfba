"""From observations of networks to bins of tiles.

Three steps, each on top of the one before: what the distance to places lets one expect anywhere; what
places at such a distance have shown on this route; what was seen nearby.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from landbridge.features.coverage.encoding import TILE_KM, bin_of_distance, bin_of_fraction, fraction_of

REACH_KM = 6.0
"""An observation says something about the route around it, less by a factor e so far away [C]."""
GUESS_WEIGHT = 5.0
"""Observations that a guess from the distance to places is worth against those of the route [C]."""
ROUTE_WEIGHT = 1.0
"""Observations that the share of the route is worth against those nearby [C]."""
LEAST_OBSERVATIONS = 30
"""On a route, before it is known better than guessed."""


class Observations(NamedTuple):
    """Observations in one tile, and how many found a network that was well heard."""

    observations: int
    good: int


def tiles(observations: Mapping[int, Observations], places_km: Sequence[float | None]) -> list[int]:
    """The tiles of route data, as many as `places_km` (to the nearest place, by tile).

    They stay guesses until there are LEAST_OBSERVATIONS. So they do where no observation failed: then failed
    observations are not reported, and what is would show coverage everywhere."""
    guesses = [bin_of_distance(place_km) for place_km in places_km]
    known = {tile: each for tile, each in observations.items() if tile < len(guesses)}
    total = sum(each.observations for each in known.values())
    if total < LEAST_OBSERVATIONS or total == sum(each.good for each in known.values()):
        return guesses
    usual = _usual(known, guesses)
    return [bin_of_fraction(_fraction(tile, known, guesses, usual)) for tile in range(len(guesses))]


def _usual(observations: Mapping[int, Observations], guesses: Sequence[int]) -> dict[int, float]:
    """What share of observations has found a network on this route, by the guess."""
    count: dict[int, float] = defaultdict(float)
    good: dict[int, float] = defaultdict(float)
    for tile, each in observations.items():
        count[guesses[tile]] += each.observations
        good[guesses[tile]] += each.good
    return {
        guess: (GUESS_WEIGHT * fraction_of(guess) + good[guess]) / (GUESS_WEIGHT + count[guess])
        for guess in set(guesses)
    }


def _fraction(
    tile: int, observations: Mapping[int, Observations], guesses: Sequence[int], usual: Mapping[int, float]
) -> float:
    """The share of a tile: the usual one, and by how much those nearby differ from theirs."""
    count = more = 0.0
    far = math.ceil(3 * REACH_KM / TILE_KM)
    for other in range(max(0, tile - far), min(len(guesses), tile + far + 1)):
        if other in observations:
            weight = math.exp(-abs(other - tile) * TILE_KM / REACH_KM)
            count += weight * observations[other].observations
            more += weight * (
                observations[other].good - observations[other].observations * usual[guesses[other]]
            )
    return min(max(usual[guesses[tile]] + more / (ROUTE_WEIGHT + count), 0.0), 1.0)
