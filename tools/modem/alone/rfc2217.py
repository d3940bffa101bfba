"""A serial adapter on the network (RFC 2217) in front of a modem.

RTS, asserted, presses its power key; DTR, not asserted, lets it sleep.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from serial.rfc2217 import PortManager

from tools.modem import Modem


class Adapter:
    """Between the network and a modem. `send` takes what is for the network."""

    def __init__(self, modem: Modem, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._manager: Any = PortManager(_Wires(modem), self)

    def write(self, data: bytes) -> None:
        """What the protocol says by itself."""
        self._send(data)

    def from_network(self, data: bytes) -> bytes:
        """The bytes in it that are for the modem."""
        return b"".join(self._manager.filter(data))

    def to_network(self, data: bytes) -> bytes:
        """The modem's bytes as they go over the network."""
        return b"".join(self._manager.escape(data))


class _Wires:
    """What the protocol does with a port. The modem finds the rate by itself."""

    bytesize, parity, stopbits = 8, "N", 1
    xonxoff = rtscts = break_condition = False
    cts = dsr = cd = True
    ri = False
    baudrate = 115_200

    def __init__(self, modem: Modem) -> None:
        self._modem = modem
        self._rts = self._dtr = False

    @property
    def rts(self) -> bool:
        """Asserted: the key is pressed."""
        return self._rts

    @rts.setter
    def rts(self, asserted: bool) -> None:
        self._rts = asserted
        self._modem.key(asserted)

    @property
    def dtr(self) -> bool:
        """Asserted: low, the modem stays awake."""
        return self._dtr

    @dtr.setter
    def dtr(self, asserted: bool) -> None:
        self._dtr = asserted
        self._modem.dtr(not asserted)

    def reset_input_buffer(self) -> None:
        """Nothing waits here."""

    def reset_output_buffer(self) -> None:
        """Nothing waits here."""
