"""The battery: one Li-SOCl2 D cell with a hybrid-layer capacitor beside it for the pulses.

Cold withholds charge and lowers the plateau; a pulse drops voltage over a resistance that grows in
the cold; what is drawn faster than the cell can give comes out of the capacitor, whose voltage
sags until the cell has filled it again. Sources: [S] cell data sheet and handbook as collected in
the energy facts, [M] from memory, [C] chosen; a bench replaces them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tools.world.meter import NOMINAL_V

CAPACITY_MAH = 17_000.0
"""ER34615 at 0.2 mA [S]; 18.4 Ah at 1 mA."""
SELF_DISCHARGE_A = 21.7e-6
"""1 % a year [S]."""
USABLE = ((-60.0, 0.25), (-40.0, 0.55), (-30.0, 0.68), (-20.0, 0.80), (0.0, 0.95), (20.0, 1.0))
"""(C, fraction of the charge) [M]; withheld by the cold, not destroyed."""
PLATEAU_V = ((-60.0, 3.22), (-40.0, 3.38), (-20.0, 3.50), (0.0, 3.58), (20.0, 3.65))
"""(C, V) at small currents [M]."""
KNEE_LEFT, KNEE_V = 0.08, 0.9
"""Below this part of the usable charge the voltage falls, by so much to the end [M]."""
RESISTANCE_OHM = ((-60.0, 0.40), (-40.0, 0.22), (-30.0, 0.15), (-20.0, 0.11), (0.0, 0.075), (20.0, 0.05))
"""Of the capacitor and the wires, for pulses [C]: it must carry 2 A at -30 C, not yet measured."""
CELL_A = ((-60.0, 0.002), (-40.0, 0.005), (-20.0, 0.010), (0.0, 0.020), (20.0, 0.035))
"""What the cell itself can give for long [M]; the rest comes out of the capacitor."""
CAPACITOR_C_A_V = 250.0
"""Charge for one volt of sag [C]."""
MINIMUM_V = 2.8
"""Where the board's converters give up; the modem's own minimum, 3.3 or 3.4 V [M], is theirs to keep [C]."""
START_V = 3.0
"""The supervisor releases the reset above this [C]."""

Curve = Sequence[tuple[float, float]]


class Low(NamedTuple):
    """The lowest voltage so far, under load."""

    ms: int
    battery_mv: int
    temp_dc: int


class _Cold(NamedTuple):
    """What the temperature makes of the battery."""

    temperature_c: float
    usable: float
    plateau_v: float
    resistance_ohm: float
    cell_a: float


class Battery:
    """State of charge and voltage; `temperature_c` tells that of a moment."""

    def __init__(self, temperature_c: Callable[[int], float]) -> None:
        self._temperature_c = temperature_c
        self._ms = 0
        self._spent_j = 0.0
        self._sag_c = 0.0
        self._minute = -1
        self._cold = self._felt(0)
        self.used_mah = 0.0
        """Drawn so far, self-discharge included."""
        self.lowest = Low(0, 5_000, 0)

    def advance(self, ms: int, spent_j: float) -> None:
        """It is now `ms`, and all parts together have drawn `spent_j` since the trip began."""
        length_s = (ms - self._ms) / 1_000
        if length_s > 0:
            self._cold = self._felt(ms)
            drawn_c = (spent_j - self._spent_j) / NOMINAL_V
            self._sag_c = max(0.0, self._sag_c + drawn_c - self._cold.cell_a * length_s)
            self.used_mah += (drawn_c + SELF_DISCHARGE_A * length_s) / 3.6
            self._ms, self._spent_j = ms, spent_j

    def left(self) -> float:
        """The part of its capacity that has not been drawn, 0 to 1, the withheld part included."""
        return max(0.0, 1 - self.used_mah / CAPACITY_MAH)

    def voltage(self, current_a: float) -> float:
        """Volts while this current flows, at the moment of the last `advance`."""
        cold = self._cold
        left = 1 - self.used_mah / CAPACITY_MAH / cold.usable
        fallen = min(1.0, max(0.0, 1 - left / KNEE_LEFT))
        rest_v = cold.plateau_v - KNEE_V * fallen - self._sag_c / CAPACITOR_C_A_V
        volts = max(0.0, rest_v - current_a * cold.resistance_ohm)
        if volts * 1_000 < self.lowest.battery_mv:
            self.lowest = Low(self._ms, round(volts * 1_000), round(cold.temperature_c * 10))
        return volts

    def _felt(self, ms: int) -> _Cold:
        """From the curves, once a minute."""
        if ms // 60_000 == self._minute:
            return self._cold
        self._minute = ms // 60_000
        temperature_c = self._temperature_c(ms)
        curves = (USABLE, PLATEAU_V, RESISTANCE_OHM, CELL_A)
        return _Cold(temperature_c, *(at(curve, temperature_c) for curve in curves))


def at(curve: Curve, x: float) -> float:
    """Linear between the points of a curve, constant beyond its ends."""
    after = bisect_right(curve, (x, float("inf")))
    if after == 0:
        return curve[0][1]
    if after == len(curve):
        return curve[-1][1]
    (a, low), (b, high) = curve[after - 1], curve[after]
    return low + (high - low) * (x - a) / (b - a)
