"""Makes room in a journal that is full of unacknowledged records.

The rule: the oldest segment is thinned to the last point of each stop, records with an event, and every
eighth record, in this order and 32 of 64 at most; they are written to a file together with those of the
neighbouring segments. After MOST_THINNED thinned files, or if there is no room to write one, the oldest file
is deleted. Deleted records are counted in `numbers.thinned`.
"""

import os
import struct

from micropython import const

from locator.codec import record
from locator.journal.store import PER_SEGMENT, SEGMENT, THINNED, scan

MOST_THINNED = const(16)
_MOST_KEPT = const(32)
_EIGHTH = const(8)


def make_room(journal):
    """Thin the oldest segment, or delete the oldest file; after a few calls there is one file less."""
    if journal.old < MOST_THINNED and journal.old + 1 < len(journal.files):
        try:
            _thin(journal, journal.old)
            return
        except OSError:
            pass
    journal.numbers.thinned += journal.pending_of(0)
    journal.numbers.acks.add(*journal.span(0))
    try:
        journal.numbers.save()
    except OSError:  # no room for it either: deleting the file makes some
        pass
    journal.give_up(0)


def pending_of(journal, i):
    """Return the number of unacknowledged records in the thinned file `i`."""
    acks = journal.numbers.acks
    path = journal.path(i)
    first, last = journal.span(i)
    if acks.count(first, last) == 0:
        return os.stat(path)[6] // record.SIZE
    pending = sum(not acks.has(record.seq_of(buf, 0)) for _, buf in scan(path))
    if not pending:
        acks.add(first, last)
    return pending


def _thin(journal, i):
    acks = journal.numbers.acks
    newest = _newest_before(journal, i)
    events = [0] * (PER_SEGMENT + 1)
    good = []
    for at, buf in scan(journal.path(i)):
        events[at // record.SIZE] = _events(buf)
        # After a power cut the neighbour may have some of them already.
        if record.seq_of(buf, 0) > newest and not acks.has(record.seq_of(buf, 0)):
            good.append(at // record.SIZE)
    for at, buf in scan(journal.path(i + 1)):
        events[PER_SEGMENT] = _events(buf) if at == 0 else events[PER_SEGMENT]
    chosen = _chosen(good, events)
    new = journal.folder + "/thinned.new"
    with open(new, "wb") as f:
        if newest:
            for _, buf in scan(journal.path(i - 1)):
                f.write(buf)
        for at, buf in scan(journal.path(i)):
            if at // record.SIZE in chosen:
                f.write(buf)
    journal.numbers.thinned += len(good) - len(chosen)
    journal.numbers.save()
    os.rename(new, journal.path(i - 1) if newest else journal.path(i)[: -len(SEGMENT)] + THINNED)
    if not newest:
        journal.files.insert(i, journal.files[i])
        journal.old += 1
        i += 1
    journal.give_up(i)


def _newest_before(journal, i):
    """Return the last sequence in the file before `i` if the kept records are appended to it, 0 if they need
    a new one."""
    count = newest = 0
    if i:
        for _, buf in scan(journal.path(i - 1)):
            count, newest = count + 1, record.seq_of(buf, 0)
    return newest if count <= PER_SEGMENT - _MOST_KEPT else 0


def _chosen(good, events):
    """Return those of the places `good` that are kept; `events` has the events of all places."""
    stops = [place for place in good if events[place + 1] & record.EVENT_DEPARTED]
    with_events = [place for place in good if events[place]]
    eighths = [place for place in good if place % _EIGHTH == _EIGHTH - 1]
    chosen: list = []
    for place in stops + with_events + eighths:
        if place not in chosen and len(chosen) < _MOST_KEPT:
            chosen.append(place)
    return chosen


def _events(buf):
    return struct.unpack_from("<H", buf, 2)[0]
