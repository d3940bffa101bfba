"""The wire between device and modem: bytes take time, and a buffer that is not emptied overflows."""

from __future__ import annotations

BITS_A_BYTE = 10
BAUD = 115_200
BUFFER_BYTES = 4_096
"""The buffer of the device's UART driver, in bytes."""
BURST_MS = 2
"""So much silence ends a burst."""


def wire_ms(count: int) -> int:
    """How long `count` bytes are on the wire, to the nearest millisecond."""
    return (count * BITS_A_BYTE * 1_000 + BAUD // 2) // BAUD


class Receiver:
    """The receiving side of the device's UART."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._end_ms = 0
        self.puts = 0
        """How often the modem has sent so far."""
        self.deaf = False
        """In light sleep the UART has no clock, and what comes is lost (ESP-IDF, Sleep Modes)."""

    def put(self, now_ms: int, data: bytes, draining: bool) -> None:
        """The modem starts to send `data` now.

        Unless the firmware is `draining` the buffer, what does not fit into it is lost; in light sleep all.
        """
        if self.deaf:
            return
        if not draining:
            data = data[: max(0, BUFFER_BYTES - len(self._bytes))]
        self._bytes += data
        self._end_ms = max(self._end_ms, now_ms) + wire_ms(len(data))
        self.puts += 1

    def ready_ms(self, most: int) -> int | None:
        """When a read of at most `most` bytes is complete; None while nothing is on its way."""
        if not self._bytes:
            return None
        if len(self._bytes) >= most:
            return self._end_ms - (len(self._bytes) - most) * BITS_A_BYTE * 1_000 // BAUD
        return self._end_ms + BURST_MS

    def take(self, now_ms: int, most: int) -> bytes:
        """The bytes that have arrived by now, at most `most`."""
        on_the_wire = max(0, self._end_ms - now_ms) * BAUD // (BITS_A_BYTE * 1_000)
        count = min(most, max(0, len(self._bytes) - on_the_wire))
        taken = bytes(self._bytes[:count])
        del self._bytes[:count]
        return taken

    def clear(self) -> None:
        """The device was reset: what was in the buffer is gone."""
        self._bytes.clear()
        self._end_ms = 0
