"""Trips through the same radio environment: masts, shadows and costs of networks are those of earlier trips.

Trips of `instances.draw` have an environment each. Here shadows belong to stretches of STEP_KM [C]; only the
wobble in time, the train, the weather and luck are drawn for each trip.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from tools.lab import instances
from tools.lab.instances import COST_FACTORS, COST_WEIGHTS, Floats, Instance
from tools.lab.radio import SILENT_DBM, levels
from tools.lab.routes import STEP_KM, corridor
from tools.world.radio.coverage import WOBBLE_DB
from tools.world.radio.sites import read_operators


def draw(route: str, environment: int, seed: int, modem: str) -> Instance:
    """Return the trip of `seed` through a radio environment of a route."""
    trip = instances.draw(route, seed, modem)
    grid_dbm, factor = _environment(route, environment, modem)
    found = grid_dbm[:, np.round(trip.km / STEP_KM).astype(int)]
    rng = np.random.default_rng(list(f"lab/{route}/{environment}/{seed}/wobble".encode()))
    heard = np.where(found > SILENT_DBM, found + rng.normal(0, WOBBLE_DB, found.shape), SILENT_DBM)
    return replace(trip, name=f"{trip.name}-land{environment}", rsrp=heard, factor=factor)


@lru_cache(maxsize=8)
def _environment(route: str, environment: int, modem: str) -> tuple[Floats, Floats]:
    """Return (networks, steps) dBm, and the factor of each network on the cost of a report."""
    here = corridor(route)
    rng = np.random.default_rng(list(f"lab/{route}/land/{environment}".encode()))
    countries = {point.country for point in here.route.waypoints}
    operators = [each for each in read_operators(modem) if each.country in countries]
    km = np.minimum(np.arange(int(here.route.length_km / STEP_KM) + 2) * STEP_KM, here.route.length_km)
    factor = rng.choice(COST_FACTORS, len(operators), p=COST_WEIGHTS)
    return levels(here, km, operators, rng), factor
