"""GNSS: time to first fix by age of the ephemeris and by the sky, and fixes with their errors.

Medians in a door recess: 6 s hot, 15 s with an ephemeris up to 4 h old, 38 s cold, log-normal
scatter .35; a move of more than 100 km counts as cold. A hot start also needs the time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tools.modem.engine.nv import Memory
from tools.modem.engine.tasks import Tasks, Work
from tools.modem.gnss import assistance
from tools.modem.network.air import Fix, Sky

if TYPE_CHECKING:
    from tools.modem.unit import Unit

HOT_MS, AIDED_MS, COLD_MS = 6_000, 15_000, 38_000
HOT_AGE_S, AIDED_AGE_S = 7_200, 14_400
FAR_KM = 100
STEP_MS = 1_000
REACQUIRE_MS = 3_000
LEAST_SATELLITES = 4
RANGE_ERROR_M = 2.5
"""Standard deviation on each axis is this times HDOP."""


class Gnss:
    """`on` from start to stop; `fixed` while there is a position."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._tasks = Tasks(unit.env)
        self.on = False
        self.fixed = False
        self._second = 0
        self._fix: Fix | None = None
        self._printed = 0

    def consumption(self) -> str:
        """The meter's state of the part "gnss"."""
        if not self.on:
            return "off"
        return "track" if self.fixed else "search"

    def start(self) -> None:
        """Search from now on."""
        self.on = True
        self._unit.charge()
        self._tasks.start(self._receive(self._first_fix_ms()))

    def stop(self) -> None:
        """Off; the ephemeris is kept."""
        self.off()
        self._unit.charge()

    def forget(self) -> None:
        """The next start is a cold one."""
        self._unit.nv.gnss = None

    def forget_ephemeris(self) -> None:
        """The next start is a warm one at best."""
        memory = self._unit.nv.gnss
        if memory:
            oldest_s = self._unit.air.utc_s() - HOT_AGE_S - 1
            self._unit.nv.gnss = Memory(min(memory.unix_s, oldest_s), memory.lat, memory.lon)

    def off(self) -> None:
        """The power is gone."""
        self._tasks.stop()
        self.on = self.fixed = False
        self._fix = None

    def fix(self) -> Fix | None:
        """The fix of this second; None while there is none."""
        if not self.fixed or not self._unit.radio.receiver_free():
            return None
        sky = self._unit.air.sky()
        if not _visible(sky):
            return None
        second = int(self._unit.air.utc_s())
        if self._fix is None or second != self._second:
            self._second, self._fix = second, self._measure(sky, second)
            self._unit.nv.gnss = Memory(second, self._fix.lat, self._fix.lon)
        return self._fix

    def given(self, fix: Fix) -> None:
        """`fix` has been printed in this form; the surroundings hear it once a second."""
        if self._printed != self._second:
            self._printed = self._second
            self._unit.air.fix_given(fix)

    def _receive(self, need_ms: float) -> Work:
        """Collect signal until there is a fix, again after each loss."""
        while True:
            yield self._unit.env.timeout(STEP_MS)
            sky = self._unit.air.sky()
            visible = _visible(sky) and self._unit.radio.receiver_free()
            if self.fixed and not visible:
                self.fixed, need_ms = False, REACQUIRE_MS
                self._unit.charge()
            elif not self.fixed and visible:
                need_ms -= STEP_MS * signal(sky)
                if need_ms <= 0:
                    self.fixed = True
                    self._unit.charge()

    def _first_fix_ms(self) -> int:
        """How much signal the first fix needs."""
        memory, sky, now_s = self._unit.nv.gnss, self._unit.air.sky(), self._unit.air.utc_s()
        grade = 2
        if memory and _distance_km(memory, sky) <= FAR_KM:
            age_s = now_s - memory.unix_s
            grade = 0 if age_s <= HOT_AGE_S else 1 if age_s <= AIDED_AGE_S else 2
            if not self._unit.clock.known:
                grade = min(2, grade + 1)
        if grade == 2:
            return self._unit.spread(COLD_MS - (COLD_MS - AIDED_MS) * assistance.gain(self._unit))
        return self._unit.spread((HOT_MS, AIDED_MS)[grade])

    def _measure(self, sky: Sky, second: int) -> Fix:
        rng = self._unit.rng
        error_m = RANGE_ERROR_M * sky.hdop
        north_m, east_m = rng.gauss(0, error_m), rng.gauss(0, error_m)
        self._unit.clock.known = True
        return Fix(
            unix_s=second,
            lat=sky.lat + north_m / 111_320,
            lon=sky.lon + east_m / (111_320 * math.cos(math.radians(sky.lat))),
            alt_m=sky.alt_m + rng.gauss(0, 2 * error_m),
            speed_kmh=max(0.0, sky.speed_kmh + rng.gauss(0, 0.3)),
            heading_deg=(sky.heading_deg + rng.gauss(0, 1)) % 360 if sky.speed_kmh > 1 else 0.0,
            hdop=sky.hdop,
            satellites=sky.satellites,
        )


def _visible(sky: Sky) -> bool:
    return not sky.blocked and sky.satellites >= LEAST_SATELLITES


def signal(sky: Sky) -> float:
    """How fast acquisition goes: 1 in the sky of a door recess, less with few satellites."""
    return min(1.0, (sky.satellites - LEAST_SATELLITES + 1) / 3)


def _distance_km(memory: Memory, sky: Sky) -> float:
    north = 111.32 * (sky.lat - memory.lat)
    east = 111.32 * math.cos(math.radians(sky.lat)) * (sky.lon - memory.lon)
    return math.hypot(north, east)
