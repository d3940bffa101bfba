"""The held-out world, in which nothing is trained: other countries, trucks, ships and sidings; stops, speeds,
radio and costs from wider distributions than those of `instances` and `tools.world`. All figures are chosen
[C]."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from landbridge.geo.route import MCC
from numpy.typing import NDArray

from tools.lab.costs import COSTS, Costs
from tools.lab.instances import MOVING_KM, SLOT_H, SLOTS_A_DAY, Floats, Instance
from tools.lab.radio import SILENT_DBM
from tools.lab.routes import STEP_KM, Corridor, read_route
from tools.world.radio.sites import Operator
from tools.world.rail.route import Route, Waypoint

NAME = "held-out-"
COUNTRIES = tuple("TR GE AZ UZ IR RO HU AT RS BG VN LA TH MY IN PK UA MN".split())
LEGS, LEG_KM = (25, 60), (40.0, 220.0)
TRUCKS, SHIPS, SIDINGS = 0.3, 0.3, 0.4
"""Parts of the trips by truck, with a passage by sea, and that are left in a siding for days."""
STRETCH_KM = 35.0
LEVELS_DBM = ((0.62, -95.0, 9.0), (0.23, -115.0, 4.0))
"""(Share, mean, deviation) of well and badly covered stretches; on the rest a network is not heard."""
HEARD_AT_STOPS = 0.9
DEAREST = 12.0
COST_SPREAD = 0.5
"""Largest deviation of each cost of the device from the built-in one (in logarithms)."""


class Stretch(NamedTuple):
    """A stretch of the trip: hours, kilometres; `sea`: no network."""

    hours: float
    km: float
    sea: bool = False


def costs(name: str) -> Costs:
    """Return the costs on a trip, whatever device it is."""
    rng = random.Random(f"{name}/costs")

    def times(value: float) -> float:
        return value * float(np.exp(rng.uniform(-COST_SPREAD, COST_SPREAD)))

    built = COSTS["bg95"]
    return replace(
        built,
        upload_j=times(built.upload_j),
        attach_j=times(built.attach_j),
        attach_abroad_j=times(built.attach_abroad_j),
        scan_j=times(built.scan_j),
        network_scan_j=rng.uniform(0.8, 5.5),
        gnss_w=times(built.gnss_w),
        sleep_w=built.sleep_w * rng.uniform(0.85, 1.15),
        wake_j=times(built.wake_j),
    )


@lru_cache(maxsize=32)
def draw(seed: int, file: str = "") -> Instance:
    """Return a trip, the same for the same seed; on the route of a CSV file it is by rail. Raises
    FileError."""
    name = f"{Path(file).stem}-{seed}" if file else f"{NAME}{seed}"
    rng, dice = np.random.default_rng(list(name.encode())), random.Random(name)
    corridor = _around(name, Route.of(read_route(Path(file)))) if file else _corridor(name, dice)
    hours, km, sea = _travelled(corridor.route, dice, any_mode=not file)
    slots = int(hours[-1] / SLOT_H)
    ends = np.arange(slots + 1) * SLOT_H
    all_km = np.interp(ends, hours, km)
    at_km, moving = all_km[:-1], np.diff(all_km) > MOVING_KM
    at_sea = np.array([any(a <= hour < b for a, b in sea) for hour in ends[:-1]])
    country = tuple(corridor.route.country(each) for each in at_km)
    networks = tuple(
        Operator(f"{MCC[each]}{number:02}", each, ("gsm", "emtc"))
        for each in dict.fromkeys(country)
        for number in range(1, dice.randint(1, 3) + 1)
    )
    points = np.array([corridor.route.position(each) for each in at_km])
    blocked = rng.random(slots) < dice.uniform(0.01, 0.10)
    return Instance(
        name=name,
        corridor=corridor,
        km=at_km,
        moving=moving | at_sea,
        lat=points[:, 0],
        lon=points[:, 1],
        country=country,
        networks=networks,
        factor=np.exp(rng.uniform(0, np.log(DEAREST), len(networks))),
        rsrp=np.array([_levels(each, country, at_km, moving, at_sea, rng) for each in networks]),
        sky=~blocked | at_sea,
        battery_c=20 * np.sin(2 * np.pi * np.arange(slots) / SLOTS_A_DAY) + dice.uniform(-20, 15),
        fix_noise=np.exp(rng.normal(0, 0.5, slots)),
        upload_noise=np.exp(rng.normal(0, 0.6, slots)),
        luck=rng.random(slots),
    )


def _corridor(name: str, dice: random.Random) -> Corridor:
    """Return a route of stations whose kinds the route data know; the real stops have other durations."""
    countries = dice.sample(COUNTRIES, dice.randint(2, 5))
    legs, lat, lon, km = dice.randint(*LEGS), dice.uniform(15, 45), dice.uniform(30, 100), 0.0
    waypoints = [Waypoint("0", countries[0], lat, lon, "hub", 0.0)]
    for leg in range(1, legs + 1):
        country = countries[leg * len(countries) // (legs + 1)]
        leg_km = dice.uniform(*LEG_KM)
        km, lat = km + leg_km, lat + dice.uniform(-0.4, 0.4)
        lon += 0.9 * leg_km / 111.2
        before = waypoints[-1].country
        kind = "border" if country != before else dice.choice(("line", "yard", "line", "port"))
        kind = "hub" if leg == legs else "yard" if kind == "port" else kind
        waypoints.append(Waypoint(str(leg), country, lat, lon, kind, km))
    return _around(name, Route.of(waypoints))


def _around(name: str, route: Route) -> Corridor:
    """Return the route with no places known around it."""
    return Corridor(name, route, (), np.full(int(route.length_km / STEP_KM) + 2, np.nan, dtype=np.float32))


def _travelled(
    route: Route, dice: random.Random, any_mode: bool
) -> tuple[Floats, Floats, list[tuple[float, float]]]:
    """Return (hours, kilometres) of the trip's corners, and the hours at sea."""
    hours, km = [0.0], [0.0]
    sea = []
    for stretch in _stretches(route, dice, any_mode):
        if stretch.sea:
            sea.append((hours[-1], hours[-1] + stretch.hours))
        hours.append(hours[-1] + stretch.hours)
        km.append(km[-1] + stretch.km)
    return np.array(hours), np.array(km), sea


