"""boot.py and main.py around a slot, with stand-ins for the chip and for what lies in the slot."""

import gc
import os
import sys

import packed
import scratch
from start import slots, trial

NAMES = ("boot", "main", "board", "machine", "vfs")


class Asleep(BaseException):
    """The device sleeps; `args`: milliseconds, what else wakes."""


class Device:
    """In a flash of its own with both slots: as `board`, its port, `machine` and `vfs`; `done` in order."""

    data_dir = "data"

    def __init__(self):
        self.done = []
        self.before = os.getcwd(), sys.path[:], {name: sys.modules.get(name) for name in NAMES}
        self.WDT = self.watchdog
        for name in ("boot", "main"):
            sys.modules.pop(name, None)
        for name in ("board", "machine", "vfs"):
            sys.modules[name] = self
        if not hasattr(gc, "threshold"):  # CPython
            gc.threshold = lambda *_: None
            sys.print_exception = lambda *_: None

    def __enter__(self):
        # Imports are relative to where the tests began.
        sys.path[:] = [self.before[0] + "/" + path if path[:1] not in "/." else path for path in sys.path]
        os.chdir(scratch.folder())
        os.mkdir("slots")
        for name in slots.SLOTS:
            packed.write(name, packed.slot((("locator/wake.mpy", b"code"),)))
        return self

    def __exit__(self, *_):
        cwd, sys.path[:], modules = self.before
        os.chdir(cwd)
        gc.threshold(-1)
        for name, module in modules.items():
            sys.modules.pop(name, None)
            if module:
                sys.modules[name] = module

    def watchdog(self, timeout):
        self.done.append(("watchdog", timeout))

    def mount(self, slot, path):
        self.done.append(("mount", path))

    def make_port(self):
        raise ValueError("no port")

    def deepsleep(self, ms, wake_on=0):
        raise Asleep(ms)


def main():
    """Run main.py; milliseconds of sleep."""
    sys.modules.pop("main", None)
    try:
        __import__("main")
    except Asleep as asleep:
        return asleep.args[0]
    raise AssertionError("it has not slept")


def test_the_watchdog_is_armed_before_anything_of_the_slot_can_run():
    with Device() as device:
        __import__("boot")
        assert device.done == [("watchdog", 60000), ("mount", "/app")]


def test_the_slot_is_in_the_path_after_the_boot_folder_and_before_frozen_modules():
    with Device():
        before = sys.path[:]
        __import__("boot")
        assert sys.path == before[:1] + ["/app"] + before[1:]


def test_without_the_rules_of_a_start_the_device_sleeps_and_tries_again():
    class Gone:
        def choose(self):
            raise OSError(2)

    import start

    with Device():
        start.slots = Gone()
        try:
            __import__("boot")
        except Asleep as asleep:
            assert asleep.args[0] == 900000
        else:
            raise AssertionError("it waits at the prompt")
        finally:
            start.slots = slots


class Remounted(Device):
    """With the block device that MicroPython has mounted; `errno`: that of mounting it once more."""

    def __init__(self, errno=0):
        Device.__init__(self)
        self.errno, self.bdev = errno, self
        sys.modules["flashbdev"] = self

    def __exit__(self, *_):
        sys.modules.pop("flashbdev")
        Device.__exit__(self)

    def VfsLfs2(self, bdev, readsize):
        if self.errno:
            raise OSError(self.errno)
        assert readsize == 128 and not isinstance(bdev, Device)
        self.mounted = bdev
        return self

    def ioctl(self, op, arg):
        self.done.append(("ioctl", op, arg))
        return 4096 if op == 5 else 0

    def readblocks(self, n, buf, offset=0):
        self.done.append(("read", n, offset, len(buf)))
        buf[:] = bytes((n,)) * len(buf)

    def writeblocks(self, n, buf, offset):
        self.done.append(("write", n, offset, len(buf)))

    def umount(self, path):
        self.done.append(("umount", path))


def test_the_flash_is_mounted_again_for_large_reads():
    with Remounted() as device:
        __import__("boot")
        assert device.done[:2] == [("umount", "/"), ("mount", "/")]
        assert device.done[2:] == [("watchdog", 60000), ("mount", "/app")]


def test_a_flash_that_cannot_be_mounted_again_stays_as_it_is():
    with Remounted(5) as device:
        __import__("boot")
        assert device.done == [("watchdog", 60000), ("mount", "/app")]


def read(flash, n, offset):
    """128 bytes of block `n` of the device under `flash`, and how it was asked for them."""
    flash.done.clear()
    buf = bytearray(128)
    assert not flash.mounted.readblocks(n, buf, offset)
    assert buf == bytes((n,)) * 128
    return flash.done


