"""Runs first after every reset: arms the watchdog, mounts the application slot where imports find it."""

import sys

import vfs


class Flash:
    """The block device `bdev`, whose block that is asked for twice in succession is kept: LittleFS looks a
    name up, and writes a directory anew, in hundreds of small reads of one block. What is written is read
    again."""

    def __init__(self, bdev):
        self._bdev = bdev
        self._data = memoryview(bytearray(bdev.ioctl(5, 0)))
        self._held = self._asked = -1

    def readblocks(self, n, buf, offset=0):
        """`buf` from block `n`; of the many that lie on the way through a long file only what is asked."""
        if n != self._held:
            if n != self._asked:
                self._asked = n
                return self._bdev.readblocks(n, buf, offset)
            self._held = -1
            failed = self._bdev.readblocks(n, self._data)
            if failed:
                return failed
            self._held = n
        buf[:] = self._data[offset : offset + len(buf)]

    def writeblocks(self, n, buf, offset):
        """LittleFS compares what it has written: with the flash, not with what is held."""
        self._forget(n)
        return self._bdev.writeblocks(n, buf, offset)

    def ioctl(self, op, arg):
        """As of any block device."""
        if op == 6:
            self._forget(arg)
        return self._bdev.ioctl(op, arg)

    def _forget(self, n):
        if n == self._held:
            self._held = -1


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

import bundle  # noqa: E402
import slots  # noqa: E402

vfs.mount(bundle.Slot(slots.choose()), "/app")
if not slots.on_trial:  # else a crash must find it here
    sys.modules.pop("trials", None)
# Behind the folder of this file, whose modules no release replaces, and before what may be frozen.
sys.path.insert(1, "/app")
