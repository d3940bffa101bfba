"""Compares the bytes of a fix on the wire: `python -m tools.verify.benchmarks.wire.benchmark [--seed N]`.

The device's own code (`locator.codec.columns`, `locator.codec.cose`) writes four synthetic trips in
batches of 1, 16 and 64; ten lines with nothing but cbor2 read them again, and every field must come back
within half its unit. Writes out/wire-bench.json, prints the figures last, and exits with 1 when ours costs
more than it may or when the data is not what other formats were measured on."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cbor2
from landbridge.protocol.uplink import RANGES
from locator.codec import cose, record
from rich.console import Console
from rich.table import Table

from tools.options import whole
from tools.verify.benchmarks.wire.formats import FORMATS, floor_bytes
from tools.verify.benchmarks.wire.tracks import POINTS, Sample, tracks
from tools.verify.harness import uplink

OUT = Path("out/wire-bench.json")
SIZES = (1, 16, 64)
MOST = {16: 18.0, 64: 16.0}
"""Bytes a fix, mean of the trips, without what is said once a batch."""
GOAL = {16: 15.0, 64: 13.0}
KNOWN = {"JSON": 149.0, "CBOR rows": 35.0}
"""What these cost at 16 a batch in the survey from which these trips come; ours may differ by a tenth."""

UNITS = (1, 1e-5, 1e-5, 2, 1, 2, 0.2, 1, 20, 0.5, 1, 1)
FIELDS = ("time", "lat", "lon", "alt", "speed", "heading", "hdop", "sats", "battery", "temperature",
          "cell", "rsrp")  # fmt: skip
"""Columns of ours that carry the fields of a `Sample`, in their order; the others are the batch's head."""
_PLACES = [list(RANGES).index(name) for name in FIELDS]
_PLMN = 250_001
_HALF_TURN = 180
_HEADROOM = 32
_TLS_BYTES = 29
_MQTT_BYTES = 26


def fields(sample: Sample, seq: int) -> list[int]:
    """`sample` as the fields of a record, in the order of `record.FIELDS`."""
    time, *rest = (round(value / unit) for value, unit in zip(sample, UNITS, strict=True))
    lat, lon, alt, speed, heading, hdop, sats, battery, temperature, cell, rsrp = rest
    place = (lat, lon, alt, speed, heading % _HALF_TURN, hdop, sats)
    heard = (_PLMN, 9311, cell, -rsrp) if cell else (0, 0, 0, 0)
    return [record.FIX, record.TIME_GNSS, 0, seq, time, 1, *place, battery, temperature, *heard, 0]


def encode(samples: Sequence[Sample], first_seq: int) -> bytes:
    """The uplink as the device writes it."""
    return uplink.encode([fields(sample, first_seq + i) for i, sample in enumerate(samples)])


def wrong(samples: Sequence[Sample], read: Sequence[Sequence[int]]) -> Iterator[str]:
    """The fields that have not come back within half their unit."""
    for sample, row in zip(samples, read, strict=True):
        for name, place, measured, unit in zip(FIELDS, _PLACES, sample, UNITS, strict=True):
            error = abs((-1 if name == "rsrp" else 1) * row[place] * unit - measured)
            if name == "heading":
                error = min(error, 360 - error)
            if error > unit / 2 + 1e-9:
                yield f"{name}: {measured} came back as {row[place]} of {unit}"


class Ours:
    """What one trip costs in our format at `n` a batch, all in bytes a batch or a fix."""

    def __init__(self, samples: Sequence[Sample], n: int) -> None:
        self.fix = self.head = self.envelope = 0.0
        self.by_column = dict.fromkeys(FIELDS, 0.0)
        self.strays: list[str] = []
        up = cose.Envelope(bytes(32), cose.UP, "lb-0001")
        for first in range(0, len(samples), n):
            part = samples[first : first + n]
            written = encode(part, first + 1)
            self.strays += wrong(part, uplink.decode(written))
            columns = cbor2.loads(written)[1]
            sizes = [len(cbor2.dumps(columns[1 + place])) for place in _PLACES]
            for name, size in zip(FIELDS, sizes, strict=True):
                self.by_column[name] += size / len(samples)
            self.fix += sum(sizes) / len(samples)
            self.head += (len(written) - sum(sizes)) * n / len(samples)
            self.envelope += _envelope_bytes(up, written, 100_000 + first) * n / len(samples)


