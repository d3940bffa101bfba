"""The accelerometer LIS2DH12 (data sheet DS10812): motion, shock, position.

50 samples a second at 6 uA, +-8 g. Its first interrupt, high-passed, is motion; its second, latched, is a
shock, at which the FIFO stops. Thresholds stay in the chip through our sleep: it is always fed.
"""

import struct

import esp32
from micropython import const

_WHO_AM_I = const(0x0F)
_IS_LIS2DH12 = const(0x33)
_CTRL1 = const(0x20)
_REFERENCE = const(0x26)
_OUT = const(0x28)
_FIFO_CTRL = const(0x2E)
_FIFO_SRC = const(0x2F)
_INT1_CFG = const(0x30)
_INT1_SRC = const(0x31)
_INT1_THS = const(0x32)
_INT2_CFG = const(0x34)
_INT2_SRC = const(0x35)
_INT2_THS = const(0x36)
_AUTO = const(0x80)  # the address goes on by itself
_ACTIVE = const(0x40)
_SAMPLES = const(0x1F)
# CTRL1 to CTRL6: 50 Hz, low power, three axes; high-pass for both interrupts; interrupt 1 on INT1;
# complete samples, +-8 g; FIFO, both interrupts latched; nothing.
_SETUP = b"\x4f\x03\x40\xa0\x4a\x00"
_ANY_HIGH = b"\x2a"  # interrupt when any axis is above the threshold
_FIFO_UNTIL_SHOCK = b"\xe0"  # stream until interrupt 2, then stop
_FIFO_BYPASS = b"\x00"
_MG_A_STEP = const(62)  # of a threshold
_MG_A_COUNT = const(64)  # of a sample's high byte
_SHOCK_STEPS = const(32)
_LEAST = const(1)  # steps of the threshold of motion
_MOST = const(4)
_SPACE, _POSITION = "landbridge", "position"
# Cosine of 0, 10, ... 90 degrees, in thousandths.
_COSINES = (1000, 985, 940, 866, 766, 643, 500, 342, 174, 0)


class Accelerometer:
    """At `address` on `i2c`. Raises OSError when nothing answers there, or something else does."""

    def __init__(self, i2c, address):
        self._i2c = i2c
        self._address = address
        self._register = bytearray(1)
        self._sample = bytearray(6)
        if self._get(_WHO_AM_I) != _IS_LIS2DH12:
            raise OSError("accelerometer")
        if self._get(_CTRL1) != _SETUP[0]:
            self._set_up()

    def moved(self):
        """1 when the threshold has been passed since the last look, else 0."""
        return 1 if self._get(_INT1_SRC) & _ACTIVE else 0

    def shock_mg(self):
        """The greatest acceleration of a shock since the last look, 0: there was none. From 2 g to 8 g."""
        if not self._get(_INT2_SRC) & _ACTIVE:
            return 0
        peak_mg = _SHOCK_STEPS * _MG_A_STEP
        for _ in range(self._get(_FIFO_SRC) & _SAMPLES):
            for axis_mg in self._read_mg():
                peak_mg = max(peak_mg, abs(axis_mg))
        self._restart_fifo()
        return peak_mg

    def tilt_deg(self):
        """Degrees between now and the position that was kept, in steps of 10; 0 while none was."""
        kept = bytearray(6)
        try:
            esp32.NVS(_SPACE).get_blob(_POSITION, kept)
        except OSError:
            return 0
        was, now = struct.unpack("<hhh", kept), self._read_mg()
        dot = was[0] * now[0] + was[1] * now[1] + was[2] * now[2]
        long = _root(_square(was)) * _root(_square(now))
        if not long:
            return 0
        cosine = 1000 * dot // long
        degrees = 10 * min(range(len(_COSINES)), key=lambda i: abs(_COSINES[i] - abs(cosine)))
        return degrees if cosine >= 0 else 180 - degrees

    def keep_position(self):
        """This is how the device is mounted."""
        nvs = esp32.NVS(_SPACE)
        nvs.set_blob(_POSITION, struct.pack("<hhh", *self._read_mg()))
        nvs.commit()

    def arm(self, false_alarm):
        """Before a sleep: clears what is latched. Each false alarm, after which nothing moved, makes it
        deafer by a step, each other wake keener again."""
        steps = self._get(_INT1_THS) + (1 if false_alarm else -1)
        self._set(_INT1_THS, bytes([max(_LEAST, min(_MOST, steps))]))
        self._get(_REFERENCE)  # the high-pass begins again
        self._get(_INT1_SRC)

    def _set_up(self):
        self._set(_CTRL1 | _AUTO, _SETUP)
        self._set(_INT1_THS, bytes([_LEAST]))
        self._set(_INT1_CFG, _ANY_HIGH)
        self._set(_INT2_THS, bytes([_SHOCK_STEPS]))
        self._set(_INT2_CFG, _ANY_HIGH)
        self._restart_fifo()

    def _restart_fifo(self):
        self._set(_FIFO_CTRL, _FIFO_BYPASS)
        self._set(_FIFO_CTRL, _FIFO_UNTIL_SHOCK)

    def _read_mg(self):
        """The oldest sample of the FIFO. In low power a sample has 8 bits, the high byte."""
        self._i2c.readfrom_mem_into(self._address, _OUT | _AUTO, self._sample)
        return tuple(_MG_A_COUNT * axis for axis in struct.unpack("xbxbxb", self._sample))

    def _get(self, register):
        self._i2c.readfrom_mem_into(self._address, register, self._register)
        return self._register[0]

    def _set(self, register, data):
        self._i2c.writeto_mem(self._address, register, data)


def _square(vector):
    return vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2]


def _root(square):
    """Its integer part."""
    root = square
    if square > 1:
        root = 1 << 14  # more than any root of 3 * 8192 * 8192
        while root * root > square:
            root = (root + square // root) // 2
    return root
