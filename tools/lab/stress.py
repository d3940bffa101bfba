"""Trips with disturbances: days without any network, a container that waits at its goal, motion without a
departure, a battery that is weaker than declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tools.lab.instances import FIX_SIGMA, SLOTS_A_DAY, UPLOAD_SIGMA, Instance
from tools.lab.radio import SILENT_DBM

FALSE_MOTION = 0.3
"""Part of the stationary slots in which motion is felt."""
WEAK = 0.7
"""Part of its declared capacity that a weak battery gives."""
DARK_DAYS, SEA_DAYS, LONGEST_STAY_DAYS = 5, 9, 14
SEA_KM = 1_800.0
"""Of the route, that a ship covers in SEA_DAYS."""
MIDDLE = (0.2, 0.75)
"""Part of the trip in which dark days begin."""


@dataclass(frozen=True)
class Stress:
    """A disturbance of a trip; `part` of the declared energy of the battery is there; the route data predict
    `stay_h` of the stay at the goal."""

    change: Callable[[Instance, np.random.Generator], Instance]
    part: float = 1.0
    stay_h: float = 0.0


def disturbed(instance: Instance, stress: Stress) -> Instance:
    """Return the trip with its disturbance, always the same for the same trip."""
    return stress.change(instance, np.random.default_rng(list(f"stress/{instance.name}".encode())))


def under_way(instance: Instance, rng: np.random.Generator) -> Instance:
    """No network for DARK_DAYS, in the part where the train covers most."""
    length = DARK_DAYS * SLOTS_A_DAY
    first, last = (int(part * instance.slots) for part in MIDDLE)
    starts = np.arange(first, max(first + 1, min(last, instance.slots - length - 1)))
    ends = np.minimum(starts + length, instance.slots - 1)
    start = int(starts[np.argmax(instance.km[ends] - instance.km[starts])])
    return _dark(instance, start, start + length)


def longest_stop(instance: Instance, rng: np.random.Generator) -> Instance:
    """No network during the longest stop under way."""
    stops = [(a, b) for a, b in _stops(instance) if a > 0 and b < instance.slots]
    return _dark(instance, *max(stops, key=lambda stop: stop[1] - stop[0]))


def sea(instance: Instance, rng: np.random.Generator) -> Instance:
    """A ship in the middle of the trip: SEA_DAYS without a network, where a train would have run."""
    departures = np.flatnonzero(np.diff(instance.moving.astype(int)) == 1) + 1
    first = int(departures[np.searchsorted(departures, 0.35 * instance.slots)])
    last = int(np.searchsorted(instance.km, instance.km[first] + SEA_KM))
    length = SEA_DAYS * SLOTS_A_DAY
    take = np.concatenate(
        [np.arange(first), np.linspace(first, last, length, endpoint=False), np.arange(last, instance.slots)]
    )
    at_sea = slice(first, first + length)
    sailed = _resampled(instance, take, rng)
    moving, sky = sailed.moving.copy(), sailed.sky.copy()
    moving[at_sea] = sky[at_sea] = True
    return _dark(replace(sailed, moving=moving, sky=sky), first, first + length)


def slow(instance: Instance, rng: np.random.Generator) -> Instance:
    """Each stop takes twice as long."""
    return _resampled(instance, np.repeat(np.arange(instance.slots), np.where(instance.moving, 1, 2)), rng)


def stay(instance: Instance, rng: np.random.Generator) -> Instance:
    """The container waits at its goal for up to LONGEST_STAY_DAYS."""
    waits = round(rng.uniform(0, LONGEST_STAY_DAYS) * SLOTS_A_DAY)
    take = np.concatenate([np.arange(instance.slots), np.full(waits, instance.slots - 1)])
    stayed = _resampled(instance, take, rng)
    moving = stayed.moving.copy()
    moving[instance.slots :] = False
    return replace(stayed, moving=moving, arrival=instance.slots)


def shaken(instance: Instance, rng: np.random.Generator) -> Instance:
    """Motion is felt in slots in which the train stands."""
    felt = instance.moving | (rng.random(instance.slots) < FALSE_MOTION)
    return replace(instance, felt=felt)


def as_it_is(instance: Instance, rng: np.random.Generator) -> Instance:
    """No disturbance."""
    return instance


ROWS = {
    "dark under way": Stress(under_way),
    "longest stop dark": Stress(longest_stop),
    "sea": Stress(sea),
    "false motion": Stress(shaken),
    "weak battery": Stress(as_it_is, part=WEAK),
    "twice the dwells": Stress(slow),
    "stay": Stress(stay, stay_h=12.0 * LONGEST_STAY_DAYS),
}


def dark_spells(instance: Instance) -> list[tuple[int, int]]:
    """Return (first slot, slot after the last) of the times in which no network is heard."""
    return _spells(np.asarray(instance.rsrp.max(axis=0) <= SILENT_DBM))


def _stops(instance: Instance) -> list[tuple[int, int]]:
    return _spells(~instance.moving)


def _spells(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in list(pairwise(edges))[::2]]


def _dark(instance: Instance, first: int, last: int) -> Instance:
    rsrp = instance.rsrp.copy()
    rsrp[:, first:last] = SILENT_DBM
    return replace(instance, rsrp=rsrp)


def _resampled(instance: Instance, take: NDArray[np.float64], rng: np.random.Generator) -> Instance:
    """Return the trip with these of its slots in this order, positions interpolated; luck is drawn again."""
    at, slots = take.astype(int), len(take)
    whole = np.arange(instance.slots)
    between = {name: np.interp(take, whole, getattr(instance, name)) for name in ("km", "lat", "lon")}
    return replace(
        instance,
        **between,
        moving=instance.moving[at],
        country=tuple(instance.country[slot] for slot in at),
        rsrp=instance.rsrp[:, at],
        sky=instance.sky[at],
        battery_c=instance.battery_c[at],
        fix_noise=np.exp(rng.normal(0, FIX_SIGMA, slots)),
        upload_noise=np.exp(rng.normal(0, UPLOAD_SIGMA, slots)),
        luck=rng.random(slots),
    )
