"""The drivers' port on the bench (`locator.hal`): only the modem's part of it."""

from __future__ import annotations

from typing import Protocol


class Port(Protocol):
    """A line to a modem, with its clock. `uart_readinto` returns what was received, 0 at the time-out."""

    def ticks_ms(self) -> int:
        """Milliseconds since some moment."""

    def sleep_ms(self, ms: int) -> None:
        """Let time pass."""

    def uart_write(self, data: bytes) -> None:
        """To the modem."""

    def uart_readinto(self, buffer: bytearray, timeout_ms: int) -> int:
        """From the modem."""

    def modem_rail(self, on: bool) -> None:
        """Its supply."""

    def modem_key(self, pressed: bool) -> None:
        """Its power key."""

    def modem_reset(self, pressed: bool) -> bool:
        """Its reset line; False where there is none."""

    def modem_status(self) -> bool | None:
        """Its STATUS: on; None where there is none."""

    def modem_dtr(self, level: bool) -> None:
        """High (True): it may sleep."""


class Listener(Protocol):
    """Called with the time in milliseconds."""

    def sent(self, ms: int, data: bytes) -> None:
        """Bytes to the modem."""

    def came(self, ms: int, data: bytes) -> None:
        """Bytes from the modem."""


class Recorder:
    """A port that notifies a listener of the bytes that pass over another one. `answer` is what was received
    since something was last sent: the drivers cut lines at 400 bytes, the longest answers are longer.
    `commands` is all that was sent."""

    def __init__(self, port: Port, listener: Listener | None = None) -> None:
        self._port = port
        self._listener = listener
        self.answer = bytearray()
        self.commands: list[bytes] = []
        self.ticks_ms = port.ticks_ms
        self.sleep_ms = port.sleep_ms
        self.modem_rail = port.modem_rail
        self.modem_key = port.modem_key
        self.modem_reset = port.modem_reset
        self.modem_status = port.modem_status
        self.modem_dtr = port.modem_dtr

    def uart_write(self, data: bytes) -> None:
        """Pass on and record."""
        self.answer.clear()
        self.commands.append(bytes(data))
        if self._listener:
            self._listener.sent(self._port.ticks_ms(), bytes(data))
        self._port.uart_write(data)

    def uart_readinto(self, buffer: bytearray, timeout_ms: int) -> int:
        """Pass on and record."""
        count = self._port.uart_readinto(buffer, timeout_ms)
        if count:
            self.answer += buffer[:count]
            if self._listener:
                self._listener.came(self._port.ticks_ms(), bytes(buffer[:count]))
        return count


def hush(port: Port, quiet_ms: int) -> None:
    """Read until nothing was received for `quiet_ms`: discard what was on the line before."""
    buffer = bytearray(256)
    while port.uart_readinto(buffer, quiet_ms):
        pass
