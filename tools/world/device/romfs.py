"""The flash partition `romfs` of a MicroPython that uses code where it lies: the file of that name in the
simulated flash, where there is one. Stands for what the ESP32's port has in `vfs` and `machine`."""

import sys

import vfs

_BLOCK = 4096
_ERASE = 6


class Partition(bytearray):
    """Memory to those who read, flash to those who write."""

    def of(self, file):
        self._file = file
        file.readinto(self)
        return self

    def ioctl(self, op, block):
        if op == _ERASE:
            self._put(block * _BLOCK, b"\xff" * _BLOCK)
        return 0

    def writeblocks(self, block, buf, offset):
        self._put(block * _BLOCK + offset, buf)

    def _put(self, at, data):
        self[at : at + len(data)] = data
        self._file.seek(at)
        self._file.write(data)
        self._file.flush()


class Chip:
    """The modules `vfs` and `machine`, as far as a boot uses them."""

    VfsRom = vfs.VfsRom  # type: ignore[attr-defined]
    DEEPSLEEP_RESET = 4

    def __init__(self, partition, cause):
        self._partition, self._cause = partition, cause

    def mount(self, what, where):
        vfs.mount(what, where)

    def rom_ioctl(self, op, segment):
        return self._partition

    def reset_cause(self):
        return self._cause


def connect(cause):
    """The chip has been reset for this cause."""
    try:
        file = open("romfs", "r+b")
    except OSError:
        return
    size = file.seek(0, 2)
    file.seek(0)
    chip = Chip(Partition(size).of(file), cause)
    sys.modules["vfs"] = chip  # type: ignore[assignment]
    try:
        import machine

        machine.reset_cause, machine.DEEPSLEEP_RESET = chip.reset_cause, chip.DEEPSLEEP_RESET  # type: ignore
    except (ImportError, AttributeError):  # built in
        sys.modules["machine"] = chip  # type: ignore[assignment]
