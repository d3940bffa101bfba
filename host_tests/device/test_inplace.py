"""The running slot in flash that is memory."""

import io
import sys

import bundle
import inplace
import packed
import scratch

DEEP_SLEEP, POWER_ON = 4, 1
FILES = (("locator/__init__.mpy", b"package"), ("locator/wake.mpy", bytes(range(251)) * 40))
OTHER = (("locator/__init__.mpy", b"another package"), FILES[1])
BLOCK = 4096


class Rom(bytearray):
    """The partition: blocks that can be erased, and written from 1 to 0; it fails at operation `fails`."""

    fails = 1 << 30

    def start(self, fails):
        self.fails, self.done = fails, []
        return self

    def ioctl(self, op, block):
        assert op == 6
        self._count("erase", block)
        self[block * BLOCK : (block + 1) * BLOCK] = b"\xff" * BLOCK
        return 0

    def writeblocks(self, block, buf, offset):
        self._count("write", block)
        at = block * BLOCK + offset
        assert offset + len(buf) <= BLOCK and self[at : at + len(buf)] == b"\xff" * len(buf)
        self[at : at + len(buf)] = bytes(buf)

    def _count(self, what, block):
        if len(self.done) == self.fails:
            raise OSError(5)
        self.done.append((what, block))


class Read:
    """As `vfs.VfsRom`, where there is none: a ROMFS of files, read by the book (extmod/vfs_rom.c)."""

    def __init__(self, memory):
        assert bytes(memory[:3]) == b"\xd2\xcd\x31"
        size, self._at = self._uint(memory, 3)
        self._memory = memory[self._at :][:size]

    def open(self, name, mode):
        for kind, record in self._records(self._memory):
            size, at = self._uint(record, 0)
            if kind == 5 and bytes(record[at : at + size]) == name.encode():
                ((pointer, where),) = self._records(record[at + size :])
                size, at = self._uint(where, 0)
                start, at = self._uint(where, at)
                assert pointer == 3 and at == len(where) and start + size <= len(self._memory)
                return io.BytesIO(bytes(self._memory[start : start + size]))
        raise OSError(2)

    def _records(self, memory):
        at = 0
        while at < len(memory):
            kind, at = self._uint(memory, at)
            size, at = self._uint(memory, at)
            yield kind, memory[at : at + size]
            at += size
        assert at == len(memory)

    def _uint(self, memory, at):
        value = 0
        while True:
            value = value << 7 | memory[at] & 0x7F
            at += 1
            if memory[at - 1] < 0x80:
                return value, at


class Chip:
    """As `vfs` and `machine`."""

    DEEPSLEEP_RESET = DEEP_SLEEP
    try:
        from vfs import VfsRom
    except ImportError:
        VfsRom = Read

    def __init__(self, rom, cause=DEEP_SLEEP):
        self._rom, self._cause = rom, cause
        self._before = {name: sys.modules.get(name) for name in ("vfs", "machine")}

    def __enter__(self):
        sys.modules["vfs"] = sys.modules["machine"] = self

    def __exit__(self, *_):
        for name, module in self._before.items():
            del sys.modules[name]
            if module:
                sys.modules[name] = module

    def rom_ioctl(self, op, segment):
        assert (op, segment) == (2, 0)
        return self._rom

    def reset_cause(self):
        return self._cause


def partition(blocks=4, fails=1 << 30):
    return Rom(b"\x00" * (blocks * BLOCK)).start(fails)


def slot(files):
    path = scratch.folder() + "/slot"
    packed.write(path, packed.slot(files))
    return path


def contents(path, rom):
    assert rom
    mounted = bundle.Slot(path, rom)
    return [mounted.open(name, "rb").read() for name, _ in FILES]


def test_the_first_boot_of_a_slot_copies_it_and_the_next_use_the_copy():
    rom, path = partition(), slot(FILES)
    with Chip(rom):
        assert contents(path, inplace.view(path)) == [data for _, data in FILES]
        assert rom.done[0] == ("erase", 0) and rom.done[-1] == ("write", 0)
        rom.done.clear()
        assert inplace.view(path) and not rom.done
        other = slot(OTHER)
        assert contents(other, inplace.view(other)) == [data for _, data in OTHER]


def test_wherever_the_copying_ends_there_is_no_copy_and_then_a_whole_one():
    path, rom = slot(FILES), partition()
    with Chip(rom):
        inplace.view(path)
    for fails in range(len(rom.done)):
        rom = partition(fails=fails)
        with Chip(rom):
            assert inplace.view(path) is None
            rom.fails = 1 << 30
            assert contents(path, inplace.view(path)) == [data for _, data in FILES]


def test_what_is_not_like_the_file_is_found_at_a_reset_and_after_a_fault():
    path = slot(FILES)
    with Chip(partition()):
        size = sum(len(piece) for piece in inplace.image(path))
    for at in range(0, size, 97):
        rom = partition()
        with Chip(rom):
            inplace.view(path)
            rom[at] ^= 0x10
            rom.done.clear()
            if at >= bundle.HEAD_BYTES + 7:
                assert inplace.view(path) and not rom.done  # a wake does not look
        with Chip(rom, POWER_ON):
            assert contents(path, inplace.view(path)) == [data for _, data in FILES]
        with Chip(rom):
            rom[at] ^= 0x10
            rom.done.clear()
            is_none = at < bundle.HEAD_BYTES  # without its head there is no copy that could be to blame
            assert inplace.check(path) != is_none
            assert rom.done == ([] if is_none else [("erase", 0)])
            assert contents(path, inplace.view(path)) == [data for _, data in FILES]
            rom.done.clear()
            assert not inplace.check(path) and not rom.done


def test_a_partition_without_a_copy_is_not_to_blame():
    path, rom = slot(FILES), partition(blocks=1)
    with Chip(rom):
        assert inplace.view(path) is None  # too small
        assert not inplace.check(path)
    rom = partition(fails=0)
    with Chip(rom):
        assert inplace.view(path) is None
        assert not inplace.check(path)


def test_without_a_partition_or_a_slot_to_copy_the_file_is_read():
    path = slot(FILES)
    with Chip(-22):  # what MicroPython says where the table has none
        assert inplace.view(path) is None and not inplace.check(path)
    rom = partition()
    with Chip(rom):
        assert inplace.view(path + ".none") is None
        packed.write(path, packed.slot(FILES, 1, b""))  # its end is not marked
        assert inplace.view(path) is None
    with Chip(partition(2)):  # smaller than the slot
        assert inplace.view(slot(FILES)) is None
    assert not rom.done


def test_a_weak_battery_copies_nothing():
    import trials

    rom, path, is_weak = partition(), slot(FILES), trials.is_weak
    trials.is_weak = lambda: True
    try:
        with Chip(rom):
            assert inplace.view(path) is None and not rom.done
    finally:
        trials.is_weak = is_weak