def test_half_a_block_that_is_asked_for_twice_is_read_once_and_kept():
    with Remounted() as flash:
        __import__("boot")
        assert read(flash, 7, 2048) == [("read", 7, 2048, 128)]
        assert read(flash, 7, 3968) == [("read", 7, 2048, 2048)]
        assert read(flash, 7, 2304) == []
        assert read(flash, 7, 256) == [("read", 7, 256, 128)]


def test_three_halves_are_kept_and_the_one_goes_that_was_not_used_for_the_longest_time():
    with Remounted() as flash:
        __import__("boot")
        for n in (7, 8, 9):
            read(flash, n, 0), read(flash, n, 0)
        assert read(flash, 7, 128) == read(flash, 8, 128) == read(flash, 9, 128) == []
        read(flash, 7, 0), read(flash, 10, 0), read(flash, 10, 0)
        assert read(flash, 7, 0) == read(flash, 9, 0) == [] != read(flash, 8, 0)


def test_blocks_visited_while_seeking_are_read_partially_and_do_not_displace_the_cache():
    with Remounted() as flash:
        __import__("boot")
        read(flash, 7, 0), read(flash, 7, 128)
        for n in (1, 2, 3, 1, 2, 3):
            assert read(flash, n, 0) == [("read", n, 0, 128)]
        assert read(flash, 7, 256) == []


def test_data_across_both_halves_is_read_whole():
    with Remounted() as flash:
        __import__("boot")
        for _ in range(3):
            assert read(flash, 7, 2000) == [("read", 7, 2000, 128)]


def test_a_written_or_erased_block_is_read_from_the_flash_again():
    with Remounted() as flash:
        __import__("boot")
        read(flash, 7, 0), read(flash, 7, 0)
        for change in (lambda: flash.mounted.writeblocks(7, b"12", 5), lambda: flash.mounted.ioctl(6, 7)):
            assert read(flash, 7, 0) == []
            assert not change()
            assert flash.done in ([("write", 7, 5, 2)], [("ioctl", 6, 7)])
            assert read(flash, 7, 0) == [("read", 7, 0, 2048)]


class Failing(Remounted):
    """Its flash gives nothing any more."""

    def readblocks(self, n, buf, offset=0):
        self.done.append(("read", n, offset, len(buf)))
        return 5


def test_a_block_that_could_not_be_read_is_not_kept():
    with Failing() as flash:
        __import__("boot")
        for _ in range(3):
            assert flash.mounted.readblocks(7, bytearray(4), 0) == 5


def test_built_in_modules_are_not_searched_on_the_flash():
    with Device() as device:
        if sys.implementation.name == "micropython":
            for name in ("os", "struct"):
                sys.modules.pop(name, None)
        __import__("boot")
        assert "os" in sys.modules and "struct" in sys.modules and sys.modules["machine"] is device


class Trial(Device):
    """A boot on trial of a release whose wake is good, on a flash that takes nothing any more."""

    def __enter__(self):
        Device.__enter__(self)
        from locator import wake

        self._wake, self._run = wake, wake.run
        wake.run = lambda port, board: (5000, 0)
        slots.choose()
        trial.start(2)
        assert slots.choose() == "slots/b"
        os.mkdir("slots/pointer.bin.new")
        return self

    def __exit__(self, *_):
        self._wake.run = self._run
        slots.on_trial = False
        Device.__exit__(self)

    def make_port(self):
        return self


def test_a_flash_that_is_full_when_a_boot_on_trial_ends_does_not_roll_back():
    with Trial():
        assert main() == 5000
        os.rmdir("slots/pointer.bin.new")
        pointer = trial.Pointer()
        assert (pointer.on_trial, pointer.unended, pointer.failed) == (1, 1, 0)
        assert "b" in os.listdir("slots")
        assert slots.choose() == "slots/b" and main() == 5000
        assert trial.Pointer().unended == 0


class Short:
    """As `trial`: there is no memory for it."""

    def failed(self, at_import):
        raise MemoryError


def test_whatever_goes_wrong_after_a_fault_the_device_sleeps():
    import start

    with Device():
        start.trial = Short()
        assert main() == 900000
    start.trial = trial


class Restless(Device):
    """Its port cannot put it to sleep."""

    def make_port(self):
        return self

    def clock_s(self):
        return 7

    def modem_rail(self, on):
        self.done.append(("rail", on))

    def deepsleep(self, ms, wake_on=None):
        if wake_on is not None:
            raise ValueError("incompatible .mpy file")
        raise Asleep(ms)


def test_a_port_that_cannot_sleep_leaves_it_to_the_timer_of_the_chip_and_reports_it():
    from locator import wake

    before, wake.run = wake.run, lambda port, board: (5000, 3)
    try:
        with Restless() as device:
            os.mkdir("data")
            assert main() == 5000 and not device.done
            assert "incompatible" in open("data/fault.new").read() or sys.implementation.name == "cpython"
    finally:
        wake.run = before
