"""The counters that must never be lost, in one file and its copy.

Counter of power-ons, message numbers reserved ahead (RFC 8613 appendix B.1.1: a number below the
stored one may have been used, so after a reset counting goes on from the stored one, or from the
clock where that is ahead: a flash that was written back does not know all it has used), records
thinned or damaged, and the acknowledged sequences. One file, because two can disagree after a power
cut; the copy, renewed where numbers are reserved, stands in on the day on which the file cannot be read. Both
are written in place: LittleFS takes a file in at its close, whole, and each rename would be one more write.
"""

import struct
from binascii import crc32

from micropython import const

from locator.journal.acks import Acks

_MAGIC = const(0x4C)  # "L"
_HEAD = const("<BBHQII")
_HEAD_SIZE = const(20)
_RESERVE = const(64)
_DATED = const(700_000_000 << 8)  # numbers from here on come from a clock, as the agent's do, 256 a second
_LAST = const(1 << 39)  # no clock goes further: half of all numbers are left
_IN_STORE = const(5 * 365 * 86400 << 8)  # no device is silent for longer


class Numbers:
    """The counters in `folder`, the device's data directory; `random`, up to 32 bits, is used if no file
    there is valid."""

    def __init__(self, folder, random):
        self._path = folder + "/state.bin"
        self.boot = self.thinned = self.damaged = 0
        self.acks = Acks()
        # Two boards with one identity may begin in the same second.
        self._low, self._is_dated = random & 0xFF, False
        # Without a valid file the used numbers are unknown, also in an empty file system: the key in NVS
        # survives a new one. Until the time is known they continue in a range that is used for nothing else.
        self._reserved = self._next = (1 << 32) + (random << 5)
        # The copy may be that of the reservation before.
        for path, skipped in ((self._path, 0), (self._path + ".old", _RESERVE)):
            if self._load(read(path), skipped):
                break

    def date(self, epoch_s, is_sure=False):
        """Continue the numbers at the time, once in a wake, if that is ahead of them. So they are above all
        used before, also by a restored flash image or by another board; the agent would refuse lower ones as
        replayed. Years ahead, the time is trusted only if it `is_sure`, that is the agent's.
        """
        begin = (epoch_s << 8) + self._low
        most = self._next + _IN_STORE if _DATED <= self._next and not is_sure else _LAST
        if not self._is_dated and max(_DATED, self._next) < begin < min(most, _LAST):
            self._is_dated = True
            try:
                self._reserve(begin)
            except OSError:  # the numbers reserved before are valid, too
                pass

    def next_number(self):
        """Return a message number that was never used; the file is written for the first one of a wake, and
        for one in 64."""
        if self._next >= self._reserved:
            self._reserve(self._next)
        self._next += 1
        return self._next - 1

    def _reserve(self, number):
        """Reserve numbers from this one on, in flash before the first of them is used."""
        self.save(number + _RESERVE)
        self._next, self._reserved = number, number + _RESERVE

    def count_power_on(self):
        """Count a loss of RTC memory: seconds since power-on start again, under a new boot number."""
        self.boot = (self.boot + 1) & 0xFFFF
        self.save()

    def save(self, reserved=0):
        """Replace the file by the present state, and its copy as well where numbers are `reserved` from."""
        ranges = self.acks.ranges
        counts = (self.boot, reserved or self._reserved, self.thinned, self.damaged)
        data = struct.pack(_HEAD, _MAGIC, len(ranges), *counts)
        data += struct.pack("<%dI" % len(ranges), *ranges)
        data += struct.pack("<I", crc32(data))
        for path in (self._path, self._path + ".old") if reserved else (self._path,):
            with open(path, "wb") as f:
                f.write(data)

    def _load(self, data, skipped):
        body = data[:-4]
        if len(data) < _HEAD_SIZE + 4 or struct.unpack_from("<I", data, len(body))[0] != crc32(body):
            return False
        magic, n, self.boot, reserved, self.thinned, self.damaged = struct.unpack_from(_HEAD, body)
        if magic != _MAGIC or len(body) != _HEAD_SIZE + 4 * n:
            return False
        self.acks = Acks(struct.unpack_from("<%dI" % n, body, _HEAD_SIZE))
        self._next = self._reserved = reserved + skipped
        return True


def read(path):
    """Return the contents of a file, b"" if it cannot be read."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""
