"""A short log of errors, counters, and the reasons of each wake: after the scheduler's state, in RTC memory
and in its copy.

Entries are numbers without text: (seconds since power-on, kind, value). The traceback of a fault is text in
the file FAULT, written by main.py, and becomes LAST_FAULT with the next wake.
"""

import os
import struct

from micropython import const

from locator.hal import DEEPSLEEP_RESET, HARD_RESET, POWER_ON, SOFT_RESET, WATCHDOG_RESET

FAULT = "/fault.new"
LAST_FAULT = "/fault.txt"

# Kinds of entries, and their values.
RESET = const(1)  # its cause (port); entries before a power-on have the seconds of another boot
RAISED = const(2)  # none: an exception ended a wake
MODEM = const(3)  # code of the modem's error, -1 without one
RESTARTED = const(4)  # none: the modem has rebooted by itself
REFUSED = const(5)  # EMM cause of the network's refusal, -1: not given, 0: no service
UNANSWERED = const(6)  # turns that the agent has answered before it stopped answering
FLASH = const(7)  # errno of a record that the flash did not take
CALLED = const(8)  # rings in a wake
MESSAGED = const(9)  # messages in a wake
UNCALIBRATED = const(10)  # none: the chip cannot measure the battery, which counts as good

# Counters.
WAKES = const(0)
RESETS = const(1)  # and then by cause: hard, watchdog, soft
FAULTS = const(4)
MODEM_ERRORS = const(5)
MODEM_RESTARTS = const(6)
FORGED = const(7)  # downlinks; begins again with an epoch of the keys

_HEAD = const("<8HB")  # the last: wakes
_HEAD_SIZE = const(17)
# Minutes since power-on (mod 65,536), reasons of a wake's first action and of its sleep, 0.1 J.
_WAKE = const("<HBBH")
_WAKE_SIZE = const(6)
_MOST_WAKES = const(40)
_ENTRY = const("<IBi")
_ENTRY_SIZE = const(9)
_MOST = const(24)
MAX_BYTES = const(473)
_COUNTER_OF_KIND = {RAISED: FAULTS, MODEM: MODEM_ERRORS, RESTARTED: MODEM_RESTARTS}
_COUNTER_OF_CAUSE = {HARD_RESET: RESETS, WATCHDOG_RESET: RESETS + 1, SOFT_RESET: RESETS + 2}


class Log:
    """The log from `data`, which `pack` returned, b"" for a new one. `counters` run from 0 to 65,535 and then
    begin again."""

    def __init__(self, data=b""):
        if len(data) < _HEAD_SIZE:
            data = bytes(_HEAD_SIZE)
        *self.counters, wakes = struct.unpack_from(_HEAD, data)
        end = _HEAD_SIZE + _WAKE_SIZE * wakes
        self.wakes = bytes(data[_HEAD_SIZE:end])
        """The wakes since the last report, the oldest first."""
        self._entries = bytes(data[end:])
        self.written = 0
        """Number of entries in the uplink that was written last."""

    def add(self, clock_s, kind, value=0):
        """Append an entry, and count it if its kind has a counter; if there is no room, the oldest is
        deleted."""
        if kind in _COUNTER_OF_KIND:
            self.count(_COUNTER_OF_KIND[kind])
        entry = struct.pack(_ENTRY, clock_s, kind, value)
        self._entries = (self._entries + entry)[-_MOST * _ENTRY_SIZE :]

    def count(self, counter):
        """Increment a counter."""
        self.counters[counter] = (self.counters[counter] + 1) & 0xFFFF

    def begin(self, port):
        """Note the cause of this wake; return whether it must be reported: an exception or an unexpected
        reset."""
        self.count(WAKES)
        cause = port.reset_cause
        if cause in _COUNTER_OF_CAUSE:
            self.count(_COUNTER_OF_CAUSE[cause])
        if cause != DEEPSLEEP_RESET:
            self.add(port.clock_s(), RESET, cause)
        if cause == POWER_ON and getattr(port, "uncalibrated", False):
            self.add(port.clock_s(), UNCALIBRATED)
        return self._adopt_fault(port) or cause != DEEPSLEEP_RESET

    def __len__(self):
        """Number of entries."""
        return len(self._entries) // _ENTRY_SIZE

    def entry(self, i):
        """Return (clock_s, kind, value) of the `i`-th entry, counted from the oldest."""
        return struct.unpack_from(_ENTRY, self._entries, i * _ENTRY_SIZE)

    def forget(self, n):
        """Drop the `n` oldest entries."""
        self._entries = self._entries[n * _ENTRY_SIZE :]

    def wake(self, clock_s, did, rest, mj):
        """Add a finished wake: the reasons (scheduler/decide.py) of its first action, 0 for none, and of its
        sleep, and its energy in mJ."""
        entry = struct.pack(_WAKE, clock_s // 60 & 0xFFFF, did, rest, min(0xFFFF, mj // 100))
        self.wakes = (self.wakes + entry)[-_MOST_WAKES * _WAKE_SIZE :]

    def pack(self):
        """Return all of it, at most MAX_BYTES."""
        return struct.pack(_HEAD, *self.counters, len(self.wakes) // _WAKE_SIZE) + self.wakes + self._entries

    def _adopt_fault(self, port):
        try:
            os.rename(port.data_dir + FAULT, port.data_dir + LAST_FAULT)
        except OSError:  # the ordinary case: there was none
            return False
        self.add(port.clock_s(), RAISED)
        return True
