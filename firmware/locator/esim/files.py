"""Files about the card: its state, the policy in force, and the one received last, until it is checked
(esim/policy.py)."""

from micropython import const

from locator.codec import cbor, checked

CARD = "/card.bin"
POLICY = "/cards.bin"
COMING = "/cards-in.bin"
USED = "/cards-mb.bin"  # esim/limits.py
NOTICE = "/card-note.bin"  # esim/notices.py

# Indices of the card's state, a list.
INTEGERS = const(0)  # scheduler/profile.py
MODEM = const(1)
INTERFACE = const(2)
METHOD = const(3)
EID = const(4)
LISTED = const(5)
EVENTS = const(6)
FOLLOWS = const(7)  # revision of the policy

# Indices of the policy, a list.
REVISION = const(0)
REQUESTED = const(1)
FALLBACK = const(2)
PROFILES = const(3)  # [ICCID, APN, user, password]
ROWS = const(4)  # [MCC, number, ...]

# Indices of a notification, a list; operation as the bits of SGP.22, ICCID.
SEQ = const(0)
SENT = const(3)  # bytes of the contents that the agent has
CONTENT = const(4)
UPLOADED = const(5)  # [sequence, operation, ICCID] of each that the card still has
MOST_CONTENT = const(2000)

_HEAD_BYTES = const(6)
_SIZES = (300, 700, 1400)


def revision(path):
    """Return the revision of the policy in a file, without reading the rest; 0 if there is none, or it is
    damaged."""
    if not checked.is_whole(path):
        return 0
    with open(path, "rb") as f:
        return revision_of(f.read(_HEAD_BYTES))


def revision_of(head):
    """Return the revision of the policy that begins with these bytes, at least six; 0 if they begin none."""
    if head[0] != cbor.ARRAY << 5 | (ROWS + 1):
        return 0
    size = {0x18: 1, 0x19: 2, 0x1A: 4}.get(head[1], 0)
    return int.from_bytes(head[2 : 2 + size], "big") if size else head[1] if head[1] < 0x18 else 0


def read(path, most):
    """Return the list in a file if it has the index `most`, else None."""
    found = checked.read(path)
    return found if type(found) is list and len(found) == most + 1 else None


def write(path, value):
    """Write a list to a file. Raises OSError, `cbor.Full`."""
    for size in _SIZES:
        try:
            checked.put(path, value, size)
            return
        except cbor.Full:
            if size == _SIZES[-1]:
                raise


def write_notice(folder, notice):
    """Replace the notification that is uploaded. Raises OSError."""
    checked.put(folder + NOTICE, notice, len(notice[CONTENT]) + 64 + 24 * len(notice[UPLOADED]))
