"""The digest of a trip: the stored points and every line between device and modem."""

import hashlib
from collections.abc import Sequence

from landbridge.points.rows import StoredPoint


def digest(stored: Sequence[StoredPoint], transcript: str) -> str:
    """SHA-256, in hex, over the points by sequence and the digest of the AT transcript.

    The time of reception is left out: it is the agent's, not the trip's.
    """
    total = hashlib.sha256(transcript.encode())
    for each in sorted(stored, key=lambda each: each.point.seq):
        total.update(repr((tuple(each.point), each.at_s, each.dated, each.flags)).encode())
    return total.hexdigest()
