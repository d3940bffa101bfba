"""The light sensor OPT3001 (data sheet SBOS681): always on at 2 uA, with an interrupt above a limit."""

import struct

from micropython import const

_RESULT = const(0)
_CONFIG = const(1)
_LOW = const(2)
_HIGH = const(3)
# Any range, 800 ms, continuous, latched, interrupt active high.
_WATCH = b"\xce\x18"
_NEVER_LOW = b"\x00\x00"


def read_lux(i2c, address):
    """The last measurement in lux. Raises OSError when nothing answers."""
    if i2c.readfrom_mem(address, _CONFIG, 2)[0] & 0x0E != 0x0E:  # fresh from power-on
        i2c.writeto_mem(address, _CONFIG, _WATCH)
    return _lux(struct.unpack(">H", i2c.readfrom_mem(address, _RESULT, 2))[0])


def arm(i2c, address, lux):
    """Raise the interrupt line from `lux` on; a look at the configuration clears what is latched."""
    i2c.writeto_mem(address, _LOW, _NEVER_LOW)
    i2c.writeto_mem(address, _HIGH, _limit(lux))
    i2c.writeto_mem(address, _CONFIG, _WATCH)
    i2c.readfrom_mem(address, _CONFIG, 2)


def _lux(raw):
    """0.01 lux times the mantissa, doubled as often as the exponent says."""
    return ((raw & 0xFFF) << (raw >> 12)) // 100


def _limit(lux):
    mantissa, exponent = 100 * lux, 0
    while mantissa > 0xFFF:
        mantissa //= 2
        exponent += 1
    return struct.pack(">H", exponent << 12 | mantissa)
