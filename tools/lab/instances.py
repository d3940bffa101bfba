"""Trips in slots of half an hour: the truth in each slot, drawn from a seed or read from a recording.

Reuses the train, the routes and the radio model of the world. A trip ends when the train reaches the end of
the route.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.lab.radio import SILENT_DBM, levels
from tools.lab.routes import Corridor, corridor
from tools.world.nature.satellites import STACKED_BLOCKED, STACKED_MEAN_H
from tools.world.nature.weather import LAG_H, SPELL_DAYS, read_nodes
from tools.world.radio.coverage import USABLE_DBM
from tools.world.radio.sites import Operator, read_operators
from tools.world.rail.train import Train
from tools.world.trip import START_UTC_S

SLOT_S = 1_800
SLOT_H = SLOT_S / 3_600
SLOTS_A_DAY = 48
MOVING_KM = 0.2
"""A slot in which the train covers more than this is one of moving."""
BLOCKED = 0.04
"""Of all slots without sky, as in the reference model of the facts."""
TUNNELS = 0.02
"""Of the moving slots, where stays between stacks are drawn as in the world; about 4 % of all in the end."""
COST_FACTORS, COST_WEIGHTS = (1.0, 2.5, 10.0), (0.55, 0.33, 0.12)
FIX_SIGMA, UPLOAD_SIGMA = 0.35, 0.4

Floats = NDArray[np.float64]


class Heard(NamedTuple):
    """A network that can be used in a slot: its index in the trip's list, and RSRP in dBm."""

    network: int
    rsrp_dbm: float


@dataclass(frozen=True)
class Instance:
    """One trip for one class of modem; arrays have one value a slot.

    `factor` is what a network multiplies the cost of an upload with, hidden from policies. `fix_noise` and
    `upload_noise` scatter costs, `luck` decides whether an upload fails. They are drawn with the trip, so
    that all policies have the same luck.
    """

    name: str
    corridor: Corridor
    km: Floats
    moving: NDArray[np.bool_]
    lat: Floats
    lon: Floats
    country: tuple[str, ...]
    networks: tuple[Operator, ...]
    factor: Floats
    rsrp: Floats
    sky: NDArray[np.bool_]
    battery_c: Floats
    fix_noise: Floats
    upload_noise: Floats
    luck: Floats
    felt: NDArray[np.bool_] | None = None
    """Slots in which motion is felt, where these are not those in which the train moves."""
    arrival: int = 0
    """The slot of the arrival, where the trip does not end with it."""

    @property
    def arrived(self) -> int:
        """Return the first slot at the goal, or the number of slots."""
        return self.arrival or self.slots

    @property
    def slots(self) -> int:
        """Return the number of slots of the trip."""
        return len(self.km)

    @property
    def days(self) -> float:
        """Return the length of the trip in days."""
        return self.slots / SLOTS_A_DAY

    @cached_property
    def heard(self) -> list[list[Heard]]:
        """Return, for each slot, the networks above `USABLE_DBM`, strongest first."""
        usable: list[list[Heard]] = [[] for _ in range(self.slots)]
        for network, slot in zip(*np.nonzero(self.rsrp > USABLE_DBM), strict=True):
            usable[slot].append(Heard(int(network), float(self.rsrp[network, slot])))
        return [sorted(each, key=lambda heard: -heard.rsrp_dbm) for each in usable]

    def thinned(self, loss_db: float) -> Instance:
        """Return the same trip with every network weaker by `loss_db`."""
        rsrp = np.where(self.rsrp > SILENT_DBM, self.rsrp - loss_db, SILENT_DBM)
        return replace(self, name=f"{self.name}-{loss_db:.0f}dB", rsrp=rsrp)


def draw(route: str, seed: int, modem: str, stacked: bool = False) -> Instance:
    """Return a trip on a route (`routes.corridor`) for "bg95" or "sim7600"; the same arguments give the same
    trip.

    Slots without sky are independent as in the reference model; `stacked` draws stays of a day or so between
    stacks instead, as the world does.
    """
    here = corridor(route)
    train = Train.draw(here.route, random.Random(f"lab/{route}/{seed}/train"))
    rng = np.random.default_rng(list(f"lab/{route}/{seed}".encode()))
    slots = math.ceil(train.arrival_ms / (1_000 * SLOT_S))
    all_km = np.array([train.km(slot * 1_000 * SLOT_S) for slot in range(slots + 1)])
    km = all_km[:-1]
    moving = np.diff(all_km) > MOVING_KM
    points = np.array([here.route.position(each) for each in km])
    networks = tuple(each for each in read_operators(modem) if each.country in _countries(here))
    return Instance(
        name=f"{here.name}-{seed}",
        corridor=here,
        km=km,
        moving=moving,
        lat=points[:, 0],
        lon=points[:, 1],
        country=tuple(here.route.country(each) for each in km),
        battery_c=_battery_c(points, rng),
        sky=_stacked(train, moving, rng) if stacked else rng.random(slots) >= BLOCKED,
        fix_noise=np.exp(rng.normal(0, FIX_SIGMA, slots)),
        upload_noise=np.exp(rng.normal(0, UPLOAD_SIGMA, slots)),
        luck=rng.random(slots),
        networks=networks,
        factor=rng.choice(COST_FACTORS, len(networks), p=COST_WEIGHTS),
        rsrp=levels(here, km, networks, rng),
    )


def _countries(here: Corridor) -> set[str]:
    return {point.country for point in here.route.waypoints}


def _battery_c(points: Floats, rng: np.random.Generator) -> Floats:
    """Return the battery temperature in C by slot, from the model of `tools.world.nature.weather`."""
    nodes = np.array(read_nodes())
    east = (points[:, None, 1] - nodes[None, :, 1]) * np.cos(np.radians(points[:, None, 0]))
    nearest = np.argsort(np.hypot(points[:, None, 0] - nodes[None, :, 0], east), axis=1)[:, :3]
    mean, half_range, extreme = (nodes[nearest, column].mean(axis=1) for column in (2, 3, 4))
    day = START_UTC_S % 86_400 / 86_400 + np.arange(len(points)) / SLOTS_A_DAY
    keep = math.exp(-1 / (SPELL_DAYS * SLOTS_A_DAY))
    spell = _autoregressive(keep, rng.normal(size=len(points)))
    ambient = mean + spell * (mean - extreme) / 3 + half_range * np.sin(2 * np.pi * (day - 0.4))
    follow = 1 - math.exp(-SLOT_H / LAG_H)
    battery = np.empty(len(points))
    felt = ambient[0]
    for slot, outside in enumerate(ambient):
        felt += follow * (outside - felt)
        battery[slot] = felt
    return battery


def _autoregressive(keep: float, fresh: Floats) -> Floats:
    values = np.empty(len(fresh))
    value = fresh[0]
    for index, each in enumerate(fresh):
        value = keep * value + math.sqrt(1 - keep * keep) * each
        values[index] = value
    return values


def _stacked(train: Train, moving: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return, by slot, whether GNSS is available: not in tunnels, nor in some places between stacks, for a
    day or so."""
    sky = ~moving | (rng.random(len(moving)) >= TUNNELS)
    for stop in train.segments[:-1]:
        if stop.kind in ("hub", "gauge"):
            hour, end_h = stop.start_ms / 3_600_000, stop.end_ms / 3_600_000
            while hour < end_h:
                until_h = min(end_h, hour + rng.exponential(STACKED_MEAN_H))
                if rng.random() < STACKED_BLOCKED:
                    sky[math.ceil(hour / SLOT_H) : math.ceil(until_h / SLOT_H)] = False
                hour = until_h
    return sky
