"""Targets of `fuzz.py` in bytes from the agent and from memory: CBOR, envelopes, flash and RTC memory."""

import struct
from binascii import crc32

from locator.codec import cbor, cose, record
from locator.journal import acks
from locator.session import session

KEY = bytes(range(32))
DEVICE = "lb-1"


class CborTarget:
    """The strict reader."""

    ours = (cbor.CborError,)

    def __init__(self):
        self.seeds = _replies()

    def feed(self, data):
        """Read it."""
        cbor.loads(data)


class ReplyTarget(CborTarget):
    """The agent's reply, and what its acknowledged ranges do."""

    def feed(self, data):
        """Read it and note it."""
        ranges = session.read_downlink(data)[2]
        noted = acks.Acks()
        for i in range(0, len(ranges), 2):
            lo, hi = max(1, ranges[i]), min(ranges[i + 1], 1000)
            if lo <= hi:
                noted.add(lo, hi)
        if len(noted.ranges) > 2 * acks.MAX_RANGES or not 0 <= noted.count(0, 1 << 32) <= 1000:
            raise AssertionError("ranges")


class EnvelopeTarget:
    """The envelope."""

    ours: tuple[type[Exception], ...] = (cose.EnvelopeError,)

    def __init__(self):
        self._envelope = cose.Envelope(KEY, cose.DOWN, DEVICE)
        self.seeds = tuple(self._encrypted(plain, 7) for plain in _replies())

    def feed(self, data):
        """Envelopes that are not genuine must be refused."""
        self._envelope.open(data)
        if data not in self.seeds:
            raise AssertionError("a forgery was opened")

    def _encrypted(self, plain, number):
        buf = bytearray(32) + plain + bytes(8)
        start, end = self._envelope.seal(buf, 32, 32 + len(plain), number)
        return bytes(buf[start:end])


class GenuineTarget(EnvelopeTarget):
    """Strange contents in a genuine envelope: an agent gone mad."""

    ours = (cose.EnvelopeError, cbor.CborError)

    def __init__(self):
        super().__init__()
        self.seeds = _replies()

    def feed(self, data):
        """Sealed, opened and read."""
        number, plain = self._envelope.open(self._encrypted(data, 8))
        if number != 8 or plain != data:
            raise AssertionError("not what was sealed")
        session.read_downlink(plain)


class FlashTarget:
    """The content of flash and RTC memory after faults: records, counters, state of the scheduler.

    Half of the inputs get the right checksum.
    """

    ours = (cbor.Full,)

    def __init__(self):
        from locator.codec.columns import MAX_RECORDS, Batch
        from locator.journal import rtc
        from locator.journal.numbers import Numbers

        self._unpack, self._ledger, self._most = rtc.unpack, Numbers, MAX_RECORDS
        buf = bytearray(record.SIZE)
        record.pack_into(buf, [1] * 20)
        self.seeds = (bytes(buf), bytes(buf + buf), rtc.pack(_state()), struct.pack("<BBHQII4I", *_LEDGER))
        self._batch = Batch()
        self._out = bytearray(3500)
        self._next = 0

    def feed(self, data):
        """What is whole is taken as it is, whatever it says; the rest is not there."""
        self._next += 1
        if self._next % 2:
            data += struct.pack("<I", crc32(data))
        self._unpack(data, 20)
        self._ledger("build/no-such-folder", 0)._load(data, 0)
        for at in range(0, len(data), record.SIZE):
            if record.is_good(data, at):
                record.unpack(data, at)
        self._send(data)

    def _send(self, data):
        batch = self._batch
        batch.n = min(self._most, len(data) // record.SIZE)
        size = batch.n * record.SIZE
        batch.records[:size] = data[:size]
        batch.write(cbor.Writer(self._out))


_LEDGER = (0x4C, 4, 1, 65, 0, 0, 1, 5, 8, 9)


def _state():
    from array import array

    return array("i", range(20))


def _replies():
    out = []
    for ranges in ((), (1, 5), (1, 2, 4, 9, 11, 12)):
        buf = bytearray(200)
        writer = cbor.Writer(buf)
        writer.head(cbor.MAP, 4)
        writer.int(0)
        writer.int(1)
        writer.int(1)
        writer.int(7)
        writer.int(2)
        writer.head(cbor.ARRAY, len(ranges))
        for seq in ranges:
            writer.int(seq)
        writer.int(3)
        writer.int(833651253)
        out.append(bytes(buf[: writer.n]))
    return tuple(out)
