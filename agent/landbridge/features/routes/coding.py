"""The downlink of route data (protocol/route_data.py), which goes to a device in pieces."""

from typing import Any, NamedTuple

from landbridge.protocol import route_data
from landbridge.protocol.limits import WireError
from landbridge.protocol.route_data import MOST_BYTES

PIECE_KEY, REPORT_KEY = 9, 12
"""Keys of a downlink: [revision, offset, bytes], or [0]; of an uplink: [in use, incoming, bytes of that]."""
NONE: list[Any] = [0]
"""The downlink that removes all route data."""
PIECE_BYTES = 512
"""Bytes in one downlink: devices have little contiguous memory during a session."""
MOST_REVISION = (1 << 31) - 1
Network = route_data.Network
NO_BIN = route_data.NO_BIN


class Report(NamedTuple):
    """The route data of a device: the revision in use, the incoming one, its bytes so far; 0 for none."""

    in_use: int
    coming: int
    offset: int


def piece(data: bytes, revision: int, offset: int) -> list[Any]:
    """Return the downlink with the piece of route data from `offset` on."""
    return [revision, offset, data[offset : offset + PIECE_BYTES]]


def decode_report(item: Any) -> Report:
    """Return the report in an uplink; `WireError` if it is malformed."""
    limits = (MOST_REVISION, MOST_REVISION, MOST_BYTES)
    if type(item) is not list or len(item) != len(limits):
        raise WireError("report of the route data: not [in use, on its way, bytes]")
    for value, most in zip(item, limits, strict=True):
        if type(value) is not int or not 0 <= value <= most:
            raise WireError(f"report of the route data: {value!r} is not an integer in 0 .. {most}")
    return Report(*item)
