"""The device's own clock: its gain over the true time.

Awake the ESP32 counts its crystal, +-10 ppm [S ESP-IDF, System Time], taken as exact. Asleep, deeply or
lightly, it counts the internal RC oscillator of 150 kHz, which it measures against the crystal each time
before it goes to sleep. The chip is warm then and cools at once, so that the oscillator gains; and what
the temperature does during the sleep the clock does not know.
"""

from __future__ import annotations

import math
from collections.abc import Callable

GAIN_PPM = (2_000.0, 22_000.0)
"""Range of boards. [S] four boards gained 33 to 38 s an hour, each its own and always about the same
(moonlight-systems, ESP32 Feather); one 20 min in 15 h (arduino-esp32 #7084); single ones 3 and 5 %."""
COLD_PPM_K = 700.0
"""The colder, the faster [C]: 1 % from a chip warming up, and +-20 s an hour by temperature,
although measured again each hour [S forum.esp32.com 35490, ESP32-C3]."""


class Rtc:
    """Counts from the start of the trip; `gain_ppm` in sleeps at a steady temperature."""

    def __init__(self, gain_ppm: float, temperature_c: Callable[[int], float]) -> None:
        self._gain_ppm = gain_ppm
        self._temperature_c = temperature_c
        self._ahead_ms = 0.0
        self._asleep_since_ms: int | None = None

    def sleep(self, ms: int) -> None:
        """The device falls asleep at the true time `ms`, unless it is asleep."""
        if self._asleep_since_ms is None:
            self._asleep_since_ms = ms

    def wake(self, ms: int) -> None:
        """The CPU runs from now on."""
        self._ahead_ms = self._ahead(ms)
        self._asleep_since_ms = None

    def clock_ms(self, ms: int) -> int:
        """What the clock says at the true time `ms`."""
        return ms + round(self._ahead(ms))

    def due_ms(self, ms: int, length_ms: int) -> int:
        """The true time at which a sleep from `ms` on has lasted `length_ms` by this clock."""
        end_ms = ms + length_ms
        for _ in range(4):  # the temperature at its end decides when that is
            end_ms = ms + math.ceil(length_ms / (1 + self._rate(ms, end_ms)))
        return end_ms

    def _ahead(self, ms: int) -> float:
        since_ms = self._asleep_since_ms
        if since_ms is None:
            return self._ahead_ms
        return self._ahead_ms + (ms - since_ms) * self._rate(since_ms, ms)

    def _rate(self, start_ms: int, end_ms: int) -> float:
        """Mean of a sleep: half of what it has cooled down meanwhile counts."""
        cooled_k = self._temperature_c(start_ms) - self._temperature_c(end_ms)
        return (self._gain_ppm + COLD_PPM_K * cooled_k / 2) / 1_000_000
