"""Data on the UART other than commands: a PPP call, or the frames of a multiplexer.

The modem only knows how to get out of both again: no packet is answered, and of the multiplexer
no channel is served.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Protocol

import simpy

from tools.modem.engine.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

PPP_RATE = 150_000_000
GUARD_MS = 1_000
"""Silence before and after `+++`."""
LONGEST_SEGMENT = 1_460
CLOSE_DOWN = bytes.fromhex("F903EF05C301F2F9")
"""The multiplexer's close-down frame on channel 0 (TS 27.010, basic mode)."""


class LineMode(Protocol):
    """Takes the bytes from the host in place of the AT engine."""

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""


class Call:
    """A PPP call; `+++` between two silences leads back to commands. `rate` follows CONNECT."""

    def __init__(self, unit: Unit, rate: int = PPP_RATE) -> None:
        self.rate = rate
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


def _may_escape(typed: bytes) -> bool:
    return bool(typed) and b"+++".startswith(typed)


class Passage(Call):
    """A connection in transparent mode: bytes go to `send` as they are, in the order in which they came."""

    def __init__(self, unit: Unit, send: Callable[[bytes], Generator[simpy.Event, Any, bool]]) -> None:
        super().__init__(unit, unit.baud)
        self._send = send
        self._waiting = bytearray()
        self._sending = False

    def receive(self, data: bytes) -> None:
        """Bytes from the host; `+++` between two silences is not among those that are sent."""
        held = self._typed if _may_escape(self._typed) else b""
        super().receive(data)
        if _may_escape(self._typed):
            return
        self._waiting += held + data
        if not self._sending:
            self._sending = True
            self._unit.tasks.start(self._pass_on())

    def _pass_on(self) -> Work:
        while self._waiting:
            data = bytes(self._waiting[:LONGEST_SEGMENT])
            del self._waiting[: len(data)]
            yield from self._send(data)
        self._sending = False


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
