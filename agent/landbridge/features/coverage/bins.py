"""Turns network observations into bins of tiles, in three steps: an estimate by the distance to places;
corrections from observations at such distances on this route; observations nearby."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from landbridge.features.coverage.encoding import TILE_KM, bin_of_distance, bin_of_fraction, fraction_of

REACH_KM = 6.0
"""The weight of an observation falls by a factor e over this distance along the route [C]."""
GUESS_WEIGHT = 5.0
"""Weight of the expectation by distance, in observations on the route [C]."""
ROUTE_WEIGHT = 1.0
"""Weight of the route's average, in observations nearby [C]."""
LEAST_OBSERVATIONS = 30
"""Observations on a route from which it counts as learned."""


class Observations(NamedTuple):
    """Observations in one tile, and how many found a network with a good signal."""

    observations: int
    good: int


def tiles(observations: Mapping[int, Observations], places_km: Sequence[float | None]) -> list[int]:
    """Return the tiles of route data, as many as `places_km` (distance to the nearest place, by tile). They
    stay estimates until there are LEAST_OBSERVATIONS, and also while no observation failed: then failures are
    not reported, and the successes alone would show coverage everywhere."""
    guesses = [bin_of_distance(place_km) for place_km in places_km]
    known = {tile: each for tile, each in observations.items() if tile < len(guesses)}
    total = sum(each.observations for each in known.values())
    if total < LEAST_OBSERVATIONS or total == sum(each.good for each in known.values()):
        return guesses
    usual = _usual(known, guesses)
    return [bin_of_fraction(_fraction(tile, known, guesses, usual)) for tile in range(len(guesses))]


def _usual(observations: Mapping[int, Observations], guesses: Sequence[int]) -> dict[int, float]:
    """Return the fraction of observations that found a network on this route, by the estimated bin."""
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
    """Return the fraction of a tile: the usual one, corrected by the observations nearby."""
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
