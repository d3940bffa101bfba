"""Records in flash: append-only segment files, freed by acknowledgement only.

A segment holds 64 records and is named by the sequence of its first one, so opening the journal
reads a directory and the newest segment; after a deep sleep the directory is known. The newest one lies in
the directory of the small files that a session writes, until it is full: LittleFS writes a directory again,
with an erase, when its log is full, so a wake should write to one directory only. Acknowledged segments stay
until their space is needed, the oldest goes first, and can be sent again until then (`again`). When the space
is full of unacknowledged records, `thinning` makes room.

A power cut tears at most the record that is being written: it ends its segment, and the next record begins a
new file under a new sequence.
"""

import os
from array import array

from micropython import const

from locator.codec import record

# 2,944 bytes: with each record LittleFS copies what is in the last block of a file.
PER_SEGMENT = const(64)
# ENOSPC; and ENAMETOOLONG, which LittleFS says when the entry of a new file finds no room.
NO_ROOM = (28, 36)
# A block each: what two full slots leave of the OTA layout's 240 (docs/reference/budgets.md), 4,352 records.
MAX_FILES = 68
SEGMENT = ".seg"
THINNED = ".old"


class Journal:
    """The journal. `folder` is the device's data directory, `numbers` has the acknowledged sequences.

    `files` are the first sequences of the files, rising: the first `old` are thinned, then come segments.
    They lie in its folder `journal`. Only the segment that begins with `newest` lies in `folder` itself (0:
    there is none). `kept` has both as returned by `keep`, if nothing has changed since: listing a directory
    takes hundreds of reads.
    """

    next_seq: int
    _room: int  # records for which the newest segment has room

    def __init__(self, folder, numbers, kept=()):
        self._home, self.folder = folder, folder + "/journal"
        self.numbers = numbers
        self._buf = bytearray(record.SIZE)
        if kept:
            self.old, self.newest, self.files = kept[0], kept[1], list(kept[2:])
        else:
            for path in (folder, self.folder):
                _make_folder(path)
            self.files = _named(self.folder, THINNED)
            self.old = len(self.files)
            newest = _named(folder, SEGMENT)
            self.newest = newest[-1] if newest else 0
            self.files += sorted(_named(self.folder, SEGMENT) + newest)
        self._sent: list = []
        # Records before the oldest file were acknowledged, or counted as thinned, when their file was
        # deleted.
        if self.files and self.files[0] > 1:
            numbers.acks.add(1, self.files[0] - 1)
        self._open_newest()

    def keep(self):
        """Return the directory for the next wake, an array of 32-bit integers."""
        return array("i", [self.old, self.newest] + self.files)

    def append(self, fields):
        """Write a record; `fields` as `record.FIELDS` with any `seq`. Returns its sequence.

        The record is in flash when this returns. If the flash is full before the journal, room is made as in
        a full journal. OSError if the flash still refuses the record.
        """
        try:
            return self._append(fields)
        except OSError as error:
            self._repair(error.args[0] in NO_ROOM)
            return self._append(fields)

    def _append(self, fields):
        if self._room <= 0:
            while len(self.files) >= MAX_FILES:
                self.make_room()
            self._put_away()
            self.files.append(self.next_seq)
            self.newest, self._room = self.next_seq, PER_SEGMENT
        fields[3] = seq = self.next_seq
        record.pack_into(self._buf, fields)
        with open(self.path(len(self.files) - 1), "ab") as f:
            f.write(self._buf)
        self.next_seq = seq + 1
        self._room -= 1
        return seq

    def _put_away(self):
        """Move the newest segment to the others."""
        newest = self.newest
        if newest in self.files:
            i = self.files.index(newest)
            path, self.newest = self.path(i), 0
            try:
                os.rename(path, self.path(i))
            except OSError:
                self.newest = newest
                raise

    def pending(self):
        """Number of records that are not acknowledged."""
        return sum(self.pending_of(i) for i in range(len(self.files)))

    def read_batch(self, buf, limit, newest=False):
        """Copy the oldest records not acknowledged (or the `newest`), at most `limit`, into `buf`, in
        rising order; returns how many.

        A record that cannot be read is counted as damaged, and not sent unless the agent requests it again.
        """
        skip = max(0, self.pending() - limit) if newest else 0
        self._sent = []
        for i in range(len(self.files)):
            pending = self.pending_of(i)
            if pending <= skip:
                skip -= pending
            elif len(self._sent) < limit:
                self._read(i, buf, skip, limit)
                skip = 0
        return len(self._sent)

    def acknowledge(self, ranges):
        """Note the flat list of inclusive `ranges` as stored by the agent.

        Sequences that were never used are ignored: they cannot have been stored. No record is pending
        between two that were sent one after the other, so their ranges are joined.
        """
        sent, acks, lo = self._sent, self.numbers.acks, 0
        for i in range(0, len(ranges), 2):
            lo, hi = lo or max(1, ranges[i]), min(ranges[i + 1], self.next_seq - 1)
            at = sent.index(hi) + 1 if hi in sent else len(sent)
            if i + 2 == len(ranges) or at == len(sent) or sent[at] != ranges[i + 2]:
                if lo <= hi:
                    acks.add(lo, hi)
                lo = 0
        if ranges:
            self.numbers.save()

    def span(self, i):
        """Return the sequences (first, last) that file `i` covers, whether it has them or not."""
        last = self.files[i + 1] if i + 1 < len(self.files) else self.next_seq
        return self.files[i], last - 1

    def path(self, i):
        """Path of file `i`."""
        folder = self._home if self.files[i] == self.newest else self.folder
        return "%s/%08x%s" % (folder, self.files[i], THINNED if i < self.old else SEGMENT)

    def give_up(self, i):
        """Remove file `i`."""
        os.remove(self.path(i))
        del self.files[i]
        self.old -= i < self.old

    def free(self, files):
        """Delete the oldest files, so many at most, while they have no pending records: the flash is needed
        for something else."""
        while files and len(self.files) > 1 and not self.pending_of(0):
            self.give_up(0)
            files -= 1

    def _open_newest(self):
        self.next_seq, self._room = 1, 0
        if self.files:
            first = self.files[-1]
            size = _size(self.path(len(self.files) - 1))
            self.next_seq = first + (size + record.SIZE - 1) // record.SIZE
            # A torn record ends its segment: the next one begins a new file and a new sequence.
            self._room = 0 if size % record.SIZE else first + PER_SEGMENT - self.next_seq
        if self.next_seq <= self.numbers.acks.last():
            # The newest segment is lost or cut short: nevertheless a sequence is never used twice.
            self.next_seq, self._room = self.numbers.acks.last() + 1, 0

    def _repair(self, full):
        """Recover from a failed write: an undamaged segment is continued; a partial record ends its
        segment."""
        if _size(self.path(len(self.files) - 1)):
            self._open_newest()
        else:
            del self.files[-1]
            self._room = 0
        if full and self.files:
            newest = self.files[-1]
            self.make_room()
            if newest not in self.files:
                self._room = 0

    def make_room(self):
        """Delete or thin the least important file."""
        for i in range(len(self.files)):
            if self.numbers.acks.covers(*self.span(i)):
                self.give_up(i)
                return
        from locator.journal import thinning

        thinning.make_room(self)

    def pending_of(self, i):
        """Number of records in file `i` that are not acknowledged."""
        first, last = self.span(i)
        acks = self.numbers.acks
        if acks.covers(first, last):
            return 0
        if i >= self.old:
            return last - first + 1 - acks.count(first, last)
        from locator.journal import thinning

        return thinning.pending_of(self, i)

    def _read(self, i, buf, skip, limit):
        """Append the unacknowledged records of file `i` to `buf`, without the first `skip`."""
        first, last = self.span(i)
        acks, sent, held = self.numbers.acks, self._sent, 0
        try:
            with open(self.path(i), "rb") as f:
                while len(sent) < limit and first + held <= last:
                    to = len(sent) * record.SIZE
                    size = f.readinto(memoryview(buf)[to : to + record.SIZE])
                    if not size:
                        break
                    good = size == record.SIZE and record.is_good(buf, to)
                    seq = first + held
                    held += 1
                    if i < self.old:
                        seq = record.seq_of(buf, to) if good else 0
                    # After the end: after a power cut in thinning the next file has it as well.
                    if not seq or seq > last or acks.has(seq):
                        continue
                    if skip:
                        skip -= 1
                    elif good:
                        sent.append(seq)
                    else:
                        self._damage(seq, seq)
                # Records that should follow the end of a segment cannot be read either.
                if len(sent) < limit and i >= self.old:
                    self._damage(first + held, last)
        except OSError:
            self._damage(first, last)

    def _damage(self, lo, hi):
        """Count the unacknowledged records of `lo`..`hi` as damaged."""
        if lo <= hi:
            self.numbers.damaged += hi - lo + 1 - self.numbers.acks.count(lo, hi)
            self.numbers.acks.add(lo, hi)


def scan(path):
    """Yield (offset, record) of each good record of the file `path`; the buffer is always the same."""
    buf = bytearray(record.SIZE)
    at = 0
    with open(path, "rb") as f:
        while f.readinto(buf) == record.SIZE:
            if record.is_good(buf, 0):
                yield at, buf
            at += record.SIZE


def _size(path):
    try:
        return os.stat(path)[6]
    except OSError:  # no byte of it was written
        return 0


def _named(folder, kind):
    """The first sequences of the files of this kind in the folder, rising."""
    return sorted(int(name[:8], 16) for name in os.listdir(folder) if name.endswith(kind))


def _make_folder(path):
    try:
        os.mkdir(path)
    except OSError:  # it is there
        pass
