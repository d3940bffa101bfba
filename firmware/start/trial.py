"""Releases on trial and their roll-back.

Lies outside the slots, and uses nothing of them. The pointer names the good slot, and
counts the boots of a release on trial in the other one. An exception ends the trial; so do UNENDED boots in
succession that did not reach their sleep, for whatever reason (one may be the battery's), and BOOTS that the
agent has not answered. A pointer that cannot be read is made again: the first slot that is complete runs.
"""

import hashlib
import os
import struct
from binascii import crc32

from micropython import const
from start import image, slots

BOOTS = const(24)
UNENDED = const(3)
_LEAST_MV = const(3000)  # as in locator/wake.py
_BELIEVED_MV = const(1500)  # as in locator/hal/esp32.py
_READ_BYTES = const(512)

# Why a release was rolled back (downlink/release.py has the other reasons).
NOTHING = const(0)
CRASHED = const(6)
NOT_ANSWERED = const(7)


class Pointer:
    """The contents of the file: `good` is an index into slots.SLOTS, the other slot is `on_trial` or spare;
    `boots` on trial so far, `unended` the last of them that did not reach their sleep; sequences of the
    releases on `trial` and `failed`, and the `reason` of the latter."""

    def __init__(self):
        values = slots.load()
        if values is None:
            first = 1 if _is_complete(1) and not _is_complete(0) else 0
            values = (first, 0, 0, 0, NOTHING, 0, 0)
        self.good, self.on_trial, self.boots, self.unended, self.reason, self.trial, self.failed = values

    def save(self):
        """Replace the file. OSError when the flash does not take it."""
        values = (self.good, self.on_trial, self.boots, self.unended, self.reason, self.trial, self.failed)
        data = struct.pack(slots.FORMAT, slots.MAGIC, *values)
        with open(slots.FILE + ".new", "wb") as f:
            f.write(data + struct.pack("<I", crc32(data)))
        os.rename(slots.FILE + ".new", slots.FILE)

    def roll_back(self, reason):
        """Note that the release on trial has failed, and empty its slot."""
        try:
            os.remove(slots.SLOTS[1 - self.good])
        except OSError:  # it was not there
            pass
        self.on_trial = self.unended = 0
        self.failed = self.trial
        self.reason = reason


def begin():
    """(index of the slot to run, whether it is on trial); a boot on trial is counted.

    On a weak battery the good one runs, which sleeps again at once, and nothing is counted or written.
    """
    pointer = Pointer()
    if not pointer.on_trial:
        pass
    elif _is_weak():
        return pointer.good, False
    elif pointer.unended >= UNENDED:
        pointer.roll_back(CRASHED)
    elif pointer.boots >= BOOTS:
        pointer.roll_back(NOT_ANSWERED)
    elif not image.head(slots.SLOTS[1 - pointer.good])[0]:
        pointer.roll_back(CRASHED)  # the power failed in `failed`
    else:
        pointer.boots += 1
        pointer.unended += 1
    try:
        pointer.save()
    except OSError:  # a boot that cannot be counted is none
        return pointer.good, False
    return (1 - pointer.good, True) if pointer.on_trial else (pointer.good, False)


def ended():
    """Note that this boot on trial has reached its sleep."""
    pointer = Pointer()
    pointer.unended = 0
    pointer.save()


def failed(at_import):
    """Note that an exception has ended this boot; `at_import`: the application could not be loaded.

    A release on trial is rolled back. If a good one cannot be loaded any more, or its file is damaged, the
    other slot runs if it is complete.
    """
    pointer = Pointer()
    if slots.on_trial:
        if pointer.on_trial:
            pointer.roll_back(CRASHED)
    elif _is_complete(1 - slots.running) and (at_import or not _is_whole(slots.running)):
        pointer.good = 1 - slots.running
        pointer.on_trial = 0
    else:
        return
    pointer.save()


def confirm():
    """Confirm the release on trial, as the agent has answered this boot: its slot is the good one from now
    on."""
    pointer = Pointer()
    if slots.on_trial and pointer.on_trial:
        pointer.good = slots.running
        pointer.on_trial = pointer.unended = pointer.failed = 0
        pointer.reason = NOTHING
        pointer.save()
    slots.on_trial = False


def spare():
    """Return the file of the slot that may be written, None while a release is on trial."""
    return None if slots.on_trial or Pointer().on_trial else slots.SLOTS[1 - slots.running]


def start(sequence):
    """Put the release `sequence` in the spare slot on trial from the next boot on."""
    pointer = Pointer()
    pointer.good = slots.running
    pointer.on_trial = 1
    pointer.boots = pointer.unended = 0
    pointer.trial = sequence
    pointer.save()


def _is_complete(slot):
    return image.is_complete(slots.SLOTS[slot])


def _is_whole(slot):
    """Whether each file in the slot still has the SHA-256 of the list."""
    with open(slots.SLOTS[slot], "rb") as f, open(slots.SLOTS[slot], "rb") as contents:
        for _, size, digest, at in image.files(f):
            contents.seek(at)
            if _sha256(contents, size) != digest:
                return False
    return True


def _sha256(f, size):
    """Of the next `size` bytes of the file, or of those there are."""
    sha = hashlib.sha256()
    buf = memoryview(bytearray(_READ_BYTES))
    while size > 0:
        got = f.readinto(buf[: min(size, _READ_BYTES)])
        if not got:
            break
        sha.update(buf[:got])
        size -= got
    return sha.digest()


def _is_weak():
    """Whether the battery is too low for a write to flash, as far as board.py knows where to look."""
    try:
        import board
        from machine import ADC, Pin

        pin, ratio_milli = board.BATTERY_ADC, board.BATTERY_RATIO_MILLI  # type: ignore[attr-defined]
        adc = ADC(Pin(pin), atten=ADC.ATTN_11DB)
        return _BELIEVED_MV <= adc.read_uv() // 1000 * ratio_milli // 1000 < _LEAST_MV
    except Exception:  # whatever is wrong with it, the release on trial is not to blame
        return False
