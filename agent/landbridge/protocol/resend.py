"""Requests for missing records, and reports of lost ones (docs/reference/protocol.md)."""

from collections.abc import Mapping, Sequence
from typing import Any

from landbridge.protocol.limits import WireError

WANTED_KEY = 6
GONE_KEY = 11
MOST_WANTED = 8
"""Ranges in one downlink."""
_MOST_GONE = 64
_HIGHEST = 0xFFFFFFFF

Range = tuple[int, int]
"""Capture sequences, inclusive."""


def encode(wanted: Sequence[Range]) -> Mapping[int, Any]:
    """Return the pair of a downlink that requests the first MOST_WANTED of `wanted`."""
    return {WANTED_KEY: [bound for low_high in wanted[:MOST_WANTED] for bound in low_high]}


def decode_gone(value: Any) -> list[Range]:
    """Return the ranges that a device reports as lost; raises `WireError`."""
    if type(value) is not list or len(value) % 2 or not 0 < len(value) <= 2 * _MOST_GONE:
        raise WireError(f"gone: not 1 to {_MOST_GONE} ranges")
    if not all(type(seq) is int and 0 < seq <= _HIGHEST for seq in value):
        raise WireError("gone: not capture sequences")
    found = list(zip(value[::2], value[1::2], strict=True))
    if any(low > high for low, high in found):
        raise WireError("gone: a range that ends before it begins")
    return found
