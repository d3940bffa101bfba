"""The battery: one of `data/batteries.toml`, a cell with or without a capacitor in parallel for the pulses.

Cold withholds charge and lowers the plateau; a pulse drops voltage over a resistance that grows in
the cold; what is drawn faster than the cell can give comes out of the capacitor, whose voltage
sags until the cell has filled it again. The source of each curve is noted at it.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tools.world.device.meter import NOMINAL_V
from tools.world.rail.route import DATA

MINIMUM_V = 2.8
"""Where the board's converters give up; the modem's own minimum, 3.3 or 3.4 V [M], is theirs to keep [C]."""
START_V = 3.0
"""The supervisor releases the reset above this [C]."""

Curve = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Kind:
    """One battery of the table, whose head says what its fields are."""

    title: str
    capacity_mah: float
    nominal_v: float
    self_discharge_ua: float
    usable: Curve
    plateau_v: Curve
    resistance_ohm: Curve
    lasting_ma: Curve
    knee_left: float
    knee_v: float
    capacitor_c_a_v: float
    settings: Sequence[str]

    def holding(self, capacity_mah: float) -> Kind:
        """The same battery with less or more in it; what it loses by itself is a part of that."""
        part = capacity_mah / self.capacity_mah
        return replace(self, capacity_mah=capacity_mah, self_discharge_ua=part * self.self_discharge_ua)


def read_kinds() -> dict[str, Kind]:
    """The table, by name."""
    return {name: Kind(**each) for name, each in tomllib.loads((DATA / "batteries.toml").read_text()).items()}


KINDS = read_kinds()
USUAL = "er34615"


class Low(NamedTuple):
    """The lowest voltage so far, under load, and the part of the capacity that could be had there."""

    ms: int
    battery_mv: int
    temp_dc: int
    left: float = 1.0


class _Cold(NamedTuple):
    """The effect of the temperature on the battery."""

    temperature_c: float
    usable: float
    plateau_v: float
    resistance_ohm: float
    lasting_ma: float


class Battery:
    """State of charge and voltage; `temperature_c` returns that of a moment.

    Joules are the meter's; amperes too, which are at `NOMINAL_V`: a battery of less gives more of them.
    """

    def __init__(self, temperature_c: Callable[[int], float], kind: Kind = KINDS[USUAL]) -> None:
        self.kind = kind
        self._temperature_c = temperature_c
        self._ms = 0
        self._used_j = 0.0
        self._sag_c = 0.0
        self._minute = -1
        self._cold = self._felt(0)
        self.used_mah = 0.0
        """Drawn so far, self-discharge included."""
        self.lowest = Low(0, 5_000, 0)

    def advance(self, ms: int, used_j: float) -> None:
        """It is now `ms`, and all parts together have drawn `used_j` since the trip began."""
        length_s = (ms - self._ms) / 1_000
        if length_s > 0:
            self._cold = self._felt(ms)
            drawn_c = (used_j - self._used_j) / self.kind.nominal_v
            self._sag_c = max(0.0, self._sag_c + drawn_c - self._cold.lasting_ma / 1_000 * length_s)
            self.used_mah += (drawn_c + self.kind.self_discharge_ua * 1e-6 * length_s) / 3.6
            self._ms, self._used_j = ms, used_j

    def left(self) -> float:
        """The part of its capacity that has not been drawn, 0 to 1, the withheld part included."""
        return max(0.0, 1 - self._used())

    def voltage(self, current_a: float) -> float:
        """Volts while this current flows, at the moment of the last `advance`."""
        cold, kind = self._cold, self.kind
        left = 1 - self._used() / cold.usable
        fallen = min(1.0, max(0.0, 1 - left / kind.knee_left))
        rest_v = cold.plateau_v - kind.knee_v * fallen - self._sag_c / kind.capacitor_c_a_v
        volts = max(0.0, rest_v - current_a * NOMINAL_V / kind.nominal_v * cold.resistance_ohm)
        if volts * 1_000 < self.lowest.battery_mv:
            could_be_had = max(0.0, cold.usable - self._used())
            self.lowest = Low(
                self._ms, round(volts * 1_000), round(cold.temperature_c * 10), round(could_be_had, 3)
            )
        return volts

    def _used(self) -> float:
        return self.used_mah / self.kind.capacity_mah

    def _felt(self, ms: int) -> _Cold:
        """From the curves, once a minute."""
        if ms // 60_000 == self._minute:
            return self._cold
        self._minute = ms // 60_000
        temperature_c, kind = self._temperature_c(ms), self.kind
        curves = (kind.usable, kind.plateau_v, kind.resistance_ohm, kind.lasting_ma)
        return _Cold(temperature_c, *(at(curve, temperature_c) for curve in curves))


def at(curve: Curve, x: float) -> float:
    """Linear between the points of a curve, constant beyond its ends."""
    after = bisect_right(curve, x, key=lambda point: point[0])
    if after == 0:
        return curve[0][1]
    if after == len(curve):
        return curve[-1][1]
    (a, low), (b, high) = curve[after - 1], curve[after]
    return low + (high - low) * (x - a) / (b - a)
