"""Measures on the chip what a wake needs: sent through its prompt by `make bench-chip`.

`times` and `flash` each want a MicroPython that has just started; `states` ends in deep sleep, after
which the tracker runs. Each prints lines `name|value`. Records, settings and identity are only read.
"""

import gc
import os
import sys
import time

import esp32
import machine
import vfs
from micropython import const

_WATCHDOG_MS = const(900000)
_TURNS = const(5)
_SCRATCH_KB = const(16)
_TASK_STACK_KEPT = const(1024)  # MicroPython leaves them to the calls of the IDF
_FAST_HZ, _SLOW_HZ = const(160_000_000), const(80_000_000)


def _say(name, value):
    print("%s|%s" % (name, value))


def _us(work, *arguments):
    began_us = time.ticks_us()
    work(*arguments)
    return time.ticks_diff(time.ticks_us(), began_us)


def _least_us(work, *arguments):
    return min([_us(work, *arguments) for _ in range(_TURNS)])


def _make_port():
    """The board and its port, whose watchdog is then one for engineers."""
    board = __import__("board")  # of any kind
    port = board.make_port()
    machine.WDT(timeout=_WATCHDOG_MS)
    return board, port


def _start():
    """What main.py imports."""
    made = _make_port()
    __import__("locator.wake")
    return made


def times(later):
    """Imports, envelope, heap and battery; `later` are the modules that a wake imports after its start."""
    began_us = time.ticks_us()
    _, port = _start()
    _say("import_us", time.ticks_diff(time.ticks_us(), began_us))
    _say("later_us", sum([_us(__import__, name) for name in later]))
    gc.collect()
    _say("collect_us", _least_us(gc.collect))
    _say("heap_used", gc.mem_alloc())
    _say("heap", gc.mem_alloc() + gc.mem_free())  # the ESP32's port counts the block that it could still get
    _say("block", max([region[2] for region in esp32.idf_heap_info(esp32.HEAP_DATA)]))
    _envelope()
    _battery(port)
    tasks = getattr(esp32, "idf_task_info", None)  # not in every image
    for task in tasks()[1] if tasks else ():
        if task[1] == "mp_task":
            _say("stack_left", task[5] - _TASK_STACK_KEPT)


def _envelope():
    from locator.codec.cose import Envelope

    _say("keys_us", _least_us(Envelope, bytes(32), "up", "bench"))
    envelope, buf = Envelope(bytes(32), "up", "bench"), bytearray(1100)
    _say("seal_200_us", _least_us(envelope.seal, buf, 32, 232, 1))
    _say("seal_1024_us", _least_us(envelope.seal, buf, 32, 1056, 1))


def _battery(port):
    battery_mv = port.senses()[0]
    is_calibrated = not getattr(port, "uncalibrated", False)
    _say("calibration", "there" if is_calibrated else "missing")
    _say("battery_mv", battery_mv)


class Counting:
    """The block device `inner`, with each of its operations counted and timed."""

    def __init__(self, inner):
        self.inner = inner
        self.reads = self.read_us = self.erases = self.erase_us = self.written = self.write_us = 0

    def readblocks(self, *arguments):
        self.reads += 1
        self.read_us += _us(self.inner.readblocks, *arguments)

    def writeblocks(self, *arguments):
        self.written += len(arguments[1])
        self.write_us += _us(self.inner.writeblocks, *arguments)

    def ioctl(self, op, argument):
        began_us = time.ticks_us()
        answer = self.inner.ioctl(op, argument)
        if op == 6:  # erase a block
            self.erases += 1
            self.erase_us += time.ticks_diff(time.ticks_us(), began_us)
        return answer


def flash():
    """Reads of a start, from boot.py to the opened journal; then what a read, an erase and a write take."""
    import flashbdev

    counted = Counting(flashbdev.bdev)
    for name in ("start.slots", "start.image", "start"):
        del sys.modules[name]
    sys.path.remove("/app")
    vfs.umount("/app")
    gc.collect()  # closes the slot
    vfs.umount("/")
    flashbdev.bdev = counted
    vfs.mount(counted, "/")  # as MicroPython's own start does
    os.chdir("/")
    with open("boot.py") as f:
        exec(f.read(), {"__name__": "__main__"})
    with open("main.py") as f:
        f.read()
    _, port = _start()
    _open_journal(port)
    _say("reads", counted.reads)
    try:
        _scratch(port.data_dir + "/bench.tmp")
    except OSError as error:
        print("the scratch file: %s" % error)
        return
    _say("read_us", counted.read_us // counted.reads)
    _say("erase_us", counted.erase_us // counted.erases)
    _say("write_kb_us", counted.write_us * 1024 // counted.written)


def _open_journal(port):
    from locator.config import Config
    from locator.journal.numbers import Numbers
    from locator.journal.store import Journal

    try:
        Config(port.config_dir)
    except ValueError:  # no identity yet
        pass
    Journal(port.data_dir, Numbers(port.data_dir, 0))


def _scratch(path):
    try:
        with open(path, "wb") as f:
            for _ in range(_SCRATCH_KB):
                f.write(bytes(1024))
        with open(path, "rb") as f:
            while f.read(512):
                pass
    finally:
        os.remove(path)


def states(state_s, sleep_s):
    """Hold each state for so long, the modem off, and say when it begins; the last is deep sleep."""
    _, port = _make_port()
    port.modem_rail(False)
    for name, hz, work in (
        ("active", _FAST_HZ, _compute_ms),
        ("active-80", _SLOW_HZ, _compute_ms),
        ("wait", _SLOW_HZ, time.sleep_ms),
        ("light", _FAST_HZ, port.sleep_ms),
    ):
        machine.freq(hz)
        _begin(name)
        work(1000 * state_s)
    _begin("sleep")
    port.deepsleep(1000 * sleep_s, 0)


def _begin(name):
    _say("state", name)
    time.sleep_ms(20)  # the line is out before the chip sleeps


def _compute_ms(ms):
    began_ms = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), began_ms) < ms:
        pass
