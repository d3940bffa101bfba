"""The demo's diary after each wake: the device's state and the world's influences on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.world.demo.picture import State
from tools.world.device.firmware import Uploads, account_j, uploads
from tools.world.trip import Trip

DAY_MS = 86_400_000


@dataclass
class Diary:
    """Follows one trip."""

    trip: Trip
    states: list[State] = field(default_factory=list)
    uploads_tried: int = 0
    uploads_failed: int = 0
    account_j: float = 0.0
    """The consumption by the device's energy account."""
    refused_ms: int = 0
    """Time in which networks were heard and none took the card, as it was at each wake."""
    _before_ms: int = 0
    _last: Uploads = field(default_factory=lambda: Uploads(0, 0))

    def after_wake(self, now_ms: int, pending: int, rtc_memory: bytes) -> None:
        """Note where things stand; `pending` records are not acknowledged."""
        sense = self.trip.given.senses[-1]
        battery_v, temperature_c = sense.battery_mv / 1000, sense.temp_dc / 10
        self.states.append(State(now_ms / DAY_MS, battery_v, temperature_c, pending))
        self._count_uploads(rtc_memory)
        self.account_j = account_j(rtc_memory)
        if self.trip.refused():
            self.refused_ms += now_ms - self._before_ms
        self._before_ms = now_ms

    def _count_uploads(self, rtc_memory: bytes) -> None:
        """The device's own counts start again when it has lost power."""
        now = uploads(rtc_memory)
        before = self._last if now >= self._last else Uploads(0, 0)
        self.uploads_tried += now.tried - before.tried
        self.uploads_failed += now.failed - before.failed
        self._last = now
