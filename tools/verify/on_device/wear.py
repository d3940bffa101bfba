"""Counts the erases of each block of flash over many days: `micropython wear.py DAYS RECORDS_A_DAY`.

The file system of the OTA layout (960 KiB of LittleFS) with both slots of the application in it, and the
firmware's journal, numbers and copy of the state as ordinary wakes use them: a record appended at a time, six
sessions a day, what lasts at each and every two hours, a copy of all twice a day. Prints one JSON line: days,
records, erases of all blocks and of the most worn one.
"""

import json
import os
import sys

import vfs
from flash import BLOCK, Flash
from locator import state as st
from locator.codec import record
from locator.journal import copy as kept
from locator.journal import rtc
from locator.journal.numbers import Numbers
from locator.journal.store import Journal

BLOCKS = 240
APPLICATION = 87 * BLOCK
"""Bytes of both slots and of other files that never move (docs/reference/budgets.md)."""
REPORTS_A_DAY = 6
KEPT_A_DAY = 12
COPIES_A_DAY = 2
HOME = "/flash/data"


class Worn(Flash):
    """A flash that counts the erases of each block."""

    def __init__(self):
        super().__init__(bytearray(b"\xff" * (BLOCK * BLOCKS)))
        self.erases = [0] * BLOCKS

    def ioctl(self, op, arg):
        if op == 6:
            self.erases[arg] += 1
        return super().ioctl(op, arg)


def wake(fields, keep, copy, report):
    """One wake; everything is opened again, as after deep sleep."""
    if copy:
        kept.keep(HOME, rtc.pack(st.kept(st.new())), st.new())
    elif keep:
        kept.keep_attempt(HOME, st.new())
    numbers = Numbers(HOME, 0)
    journal = Journal(HOME, numbers)
    journal.append(fields)
    if report:
        kept.keep_attempt(HOME, st.new())
        numbers.next_number()
        journal.acknowledge([1, journal.next_seq - 1])


def main(days, records_a_day):
    """Live `days` days."""
    flash = Worn()
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash, readsize=128), "/flash")  # as firmware/boot.py does
    os.mkdir(HOME)
    with open("/flash/application", "wb") as f:
        f.write(bytes(APPLICATION))
    flash.erases = [0] * BLOCKS
    fields = [record.CELL, 1, 0, 0, 1, 1] + [0] * 14
    keep_every, copy_every, report_every = (
        records_a_day // each for each in (KEPT_A_DAY, COPIES_A_DAY, REPORTS_A_DAY)
    )
    for i in range(days * records_a_day):
        wake(fields, i % keep_every == 0, i % copy_every == 0, i % report_every == 0)
    records = days * records_a_day
    print(
        json.dumps(
            {"days": days, "records": records, "erases": sum(flash.erases), "worst": max(flash.erases)}
        )
    )


main(int(sys.argv[1]), int(sys.argv[2]))
