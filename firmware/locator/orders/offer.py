"""The offer of a release, key 7 of a reply: `[sequence, bytes of its list of files, SHA-256 of the list,
board, version of compiled modules]`.

The agent makes it with each reply for as long as it means it. So a device that has stopped goes on, and
one that is offered nothing any more stays as it is.
"""

import sys

import slots

import locator
from locator.orders import pull, release
from locator.plan import budget
from locator.plan import state as st


def take(desk, value):
    """Begin to pull what is offered, or go on with it."""
    try:
        release.check(value)
        _take(desk, value)
    except release.ReleaseError as error:
        from locator.orders import report

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
    import trials

    try:
        return trials.spare() is None or sequence == trials.Pointer().failed
    finally:
        del sys.modules["trials"]  # what follows needs the heap


def _sequence(offer):
    good = type(offer) is list and offer and type(offer[0]) is int and 0 <= offer[0] < 1 << 30
    return offer[0] if good else 0