def _envelope_bytes(up: cose.Envelope, written: bytes, number: int) -> int:
    buf = bytearray(_HEADROOM) + written + bytes(cose.TAG_SIZE)
    start, end = up.seal(buf, _HEADROOM, _HEADROOM + len(written), number)
    return int(end - start) - len(written)


def measure(seed: int) -> dict[str, Any]:
    """All figures; `short` lists in words what is not as it must be."""
    trips = tracks(seed)
    result: dict[str, Any] = {"seed": seed, "trips": list(trips), "formats": {}, "strays": []}
    for n in SIZES:
        costs = {
            name: [_mean_bytes(write, samples, n) for samples in trips.values()]
            for name, write in FORMATS.items()
        }
        ours = [Ours(samples, n) for samples in trips.values()]
        costs["ours"] = [each.fix for each in ours]
        result["formats"][n] = costs
        result[f"ours at {n}"] = {
            "head a batch": _mean([each.head for each in ours]),
            "envelope a batch": _mean([each.envelope for each in ours]),
            "columns": {name: _mean([each.by_column[name] for each in ours]) for name in FIELDS},
        }
        result["strays"] += [stray for each in ours for stray in each.strays]
    result["floor"] = [floor_bytes(samples, UNITS) for samples in trips.values()]
    result["short"] = list(too_short(result))
    return result


def too_short(result: dict[str, Any]) -> Iterator[str]:
    for n, most in MOST.items():
        mean = _mean(result["formats"][n]["ours"])
        if mean > most:
            yield f"ours costs {mean:.1f} bytes a fix at {n} a batch, at most {most:g} are allowed"
    for name, known in KNOWN.items():
        mean = _mean(result["formats"][16][name])
        if abs(mean - known) > known / 10:
            yield f"{name} costs {mean:.1f} bytes a fix, not about {known:g}: other data"
    if result["strays"]:
        yield f"{len(result['strays'])} fields did not come back, the first: {result['strays'][0]}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _mean_bytes(write: Any, samples: Sequence[Sample], n: int) -> float:
    return sum(len(write(samples[i : i + n])) for i in range(0, len(samples), n)) / len(samples)


def show(result: dict[str, Any], console: Console) -> None:
    """The figures as a table, the decisive ones last."""
    table = Table("bytes a fix", "a batch", *result["trips"], "mean")
    for name in (*FORMATS, "ours"):
        for n in SIZES:
            costs = result["formats"][n][name]
            table.add_row(name, str(n), *(f"{cost:.1f}" for cost in costs), f"{_mean(costs):.1f}")
    floor = result["floor"]
    table.add_row("entropy floor", "", *(f"{cost:.1f}" for cost in floor), f"{_mean(floor):.1f}")
    console.print(table)
    for n in SIZES:
        ours = result[f"ours at {n}"]
        once = f"head {ours['head a batch']:.0f}, envelope {ours['envelope a batch']:.0f}"
        console.print(f"once a batch of {n}: {once}, MQTT {_MQTT_BYTES} and TLS 1.2 {_TLS_BYTES} bytes")
    sent, strays = len(FIELDS) * len(SIZES) * POINTS * len(result["trips"]), len(result["strays"])
    console.print(f"fields sent {sent}, read back with an error above half their unit {strays}")
    for n, most in MOST.items():
        mean, ours = _mean(result["formats"][n]["ours"]), result[f"ours at {n}"]
        whole = mean + (ours["head a batch"] + ours["envelope a batch"]) / n
        allowed = f"(at most {most:g}, goal {GOAL[n]:g})"
        console.print(f"ours at {n}: {mean:.2f} bytes a fix {allowed}, {whole:.2f} with head and envelope")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.benchmarks.wire.benchmark")
    parser.add_argument("--seed", type=whole(0), default=1)
    result = measure(parser.parse_args().seed)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=2) + "\n")
    for line in result["short"]:
        print(line, file=sys.stderr)
    show(result, Console(width=110))
    return 1 if result["short"] else 0


if __name__ == "__main__":
    sys.exit(main())
