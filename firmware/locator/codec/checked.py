"""Small files that are either complete or absent: CBOR and its CRC-32, replaced by rename."""

import os
import struct
from binascii import crc32

from micropython import const

from locator.codec import cbor

_BLOCK = const(128)
_OF_ALL_WHOLE = const(0x2144DF1C)  # CRC-32 of whatever is followed by its CRC-32


def read(path):
    """The CBOR item in the file; None when there is no file, or it is damaged."""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except OSError:
        return None
    body = data[:-4]
    if len(data) < 5 or struct.unpack("<I", data[-4:])[0] != crc32(body):
        return None
    try:
        return cbor.loads(body)
    except cbor.CborError:
        return None


def is_whole(path):
    """Whether the file is there and undamaged; it is never in memory as a whole."""
    crc, block = 0, b"-"
    try:
        with open(path, "rb") as f:
            while block:
                block = f.read(_BLOCK)
                crc = crc32(block, crc)
    except OSError:
        return False
    return crc == _OF_ALL_WHOLE


def put(path, value, most):
    """Replace the file by `value` (as `Writer.item`), at most so many bytes. Raises OSError, `cbor.Full`."""
    out = cbor.Writer(bytearray(most))
    out.item(value)
    write(path, memoryview(out.buf)[: out.n])


def write(path, body):
    """Replace the file by `body` (bytes of CBOR). Raises OSError."""
    with open(path + ".new", "wb") as f:
        f.write(body)
        f.write(struct.pack("<I", crc32(body)))
    os.rename(path + ".new", path)


def exists(path):
    """Whether there is a file, whole or not."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def remove(path):
    """Remove the file if it is there."""
    try:
        os.remove(path)
    except OSError:
        pass
