"""Levels of every network in every slot of a trip: the radio model of the world, drawn in bulk.

RSRP(d) = -93 dBm - 35 log10(d km) of the strongest mast of an operator, shadowing of two lengths
that belongs to the operator and the place, and a wobble in time. Masts are drawn as in
`tools.world.radio.sites`, whose constants these are.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.lab.routes import BLOCK, Corridor, place_distances_km
from tools.world.radio.coverage import REACH_KM, SHADOWS, WOBBLE_DB
from tools.world.radio.sites import (
    AT_MAST,
    KIND_FRACTION,
    LATERAL_KM,
    SETTLEMENT_SERVED,
    SMALL_STATION_KM,
    STAFFED_HOSTS,
    STATION_HOSTS,
    STRETCH_KM,
    STRETCHES,
    TRACKSIDE_JITTER_KM,
    TRACKSIDE_SPACING_KM,
    Operator,
)

SILENT_DBM = -150.0
Floats = NDArray[np.float64]


def levels(corridor: Corridor, km: Floats, operators: Sequence[Operator], rng: np.random.Generator) -> Floats:
    """Return (operators, slots) RSRP in dBm at kilometres that only grow; SILENT_DBM outside an operator's
    country."""
    points = np.array([corridor.route.position(each) for each in km])
    countries = np.array([corridor.route.country(each) for each in km])
    edge_km = _edges_km(corridor, points)
    population = np.array([place.population for place in corridor.places])
    nations = np.array([place.country for place in corridor.places])
    masts = _station_masts(corridor, rng)
    result = np.full((len(operators), len(km)), SILENT_DBM)
    for row, operator in enumerate(operators):
        here = countries == operator.country
        if not here.any():
            continue
        kinds = _kinds_fraction(operator)
        served = nations == operator.country
        served &= rng.random(len(nations)) < _served(population) * kinds
        nearest_km = edge_km[np.ix_(here, served)].min(axis=1, initial=REACH_KM + 1)
        aside_km = _beside_track(corridor, operator, masts, kinds, rng)
        along_km = np.abs(km[here][:, None] - aside_km[None, :, 0])
        reach = np.where(along_km <= REACH_KM, np.hypot(along_km, aside_km[None, :, 1]), REACH_KM + 1)
        nearest_km = np.minimum(nearest_km, reach.min(axis=1, initial=REACH_KM + 1))
        heard = np.where(nearest_km <= REACH_KM, -93 - 35 * np.log10(nearest_km), SILENT_DBM)
        result[row, here] = heard + _shadow(km[here], rng) + rng.normal(0, WOBBLE_DB, here.sum())
    return result


def _edges_km(corridor: Corridor, points: Floats) -> Floats:
    """Return (slots, places) km: a town is as near as its edge; beyond REACH_KM it is not heard."""
    radius = 0.25 * np.sqrt(np.array([place.population for place in corridor.places]) / 1_000)
    edges = np.empty((len(points), len(radius)))
    for start in range(0, len(points), BLOCK):
        distance = place_distances_km(points[start : start + BLOCK], corridor.places)
        near = np.where(distance <= REACH_KM, np.maximum(0.7, distance - radius), REACH_KM + 1)
        edges[start : start + BLOCK] = near
    return edges


def _served(population: NDArray[np.int64]) -> Floats:
    served = np.zeros(len(population))
    for least, fraction in reversed(SETTLEMENT_SERVED):
        served[population >= least] = fraction
    return served


def _kinds_fraction(operator: Operator) -> float:
    """Return the part of an operator's masts on which this modem finds anything."""
    fractions = (
        KIND_FRACTION.get((kind, operator.plmn), KIND_FRACTION.get((kind, operator.country), 1.0))
        for kind in operator.kinds
    )
    return 1 - math.prod(1 - fraction for fraction in fractions)


def _station_masts(corridor: Corridor, rng: np.random.Generator) -> list[tuple[str, float, float]]:
    """Return (country, km, probability that an operator shares it) of the masts at stations, small ones
    too."""
    draw = random.Random(int(rng.integers(1 << 62)))
    masts = []
    for point in corridor.route.waypoints:
        staffed = STAFFED_HOSTS.get(point.kind, 0.0)
        if draw.random() < max(STATION_HOSTS[point.country], staffed):
            masts.append((point.country, point.km, max(AT_MAST, staffed)))
    for country, first_km, last_km in _stays(corridor):
        spacing_km = SMALL_STATION_KM.get(country)
        if spacing_km is None:
            continue
        factors = [draw.choice(STRETCHES[country]) for _ in range(int((last_km - first_km) / STRETCH_KM) + 1)]
        for index in range(int((last_km - first_km) / spacing_km)):
            km = first_km + (index + draw.random()) * spacing_km
            if draw.random() < STATION_HOSTS[country] * factors[int((km - first_km) / STRETCH_KM)]:
                masts.append((country, km, AT_MAST))
    return masts


def _stays(corridor: Corridor) -> list[tuple[str, float, float]]:
    """Return (country, from km, to km) in order; a route may come back to a country."""
    route = corridor.route
    starts = [(route.waypoints[0].country, 0.0), *((border.entered, border.km) for border in route.borders)]
    ends = [*(border.km for border in route.borders), route.length_km]
    return [(country, start, end) for (country, start), end in zip(starts, ends, strict=True)]


def _beside_track(
    corridor: Corridor,
    operator: Operator,
    masts: list[tuple[str, float, float]],
    kinds: float,
    rng: np.random.Generator,
) -> Floats:
    """Return (masts, 2): kilometre and distance from the track of an operator's masts along it."""
    shared = [
        km for country, km, fraction in masts if country == operator.country and rng.random() < fraction
    ]
    spacing_km = TRACKSIDE_SPACING_KM.get(operator.country)
    if spacing_km is not None:
        for country, first_km, last_km in _stays(corridor):
            if country == operator.country:
                count = int((last_km - first_km) / spacing_km)
                jitter_km = rng.uniform(-1, 1, count) * TRACKSIDE_JITTER_KM
                shared += list(first_km + (np.arange(count) + 0.5) * spacing_km + jitter_km)
    at_km = np.array(shared, dtype=float)
    at_km = at_km[rng.random(len(at_km)) < kinds]
    return np.column_stack([at_km, rng.uniform(*LATERAL_KM, len(at_km))])


def _shadow(km: Floats, rng: np.random.Generator) -> Floats:
    """Return the sum of the AR(1) scales in dB at kilometres that only grow."""
    total = np.zeros(len(km))
    for length_km, deviation_db in SHADOWS:
        keep = np.exp(-np.diff(km, prepend=km[0]) / length_km)
        fresh = np.sqrt(1 - keep * keep) * rng.normal(size=len(km))
        value = rng.normal()
        for index in range(len(km)):
            value = keep[index] * value + fresh[index]
            total[index] += deviation_db * value
    return total
