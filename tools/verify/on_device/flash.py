"""A flash in memory, on MicroPython: a block device whose power can be cut at any of its operations."""

import builtins
import os

BLOCK = 4096
NEVER = 1 << 30


class PowerCut(BaseException):
    """No code of the firmware catches it."""


class Flash:
    """Blocks in the bytearray `data`. Power fails at operation number `cut_at`; a `torn` one is half done.

    LittleFS would lose hold of its own memory if an exception left it. So what is written after the flash has
    died goes on without effect, until the code comes to `alive` (at each `open`, at each use of a port), and
    has not happened when `end` has been called.
    """

    last = None
    """The one that was made last."""

    def __init__(self, data, cut_at=NEVER, torn=False):
        self.data = data
        self.operations = 0
        self.cut_at = cut_at
        self.torn = torn
        self.dead = False
        self.ended = False
        self._undo: list = []
        Flash.last = self

    def readblocks(self, n, buf, offset=0):
        self._there()
        at = n * BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, n, buf, offset=None):
        if offset is None:
            self.ioctl(6, n)
            offset = 0
        self._change(n * BLOCK + offset, buf)

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // BLOCK
        if op == 5:
            return BLOCK
        if op == 6:
            self._change(arg * BLOCK, b"\xff" * BLOCK)
        return 0

    def changed(self, at, size):
        """Called after each operation, for flashes that are kept elsewhere too."""

    def end(self):
        """Nothing has happened since it died, and nothing will."""
        while self._undo:
            at, was = self._undo.pop()
            self.data[at : at + len(was)] = was
        self.dead = self.ended = True

    def _change(self, at, buf):
        self._there()
        size = len(buf)
        if self.dead:
            self._undo.append((at, bytes(memoryview(self.data)[at : at + size])))
            self.data[at : at + size] = buf
            return
        self.operations += 1
        if self.operations >= self.cut_at:
            self.dead = True
            size = size // 2 if self.torn else 0
        self.data[at : at + size] = memoryview(buf)[:size]
        self.changed(at, size)

    def _there(self):
        if self.ended:
            raise PowerCut


def alive():
    """Raise `PowerCut` if the power has failed."""
    if Flash.last and Flash.last.dead and not Flash.last.ended:
        raise PowerCut


def _open(path, *mode):
    """As `open`, which is the firmware's from here on."""
    alive()
    file = _OPEN(path, *mode)
    try:
        alive()
    except PowerCut:
        file.close()
        raise
    return file


_OPEN = builtins.open
builtins.open = _open


def copy_tree(source, target):
    """What lies in the folder `source`, into the folder `target`, which is there."""
    for entry in os.ilistdir(source):
        name = "/" + entry[0]
        if entry[1] & 0x4000:
            os.mkdir(target + name)
            copy_tree(source + name, target + name)
        else:
            with open(source + name, "rb") as f, open(target + name, "wb") as out:
                out.write(f.read())
