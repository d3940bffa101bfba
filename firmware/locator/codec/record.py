"""The record: one observation as it is stored in flash, in the units of the wire.

Rounding to these units happens once, when the record is made; from then on its fields travel
unchanged to the agent's database. 46 bytes, little endian, the CRC-32 of the others last.
"""

import struct
from binascii import crc32

from micropython import const

SIZE = const(46)
FORMAT = "<BBHIIHiihBBBBBbIHIBBI"

FIELDS = (
    "kind quality events seq time boot lat lon alt speed heading hdop sats battery "
    "temperature plmn tac cell rsrp motion"
)
"""Their names in the order of the record."""

FIX = const(1)
CELL = const(2)
REUSED = const(3)

TIME_NONE = const(0)  # `time` counts seconds since power-on
TIME_RTC = const(1)
TIME_NETWORK = const(2)
TIME_GNSS = const(3)

EVENT_LIGHT = const(1)
EVENT_SHOCK = const(2)
EVENT_TEMPERATURE = const(4)
EVENT_BATTERY = const(8)
EVENT_DEPARTED = const(16)
EVENT_STOPPED = const(32)
EVENT_COUNTRY = const(64)
EVENT_POWER_ON = const(128)
EVENT_TILT = const(256)
EVENT_TAMPER = const(512)
EVENT_CARD = const(1024)
EVENT_GNSS = const(2048)
EVENT_TEMPERATURE_BACK = const(4096)


def felt(battery_mv, temperature_dc):
    """(battery, temperature) in units of the record; what no byte holds as the nearest that one does."""
    return min(255, (battery_mv + 10) // 20), max(-128, min(127, (temperature_dc + 2) // 5))


def pack_into(buf, fields):
    """Write the 20 `fields` (in the order of FIELDS) and their CRC into `buf[0:46]`."""
    struct.pack_into(FORMAT, buf, 0, *fields, 0)
    struct.pack_into("<I", buf, SIZE - 4, crc32(memoryview(buf)[: SIZE - 4]))


def is_good(buf, at):
    """True when a whole record with the right CRC is at `buf[at:]`."""
    if at + SIZE > len(buf):
        return False
    crc = struct.unpack_from("<I", buf, at + SIZE - 4)[0]
    return crc == crc32(memoryview(buf)[at : at + SIZE - 4])


def unpack(buf, at=0):
    """The 20 fields of the record at `buf[at:]`, in the order of FIELDS."""
    return struct.unpack_from(FORMAT, buf, at)[:-1]


def seq_of(buf, at):
    """Capture sequence of the record at `buf[at:]`."""
    return struct.unpack_from("<I", buf, at + 4)[0]
