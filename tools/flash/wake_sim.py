"""One wake of a flash image: MicroPython mounts it as a block device and boots from it, in the world."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tools.flash import LayoutError
from tools.flash.image import unpack
from tools.flash.layout import ENTRY
from tools.world import stage
from tools.world.device import firmware

START = '''"""What the chip does: mounts the file system at the root of everything, then boots from it."""

import os
import sys

import vfs


class Flash:
    def __init__(self, path):
        self._file = open(path, "r+b")
        self._blocks = self._file.seek(0, 2) // 4096

    def readblocks(self, block, buf, offset=0):
        self._file.seek(4096 * block + offset)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, offset=None):
        self._file.seek(4096 * block + (offset or 0))
        self._file.write(buf)

    def ioctl(self, op, arg):
        if op == 3:
            self._file.flush()
        return {4: self._blocks, 5: 4096}.get(op, 0)


flash = sys.modules["flashbdev"] = Flash("flash.bin")
flash.bdev = flash
vfs.umount("/")
vfs.mount(flash, "/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
with open("power_on.py") as start:
    exec(start.read())
'''


def wake(folder: Path, image: Callable[[Path], bytes]) -> int:
    """Boot what `image` returns for a folder with a device's identity; how many records the agent has
    acknowledged after one wake. Raises `LayoutError` when the device meets a fault."""
    built = stage.build(folder, stage.Scenario("bg95", 1, 1))
    try:
        files = image(built.flash / "config")
        shutil.rmtree(built.flash)
        built.flash.mkdir()
        (built.flash / "flash.bin").write_bytes(files)
        (built.flash / ENTRY).write_text(START)
        built.device.run(0, lambda now_ms: None)
        if built.device.counters.crashes:
            raise LayoutError("the device raised an exception; its output is above")
        unpack((built.flash / "flash.bin").read_bytes(), folder / "after")
        return int(firmware.numbers(folder / "after").acks.count(0, 1 << 32))
    finally:
        built.close()
