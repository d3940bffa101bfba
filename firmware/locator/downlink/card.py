"""Orders: the policy of the card's profiles, and what the agent is told about them.

Reply key 10: [revision, policy as CBOR within a byte string (esim/policy.py)]. Uplink key 14: [revision,
route to the card, EID, profile in use, stage, [[ICCID, class], ...], [[epoch seconds, before, after, outcome,
cause], ...], data used, notification], the numbers of esim/memory.py and scheduler/profile.py. Data as in
esim/limits.py; of a notification [sequence, operation, ICCID, bytes in all, offset, piece] or nothing.
"""

from micropython import const

from locator import state as st
from locator.codec import cbor, checked
from locator.esim import files

_KEY = const(14)
_MOST_BYTES = const(1300)
_TELL = const(128)
_PIECE_BYTES = const(400)  # of a notification, in an uplink

# As in scheduler/profile.py, which there is no room for in a conversation.
_KNOWN = const(4)
_PROFILE = const(0)
_STAGE = const(2)
_INTEGERS = const(20)


def take(desk, value):
    """Keep the policy beside the one in force, to be asked at the next attempt to register. A conversation
    has no room to look into it: it is judged then (esim/switch.py)."""
    if not _is_order(value):
        return
    folder, state = desk.port.data_dir, desk.state
    desk.tell(_TELL)
    if _revision(folder) == value[0]:
        return  # that we have it was forgotten
    try:
        checked.write(folder + files.COMING, value[1])
    except OSError:  # the agent will send it again
        return
    state[st.CARD_DUE] = _KNOWN | st.CARD_ASK


def write(desk, out):
    """Policy, card and events."""
    folder = desk.port.data_dir
    revision = _revision(folder)
    if not revision and not any(checked.exists(folder + each) for each in (files.POLICY, files.CARD)):
        return 0
    known = _known(folder)
    integers = known[files.INTEGERS]
    out.int(_KEY)
    told = [revision, known[files.RUNG], known[files.EID], integers[_PROFILE], integers[_STAGE]]
    told += known[files.LISTED : files.FOLLOWS] + [checked.read(folder + files.USED) or [], _piece(folder)]
    files.put(out, told)
    return 1


def told(desk):
    """The agent knows the events."""
    folder = desk.port.data_dir
    known = _known(folder)
    if known[files.EVENTS]:
        known[files.EVENTS] = []
        try:
            files.write(folder + files.CARD, known)
        except OSError:  # told once more
            pass
    _told_piece(desk, folder)


def _piece(folder):
    found = checked.read(folder + files.NOTICE)
    if not found or found[files.TOLD] >= len(found[files.CONTENT]):
        return []
    content, start = found[files.CONTENT], found[files.TOLD]
    return found[: files.TOLD] + [len(content), start, content[start : start + _PIECE_BYTES]]


def _told_piece(desk, folder):
    """The agent has the piece; another goes with the next uplink."""
    found = checked.read(folder + files.NOTICE)
    if not found or found[files.TOLD] >= len(found[files.CONTENT]):
        return
    found[files.TOLD] += _PIECE_BYTES
    out = cbor.Writer(bytearray(len(found[files.CONTENT]) + 64))
    files.put(out, found)
    try:
        checked.write(folder + files.NOTICE, bytes(out.buf[: out.n]))
    except OSError:  # told once more
        return
    if found[files.TOLD] < len(found[files.CONTENT]):
        desk.tell(_TELL)


def _revision(folder):
    """Of the policy that has come, or is in force; 0 when the agent is to send it, because it is damaged."""
    return files.revision(folder + files.COMING) or files.revision(folder + files.POLICY)


def _known(folder):
    found = files.read(folder + files.CARD, files.FOLLOWS)
    return found or [[0] * _INTEGERS, 0, 0, 0, "", [], [], 0]


def _is_order(value):
    if type(value) is not list or len(value) != 2 or type(value[0]) is not int or type(value[1]) is not bytes:
        return False
    if not 0 < value[0] <= 0x7FFFFFFF or not 6 <= len(value[1]) <= _MOST_BYTES:
        return False
    return files.revision_of(value[1]) == value[0]
