"""Which application slot runs, and the rules of trial and roll-back.

Lies beside boot.py, outside the slots, and uses nothing of them. The pointer, a small file replaced by
rename, names the good slot, and counts the boots of a release on trial in the other one. A boot on trial
that does not reach its sleep, for whatever reason, is the last one; so is the last of BOOTS that the agent
has not answered. A pointer that cannot be read is none: the first slot that is complete runs.
"""

import os
import struct
from binascii import crc32

from micropython import const

SLOTS = ("slot_a", "slot_b")
COMPLETE = "/complete"
"""This file lies in a slot whose files are all there and have been verified."""
BOOTS = const(24)

# Why a release was rolled back.
NOTHING = const(0)
CRASHED = const(6)
NOT_ANSWERED = const(7)

_FILE = "slots.bin"
_FORMAT = "<BBBBBBII"  # magic, then as in `Pointer`
_SIZE = const(14)
_MAGIC = const(0x53)  # "S"


class Pointer:
    """What the file says. `good` is an index into SLOTS; the other one is `on_trial` or spare."""

    def __init__(self):
        values = _load()
        if values is None:
            values = (0 if _is_complete(0) or not _is_complete(1) else 1, 0, 0, 0, NOTHING, 0, 0)
        self.good, self.on_trial, self.boots, self.open, self.reason, self.trial, self.failed = values
        # `open`: a boot on trial has begun and not ended. `trial`, `failed`: sequences of releases.

    def save(self):
        """Replace the file. OSError when the flash does not take it."""
        values = (self.good, self.on_trial, self.boots, self.open, self.reason, self.trial, self.failed)
        data = struct.pack(_FORMAT, _MAGIC, *values)
        with open(_FILE + ".new", "wb") as f:
            f.write(data + struct.pack("<I", crc32(data)))
        os.rename(_FILE + ".new", _FILE)

    def roll_back(self, reason):
        """The release on trial has failed."""
        self.on_trial = self.open = 0
        self.failed = self.trial
        self.reason = reason


running = 0
"""Index of the slot that this boot runs; `choose` sets both."""
on_trial = False


def choose():
    """Called once a boot: the path of the slot to run, the boot counted if it is one on trial."""
    global running, on_trial
    pointer = Pointer()
    on_trial = False
    if pointer.on_trial:
        on_trial = _begin_trial(pointer)
    running = 1 - pointer.good if on_trial else pointer.good
    return SLOTS[running]


def _begin_trial(pointer):
    if pointer.open:
        pointer.roll_back(CRASHED)
    elif pointer.boots >= BOOTS:
        pointer.roll_back(NOT_ANSWERED)
    else:
        pointer.boots += 1
        pointer.open = 1
    try:
        pointer.save()
    except OSError:  # a boot that cannot be counted is none
        return False
    return pointer.on_trial == 1


def ended():
    """This boot on trial has come to its sleep."""
    if on_trial:
        pointer = Pointer()
        pointer.open = 0
        pointer.save()


def failed(at_import):
    """An exception has ended this boot; `at_import`: the application could not even be loaded.

    A release on trial is rolled back. A good one that cannot be loaded any more gives way to a complete
    other slot.
    """
    pointer = Pointer()
    if on_trial:
        if pointer.on_trial:
            pointer.roll_back(CRASHED)
    elif at_import and _is_complete(1 - running):
        pointer.good = 1 - running
        pointer.on_trial = 0
    else:
        return
    pointer.save()


def confirm():
    """The agent has answered this boot on trial: its slot is the good one from now on."""
    global on_trial
    pointer = Pointer()
    if on_trial and pointer.on_trial:
        pointer.good = running
        pointer.on_trial = pointer.open = pointer.failed = 0
        pointer.reason = NOTHING
        pointer.save()
    on_trial = False


def spare():
    """Path of the slot that may be written, None while a release is on trial."""
    return None if on_trial or Pointer().on_trial else SLOTS[1 - running]


def try_out(sequence):
    """From the next boot on, the release `sequence` in the spare slot is on trial."""
    pointer = Pointer()
    pointer.good = running
    pointer.on_trial = 1
    pointer.boots = pointer.open = 0
    pointer.trial = sequence
    pointer.save()


def _is_complete(slot):
    try:
        os.stat(SLOTS[slot] + COMPLETE)
    except OSError:
        return False
    return True


def _load():
    """The values in the file, None when it is not there or damaged."""
    try:
        with open(_FILE, "rb") as f:
            data = f.read()
    except OSError:
        return None
    if len(data) != _SIZE + 4 or struct.unpack_from("<I", data, _SIZE)[0] != crc32(data[:_SIZE]):
        return None
    magic, *values = struct.unpack_from(_FORMAT, data)
    return values if magic == _MAGIC and values[0] < len(SLOTS) else None
