"""The route data as a file: its length and its revision. scheduler/route.py reads what it says."""

import struct

from micropython import const

FILE = "/route"
MOST_BYTES = const(4096)
HEAD = "<BBBBHBBI"  # version, stations, networks, km of a tile, tiles, kinds of stay, 0, revision
HEAD_SIZE = const(12)
STATION_SIZE = const(21)
STAY_SIZE = const(48)  # 12 x (mean, deviation) of the rest of a stop, percent of its median
NETWORK_SIZE = const(8)
_VERSION = const(1)


def size_of(head):
    """Return the bytes of the route data that begin with `head`, 0 if it is invalid."""
    version, stations, networks, tile_km, tiles, stays, _, _ = struct.unpack_from(HEAD, head)
    if version != _VERSION or stations < 2 or not tile_km or not stays:
        return 0
    lists = stations * STATION_SIZE + stays * STAY_SIZE + networks * NETWORK_SIZE
    size = HEAD_SIZE + lists + (tiles + 1) // 2 + 4
    return size if size <= MOST_BYTES else 0


def revision_of(head):
    """Return the revision of the route data."""
    return struct.unpack_from("<I", head, 8)[0]
