"""What the agent asks for again, after it was restored from a backup."""

from locator.journal import record
from locator.journal.store import scan


def resend(journal, lo, hi):
    """See `Journal.resend`."""
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
    acks = journal.ledger.acks
    acks.remove(lo, hi)
    for i in range(0, len(gone), 2):
        acks.add(gone[i], gone[i + 1])
    return gone


def _readable(journal, i):
    try:
        return [record.seq_of(buf, 0) for _, buf in scan(journal.path(*journal.files[i]))]
    except OSError:
        return []
