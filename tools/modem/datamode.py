"""What the UART carries when it carries no commands: a PPP call, or the frames of a multiplexer.

The modem only knows how to get out of both again: no packet is answered, and of the multiplexer
no channel is served.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from tools.modem.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

GUARD_MS = 1_000
"""Silence before and after `+++`."""
CLOSE_DOWN = bytes.fromhex("F903EF05C301F2F9")
"""The multiplexer's close-down frame on channel 0 (TS 27.010, basic mode)."""


class LineMode(Protocol):
    """Takes the bytes from the host in place of the AT engine."""

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""


class Call:
    """A PPP call; `+++` between two silences leads back to commands."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._last_ms = unit.env.now
        self._typed = b""

    def receive(self, data: bytes) -> None:
        """Bytes from the host; packets are dropped."""
        now_ms = self._unit.env.now
        quiet = now_ms - self._last_ms >= GUARD_MS
        self._last_ms = now_ms
        self._typed = data if quiet else (self._typed + data)[:4]
        if self._typed == b"+++":
            self._unit.tasks.start(self._escape(now_ms))

    def _escape(self, typed_ms: float) -> Work:
        yield self._unit.env.timeout(GUARD_MS)
        if self._last_ms == typed_ms and self._unit.at.call is self:
            self._typed = b""
            self._unit.at.leave("OK")


class Multiplexer:
    """Frames of TS 27.010 until that of the close-down."""

    def __init__(self, closed: Callable[[], None]) -> None:
        self._closed = closed
        self._tail = b""

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        self._tail += data
        if CLOSE_DOWN in self._tail:
            self._closed()
        self._tail = self._tail[-len(CLOSE_DOWN) :]
