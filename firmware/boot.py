"""Runs first after every reset: arms the watchdog and mounts the application slot for imports."""

import sys

import vfs
from micropython import const

_BYTES = const(2048)
_IN_BLOCK = const(2)


class Flash:
    """The block device `bdev`. Of what is asked for twice half the block is kept: LittleFS looks a name up,
    and rewrites a directory, in hundreds of small reads of one block. Written blocks are read again."""

    def __init__(self, bdev):
        self._bdev = bdev
        self._cached = [-1, -1, -1]  # used last comes last, here and in the data
        self._data = [memoryview(bytearray(_BYTES)) for _ in self._cached]
        self._asked = [-1, -1]

    def readblocks(self, n, buf, offset=0):
        """`buf` from block `n`; of the many that lie on the way through a long file only what is asked."""
        at = offset % _BYTES
        if at + len(buf) > _BYTES or not self._find(n, offset // _BYTES):
            return self._bdev.readblocks(n, buf, offset)
        buf[:] = self._data[-1][at : at + len(buf)]

    def writeblocks(self, n, buf, offset):
        """LittleFS compares what it has written: with the flash, not with what is held."""
        self._forget(n)
        return self._bdev.writeblocks(n, buf, offset)

    def ioctl(self, op, arg):
        """As of any block device."""
        if op == 6:
            self._forget(arg)
        return self._bdev.ioctl(op, arg)

    def _find(self, n, half):
        """Whether that half of the block `n` is held, as the last."""
        piece = _IN_BLOCK * n + half
        for i in (2, 1, 0):
            if self._cached[i] == piece:
                self._use(i)
                return True
        if piece not in self._asked:
            self._asked.append(piece)
            self._asked.pop(0)
            return False
        self._use(0)
        self._cached[-1] = -1
        if self._bdev.readblocks(n, self._data[-1], half * _BYTES):
            return False  # the caller reads what it asked for, and gets the error
        self._cached[-1] = piece
        return True

    def _use(self, i):
        self._cached.append(self._cached.pop(i))
        self._data.append(self._data.pop(i))

    def _forget(self, n):
        for i in range(len(self._cached)):
            if self._cached[i] // _IN_BLOCK == n:
                self._cached[i] = -1


# MicroPython has mounted the flash so that it is read by 32 bytes, ten thousands of times a wake.
try:
    from flashbdev import bdev

    files = vfs.VfsLfs2(Flash(bdev), readsize=128)  # type: ignore[abstract,arg-type]
    vfs.umount("/")
    vfs.mount(files, "/")
except (ImportError, OSError):  # MicroPython on Unix; or it stays as it is
    pass

# What is built in, it looks for on the flash first, at each import, unless it is loaded.
path, sys.path[:] = sys.path[:], [".frozen"]
for name in "array binascii collections cryptolib hashlib io json machine os struct time".split():
    try:
        sys.modules[name] = __import__(name)
    except ImportError:
        pass
sys.path[:] = path

# Before anything of the slot runs: a release that hangs while it is imported must be reset, too.
try:
    from machine import WDT
except ImportError:  # MicroPython on Unix has none
    pass
else:
    WDT(timeout=60_000)  # as long as that of locator/hal/esp32.py, which takes it over

try:
    from start import image, slots

    vfs.mount(image.Slot(slots.choose()), "/app")
    if not slots.on_trial:  # else a crash must find it here
        slots.unload_trial()
except Exception as error:
    # A part of `start` is gone: after an error in here MicroPython would wait at its prompt, awake.
    import machine

    sys.print_exception(error)
    machine.deepsleep(900_000)
# After the folder of this file, whose modules no release replaces, and before frozen modules.
sys.path.insert(1, "/app")
