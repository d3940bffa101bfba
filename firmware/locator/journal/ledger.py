"""The small state that must never be forgotten, in one file and its copy.

Counter of power-ons, message numbers reserved ahead (RFC 8613 appendix B.1.1: a number below the
stored one may have been used, so after a reset counting goes on from the stored one), records
thinned or damaged, and the acknowledged sequences. One file, because two can disagree after a power
cut; the copy stands in on the day on which the file cannot be read. Both are written in place: LittleFS takes
a file in at its close, whole, and each rename would be one more write.
"""

import struct
from binascii import crc32

from micropython import const

from locator.journal.acks import Acks

_MAGIC = const(0x4C)  # "L"
_HEAD = "<BBHQII"
_HEAD_SIZE = const(20)
_RESERVE = const(64)
_DATED = 700_000_000 << 8  # numbers from here on come from a clock, as the agent's do, 256 a second


class Ledger:
    """`folder` is the device's data directory; `random`, up to 32 bits, serves when no file there is good."""

    def __init__(self, folder, random):
        self._path = folder + "/state.bin"
        self.boot = self.thinned = self.damaged = 0
        self.acks = Acks()
        # Where no file is good, numbers that were used are unknown, also where nothing lies: the key in NVS
        # outlives a file system made anew. They go on where none ever was, until the time is known.
        self._reserved = self._next = (1 << 32) + (random << 5)
        # The copy may be that of the save before: one reservation behind at most.
        for path, behind in ((self._path, 0), (self._path + ".old", _RESERVE)):
            data = _read(path)
            if data is not None and self._load(data):
                self._reserved = self._next = self._next + behind
                return

    def date(self, epoch_s):
        """The time, if it is known: after a loss numbers go on from it, above all given before;
        lower ones the agent would take for a replay."""
        if 1 << 32 <= self._next < _DATED <= epoch_s << 8:
            self._reserved = self._next = epoch_s << 8

    def next_number(self):
        """A message number never given before; writes the file once in 64 numbers."""
        if self._next >= self._reserved:
            self._reserved = self._next + _RESERVE
            self.save()
        number = self._next
        self._next = number + 1
        return number

    def count_power_on(self):
        """RTC memory is lost: seconds since power-on start again, under a new boot number."""
        self.boot = (self.boot + 1) & 0xFFFF
        self.save()

    def save(self):
        """Replace the file, and then its copy, by the present state."""
        ranges = self.acks.ranges
        counts = (self.boot, self._reserved, self.thinned, self.damaged)
        data = struct.pack(_HEAD, _MAGIC, len(ranges), *counts)
        data += struct.pack("<%dI" % len(ranges), *ranges)
        data += struct.pack("<I", crc32(data))
        for path in (self._path, self._path + ".old"):
            with open(path, "wb") as f:
                f.write(data)

    def _load(self, data):
        body = data[:-4]
        if len(data) < _HEAD_SIZE + 4 or struct.unpack_from("<I", data, len(body))[0] != crc32(body):
            return False
        magic, n, boot, reserved, self.thinned, self.damaged = struct.unpack_from(_HEAD, body)
        if magic != _MAGIC or len(body) != _HEAD_SIZE + 4 * n:
            return False
        self.boot = boot
        self.acks = Acks(struct.unpack_from("<%dI" % n, body, _HEAD_SIZE))
        self._next = self._reserved = reserved
        return True


def _read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None
