"""Why the device did what it did, key 13 of an uplink: `[boot, minutes since power-on, wakes]`, the minutes
of now and 6 bytes for each wake since the last report (journal/log.py)."""

from micropython import const

from locator.codec import cbor

_KEY = const(13)


def write(desk, out):
    """All wakes that the log has."""
    if not desk.log.wakes:
        return 0
    out.int(_KEY)
    out.head(cbor.ARRAY, 3)
    out.int(desk.ledger.boot)
    out.int(desk.port.clock_s() // 60)
    out.bytes(desk.log.wakes)
    return 1


def told(desk):
    """The agent has them."""
    desk.log.wakes = b""
