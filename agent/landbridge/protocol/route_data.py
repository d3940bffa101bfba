"""Route data: the route ahead, as the bytes in the device's flash (docs/reference/route-data.md)."""

import struct
from binascii import crc32
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import NamedTuple

from landbridge.geo.route import Waypoint
from landbridge.geo.timetable import Stay
from landbridge.protocol.limits import WireError

MOST_BYTES = 4096
KM4_A_KM = 4
TILE_KM = 5
"""Length of a tile in kilometres, unless a route is too long."""
NO_BIN = 15
"""A tile without knowledge."""
LEARNED = 8
"""Bit of a tile whose bin was learned from the fleet, not derived from the distance to places."""
_VERSION = 1
_HEAD = "<BBBBHBBI"
_STATION = "<iiHHHHHHB"
_NETWORK = "<IHBB"
_U16 = 0xFFFF


class Station(NamedTuple):
    """A station; minutes to go are means to the end of the trip."""

    lat: float
    lon: float
    km: float
    after_min: float
    """Minutes to go after its stop, and their standard deviation."""
    deviation_min: float
    arrival_min: float
    """Minutes to go when the train arrives there."""
    median_min: float
    """Minutes of its stop; 0: trains do not stop, or the trip ends."""
    mcc: int
    stay: int
    """Index into the stays of the route data."""


class Network(NamedTuple):
    """The fleet's knowledge of a network; 0: unknown."""

    plmn: int
    cost_percent: int
    """Cost of an uplink over it, in percent of that over the cheapest network."""
    usable_percent: int
    """Percent of the route in its country."""


@dataclass(frozen=True)
class RouteData:
    """All route data of a trip; `tiles` of `tile_km` each from kilometre 0 on: a bin, 0 to 4, perhaps with
    LEARNED, or NO_BIN."""

    revision: int
    stations: Sequence[Station]
    stays: Sequence[Stay]
    networks: Sequence[Network]
    tile_km: int
    tiles: Sequence[int]


def tile_count(waypoints: Sequence[Waypoint]) -> int:
    """Return the number of tiles of a route."""
    return int(waypoints[-1].km // TILE_KM) + 1


def encode(route_data: RouteData) -> bytes:
    """Return the bytes; `WireError` when they do not fit."""
    head = (
        len(route_data.stations),
        len(route_data.networks),
        route_data.tile_km,
        len(route_data.tiles),
        len(route_data.stays),
        0,
        route_data.revision,
    )
    try:
        data = struct.pack(_HEAD, _VERSION, *head)
    except struct.error as error:
        raise WireError(f"route data: {error}") from None
    data += b"".join(_station(each) for each in route_data.stations)
    data += b"".join(_stay(each) for each in route_data.stays)
    data += b"".join(
        struct.pack(_NETWORK, each.plmn, min(each.cost_percent, _U16), min(each.usable_percent, 100), 0)
        for each in route_data.networks
    )
    low, high = route_data.tiles[::2], route_data.tiles[1::2]
    data += bytes(a | b << 4 for a, b in zip_longest(low, high, fillvalue=0))
    data += struct.pack("<I", crc32(data))
    if len(data) > MOST_BYTES:
        raise WireError(f"route data: {len(data)} bytes, a device takes {MOST_BYTES}")
    return data


def _station(station: Station) -> bytes:
    minutes = (station.after_min, station.deviation_min, station.arrival_min)
    return struct.pack(
        _STATION,
        round(1e5 * station.lat),
        round(1e5 * station.lon),
        _short(KM4_A_KM * station.km),
        *(_short(each / 2) for each in minutes),
        _short(station.median_min),
        station.mcc,
        station.stay,
    )


def _stay(stay: Stay) -> bytes:
    pairs = zip(stay.mean, stay.deviation, strict=True)
    return b"".join(struct.pack("<HH", _short(100 * mean), _short(100 * spread)) for mean, spread in pairs)


def _short(value: float) -> int:
    return min(max(round(value), 0), _U16)
