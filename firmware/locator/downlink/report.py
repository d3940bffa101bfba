"""What became of releases, key 10 of an uplink: `[running, on trial, failed, reason, board]`, sequences of
releases with 0 for none.

The report of a release on trial is its probation: when the agent has answered it, the release is confirmed.
"""

from micropython import const
from start import slots

import locator
from locator import state as st
from locator.codec import cbor

TELL = const(16)
_KEY = const(10)
# As in trials.Pointer, for which a conversation has no room.
_REASON = const(4)
_FAILED = const(6)


def refuse(desk, sequence, reason):
    """The release `sequence` will not be used."""
    desk.state[st.REFUSED] = sequence
    desk.state[st.REFUSED_WHY] = reason
    desk.tell(TELL)


def write(desk, out):
    """Write the report."""
    failed, reason = desk.state[st.REFUSED], desk.state[st.REFUSED_WHY]
    pointer = slots.load()
    if pointer:
        failed, reason = max((pointer[_FAILED], pointer[_REASON]), (failed, reason))
    out.int(_KEY)
    out.head(cbor.ARRAY, 5)
    for value in (locator.SEQUENCE, 1 if slots.on_trial else 0, failed, reason):
        out.int(value)
    out.text(desk.board)
    return 1


def told(desk):
    """The agent has answered a report: what was on trial is good. That is told at once."""
    if not slots.on_trial:
        return
    from start import trials

    try:
        trials.confirm()
        desk.tell(TELL)
    except OSError:  # the flash is full; the journal makes room
        desk.at_last.insert(0, lambda: desk.tell(TELL))
