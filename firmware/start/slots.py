"""The application slot of this boot, as the pointer names it: a small file that is replaced by rename.

Lies outside the slots, and uses nothing of them. An ordinary boot needs no more than this;
releases on trial, and a pointer that is not there or damaged, are a matter of `trial`.
"""

import struct
import sys
from binascii import crc32

from micropython import const

SLOTS = ("slots/a", "slots/b")
FILE = "slots/pointer.bin"
FORMAT = "<BBBBBBII"  # magic, then the values of trial.Pointer; after them their CRC-32
_SIZE = const(14)
MAGIC = const(0x53)  # "S"

running = 0
"""Index in SLOTS of the slot that this boot runs; `choose` sets both."""
on_trial = False


def choose():
    """Called once a boot: the file of the slot to run."""
    global running, on_trial
    values = load()
    if values is None or values[1]:
        from start import trial

        running, on_trial = trial.begin()
    else:
        running, on_trial = values[0], False
    return SLOTS[running]


def unload_trial():
    """Give back the heap of the rules of trial, if they were needed to choose."""
    if sys.modules.pop("start.trial", None):
        del sys.modules["start"].trial  # type: ignore[attr-defined]


def load():
    """The values in the pointer: good slot, whether the other is on trial, ...; None when there is none."""
    try:
        with open(FILE, "rb") as f:
            data = f.read()
    except OSError:
        return None
    if len(data) != _SIZE + 4 or struct.unpack_from("<I", data, _SIZE)[0] != crc32(data[:_SIZE]):
        return None
    magic, *values = struct.unpack_from(FORMAT, data)
    return values if magic == MAGIC and values[0] < len(SLOTS) else None
