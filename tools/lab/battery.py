"""A Li-SOCl2 cell: what it gives in the cold, and its voltage."""

from __future__ import annotations

import numpy as np

from tools.lab.instances import Floats, Instance

USABLE_C = ((-60.0, 0.25), (-40.0, 0.55), (-30.0, 0.68), (-20.0, 0.80), (0.0, 0.95), (20.0, 1.0))
"""(C, usable part of a Li-SOCl2 cell): withheld by the cold, not destroyed."""

PLATEAU_MV, KNEE_MV, KNEE_LEFT = 3_600, 900, 0.08
"""Of a Li-SOCl2 cell: how far its voltage falls at the end of its charge, and from which part of it on."""


def voltage_mv(left: float) -> int:
    """Return the voltage of a cell of which the part `left` is left."""
    return round(PLATEAU_MV - KNEE_MV * max(0.0, 1 - left / KNEE_LEFT))


def capacity_j(instance: Instance, budget_j: float, cold: bool) -> Floats:
    """Return B(t): the J that may have been drawn by the end of each slot."""
    if not cold:
        return np.full(instance.slots, budget_j)
    return budget_j * usable(instance.battery_c)


def usable(battery_c: Floats) -> Floats:
    """Return the part of its energy that a cell gives at these temperatures."""
    temperature, part = zip(*USABLE_C, strict=True)
    return np.asarray(np.interp(battery_c, temperature, part))
