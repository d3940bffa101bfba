"""RTC memory's layout: version and size of the state, length, CRC-32, the state of the plan, the log; and a
copy of it in flash. A release whose state is longer or shorter does not read another's, only what lasts:
packed alike under a version of its own, it stands behind the copy.

RTC memory survives resets, the copy a loss of power. It is as old as the last time the network was asked, or
some hours (wake.py).
"""

import os
import struct
from array import array
from binascii import crc32

from micropython import const

_VERSION = const(5)
_VERSION_OF_LASTING = const(1)
_HEAD = "<BBHI"
HEAD_SIZE = const(8)
_COPY = "/plan.bin"


def pack(state, log=b"", version=_VERSION):
    """The state (an array of 32-bit integers) and the packed log as bytes for `port.rtc_write`."""
    return bytes(pack_into(bytearray(HEAD_SIZE + 4 * len(state) + len(log)), state, log, version))


def pack_into(buf, state, log, version=_VERSION):
    """The same, written into `buf`; returns the part of it that was used."""
    start = HEAD_SIZE + 4 * len(state)
    view = memoryview(buf)[: start + len(log)]
    for i in range(len(state)):  # late in a wake there may be no room for a copy
        struct.pack_into("<i", view, HEAD_SIZE + 4 * i, state[i])
    view[start:] = log
    body = view[HEAD_SIZE:]
    struct.pack_into(_HEAD, view, 0, version, len(state), len(body), crc32(body))
    return view


def unpack(data, size, version=_VERSION):
    """The state of `size` integers that `pack` wrote, None when there is none or it is damaged."""
    if len(data) < HEAD_SIZE:
        return None
    packed_as, integers, length, crc = struct.unpack_from(_HEAD, data)
    body = data[HEAD_SIZE : HEAD_SIZE + length]
    if (packed_as, integers) != (version, size) or len(body) != length or crc != crc32(body):
        return None
    return array("i", body[: 4 * size])


def log_of(data, size):
    """The packed log behind a state of `size` integers, b"" when there is none or it is damaged."""
    if unpack(data, size) is None:
        return b""
    return data[HEAD_SIZE + 4 * size : HEAD_SIZE + struct.unpack_from("<H", data, 2)[0]]


def keep_copy(folder, data, lasting):
    """Replace the copy in the directory `folder` by what `pack` wrote, and the integers that last."""
    path = folder + _COPY
    with open(path + ".new", "wb") as f:
        f.write(data)
        f.write(pack(lasting, b"", _VERSION_OF_LASTING))
    os.rename(path + ".new", path)


def read_copy(folder):
    """What `keep_copy` wrote last, b"" when there is none."""
    try:
        with open(folder + _COPY, "rb") as f:
            return f.read()
    except OSError:
        return b""


def lasting_of(data, size):
    """The `size` integers that last in what `read_copy` gave, whatever state is before them; None when there
    are none, or they are damaged."""
    if len(data) < HEAD_SIZE:
        return None
    end = HEAD_SIZE + struct.unpack_from("<H", data, 2)[0]
    return unpack(data[end:], size, _VERSION_OF_LASTING)
