"""A port that answers as a recorded modem did, from the transcript of a run, without waiting.

Each thing sent is looked for in the transcript, a little ahead of the last one found, else anywhere;
what the modem then said comes again after the same delay. What it was never asked is refused. So a
transcript stays of use when the drivers have changed.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from tools.bench.transcript import Event, Mask

AHEAD = 8
REFUSAL = b"\r\nERROR\r\n"
REFUSAL_MS = 20


@dataclass
class Exchange:
    """Something sent, and what came until the next thing was: delays in milliseconds, bytes."""

    ms: int
    sent: bytes
    answers: list[tuple[int, bytes]] = field(default_factory=list)


class ReplayPort:
    """`unknown` are the commands that the transcript has no answer to."""

    def __init__(self, events: list[Event], mask: Mask) -> None:
        self._mask = mask
        self._exchanges: list[Exchange] = _exchanges(events)
        self._next = 0
        self._now_ms = events[0].ms if events else 0
        self._coming: list[tuple[int, int, bytes]] = []
        self._count = 0
        self.unknown: list[bytes] = []

    def ticks_ms(self) -> int:
        """The time of the recorded run."""
        return self._now_ms

    def sleep_ms(self, ms: int) -> None:
        """Costs nothing."""
        self._now_ms += ms

    def uart_write(self, data: bytes) -> None:
        """Find what was answered."""
        sent = self._mask(bytes(data))
        found = self._find(sent)
        if found is None:
            self.unknown.append(sent)
            if sent.startswith(b"AT"):
                self._arrive(REFUSAL_MS, REFUSAL)
            return
        for delay_ms, answer in found.answers:
            self._arrive(delay_ms, answer)

    def uart_readinto(self, buffer: bytearray, timeout_ms: int) -> int:
        """The bytes received by then."""
        if not self._coming or self._coming[0][0] > self._now_ms + timeout_ms:
            self._now_ms += timeout_ms
            return 0
        ms, order, data = heapq.heappop(self._coming)
        self._now_ms = max(self._now_ms, ms)
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        if count < len(data):
            heapq.heappush(self._coming, (ms, order, data[count:]))
        return count

    def modem_rail(self, on: bool) -> None:
        """No supply."""

    def modem_key(self, pressed: bool) -> None:
        """No key."""

    def modem_reset(self, pressed: bool) -> bool:
        """No reset line."""
        return False

    def modem_status(self) -> bool | None:
        """No STATUS."""
        return None

    def modem_dtr(self, level: bool) -> None:
        """No DTR."""

    def _arrive(self, delay_ms: int, data: bytes) -> None:
        self._count += 1
        heapq.heappush(self._coming, (self._now_ms + delay_ms, self._count, data))

    def _find(self, sent: bytes) -> Exchange | None:
        exchanges, here = self._exchanges, self._next
        for i in range(here, min(here + AHEAD, len(exchanges))):
            if exchanges[i].sent == sent:
                if i == here:
                    self._now_ms = max(self._now_ms, exchanges[i].ms)
                self._next = i + 1
                return exchanges[i]
        elsewhere = exchanges[:here][::-1] + exchanges[here:]
        return next((one for one in elsewhere if one.sent == sent), None)


def _exchanges(events: list[Event]) -> list[Exchange]:
    found: list[Exchange] = []
    for ms, kind, data in events:
        if kind == "tx":
            found.append(Exchange(ms, data))
        elif kind == "rx" and found:
            found[-1].answers.append((ms - found[-1].ms, data))
    return found
