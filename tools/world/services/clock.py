"""The virtual clock that other processes read: eight bytes in a memory-mapped file."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

_MICROSECONDS = struct.Struct("<Q")


class VirtualClock:
    """Writes the virtual time of day to `path`: little-endian unsigned microseconds since 1970.

    Eight aligned bytes are stored by one move, so a reader never sees half a time.
    """

    def __init__(self, path: Path, start_utc_s: int) -> None:
        self.path = path
        self._start_us = start_utc_s * 1_000_000
        path.write_bytes(_MICROSECONDS.pack(self._start_us))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _MICROSECONDS.size)

    def set_ms(self, ms: int) -> None:
        """It is now `ms` milliseconds after the start."""
        self._map[:] = _MICROSECONDS.pack(self._start_us + ms * 1_000)

    def close(self) -> None:
        """Let go of the file; its last time stays in it."""
        self._map.close()
