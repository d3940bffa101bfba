"""From looks at networks to bins of tiles.

Three steps, each on top of the one before: what the distance to places lets one expect anywhere; what
places at such a distance have shown on this line; what was seen nearby.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from landbridge.features.coverage.digest import TILE_KM, bin_of_distance, bin_of_share, share_of

REACH_KM = 6.0
"""A look says something about the line around it, less by a factor e so far away [C]."""
GUESS_WEIGHT = 5.0
"""Looks that a guess from the distance to places is worth against those of the line [C]."""
LINE_WEIGHT = 1.0
"""Looks that the share of the line is worth against those nearby [C]."""
LEAST_LOOKS = 30
"""On a line, before it is known better than guessed."""


class Looks(NamedTuple):
    """Looks for a network in one tile, and how many found one that was well heard."""

    looks: int
    good: int


def tiles(looks: Mapping[int, Looks], places_km: Sequence[float | None]) -> list[int]:
    """The tiles of a guide, as many as `places_km` (to the nearest place, by tile).

    They stay guesses until there are LEAST_LOOKS. So they do where no look was in vain: then looks in vain
    are not reported, and what is would show coverage everywhere.
    """
    guesses = [bin_of_distance(place_km) for place_km in places_km]
    known = {tile: each for tile, each in looks.items() if tile < len(guesses)}
    total = sum(each.looks for each in known.values())
    if total < LEAST_LOOKS or total == sum(each.good for each in known.values()):
        return guesses
    usual = _usual(known, guesses)
    return [bin_of_share(_share(tile, known, guesses, usual)) for tile in range(len(guesses))]


def _usual(looks: Mapping[int, Looks], guesses: Sequence[int]) -> dict[int, float]:
    """What share of looks has found a network on this line, by the guess."""
    seen: dict[int, float] = defaultdict(float)
    good: dict[int, float] = defaultdict(float)
    for tile, each in looks.items():
        seen[guesses[tile]] += each.looks
        good[guesses[tile]] += each.good
    return {
        guess: (GUESS_WEIGHT * share_of(guess) + good[guess]) / (GUESS_WEIGHT + seen[guess])
        for guess in set(guesses)
    }


def _share(
    tile: int, looks: Mapping[int, Looks], guesses: Sequence[int], usual: Mapping[int, float]
) -> float:
    """The share of a tile: the usual one, and by how much those nearby differ from theirs."""
    seen = more = 0.0
    far = math.ceil(3 * REACH_KM / TILE_KM)
    for other in range(max(0, tile - far), min(len(guesses), tile + far + 1)):
        if other in looks:
            weight = math.exp(-abs(other - tile) * TILE_KM / REACH_KM)
            seen += weight * looks[other].looks
            more += weight * (looks[other].good - looks[other].looks * usual[guesses[other]])
    return min(max(usual[guesses[tile]] + more / (LINE_WEIGHT + seen), 0.0), 1.0)
