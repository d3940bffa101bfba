"""An update: the release to install, key 7 of a downlink: `[sequence, bytes of its list of files, SHA-256 of
the list, board, version of compiled modules]`.

The agent repeats it in each downlink while the update is assigned. So an interrupted device continues, and
one that gets no more such downlinks stays as it is.
"""

from micropython import const
from start import slots

import locator
from locator import state as st
from locator.downlink import pull, release
from locator.scheduler import budget

# As in trial.Pointer, for which a session has no room.
_ON_TRIAL = const(1)
_FAILED = const(6)


def take(handlers, value):
    """Begin to pull the release of the update, or continue."""
    try:
        release.check(value)
        _take(handlers, value)
    except release.ReleaseError as error:
        from locator.downlink import report

        report.refuse(handlers, _sequence(value), error.args[0])
    except OSError as error:
        pull.stop(handlers, error)


def _take(handlers, update):
    sequence, _, _, board, mpy = update
    if handlers.at_last or _is_decided(handlers, sequence):
        return
    if board != handlers.board:
        raise release.ReleaseError(release.OTHER_BOARD)
    if mpy != release.runtime():
        raise release.ReleaseError(release.OTHER_RUNTIME)
    if sequence < locator.SEQUENCE:
        raise release.ReleaseError(release.NOT_NEWER)
    if not budget.pulls_left(handlers.state):
        return
    pulled = pull.open_release(handlers)
    if not pulled.is_of(update):
        pulled.begin(update)
    pull.go_on(handlers, pulled)


def _is_decided(handlers, sequence):
    """Whether the release runs already, was refused or rolled back, or another one is on trial."""
    if slots.on_trial or sequence in (locator.SEQUENCE, handlers.state[st.REFUSED]):
        return True
    pointer = slots.load()
    return pointer is not None and (pointer[_ON_TRIAL] or sequence == pointer[_FAILED])


def _sequence(update):
    good = type(update) is list and update and type(update[0]) is int and 0 <= update[0] < 1 << 30
    return update[0] if good else 0
