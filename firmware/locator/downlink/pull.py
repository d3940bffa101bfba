"""Pulls a release piece by piece.

An uplink asks with key 8, `[sequence, file, offset]`; the reply answers with key 8, `[sequence, file, offset,
bytes]`. File 0 is the list of files, the others are counted in its order. A piece that does not come ends
the pull until the next offer. When nothing is missing, the release goes on trial at the end of the
conversation, read from flash and compared once more.
"""

from micropython import const
from start import slots

from locator import state as st
from locator.codec import cbor
from locator.downlink import release
from locator.journal.store import NO_ROOM
from locator.scheduler import budget

TELL = const(4)
_KEY = const(8)
_ROOM_FILES = const(16)


def open_release(desk):
    """What lies in the spare slot."""
    return release.Release(_spare(), slots.SLOTS[slots.running], desk.port.feed)


def go_on(desk, pulled):
    """Ask for the next piece that is missing, if the day and the battery allow it."""
    wanted = pulled.wanted()
    if wanted is None:
        desk.at_last.insert(0, lambda: _switch(desk, pulled))
    else:
        _ask(desk, (pulled.sequence,) + wanted)


def stop(desk, error):
    """The flash has not taken something. The next offer finds what has come so far, and more room."""
    if error.args[0] in NO_ROOM:
        desk.journal.free(_ROOM_FILES)


def write(desk, out):
    """Ask for the piece that is wanted."""
    if not desk.pull:
        return 0
    desk.state[st.PULLED_TODAY] += 1
    out.int(_KEY)
    out.head(cbor.ARRAY, 3)
    for value in desk.pull[:3]:
        out.int(value)
    return 1


def told(desk):
    """Nothing to do: the piece itself shows that the request was heard."""


def take(desk, value):
    """Keep a piece, if it is the one that is wanted."""
    wanted = desk.pull
    if not wanted or type(value) is not list or len(value) != 4 or tuple(value[:3]) != wanted[:3]:
        return
    desk.pull = None
    sequence, file, offset, size = wanted
    data = value.pop()  # the reply does not keep it: what follows needs the heap
    if type(data) is not bytes or not 0 < len(data) <= size - offset:
        return
    try:
        release.append(_spare(), data)
        offset += len(data)
        data = None
        if offset < size:
            _ask(desk, (sequence, file, offset, size))
        else:
            go_on(desk, open_release(desk))
    except release.ReleaseError as error:
        _give_up(desk, open_release(desk), error)
    except OSError as error:
        stop(desk, error)


def _spare():
    """The file of the slot that does not run; nothing is pulled while a release is on trial (offer.py)."""
    return slots.SLOTS[1 - slots.running]


def _ask(desk, wanted):
    if budget.pulls_left(desk.state):
        desk.pull = wanted
        desk.tell(TELL)


def _switch(desk, pulled):
    """Verify all of the release and put it on trial from the next boot on, which is soon."""
    from start import trials

    from locator.downlink import report

    try:
        pulled.verify()
        trials.try_out(pulled.sequence)
    except release.ReleaseError as error:
        _give_up(desk, pulled, error)
        return
    except OSError as error:
        stop(desk, error)
        return
    desk.state[st.URGENT] = 1
    desk.tell(report.TELL)


def _give_up(desk, pulled, error):
    from locator.downlink import report

    report.refuse(desk, pulled.sequence, error.args[0])
    try:
        pulled.clear()
    except OSError:  # the next offer begins with it
        pass
