"""The wake log: the reason of each wake, key 13 of an uplink: `[boot, minutes since power-on, wakes]`, the
minutes of now and 6 bytes for each wake since the last report (journal/log.py)."""

from micropython import const

_KEY = const(13)


def write(handlers, out):
    """Write all wakes of the log."""
    if not handlers.log.wakes:
        return 0
    return out.pair(_KEY, (handlers.numbers.boot, handlers.port.clock_s() // 60, handlers.log.wakes))


def on_ack(handlers):
    """Delete the wakes that were reported."""
    handlers.log.wakes = b""