def _stretches(route: Route, dice: random.Random, any_mode: bool) -> Iterator[Stretch]:
    """Yield the stops and runs of a train or, with `any_mode`, of any vehicle; a truck rests at night,
    wherever it is."""
    truck, ship = any_mode and dice.random() < TRUCKS, any_mode and dice.random() < SHIPS
    sea_leg = dice.randint(5, len(route.waypoints) - 5) if ship else -1
    last = len(route.waypoints) - 3
    siding = dice.randint(3, last) if dice.random() < SIDINGS and last >= 3 else -1
    driven_h = 0.0
    yield Stretch(dice.gammavariate(1.5, 40.0), 0.0)
    for leg, (here, there) in enumerate(pairwise(route.waypoints)):
        leg_km = there.km - here.km
        if leg == sea_leg:
            yield Stretch(dice.uniform(48, 192), leg_km, True)
        elif truck:
            run_h = leg_km / dice.uniform(40, 80)
            driven_h += run_h
            yield Stretch(run_h, leg_km)
            if driven_h > 9:
                driven_h = 0.0
                yield Stretch(dice.uniform(8, 14), 0.0)
        else:
            yield Stretch(leg_km / dice.uniform(12, 70), leg_km)
        if leg == siding:
            yield Stretch(dice.uniform(24, 144), 0.0)
        elif there.kind == "border":
            yield Stretch(dice.gammavariate(0.8, 30.0), 0.0)
        elif there.kind == "yard" or dice.random() < 0.3:
            yield Stretch(dice.paretovariate(1.4), 0.0)


def _levels(
    network: Operator,
    country: tuple[str, ...],
    km: Floats,
    moving: NDArray[np.bool_],
    at_sea: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Floats:
    """Return the RSRP by slot: stretches have good, bad or no coverage; most stops have coverage."""
    stretches = np.floor(km / STRETCH_KM).astype(int)
    kinds = rng.random(stretches.max() + 1)
    level = np.full(len(kinds), SILENT_DBM)
    least = 0.0
    for fraction, mean, deviation in LEVELS_DBM:
        chosen = (kinds >= least) & (kinds < least + fraction)
        level[chosen] = rng.normal(mean, deviation, chosen.sum())
        least += fraction
    heard = level[stretches]
    stops = np.floor(km * 10).astype(int)
    lucky = {stop: rng.random() < HEARD_AT_STOPS for stop in np.unique(stops[~moving])}
    mended = ~moving & np.array([lucky.get(stop, False) for stop in stops]) & (heard < -114)
    heard = np.where(mended, -100.0, heard)
    heard = np.where(heard > SILENT_DBM, heard + rng.normal(0, 3, len(km)), SILENT_DBM)
    here = np.array([each == network.country for each in country])
    return np.where(here & ~at_sea, heard, SILENT_DBM)
