"""Receives the policy of the eSIM profiles, and reports the card's state.

Downlink key 10: [revision, policy as CBOR within a byte string (esim/policy.py)]. Uplink key 14: [revision,
interface to the card, EID, profile in use, stage, [[ICCID, class], ...], [[epoch seconds, before, after,
outcome, cause], ...], data used, notification], the numbers of esim/memory.py and scheduler/profile.py. Data
as in esim/limits.py; of a notification [sequence, operation, ICCID, bytes in all, offset, piece] or nothing.
"""

from micropython import const

from locator import state as st
from locator.codec import cbor, checked
from locator.esim import files

_KEY = const(14)
_MOST_BYTES = const(1300)
_REPORT = const(128)
_PIECE_BYTES = const(400)  # of a notification, in an uplink

# As in scheduler/profile.py, for which a session has no room.
_KNOWN = const(4)
_PROFILE = const(0)
_STAGE = const(2)
_INTEGERS = const(20)


def take(handlers, value):
    """Keep the policy in addition to the one in force, to be used at the next attempt to register. A session
    has no room to read it: it is checked then (esim/switch.py)."""
    if not is_policy(value):
        return
    folder, state = handlers.port.data_dir, handlers.state
    handlers.will_report(_REPORT)
    if _revision(folder) == value[0]:
        return  # its acknowledgement was lost
    try:
        checked.write(folder + files.COMING, value[1])
    except OSError:  # the agent will send it again
        return
    state[st.PROFILE_DUE] = _KNOWN | st.PROFILE_ASK


def write(handlers, out):
    """Write policy, card and events."""
    folder = handlers.port.data_dir
    revision = _revision(folder)
    if not revision and not any(checked.exists(folder + each) for each in (files.POLICY, files.CARD)):
        return 0
    known = _known(folder)
    integers = known[files.INTEGERS]
    report = [revision, known[files.INTERFACE], known[files.EID], integers[_PROFILE], integers[_STAGE]]
    report += known[files.LISTED : files.FOLLOWS] + [checked.read(folder + files.USED) or [], _piece(folder)]
    return out.pair(_KEY, report)


def on_ack(handlers):
    """Delete the events, which the agent has."""
    folder = handlers.port.data_dir
    known = _known(folder)
    if known[files.EVENTS]:
        known[files.EVENTS] = []
        try:
            files.write(folder + files.CARD, known)
        except OSError:  # reported again
            pass
    _ack_piece(handlers, folder)


def _piece(folder):
    found = checked.read(folder + files.NOTICE)
    if not found or found[files.SENT] >= len(found[files.CONTENT]):
        return []
    content, start = found[files.CONTENT], found[files.SENT]
    return found[: files.SENT] + [len(content), start, content[start : start + _PIECE_BYTES]]


def _ack_piece(handlers, folder):
    """Note that the agent has the piece; the next one goes with the next uplink."""
    found = checked.read(folder + files.NOTICE)
    if not found or found[files.SENT] >= len(found[files.CONTENT]):
        return
    found[files.SENT] += _PIECE_BYTES
    try:
        files.write_notice(folder, found)
    except OSError:  # reported again
        return
    if found[files.SENT] < len(found[files.CONTENT]):
        handlers.will_report(_REPORT)


def _revision(folder):
    """Return the revision of the policy received last, or of that in force; 0 if it is damaged and the agent
    must send it again."""
    return files.revision(folder + files.COMING) or files.revision(folder + files.POLICY)


def _known(folder):
    found = files.read(folder + files.CARD, files.FOLLOWS)
    return found or [[0] * _INTEGERS, 0, 0, 0, "", [], [], 0]


def is_policy(value):
    if not cbor.is_list(value, int, bytes):
        return False
    if not 0 < value[0] <= 0x7FFFFFFF or not 6 <= len(value[1]) <= _MOST_BYTES:
        return False
    return files.revision_of(value[1]) == value[0]
