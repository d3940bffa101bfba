"""A slot of the application: one file that holds a whole release and is mounted like a folder.

    head       "LB1\\0", sequence of the release and bytes of the list (u32 each), SHA-256 of the list
    list       40 bytes a file, in the order of their numbers: number, bytes (u32 each), SHA-256
    contents   file after file, in the order of the list
    end        one byte, once all of it has been read again and found good

The number of a file is the CRC-32 of its path, cut to 30 bits: larger integers cost heap. LittleFS gives
each file a block of its own and each folder two, so that a tree would take three times the flash; and what
is only ever appended to goes on after any power cut from where it ends.

Lies outside the slots, and uses nothing of them.
"""

import io
import os
import struct
from array import array
from binascii import crc32

from micropython import const

MAGIC = b"LB1\0"
HEAD = "<4sII32s"
HEAD_BYTES = const(44)
ITEM = "<II32s"
ITEM_BYTES = const(40)
END = b"\x01"
_FILE = const(0x8000)
_FOLDER = const(0x4000)
_ENOENT = const(2)
_EINVAL = const(22)
# Requests of MicroPython's streams (py/stream.h).
_CLOSE = const(4)
_BUFFER_SIZE = const(11)
_MOST_BUFFER = const(255)


def number(path):
    """Of the file with this path, relative to the slot."""
    return crc32(path.encode()) & 0x3FFFFFFF


def head(path):
    """(sequence, bytes of the list, its SHA-256) of a slot, whole or not; all empty when there is none."""
    try:
        with open(path, "rb") as f:
            data = f.read(HEAD_BYTES)
    except OSError:
        data = b""
    if len(data) < HEAD_BYTES or data[:4] != MAGIC:
        return 0, 0, b""
    return struct.unpack(HEAD, data)[1:]


def files(f):
    """Yield (number, bytes, SHA-256, where its contents begin) of each file, from the open slot `f`."""
    f.seek(0)
    _, _, size, _ = struct.unpack(HEAD, f.read(HEAD_BYTES))
    at = HEAD_BYTES + size
    for _ in range(size // ITEM_BYTES):
        item = f.read(ITEM_BYTES)
        if len(item) < ITEM_BYTES:
            return
        named, length, digest = struct.unpack(ITEM, item)
        yield named, length, digest, at
        at += length


def is_complete(path):
    """Whether all of a release is in the slot, and was found good."""
    _, size, _ = head(path)
    if not size:
        return False
    end = HEAD_BYTES + size
    try:
        with open(path, "rb") as f:
            for _, length, _, at in files(f):
                end = at + length
        return os.stat(path)[6] == end + len(END)
    except OSError:  # flash that cannot be read
        return False


class Slot:
    """The file `path` as a file system: what MicroPython's import needs of one. What is not there, or not
    all of it, is an empty one."""

    def __init__(self, path):
        self._numbers, self._starts, self._f = array("i"), array("i"), None
        if head(path)[0]:
            try:
                self._f = open(path, "rb")  # once: to find a file in LittleFS takes as many reads as a module
                self._read_list(self._f)
            except OSError:  # flash that cannot be read
                self._numbers = array("i")

    def mount(self, readonly, mkfs):
        """Nothing to do."""

    def umount(self):
        """Close the file: a finaliser must not find its file system gone."""
        if self._f:
            self._f.close()

    def stat(self, path):
        """As os.stat: of kind and size only. OSError when there is nothing."""
        path = path.strip("/")
        i = self._find(path)
        if i >= 0:
            return (_FILE, 0, 0, 0, 0, 0, self._starts[i + 1] - self._starts[i], 0, 0, 0)
        if self._find(path + "/__init__.mpy") < 0:
            raise OSError(_ENOENT)
        return (_FOLDER, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    def open(self, path, mode):
        """A file for reading. OSError when there is none."""
        i = self._find(path.strip("/"))
        if i < 0:
            raise OSError(_ENOENT)
        return Contents(self._f, self._starts[i], self._starts[i + 1] - self._starts[i])

    def _read_list(self, f):
        end = 0
        for named, length, _, at in files(f):
            self._numbers.append(named)
            self._starts.append(at)
            end = at + length
        self._starts.append(end)

    def _find(self, path):
        """Place of a file in the list, -1: there is none."""
        wanted = number(path)
        low, high = 0, len(self._numbers)
        while low < high:
            middle = (low + high) // 2
            if self._numbers[middle] < wanted:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self._numbers) and self._numbers[low] == wanted else -1


class Contents(io.IOBase):
    """A file of a slot, open for reading: `size` bytes of the open file `f`, from `at` on."""

    def __init__(self, f, at, size):
        self._f = f
        self._at = at
        self._end = at + size

    def readinto(self, buf):
        """As of any stream."""
        self._f.seek(self._at)
        got = self._f.readinto(memoryview(buf)[: min(len(buf), self._end - self._at)])
        self._at += got
        return got

    def ioctl(self, request, _):
        """Make the importer read in large pieces."""
        if request == _CLOSE:
            return 0
        return _MOST_BUFFER if request == _BUFFER_SIZE else -_EINVAL
