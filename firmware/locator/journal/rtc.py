"""RTC memory's layout: version and size of the state, length, CRC-32, the state of the plan, the log; and a
copy of it in flash. A release whose state is longer or shorter does not read another's.

RTC memory survives resets, the copy a loss of power. It is as old as the last time the network was asked, or
some hours (wake.py).
"""

import os
import struct
from array import array
from binascii import crc32

from micropython import const

_VERSION = const(5)
_HEAD = "<BBHI"
HEAD_SIZE = const(8)
_COPY = "/plan.bin"


def pack(state, log=b""):
    """The state (an array of 32-bit integers) and the packed log as bytes for `port.rtc_write`."""
    return bytes(pack_into(bytearray(HEAD_SIZE + 4 * len(state) + len(log)), state, log))


def pack_into(buf, state, log):
    """The same, written into `buf`; returns the part of it that was used."""
    start = HEAD_SIZE + 4 * len(state)
    view = memoryview(buf)[: start + len(log)]
    for i in range(len(state)):  # late in a wake there may be no room for a copy
        struct.pack_into("<i", view, HEAD_SIZE + 4 * i, state[i])
    view[start:] = log
    body = view[HEAD_SIZE:]
    struct.pack_into(_HEAD, view, 0, _VERSION, len(state), len(body), crc32(body))
    return view


def unpack(data, size):
    """The state of `size` integers that `pack` wrote, None when there is none or it is damaged."""
    if len(data) < HEAD_SIZE:
        return None
    version, integers, length, crc = struct.unpack_from(_HEAD, data)
    body = data[HEAD_SIZE : HEAD_SIZE + length]
    if (version, integers) != (_VERSION, size) or len(body) != length or crc != crc32(body):
        return None
    return array("i", body[: 4 * size])


def log_of(data, size):
    """The packed log behind a state of `size` integers, b"" when there is none or it is damaged."""
    if unpack(data, size) is None:
        return b""
    return data[HEAD_SIZE + 4 * size : HEAD_SIZE + struct.unpack_from("<H", data, 2)[0]]


def keep_copy(folder, data):
    """Replace the copy in the directory `folder` by what `pack` wrote."""
    path = folder + _COPY
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.rename(path + ".new", path)


def read_copy(folder):
    """What `keep_copy` wrote last, b"" when there is none."""
    try:
        with open(folder + _COPY, "rb") as f:
            return f.read()
    except OSError:
        return b""
