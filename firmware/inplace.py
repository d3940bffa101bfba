"""The running slot in flash that the processor sees as memory: its code and texts are used where they lie.

A MicroPython with MICROPY_VFS_ROM has such a partition, `romfs`, and copies nothing of a file in it. It gets
a copy of the slot that runs at that slot's first boot: the head of the slot, then a ROMFS (described in
extmod/vfs_rom.c) whose files are named by their numbers and lie as in the slot. The head comes last: a power
cut in the copying leaves no copy. Where there is none, for whatever reason, the slot is read from its file,
which takes more heap and is no less alive.

Lies beside boot.py, outside the slots, and uses nothing of them.
"""

import os

import bundle
from micropython import const

_BLOCK = const(4096)
_SEGMENT = const(2)  # of vfs.rom_ioctl
_ERASE = const(6)  # of a block device's ioctl
_EIO = const(5)
_MAGIC = b"\xd2\xcd\x31"
# Kind and bytes of a file's record, bytes of its name; the same of where its contents lie; of the contents.
_FILE, _POINTER, _CONTENTS = b"\x05\x11\x08", b"\x03\x06", b"\x01"
_FILE_BYTES = const(19)
_CONTENTS_BYTES = const(4)
_NOT_HERE = (ImportError, AttributeError, TypeError, OSError, MemoryError)
"""MicroPython has no such partitions; the table has none (a number in place of a partition); the flash takes
nothing, or nothing is there to copy; and a fault may leave no memory."""


def view(path):
    """The slot `path` as a `vfs.VfsRom` in memory, None: it is read from its file.

    The copy is trusted after a deep sleep, and compared with the file after any other reset: what it holds
    may be the reason of that.
    """
    try:
        import machine
        import vfs

        rom = vfs.rom_ioctl(_SEGMENT, 0)
        mapped = memoryview(rom)
        if not _has(path, mapped, machine.reset_cause() != machine.DEEPSLEEP_RESET):
            _copy(path, rom, mapped)
        return vfs.VfsRom(mapped[bundle.HEAD_BYTES :])  # type: ignore[attr-defined]
    except _NOT_HERE:
        return None


def check(path):
    """A wake has met a fault. True: a copy of the slot `path` was not like its file; it is given up, and made
    anew at the next boot."""
    try:
        import vfs

        rom = vfs.rom_ioctl(_SEGMENT, 0)
        mapped = memoryview(rom)
        if not _has(path, mapped, False) or _has(path, mapped, True):
            return False  # there was none, or it was good
        rom.ioctl(_ERASE, 0)
        return True
    except _NOT_HERE:
        return False


def _has(path, mapped, to_the_end):
    """Whether there is a copy of the slot, as its head says, or `to_the_end`."""
    at = 0
    for piece in image(path):
        if mapped[at : at + len(piece)] != piece:
            return False
        at += len(piece)
        if not to_the_end:
            break
    return at > 0


def _copy(path, rom, mapped):
    """Raises OSError: the flash does not take it, the slot is not whole or too large, the battery is weak."""
    import trials

    # The list of a slot takes more room than what stands for it here.
    if not bundle.is_complete(path) or os.stat(path)[6] > len(mapped) or trials.is_weak():
        raise OSError(_EIO)
    rom.ioctl(_ERASE, 0)
    at, head = 0, b""
    for piece in image(path):
        if at:
            _write(rom, at, piece)
            if mapped[at : at + len(piece)] != piece:
                raise OSError(_EIO)
        else:
            head = bytes(piece)
        at += len(piece)
    rom.writeblocks(0, head, 0)


def _write(rom, at, piece):
    while piece:
        offset = at % _BLOCK
        if not offset:
            rom.ioctl(_ERASE, at // _BLOCK)
        now = piece[: _BLOCK - offset]
        rom.writeblocks(at // _BLOCK, now, offset)
        at += len(now)
        piece = piece[len(now) :]


def image(path):
    """Yield what the partition has of the slot `path`, piece by piece, the head of the slot first."""
    listed = bundle.head(path)[1]
    begin = bundle.HEAD_BYTES + listed
    shift = listed // bundle.ITEM_BYTES * _FILE_BYTES + _CONTENTS_BYTES - begin
    with open(path, "rb") as f:
        yield f.read(bundle.HEAD_BYTES)
        index = b""
        for number, size, _, at in bundle.files(f):
            index += _FILE + (bundle.NAME % number).encode() + _POINTER + _uint(size) + _uint(at + shift)
        contents = os.stat(path)[6] - begin
        index += _CONTENTS + _uint(contents)
        yield _MAGIC + _uint(len(index) + contents)
        yield index
        f.seek(begin)
        buf = memoryview(bytearray(_BLOCK))
        got = f.readinto(buf)
        while got:
            yield buf[:got]
            got = f.readinto(buf)


def _uint(value):
    """A number of up to 21 bits as a ROMFS has it."""
    return bytes((0x80 | value >> 14, 0x80 | value >> 7 & 0x7F, value & 0x7F))
