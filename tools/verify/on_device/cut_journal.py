"""Power cuts under the journal, the message numbers and the copy of the state, for `powercut.py`.

The device works without end until the power fails at a random flash operation. After each cut the file
system is mounted again, and the journal and the numbers are compared with what they had promised.
"""

import os
import random

import vfs
from flash import BLOCK, Flash, PowerCut, alive
from locator import state as st
from locator.codec import record
from locator.journal import again, rtc, store
from locator.journal import copy as flash
from locator.journal.numbers import Numbers
from locator.journal.store import Journal

BLOCKS = 48
HOME = "/flash/data"
CUTS_A_LIFE = 150
"""Cuts of one flash before the next one begins empty."""
MANY_FILES = store.MAX_FILES
FEW_FILES = 3
"""Every other run has a journal of this many files: it is full soon, and thinned."""


class Promise:
    """The promises of the firmware so far on one flash."""

    def __init__(self):
        self.durable = {}  # sequence -> motion, of each append that returned
        self.begun = 0  # appends that did not return
        self.acknowledged = set()
        self.numbers = set()
        self.thinned = 0  # records that a full journal may have given up


class Life:
    """One flash from its first use on, power cut by power cut."""

    def __init__(self, rng, files):
        self._rng = rng
        store.MAX_FILES = files
        self._is_full = files == FEW_FILES
        self._data = bytearray(b"\xff" * (BLOCK * BLOCKS))
        self._promise = Promise()
        self._motion = 0
        self._now_s = 850_000_000
        flash = Flash(self._data)
        vfs.VfsLfs2.mkfs(flash)
        vfs.mount(vfs.VfsLfs2(flash), "/flash")
        os.mkdir(HOME)
        unmount(flash)

    def cut(self, operations, torn):
        """Work until the power fails at that operation, then look what is left."""
        flash = Flash(self._data, operations, torn)
        try:
            vfs.mount(vfs.VfsLfs2(flash), "/flash")
            self._work()
        except PowerCut:
            pass
        unmount(flash)
        flash = Flash(self._data)
        vfs.mount(vfs.VfsLfs2(flash), "/flash")
        self._check()
        unmount(flash)

    def _work(self):
        """Wakes without end: power on, append, reserve and use numbers, acknowledge."""
        rng, promise = self._rng, self._promise
        while True:
            numbers = Numbers(HOME, rng.randrange(256))
            journal = Journal(HOME, numbers)
            if rng.randrange(4) == 0:
                numbers.count_power_on()
            self._now_s += rng.randrange(1, 7200)
            if rng.randrange(3):  # otherwise the time is not known; a clock may be wrong
                numbers.date(self._now_s + (0, 0, -86400, 86400)[rng.randrange(4)])
            for _ in range(rng.randrange(1, 30)):
                self._append(journal)
            for _ in range(rng.randrange(0, 80)):
                number = numbers.next_number()
                alive()
                if number in promise.numbers:
                    print("violation number", number, "given twice")
                promise.numbers.add(number)
            if not self._is_full or rng.randrange(4) == 0:
                self._acknowledge(journal)
            flash.keep(HOME, rtc.pack(st.kept(st.new())), st.new())
            alive()

    def _append(self, journal):
        self._motion = (self._motion + 1) % 200
        promise = self._promise
        promise.begun += 1
        fields = [record.CELL, 1, 0, 0, 1, 1] + [0] * 13 + [self._motion]
        seq = journal.append(fields)
        alive()
        promise.begun -= 1
        if seq in promise.durable:
            print("violation sequence", seq, "given twice")
        promise.durable[seq] = self._motion

    def _acknowledge(self, journal):
        """As the agent would: what was sent, or the older half of it."""
        buf = bytearray(16 * record.SIZE)
        n = journal.read_batch(buf, 16)
        sent = [record.seq_of(buf, i * record.SIZE) for i in range(n)]
        sent = sent[: len(sent) // self._rng.randrange(1, 3)]
        if sent:
            self._promise.acknowledged.update(range(sent[0], sent[-1] + 1))
            journal.acknowledge([sent[0], sent[-1]])
            if self._rng.randrange(4) == 0:
                again.resend(journal, sent[0], sent[-1])

    def _check(self):
        numbers = Numbers(HOME, 0)
        journal = Journal(HOME, numbers)
        promise = self._promise
        kept = {}
        buf = bytearray(64 * record.SIZE)
        while True:
            n = journal.read_batch(buf, 64)
            if not n:
                break
            for i in range(n):
                fields = record.unpack(buf, i * record.SIZE)
                kept[fields[3]] = fields[19]
            numbers.acks.add(min(kept), max(kept))  # in memory only: to read on
        waiting = [seq for seq in promise.durable if seq not in promise.acknowledged]
        for seq in waiting:
            if kept.get(seq) != promise.durable[seq]:
                self._miss(seq, kept.get(seq))
        if promise.thinned > numbers.thinned:
            print("violation", promise.thinned, "records thinned,", numbers.thinned, "counted")
        if flash.read(HOME) and rtc.unpack(flash.read(HOME), st.SIZE) != st.new()[: st.SIZE]:
            print("violation copy of the state damaged")
        if promise.begun > 1:
            print("violation", promise.begun, "appends lost by one cut")
        promise.begun = 0
        self._forget()

    def _miss(self, seq, motion):
        promise = self._promise
        if self._is_full and motion is None:
            promise.thinned += 1
            del promise.durable[seq]
        else:
            print("violation record", seq, "lost or changed:", motion, "for", promise.durable[seq])

    def _forget(self):
        """What is acknowledged needs no more looking at."""
        durable = self._promise.durable
        for seq in [seq for seq in durable if seq in self._promise.acknowledged]:
            del durable[seq]


def unmount(flash):
    """Let go of the file system, whatever state it is in.

    Files that were open are closed later, by their finalisers; what these print of the dead flash
    means nothing.
    """
    flash.dead = True
    try:
        vfs.umount("/flash")
    except (PowerCut, OSError):  # the power failed before it was mounted
        pass
    flash.end()


def run(seed, cuts):
    """Run until there are enough cuts; return (cuts, torn ones)."""
    rng = random
    rng.seed(seed)
    done = torn_cuts = 0
    while done < cuts:
        life = Life(rng, FEW_FILES if done // CUTS_A_LIFE % 2 else MANY_FILES)
        for _ in range(min(CUTS_A_LIFE, cuts - done)):
            torn = rng.randrange(2) == 1
            life.cut(rng.randrange(1, 120), torn)
            done += 1
            torn_cuts += torn
    return done, torn_cuts
