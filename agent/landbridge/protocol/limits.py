"""What the contract allows at most, and the one error for everything beyond it."""

import re

VERSION = 1
MAX_ENVELOPE_BYTES = 4096
"""Size cap before anything is decoded; a device sends at most 3,500 bytes."""
MAX_REPLY_BYTES = 1400
"""Of a reply's text: modems hand on a message of 1,500 bytes in one piece, envelope and topic included."""
PIECE_BYTES = 1024
"""Of a file of a release in one reply: what acknowledgement and other pairs leave free, and a quarter of a
block of flash."""
RELEASE_SEQUENCE = (1 << 30) - 1
RELEASE_FILES = 160
RELEASE_BYTES = 131_072
"""What a device takes of a release at most."""
MAX_RECORDS = 64
MAX_DEPTH = 5
"""Deepest nesting of an uplink: map > columns > column > deltas."""
MAX_PARTIAL_IV = (1 << 40) - 1
MAX_EPOCH = (1 << 31) - 1

_DEVICE_ID = re.compile(r"[0-9a-z-]{1,32}")


class WireError(ValueError):
    """Bytes that do not keep the contract; the text says in which way, for the operator."""


def is_device_id(text: str) -> bool:
    """True when `text` can be a device's id (and so one level of a topic)."""
    return _DEVICE_ID.fullmatch(text) is not None
