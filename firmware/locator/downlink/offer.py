"""The offer of a release, key 7 of a reply: `[sequence, bytes of its list of files, SHA-256 of the list,
board, version of compiled modules]`.

The agent makes it with each reply for as long as it means it. So a device that has stopped goes on, and
one that is offered nothing any more stays as it is.
"""

from micropython import const
from start import slots

import locator
from locator import state as st
from locator.downlink import pull, release
from locator.scheduler import budget

# As in trials.Pointer, for which a conversation has no room.
_ON_TRIAL = const(1)
_FAILED = const(6)


def take(desk, value):
    """Begin to pull what is offered, or go on with it."""
    try:
        release.check(value)
        _take(desk, value)
    except release.ReleaseError as error:
        from locator.downlink import report

        report.refuse(desk, _sequence(value), error.args[0])
    except OSError as error:
        pull.stop(desk, error)


def _take(desk, offer):
    sequence, _, _, board, mpy = offer
    if desk.at_last or _is_settled(desk, sequence):
        return
    if board != desk.board:
        raise release.ReleaseError(release.OTHER_BOARD)
    if mpy != release.runtime():
        raise release.ReleaseError(release.OTHER_RUNTIME)
    if sequence < locator.SEQUENCE:
        raise release.ReleaseError(release.NOT_NEWER)
    if not budget.pulls_left(desk.state):
        return
    pulled = pull.open_release(desk)
    if not pulled.is_of(offer):
        pulled.begin(offer)
    pull.go_on(desk, pulled)


def _is_settled(desk, sequence):
    """It runs already, or has been refused or rolled back: once is enough; or another is on trial."""
    if slots.on_trial or sequence in (locator.SEQUENCE, desk.state[st.REFUSED]):
        return True
    pointer = slots.load()
    return pointer is not None and (pointer[_ON_TRIAL] or sequence == pointer[_FAILED])


def _sequence(offer):
    good = type(offer) is list and offer and type(offer[0]) is int and 0 <= offer[0] < 1 << 30
    return offer[0] if good else 0
