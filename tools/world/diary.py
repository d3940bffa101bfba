"""What the demo writes down after each wake: the device's state and what the world did to it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from tools.world.firmware import Uploads, uploads
from tools.world.picture import State
from tools.world.trip import Trip

DAY_MS = 86_400_000


@dataclass
class Diary:
    """Follows one trip."""

    trip: Trip
    states: list[State] = field(default_factory=list)
    uploads_tried: int = 0
    uploads_failed: int = 0
    _barred: list[tuple[int, float]] = field(default_factory=lambda: [(0, 0.0)])
    """(ms, hours in which data was barred up to then)."""
    _told: Uploads = field(default_factory=lambda: Uploads(0, 0))

    def after_wake(self, now_ms: int, pending: int, rtc_memory: bytes) -> None:
        """Note where things stand; `pending` records are not acknowledged."""
        sense = self.trip.given.senses[-1]
        battery_v, temperature_c = sense.battery_mv / 1000, sense.temp_dc / 10
        self.states.append(State(now_ms / DAY_MS, battery_v, temperature_c, pending))
        self._barred.append((now_ms, self.trip.hours_barred()))
        self._count_uploads(rtc_memory)

    def hours_barred(self, from_ms: int, to_ms: int) -> float:
        """Hours between two moments in which the card's data was barred."""
        return self._hours_barred(to_ms) - self._hours_barred(from_ms)

    def _hours_barred(self, ms: int) -> float:
        """Hours up to a moment, known as exactly as wakes are close."""
        after = bisect_left(self._barred, (ms, 0.0))
        return self._barred[min(after, len(self._barred) - 1)][1]

    def _count_uploads(self, rtc_memory: bytes) -> None:
        """The device's own counts start again when it has lost power."""
        told = uploads(rtc_memory)
        before = self._told if told >= self._told else Uploads(0, 0)
        self.uploads_tried += told.tried - before.tried
        self.uploads_failed += told.failed - before.failed
        self._told = told
