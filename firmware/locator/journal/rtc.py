"""RTC memory's layout: version, CRC-32, then the state of the plan. It survives deep sleep only."""

import struct
from array import array
from binascii import crc32

from micropython import const

_VERSION = const(1)
_HEAD = "<HHI"
_HEAD_SIZE = const(8)


def pack(state):
    """The state (an array of 32-bit integers) as bytes for `port.rtc_write`."""
    body = bytes(state)
    return struct.pack(_HEAD, _VERSION, len(body), crc32(body)) + body


def unpack(data, size):
    """The state of `size` integers that `pack` wrote, None when there is none or it is damaged."""
    if len(data) < _HEAD_SIZE:
        return None
    version, length, crc = struct.unpack_from(_HEAD, data)
    body = data[_HEAD_SIZE : _HEAD_SIZE + length]
    if version != _VERSION or length != 4 * size or len(body) != length or crc != crc32(body):
        return None
    return array("i", body)
