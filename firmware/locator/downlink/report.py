"""The report on releases, key 10 of an uplink: `[running, on trial, failed, reason, board]`, sequences of
releases with 0 for none.

The report ends the trial of a release: when the agent has answered it, the release is confirmed.
"""

from micropython import const
from start import slots

import locator
from locator import state as st

REPORT = const(16)
_KEY = const(10)
# As in trial.Pointer, for which a session has no room.
_REASON = const(4)
_FAILED = const(6)


def refuse(handlers, sequence, reason):
    """Note that the release `sequence` is refused."""
    handlers.state[st.REFUSED] = sequence
    handlers.state[st.REFUSED_WHY] = reason
    handlers.will_report(REPORT)


def write(handlers, out):
    """Write the report."""
    failed, reason = handlers.state[st.REFUSED], handlers.state[st.REFUSED_WHY]
    pointer = slots.load()
    if pointer:
        failed, reason = max((pointer[_FAILED], pointer[_REASON]), (failed, reason))
    on_trial = 1 if slots.on_trial else 0
    return out.pair(_KEY, (locator.SEQUENCE, on_trial, failed, reason, handlers.board))


def on_ack(handlers):
    """Confirm the release on trial, as the agent has answered its report. That is reported in the next
    turn."""
    if not slots.on_trial:
        return
    from start import trial

    try:
        trial.confirm()
        handlers.will_report(REPORT)
    except OSError:  # the flash is full; the journal makes room
        handlers.at_last.insert(0, lambda: handlers.will_report(REPORT))
