"""Records in flash: append-only segment files, freed by acknowledgement only.

A segment holds 64 records and is named by the sequence of its first one, so opening the journal
reads a directory and the newest segment. Acknowledged segments stay until their space is needed.
When the space is full of records that nobody has acknowledged, the oldest segment goes and is
counted as thinned.
"""

import os

from micropython import const

from locator.journal import record

PER_SEGMENT = const(64)
_ENOSPC = const(28)
# 160 segments of 2,944 bytes, each in a block of 4,096: 640 KiB of the 960 KiB in the OTA layout.
_MAX_SEGMENTS = const(160)


class Journal:
    """`folder` is the device's data directory, `ledger` holds what is acknowledged."""

    def __init__(self, folder, ledger):
        self._folder = folder + "/journal"
        self._ledger = ledger
        self._buf = bytearray(record.SIZE)
        for path in (folder, self._folder):
            _make_folder(path)
        self._segments = sorted(int(n[:8], 16) for n in os.listdir(self._folder) if n.endswith(".seg"))
        self.next_seq = 1
        self._room = 0
        if self._segments:
            self._open_newest()
            # What stood before the oldest segment was acknowledged or thinned when it went.
            if self._segments[0] > 1:
                ledger.acks.add(1, self._segments[0] - 1)
        if self.next_seq <= ledger.acks.last():
            # The newest segment is lost or cut short: a sequence is never used twice all the same.
            self.next_seq = ledger.acks.last() + 1
            self._room = 0

    def append(self, fields):
        """Write a record; `fields` as `record.FIELDS` with any `seq`. Returns its sequence.

        The record is in flash when this returns. A flash that is full before the journal is gives up
        the oldest segment. OSError when it does not take the record all the same.
        """
        try:
            return self._append(fields)
        except OSError as error:
            self._mend(error.args[0] == _ENOSPC)
            return self._append(fields)

    def _append(self, fields):
        if self._room <= 0:
            while len(self._segments) >= _MAX_SEGMENTS:
                self._give_up_oldest()
            self._segments.append(self.next_seq)
            self._room = PER_SEGMENT
        fields[3] = seq = self.next_seq
        record.pack_into(self._buf, fields)
        with open(self._path(self._segments[-1]), "ab") as f:
            f.write(self._buf)
        self.next_seq = seq + 1
        self._room -= 1
        return seq

    def pending(self):
        """Number of records that are not acknowledged."""
        return self.next_seq - 1 - self._ledger.acks.count()

    def read_batch(self, buf, limit):
        """Copy the oldest records not acknowledged, at most `limit`, into `buf`; returns how many.

        A record that cannot be read any more is counted as damaged and never asked for again.
        """
        n = 0
        for i, first in enumerate(self._segments):
            last = self._last_of(i)
            if n == limit or self._ledger.acks.covers(first, last):
                continue
            try:
                n = self._read(first, last, buf, n, limit)
            except OSError:  # it stays where it is and waits; the others do not
                pass
        return n

    def acknowledge(self, ranges):
        """Note the flat list of inclusive `ranges` as stored by the agent.

        Sequences that were never given are ignored: nobody can have stored them.
        """
        for i in range(0, len(ranges), 2):
            lo, hi = max(1, ranges[i]), min(ranges[i + 1], self.next_seq - 1)
            if lo <= hi:
                self._ledger.acks.add(lo, hi)
        self._ledger.save()

    def free(self, segments):
        """Give up the oldest segments, so many at most, as long as all of them is acknowledged: the flash is
        needed for something else."""
        for _ in range(segments):
            if len(self._segments) < 2 or not self._ledger.acks.covers(self._segments[0], self._last_of(0)):
                return
            self._give_up_oldest()

    def _open_newest(self):
        first = self._segments[-1]
        size = _size(self._path(first))
        self.next_seq = first + (size + record.SIZE - 1) // record.SIZE
        whole = size % record.SIZE == 0
        # A torn record ends its segment: the next one begins a new file and a new sequence.
        self._room = first + PER_SEGMENT - self.next_seq if whole else 0

    def _mend(self, full):
        """After a write that failed: what was written of the record stays torn and ends its segment."""
        if _size(self._path(self._segments[-1])):
            self._open_newest()
        else:
            del self._segments[-1]
        self._room = 0
        if full and self._segments:
            self._give_up_oldest()

    def _give_up_oldest(self):
        first, last = self._segments[0], self._last_of(0)
        acks = self._ledger.acks
        if not acks.covers(first, last):
            self._ledger.thinned += sum(not acks.has(seq) for seq in range(first, last + 1))
            acks.add(first, last)
            self._ledger.save()
        os.remove(self._path(first))
        del self._segments[0]

    def _last_of(self, i):
        return self._segments[i + 1] - 1 if i + 1 < len(self._segments) else self.next_seq - 1

    def _path(self, first):
        return "%s/%08x.seg" % (self._folder, first)

    def _read(self, first, last, buf, n, limit):
        """Copy what is not acknowledged of the segment behind the `n` records in `buf`; returns how
        many there are then."""
        acks = self._ledger.acks
        with open(self._path(first), "rb") as f:
            for seq in range(first, last + 1):
                if n == limit:
                    break
                if acks.has(seq):
                    continue
                to = n * record.SIZE
                f.seek((seq - first) * record.SIZE)
                size = f.readinto(memoryview(buf)[to : to + record.SIZE])
                if size == record.SIZE and record.is_good(buf, to):
                    n += 1
                else:
                    self._ledger.damaged += 1
                    acks.add(seq, seq)
        return n


def scan(path):
    """Yield (offset, fields) of each good record of the segment file `path`."""
    with open(path, "rb") as f:
        data = f.read()
    for at in range(0, len(data) - record.SIZE + 1, record.SIZE):
        if record.is_good(data, at):
            yield at, record.unpack(data, at)


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:  # it could not even be begun
        return 0


def _make_folder(path):
    try:
        os.mkdir(path)
    except OSError:  # it is there
        pass
