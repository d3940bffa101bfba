"""The messages between device and world on the pipe that connects them.

One message is "<BIH" op, CPU time in us since the last message, length, then the payload; one
answer is "<IH" milliseconds since this reset, length, then the payload.
"""

from __future__ import annotations

from enum import IntEnum


class Op(IntEnum):
    """The requests of the device."""

    READ = 1
    SLEEP = 2
    PIN = 3
    SENSE = 4
    HELLO = 5
    RTC = 6
    RANDOM = 7
    LOG = 8
    DEEPSLEEP = 9
    RESET = 10
    AES = 11
    RTC_MEMORY = 12


class Cause(IntEnum):
    """Why the device starts: `machine.reset_cause()`."""

    POWER_ON = 1
    HARD = 2
    DEEP_SLEEP = 4


class Wake(IntEnum):
    """The cause of the wake."""

    NONE = 0
    TIMER = 1
    MOTION = 2
    LIGHT = 3
    TAMPER = 4


WAKE_ON_MOTION = 1
WAKE_ON_LIGHT = 2
WAKE_ON_TAMPER = 4
