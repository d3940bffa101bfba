"""The size of a batch of fixes in other formats, and the theoretical minimum.

Each function writes a whole batch; what it says once a batch counts with its fixes. The units are those in
which such formats are used (1e-7 degrees, 1 m, 0.1 km/h, 1 degree, 0.1, 10 mV, 0.1 C).
"""

from __future__ import annotations

import json
import math
import struct
from binascii import crc_hqx
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import cbor2

from tools.verify.benchmarks.wire.tracks import Sample

UNITS = (1, 1e-7, 1e-7, 1, 0.1, 1, 0.1, 1, 10, 0.1, 1, 1)
_SENML = (
    ("lat", "lat"), ("lon", "lon"), ("alt", "m"), ("spd", "km/h"), ("hdg", "deg"), ("hdop", "/"),
    ("sat", "count"), ("bat", "V"), ("temp", "Cel"), ("cell", "/"), ("rsrp", "dBm"),
)  # fmt: skip
_ALPHABET = 40
"""So many different values or fewer: their own distribution is known better than any model of it."""
_CELL_BITS = 28


def in_units(sample: Sample, units: Sequence[float]) -> list[int]:
    """The fields of `sample` as integers of these units."""
    return [round(value / unit) for value, unit in zip(sample, units, strict=True)]


def as_json(batch: Sequence[Sample]) -> bytes:
    """An array of objects with twelve keys."""
    return json.dumps([_object(sample) for sample in batch], separators=(",", ":")).encode()


def _object(sample: Sample) -> dict[str, float]:
    return {
        "t": round(sample.time_s),
        "lat": round(sample.lat_deg, 7),
        "lon": round(sample.lon_deg, 7),
        "alt": round(sample.altitude_m),
        "spd": round(sample.speed_kmh, 1),
        "hdg": round(sample.heading_deg),
        "hdop": round(sample.hdop, 1),
        "sat": sample.sats,
        "bat": round(sample.battery_mv, -1) / 1000,
        "temp": round(sample.temperature_c, 1),
        "cell": sample.cell,
        "rsrp": sample.rsrp_dbm,
    }


def as_senml(batch: Sequence[Sample]) -> bytes:
    """SenML in CBOR (RFC 8428): an entry for each value, with name, unit, time and value."""
    base_s = round(batch[0].time_s)
    entries = []
    for sample in batch:
        values = list(_object(sample).values())[1:]
        for (name, unit), value in zip(_SENML, values, strict=True):
            entries.append({0: name, 1: unit, 2: value, 6: round(sample.time_s) - base_s})
    entries[0] = {-2: "lb-0001:", -3: base_s} | entries[0]
    return cbor2.dumps(entries)


def as_maps(batch: Sequence[Sample]) -> bytes:
    """CBOR maps with integers for keys and scaled integers for values."""
    return cbor2.dumps([1, 1, [dict(enumerate(in_units(sample, UNITS))) for sample in batch]])


def as_rows(batch: Sequence[Sample]) -> bytes:
    """CBOR arrays of scaled integers, each complete in itself."""
    return cbor2.dumps([1, 1, [in_units(sample, UNITS) for sample in batch]])


def as_teltonika(batch: Sequence[Sample]) -> bytes:
    """Teltonika's Codec 8 Extended: 24 bytes of GNSS and five elements of one, two and four bytes."""
    body = bytes((0x8E, len(batch))) + b"".join(map(_teltonika_record, batch)) + bytes((len(batch),))
    return struct.pack(">II", 0, len(body)) + body + struct.pack(">I", crc_hqx(body, 0))


def _teltonika_record(sample: Sample) -> bytes:
    time_ms = (round(sample.time_s) + 946_684_800) * 1000
    lon, lat = round(sample.lon_deg * 1e7), round(sample.lat_deg * 1e7)
    gnss = struct.pack(">QBii", time_ms, 0, lon, lat)
    heading, speed = round(sample.heading_deg), round(sample.speed_kmh)
    gnss += struct.pack(">hHBH", round(sample.altitude_m), heading, sample.sats, speed)
    elements = struct.pack(">HHHHB", 0, 5, 1, 21, -sample.rsrp_dbm)
    elements += struct.pack(">HHHHH", 2, 182, round(sample.hdop * 10), 67, round(sample.battery_mv))
    elements += struct.pack(">HHIHi", 2, 636, sample.cell, 72, round(sample.temperature_c * 10))
    return gnss + elements + struct.pack(">HH", 0, 0)


FORMATS: dict[str, Callable[[Sequence[Sample]], bytes]] = {
    "JSON": as_json,
    "SenML-CBOR": as_senml,
    "Teltonika 8E": as_teltonika,
    "CBOR maps": as_maps,
    "CBOR rows": as_rows,
}


def floor_bytes(samples: Sequence[Sample], units: Sequence[float]) -> float:
    """The ideal code length of a fix in these units: for each field the best of value, difference and
    difference of differences, as a discrete Laplace distribution or, if there are few values, their own."""
    *fields, cell, rsrp = zip(*(in_units(sample, units) for sample in samples), strict=True)
    return (sum(map(least_bits, (*fields, rsrp))) + _cell_bits(cell)) / 8


def least_bits(values: Sequence[int]) -> float:
    middle = sorted(values)[len(values) // 2]
    differences = [after - before for before, after in pairwise(values)]
    second = [after - before for before, after in pairwise(differences)]
    return min(map(_bits, ([value - middle for value in values], differences, second)))


def _bits(values: Sequence[int]) -> float:
    """Bits of one of `values`."""
    counts = Counter(values)
    mean = sum(map(abs, values)) / len(values)
    if mean == 0:
        return 0.0
    ratio = (math.sqrt(1 + mean * mean) - 1) / mean
    laplace = -math.log2((1 - ratio) / (1 + ratio)) - mean * math.log2(ratio)
    if len(counts) >= _ALPHABET:
        return laplace
    own = -sum(n * math.log2(n / len(values)) for n in counts.values()) / len(values)
    return min(own, laplace)


def _cell_bits(cells: Sequence[int]) -> float:
    """A cell is new with some probability, and then any."""
    changed = [int(after != before) for before, after in pairwise(cells)]
    return _bits(changed) + _CELL_BITS * sum(changed) / len(changed)
