"""The lock-step port: every wait and every look at the outside is a question to the world.

Messages: `<BIH` operation, CPU time since the last one in us, length; payload. Answers: `<IH`
milliseconds since this boot, length; payload. See `tools/world/device/lockstep.py` for the other end.
"""

import os
import struct
import sys

from micropython import const

_READ = const(1)
_SLEEP = const(2)
_PIN = const(3)
_SENSE = const(4)
_HELLO = const(5)
_RTC = const(6)
_RANDOM = const(7)
_DEEPSLEEP = const(9)
_RESET = const(10)
_RTC_MEMORY = const(12)

_PIN_RAIL = const(0)
_PIN_KEY = const(1)
_PIN_DTR = const(2)

_COST_DECISION = const(0)
_COST_RECORD = const(1)
_COST_ENVELOPE = const(2)


class LockstepPort:
    """The interface of `locator.hal`, kept by the world."""

    data_dir = "data"
    config_dir = "config"

    def __init__(self, fd):
        self._pipe = open(fd, "r+b")
        self._head = bytearray(6)
        self._tx = b""
        self._now_ms = 0
        self.cpu_us = 0
        hello = self._ask(_HELLO, b"")
        head = struct.unpack_from("<BBIHB", hello)
        self.reset_cause, self.wake_reason, self._clock_s, self._clock_ms, n = head
        self._costs_us = struct.unpack_from("<%dH" % n, hello, 9)

    @property
    def rtc_memory(self):
        return self._ask(_RTC_MEMORY, b"")

    def ticks_ms(self):
        return self._now_ms

    def clock_s(self):
        return self._clock_s + (self._clock_ms + self._now_ms) // 1000

    def sleep_ms(self, ms):
        self._ask(_SLEEP, struct.pack("<I", ms), self._take_tx())

    def uart_write(self, data):
        # Not copied: it is on its way with the next question, before anybody uses the buffer again.
        self._tx = self._tx + data if self._tx else data

    def uart_readinto(self, buf, timeout_ms):
        # Into the caller's buffer, as a UART does: the port must not need memory that hardware does not.
        self._send(_READ, struct.pack("<IH", timeout_ms, len(buf)), self._take_tx())
        n = self._answer()
        self._read_exact(buf, n)
        return n

    def modem_rail(self, on):
        self._pin(_PIN_RAIL, on)

    def modem_key(self, pressed):
        self._pin(_PIN_KEY, pressed)

    def modem_reset(self, pressed):
        return False

    def modem_status(self):
        return None

    def modem_dtr(self, level):
        self._pin(_PIN_DTR, level)

    def senses(self):
        return struct.unpack("<HhIHHBB", self._ask(_SENSE, b""))

    def random(self, n):
        return self._ask(_RANDOM, bytes([n]))

    def rtc_write(self, data):
        self._ask(_RTC, data)

    def feed(self):
        pass

    def show(self, registered, fixed):
        pass

    def deepsleep(self, ms, wake_on):
        self._send(_DEEPSLEEP, struct.pack("<IB", ms, wake_on))
        self._stop()

    def reset(self):
        self._send(_RESET, b"")
        self._stop()

    def charge(self):
        """From now on the work that has a price in the world's table of CPU times is charged."""
        from locator.codec.cose import Envelope
        from locator.journal.store import Journal
        from locator.scheduler.pace import Pace

        costs_us = self._costs_us
        for owner, name, us in (
            (Pace, "next", costs_us[_COST_DECISION]),
            (Journal, "append", costs_us[_COST_RECORD]),
            (Envelope, "seal", costs_us[_COST_ENVELOPE]),
            (Envelope, "open", costs_us[_COST_ENVELOPE]),
        ):
            setattr(owner, name, self._charged(getattr(owner, name), us))

    def _charged(self, function, us):
        def call(*args):
            self.cpu_us += us
            return function(*args)

        return call

    def _stop(self):
        """The chip stops here and the world ends this process: nothing runs after it, no `finally`."""
        while True:
            self._read_exact(self._head, 6)

    def _pin(self, pin, level):
        if self._tx:
            self.sleep_ms(0)
        self._ask(_PIN, bytes([pin, 1 if level else 0]))

    def _take_tx(self):
        data = self._tx
        self._tx = b""
        return data

    def _send(self, op, payload, more=b""):
        self._pipe.write(struct.pack("<BIH", op, self.cpu_us, len(payload) + len(more)))
        self._pipe.write(payload)
        self._pipe.write(more)
        self.cpu_us = 0

    def _answer(self):
        """Length of what follows the head of an answer."""
        self._read_exact(self._head, 6)
        self._now_ms, n = struct.unpack("<IH", self._head)
        return n

    def _ask(self, op, payload, more=b""):
        self._send(op, payload, more)
        body = bytearray(self._answer())
        self._read_exact(body, len(body))
        return body

    def _read_exact(self, buf, n):
        view = memoryview(buf)
        at = 0
        while at < n:
            got = self._pipe.readinto(view[at:n])
            if not got:
                sys.exit(2)  # the world is gone
            at += got


port: LockstepPort


def connect():
    """Meet the world."""
    global port
    port = LockstepPort(int(os.getenv("LOCKSTEP_FD", "")))
