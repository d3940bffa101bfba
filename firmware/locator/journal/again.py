"""Records that the agent requests again after it was restored from a backup."""

from locator.codec import record
from locator.journal.store import scan


def resend(journal, lo, hi):
    """Mark the stored records of the sequences `lo`..`hi` as pending again; return the flat list of inclusive
    ranges that are lost. In memory only: after a reset the agent requests them again.
    """
    hi = min(hi, journal.next_seq - 1)
    if lo > hi:
        return []
    gone: list = []
    next_seq = lo
    for i in range(len(journal.files)):
        first, last = journal.span(i)
        if first <= hi and last >= lo:
            for seq in _readable(journal, i):
                if next_seq <= seq <= hi:
                    if seq > next_seq:
                        gone += (next_seq, seq - 1)
                    next_seq = seq + 1
    if next_seq <= hi:
        gone += (next_seq, hi)
    acks = journal.numbers.acks
    acks.ranges = _without(acks.ranges, lo, hi)
    for i in range(0, len(gone), 2):
        acks.add(gone[i], gone[i + 1])
    return gone


def _without(ranges, lo, hi):
    left: list = []
    for i in range(0, len(ranges), 2):
        if ranges[i] < lo:
            left += (ranges[i], min(ranges[i + 1], lo - 1))
        if ranges[i + 1] > hi:
            left += (max(ranges[i], hi + 1), ranges[i + 1])
    return left


def _readable(journal, i):
    try:
        return [record.seq_of(buf, 0) for _, buf in scan(journal.path(i))]
    except OSError:
        return []
