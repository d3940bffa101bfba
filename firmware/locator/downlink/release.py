"""The release that is being pulled into the spare slot (`image`): its list of files, and the missing ones.

The slot is only appended to, so its size is the progress, which survives resets. Files that the running slot
has are copied.
"""

import hashlib
import os
import struct
import sys

from micropython import const
from start import image

from locator.codec import cbor

# Why a release is refused; trial.CRASHED and trial.NOT_ANSWERED go on from here.
OTHER_BOARD = const(1)
OTHER_RUNTIME = const(2)
NOT_NEWER = const(3)
DAMAGED = const(4)
MALFORMED = const(5)

MOST_FILES = const(160)
MOST_BYTES = const(131072)
_MOST_LIST_BYTES = MOST_FILES * image.ITEM_BYTES
_DIGEST_BYTES = const(32)
_BLOCK = const(256)


class ReleaseError(Exception):
    """The release cannot be used; `args[0]` is one of the reasons above."""


class Release:
    """The release in the file `slot`, the spare one; `running` is the other. `sequence` is 0 if no release is
    being pulled. `feed` is called during long work.
    """

    def __init__(self, slot, running, feed):
        self._slot = slot
        self._running = running
        self._feed = feed
        self._block = bytearray(_BLOCK)
        self.sequence, self._list_bytes, self._list_digest = image.head(slot)

    def is_of(self, update):
        """Whether this is the release of `update`: [sequence, bytes of the list, its SHA-256, ...]."""
        return [self.sequence, self._list_bytes, self._list_digest] == update[:3]

    def begin(self, update):
        """Empty the slot for the release of `update`."""
        self.clear()
        append(self._slot, struct.pack(image.HEAD, image.MAGIC, *update[:3]))
        self.sequence, self._list_bytes, self._list_digest = image.head(self._slot)

    def clear(self):
        """Remove the contents of the slot."""
        try:
            os.remove(self._slot)
        except OSError:  # it was empty
            pass
        self.sequence = 0

    def wanted(self):
        """Return the next piece to pull: (file, offset, bytes of the file), file 0 being the list; None if
        the release is complete. `ReleaseError` when the list is not that of the update."""
        offset = self._size() - image.HEAD_BYTES
        if offset < self._list_bytes:
            return 0, offset, self._list_bytes
        self._check_list()
        while True:
            file, number, size, digest, offset = self._next()
            if not file:
                return None
            if offset or not self._copy(number, size, digest):
                return file, offset, size

    def verify(self):
        """Read all of it from flash and mark it as complete: `ReleaseError` unless each file is as listed."""
        self._check_list()
        with open(self._slot, "rb") as f, open(self._slot, "rb") as contents:
            for _, size, digest, at in image.files(f):
                if self._digest(contents, at, size) != digest:
                    raise ReleaseError(DAMAGED)
        if not image.is_complete(self._slot):
            append(self._slot, image.END)

    def _size(self):
        return os.stat(self._slot)[6]

    def _check_list(self):
        """`ReleaseError` unless the list is that of the update, and well-formed."""
        with open(self._slot, "rb") as f:
            if self._digest(f, image.HEAD_BYTES, self._list_bytes) != self._list_digest:
                raise ReleaseError(DAMAGED)
            before, end = -1, image.HEAD_BYTES + self._list_bytes + MOST_BYTES
            for number, size, _, at in image.files(f):
                if not before < number or not 0 < size <= end - at:
                    raise ReleaseError(MALFORMED)
                before = number

    def _next(self):
        """Return the file at which the slot ends: (position in the list, number, bytes, SHA-256, bytes of it
        that are stored); position 0 if the release is complete."""
        end = self._size()
        with open(self._slot, "rb") as f:
            for i, (number, size, digest, at) in enumerate(image.files(f)):
                if end < at + size:
                    return i + 1, number, size, digest, end - at
        return 0, 0, 0, b"", 0

    def _copy(self, number, size, digest):
        """Copy a file from the running slot; return whether it has it."""
        with open(self._running, "rb") as f:
            at = _place(f, number, size, digest)
            if not at or self._digest(f, at, size) != digest:
                return False
            f.seek(at)
            with open(self._slot, "ab") as out:
                for block in self._blocks(f, size):
                    out.write(block)
        return True

    def _digest(self, f, at, size):
        """Return the SHA-256 of a part of an open file."""
        self._feed()
        f.seek(at)
        sha = hashlib.sha256()
        for block in self._blocks(f, size):
            sha.update(block)
        return sha.digest()

    def _blocks(self, f, size):
        """Yield the next `size` bytes of an open file in blocks, as far as they are there."""
        block = memoryview(self._block)
        while size > 0:
            n = f.readinto(block[: min(size, _BLOCK)])
            if not n:
                return
            yield block[:n]
            size -= n


def check(update):
    """`ReleaseError` unless `update` is one: [sequence, bytes of the list, SHA-256 of it, board, mpy]."""
    if not cbor.is_list(update, int, int, bytes, str, int):
        raise ReleaseError(MALFORMED)
    sequence, size, digest, *_ = update
    if not 0 < sequence < 0x40000000 or not 0 < size <= _MOST_LIST_BYTES or size % image.ITEM_BYTES:
        raise ReleaseError(MALFORMED)
    if len(digest) != _DIGEST_BYTES:
        raise ReleaseError(MALFORMED)


def runtime():
    """Return the version of compiled modules that this interpreter loads."""
    return getattr(sys.implementation, "_mpy", 0) & 0xFF


def append(path, data):
    """Append to a file; it is in flash when this returns."""
    with open(path, "ab") as f:
        f.write(data)


def _place(f, number, size, digest):
    """Return the position of the contents of this file in the open slot `f`, 0 if it does not have it."""
    for named, length, has, at in image.files(f):
        if named == number:
            return at if length == size and has == digest else 0
    return 0
