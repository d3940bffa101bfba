"""Route data for tests: three stations in two countries, 200 km on one meridian and 100 km on one
parallel."""

import struct
from binascii import crc32

STANDS_S = 4 * 3600
"""Median of the stop at the second station."""
_STAY = (150, 100, 140, 110, 130, 120, 100, 120, 110, 130, 120, 140) + (
    140,
    160,
    150,
    170,
    170,
    190,
    180,
    200,
    220,
    230,
    250,
    260,
)
_STATIONS = (
    # 1e-5 degrees twice, km4, minutes/2: after, deviation, on arrival; median, MCC, stay
    (5000000, 2000000, 0, 900, 300, 1100, 0, 401, 0),
    (5180000, 2000000, 800, 330, 240, 480, 240, 250, 0),
    (5180000, 2145000, 1200, 0, 0, 0, 0, 250, 0),
)
_NETWORKS = ((25001, 0, 0, 0), (401001, 208, 55, 0), (250002, 100, 40, 0), (250001, 0, 0, 0))


def made(revision=7, tiles=(0, 9, 2, 3, 15), stations=_STATIONS):
    """The bytes; tiles are of 10 km."""
    head = (1, len(stations), len(_NETWORKS), 10, len(tiles), 1, 0, revision)
    data = struct.pack("<BBBBHBBI", *head)
    for station in stations:
        data += struct.pack("<iiHHHHHHB", *station)
    data += struct.pack("<24H", *_STAY)
    for network in _NETWORKS:
        data += struct.pack("<IHBB", *network)
    nibbles = list(tiles) + [0]
    data += bytes([nibbles[i] | nibbles[i + 1] << 4 for i in range(0, len(tiles), 2)])
    return data + struct.pack("<I", crc32(data))


def sealed(body):
    """Any bytes as route data whose CRC is good."""
    return body + struct.pack("<I", crc32(body))
