"""Pulls a release piece by piece.

An uplink asks with key 8, `[sequence, file, offset]`; the downlink answers with key 8, `[sequence, file,
offset, bytes]`. File 0 is the list of files, the others are counted in its order. A piece that does not come
ends the pull until the next update downlink. When nothing is missing, the release goes on trial at the end of
the session, read from flash and compared again.
"""

from micropython import const
from start import slots

from locator import state as st
from locator.downlink import release
from locator.journal.store import NO_ROOM
from locator.scheduler import budget

REPORT = const(4)
_KEY = const(8)
_ROOM_FILES = const(16)


def open_release(handlers):
    """Return the release in the spare slot."""
    return release.Release(_spare(), slots.SLOTS[slots.running], handlers.port.feed)


def go_on(handlers, pulled):
    """Request the next missing piece, if battery and daily limit allow it."""
    wanted = pulled.wanted()
    if wanted is None:
        handlers.at_last.insert(0, handlers.end_pull)
    else:
        _ask(handlers, (pulled.sequence,) + wanted)


def stop(handlers, error):
    """Handle a write that the flash refused. The next update downlink continues with what is stored, and more
    room."""
    if error.args[0] in NO_ROOM:
        handlers.journal.free(_ROOM_FILES)


def write(handlers, out):
    """Write the request for the piece."""
    if not handlers.pull:
        return 0
    handlers.state[st.PULLED_TODAY] += 1
    return out.pair(_KEY, handlers.pull[:3])


def on_ack(handlers):
    """Nothing to do: the piece itself shows that the request was heard."""


def take(handlers, value):
    """Store a piece, if it is the requested one."""
    wanted = handlers.pull
    if not wanted or type(value) is not list or len(value) != 4 or tuple(value[:3]) != wanted[:3]:
        return
    handlers.pull = None
    sequence, file, offset, size = wanted
    data = value.pop()  # the downlink must not keep it: the next steps need the heap
    if type(data) is not bytes or not 0 < len(data) <= size - offset:
        return
    try:
        release.append(_spare(), data)
        offset += len(data)
        data = None
        if offset < size:
            _ask(handlers, (sequence, file, offset, size))
        else:
            go_on(handlers, open_release(handlers))
    except release.ReleaseError as error:
        _give_up(handlers, open_release(handlers), error)
    except OSError as error:
        stop(handlers, error)


def _spare():
    """The file of the slot that does not run; nothing is pulled while a release is on trial (update.py)."""
    return slots.SLOTS[1 - slots.running]


def _ask(handlers, wanted):
    if budget.pulls_left(handlers.state):
        handlers.pull = wanted
        handlers.will_report(REPORT)


def switch(handlers):
    """Verify the whole release and put it on trial from the next boot on, which follows soon."""
    from start import trial

    from locator.downlink import report

    pulled = open_release(handlers)
    try:
        pulled.verify()
        trial.start(pulled.sequence)
    except release.ReleaseError as error:
        _give_up(handlers, pulled, error)
        return
    except OSError as error:
        stop(handlers, error)
        return
    handlers.state[st.URGENT] = 1
    handlers.will_report(report.REPORT)


def _give_up(handlers, pulled, error):
    from locator.downlink import report

    report.refuse(handlers, pulled.sequence, error.args[0])
    try:
        pulled.clear()
    except OSError:  # the next update downlink begins with it
        pass
