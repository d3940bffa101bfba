"""The thermometer TMP112 (data sheet SBOS473): one measurement, then it is off again."""

import struct

from micropython import const

_TEMPERATURE = const(0)
_CONFIG = const(1)
_ONE_SHOT = b"\xe1\xa0"  # start one; off afterwards
_DONE = const(0x80)
_TRIES = const(6)
_TRY_MS = const(10)  # it takes 26, at most 35


def read_dc(i2c, address, sleep_ms):
    """The temperature in 0.1 C; `sleep_ms` waits. Raises OSError when nothing answers."""
    i2c.writeto_mem(address, _CONFIG, _ONE_SHOT)
    for _ in range(_TRIES):
        sleep_ms(_TRY_MS)
        if i2c.readfrom_mem(address, _CONFIG, 1)[0] & _DONE:
            break
    raw = struct.unpack(">h", i2c.readfrom_mem(address, _TEMPERATURE, 2))[0] >> 4
    return raw * 10 // 16
