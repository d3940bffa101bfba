"""The layout of RTC memory: version and size of the state, length, CRC-32, the scheduler's state, the log. It
survives resets. A release whose state is longer or shorter does not read another's, but see copy.py.

After it is the journal's directory, packed in the same way, if the wake has ended normally, so that nothing
has changed since.
"""

import struct
from array import array
from binascii import crc32

from micropython import const

_VERSION = const(5)
_VERSION_OF_JOURNAL = const(2)
_HEAD = const("<BBHI")
HEAD_SIZE = const(8)


def pack(state, log=b"", version=_VERSION):
    """Return the state (an array of 32-bit integers) and the packed log as bytes for `port.rtc_write`."""
    return bytes(pack_into(bytearray(HEAD_SIZE + 4 * len(state) + len(log)), state, log, version))


def pack_into(buf, state, log, version=_VERSION, places=None):
    """Write the same into `buf`; return the used part of it. With `places`, only these elements of the state
    are written."""
    places = places or range(len(state))
    start = HEAD_SIZE + 4 * len(places)
    view = memoryview(buf)[: start + len(log)]
    for i, place in enumerate(places):  # late in a wake there may be no room for a copy
        struct.pack_into("<i", view, HEAD_SIZE + 4 * i, state[place])
    view[start:] = log
    body = view[HEAD_SIZE:]
    struct.pack_into(_HEAD, view, 0, version, len(places), len(body), crc32(body))
    return view


def unpack(data, size, version=_VERSION):
    """Return the state of `size` integers that `pack` wrote, None if there is none or it is damaged."""
    if len(data) < HEAD_SIZE:
        return None
    packed_as, integers, length, crc = struct.unpack_from(_HEAD, data)
    body = data[HEAD_SIZE : HEAD_SIZE + length]
    if (packed_as, integers) != (version, size) or len(body) != length or crc != crc32(body):
        return None
    return array("i", body[: 4 * size])


def log_of(data, size):
    """Return the packed log after a state of `size` integers, b"" if there is none or it is damaged."""
    if unpack(data, size) is None:
        return b""
    return data[HEAD_SIZE + 4 * size : HEAD_SIZE + struct.unpack_from("<H", data, 2)[0]]


def pack_journal(buf, data, kept):
    """Write `kept`, an array of 32-bit integers, after `data`, with which `buf` begins; returns the part of
    `buf` that was used."""
    view = memoryview(buf)
    return view[: len(data) + len(pack_into(view[len(data) :], kept, b"", _VERSION_OF_JOURNAL))]


def journal_of(data):
    """Return the integers that `pack_journal` wrote, () if there are none or they are damaged."""
    if len(data) < HEAD_SIZE:
        return ()
    rest = data[HEAD_SIZE + struct.unpack_from("<H", data, 2)[0] :]
    # Nothing but integers: the checksum does not cover how many they are.
    if len(rest) <= HEAD_SIZE or struct.unpack_from("<H", rest, 2)[0] != 4 * rest[1]:
        return ()
    return unpack(rest, rest[1], _VERSION_OF_JOURNAL) or ()
