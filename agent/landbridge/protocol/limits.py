"""The limits of the protocol, and the error for everything outside it."""

import re

VERSION = 1
MAX_ENVELOPE_BYTES = 4096
"""Size cap before anything is decoded; a device sends at most 3,500 bytes."""
MAX_DOWNLINK_BYTES = 1400
"""Plaintext bytes of a downlink: modems deliver a message of 1,500 bytes in one piece, with envelope and
topic."""
PIECE_BYTES = 1024
"""Bytes of a release's file in one downlink: the space left by acknowledgement and other pairs, and a quarter
of a flash block."""
RELEASE_SEQUENCE = (1 << 30) - 1
RELEASE_FILES = 160
RELEASE_BYTES = 131_072
"""Limits of a release on a device."""
MAX_RECORDS = 64
MAX_DEPTH = 5
"""Deepest nesting of an uplink: map > columns > column > deltas."""
MAX_PARTIAL_IV = (1 << 40) - 1
MAX_EPOCH = (1 << 31) - 1

_DEVICE_ID = re.compile(r"[0-9a-z-]{1,32}")


class WireError(ValueError):
    """Bytes that break the protocol; the text says how, for the operator."""


def is_device_id(text: str) -> bool:
    """Whether `text` can be a device id (and so one level of a topic)."""
    return _DEVICE_ID.fullmatch(text) is not None
