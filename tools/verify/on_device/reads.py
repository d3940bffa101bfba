"""A device whose flash is LittleFS, mounted as a stock image of MicroPython does, and which counts.

    micropython reads.py make IMAGE FOLDER RECORDS ACKNOWLEDGED

makes a flash with the files of the folder and a journal of this many records.

A wake begins with `wake(IMAGE)`, from a `power_on.py` (tools/world/device/reads.py): what it did to the flash
from the mount to the deep sleep is appended to the file IMAGE.counts, a line a wake: reads, bytes read,
erases, bytes written.
"""

import os
import sys

import vfs

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from flash import BLOCK, Flash, copy_tree

BLOCKS = 240
"""960 KiB: the file system in the OTA layout of the ESP32."""
ACKNOWLEDGED_AT_ONCE = 12
_ERASE = 6


class Counting(Flash):
    """A flash that is kept in the open file `image`."""

    def __init__(self, image):
        image.seek(0)
        super().__init__(bytearray(image.read()))
        self._image = image
        self.bdev = self  # as in the module `flashbdev`
        self.reads = self.read_bytes = self.erases = self.written = 0

    def readblocks(self, n, buf, offset=0):
        self.reads += 1
        self.read_bytes += len(buf)
        super().readblocks(n, buf, offset)

    def writeblocks(self, n, buf, offset=None):
        self.written += len(buf)
        super().writeblocks(n, buf, offset)

    def ioctl(self, op, arg):
        self.erases += op == _ERASE
        return super().ioctl(op, arg)

    def changed(self, at, size):
        self._image.seek(at)
        self._image.write(memoryview(self.data)[at : at + size])
        self._image.flush()


def wake(image, port):
    """Boot from the flash in the file `image`; `port` sleeps when the wake is over."""
    flash = Counting(open(image, "r+b"))
    counts = open(image + ".counts", "ab")
    sleep = port.deepsleep

    def deepsleep(ms, wake_on):
        counts.write(b"%d %d %d %d\n" % (flash.reads, flash.read_bytes, flash.erases, flash.written))
        counts.flush()
        sleep(ms, wake_on)

    port.deepsleep = deepsleep
    sys.modules["flashbdev"] = flash  # type: ignore[assignment]
    vfs.umount("/")
    vfs.mount(flash, "/")
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    for name in ("boot.py", "main.py"):
        if name == "main.py":
            __import__("chip")  # what a real board has imported by then
        os.stat(name)  # as the chip's own start does
        with open(name) as f:
            text = f.read()
        exec(text, {"__name__": "__main__"})


def make(path, folder, records, acknowledged):
    """Format a flash and fill it, the journal record by record."""
    from locator import state as st
    from locator.codec import record
    from locator.journal import copy
    from locator.journal.numbers import Numbers
    from locator.journal.store import Journal

    flash = Flash(bytearray(b"\xff" * BLOCKS * BLOCK))
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(flash, "/flash")
    copy_tree(folder, "/flash")
    home = "/flash/data"
    for i in range(records):
        numbers = Numbers(home, 0)
        journal = Journal(home, numbers)
        journal.append([record.CELL, 1, 0, 0, 1 + i, 1] + [0] * 14)
        if i % ACKNOWLEDGED_AT_ONCE == 0:
            copy.keep_attempt(home, st.new())
            numbers.next_number()
            journal.acknowledge([1, max(1, min(i, acknowledged))])
    os.remove(home + "/attempt.bin")
    vfs.umount("/flash")
    with open(path, "wb") as f:
        f.write(flash.data)


if sys.argv[1:2] == ["make"]:
    make(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
