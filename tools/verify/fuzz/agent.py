"""Malformed and mutated messages through the agent: `python -m tools.verify.fuzz.agent [--executions N]`.

Envelopes and uplinks of devices are damaged a million times, and opened, decoded and checked as by ingest;
some of them go through the whole pipeline into a database. So do the malformed items of RFC 8949, Appendix
F, nesting, huge lengths, wrong types and numbers out of range, inside good envelopes. Passes when nothing
but `WireError` comes out of the decoder, and of the pipeline every message is counted: stored, or a dead
letter with its reason, none by a fault of the agent's own. Writes out/fuzz-agent.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cbor2
import landbridge.app  # noqa: F401 - registers the hooks between features
from landbridge.core.clock import Clock
from landbridge.db.database import open_database
from landbridge.db.keys import Keyring
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.queries import dead_letters
from landbridge.ingest.session import Received
from landbridge.points.quality import check
from landbridge.points.queries import points
from landbridge.protocol import envelope, uplink
from landbridge.protocol.limits import WireError

from tools.options import whole
from tools.verify.benchmarks.agent import load

OUT = Path("out/fuzz-agent.json")
DEVICE = "lb-000001"
SLICE = 100
"""The pipeline gets one message in this many."""
_AT_ONCE = 64
_KEPT = 5

# RFC 8949, Appendix F: ends too early, reserved additional information and simple values, indefinite lengths
# that do not fit, breaks that end nothing.
MALFORMED = [
    bytes.fromhex(each)
    for each in (
        "18 19 1a 1b 1901 1a0102 1b01020304050607 38 58 78 98 9a01ff00 b8 d8 f8 f900 fa0000 fb000000 41 "
        "61 5affffffff00 5bffffffffffffffff010203 7affffffff00 7b7fffffffffffffff010203 81 "
        "818181818181818181 8200 a1 a20102 a100 a2000000 c0 5f4100 7f6100 9f 9f0102 bf bf01020102 819f "
        "9f8000 9f9f9f9f9fffffffff 9f819f819f9fffffff 1c 1d 1e 3c 3d 3e 5c 5d 5e 7c 7d 7e 9c 9d 9e bc "
        "bd be dc dd de fc fd fe f800 f801 f818 f81f 5f00ff 5f21ff 5f6100ff 5f80ff 5fa0ff 5fc000ff "
        "5fe0ff 7f4100ff 5f5f4100ffff 7f7f6100ffff ff 81ff 8200ff a1ff a1ff00 a100ff a20000ff 9f81ff "
        "9f829f819f9fffffffff bf00ff bf000000ff 1f 3f df"
    ).split()
]
HOSTILE = [
    b"\x81" * 4000 + b"\x00",
    b"\xa1\x00" * 1900 + b"\x00",
    b"\x9b" + b"\xff" * 8,
    b"\xbb\x40" + b"\x00" * 7,
    b"\x5b\x3f" + b"\xff" * 7,
    b"\xc2\x58\xff" + b"\xff" * 255,
    b"\xd8\x23\x78\x20" + b"(a+)+" * 6 + b"$$",
    b"\xd8\x1c\x81\xd8\x1d\x00",
    b"\xa2\x00\x01\x00\x01",
]
_OTHERS: list[Any] = [
    None, True, -1, 0, 1, 255, 65_536, 2**31, 2**32, 2**40, 2**63, 2**64 - 1, -(2**63), float("nan"),
    float("inf"), 1.5, "", "\0", "x" * 300, b"", b"\0" * 64, [], {}, [[]], {0: {}}, {"x": 1}, [0, b""],
    [0, {}], [1, 2, 3, 4],
]  # fmt: skip


@dataclass
class Found:
    """The printed figures."""

    decoded: int = 0
    refused: int = 0
    crashes: int = 0
    through_pipeline: int = 0
    stored: int = 0
    dead_letters: int = 0
    faults: int = 0
    uncounted: int = 0
    kept: list[tuple[str, str]] = field(default_factory=list)
    """The first inputs that crashed it, as hex, with the error."""

    def short(self) -> bool:
        """Whether anything is not as it must be."""
        return bool(self.crashes or self.faults or self.uncounted)


def uplinks(seed: int) -> list[bytes]:
    """Good ones, in clear, with all that a device may report."""
    key = load.key_of(DEVICE)
    made = [message.payload for message in load.uplinks([DEVICE], 30, seed)]
    clear = [envelope.open_envelope(key, DEVICE, "up", each)[1] for each in made]
    vectors = json.loads(Path("docs/reference/vectors.json").read_text())
    return clear + [bytes.fromhex(each["cbor"]) for each in vectors.get("uplinks", []) if "cbor" in each]


def mutated(rng: random.Random, good: bytes) -> bytes:
    """Damage of one to four kinds."""
    data = bytearray(good)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at] = rng.randbytes(rng.randint(1, 9))
        elif kind == 2:
            del data[at : at + rng.randint(1, 20)]
        elif kind == 3:
            data[at : at + 1] = rng.choice(MALFORMED)
        elif kind == 4:
            data += data[at : at + 40]
        elif at < len(data):
            data[at] = rng.choice((0x00, 0x1B, 0x3B, 0x5B, 0x7F, 0x9F, 0xBB, 0xC2, 0xF9, 0xFB, 0xFF))
    return bytes(data)


def retyped(rng: random.Random, good: bytes) -> bytes:
    """One value of it is another, of whatever type: it is CBOR as it must be, and no uplink."""
    item = cbor2.loads(good)
    spot, where = item, rng.choice(list(item))
    while rng.random() < 0.7 and isinstance(spot[where], list | dict) and spot[where]:
        spot = spot[where]
        where = rng.randrange(len(spot)) if isinstance(spot, list) else rng.choice(list(spot))
    spot[where] = rng.choice(_OTHERS)
    if rng.random() < 0.1:
        item[rng.choice((0, 5, 6, 9, 13, 15, 2**32))] = rng.choice(_OTHERS)
    return cbor2.dumps(item)


def texts(seed: int, count: int) -> Iterator[bytes]:
    """Uplinks in clear."""
    rng, good = random.Random(seed), uplinks(seed)
    yield from MALFORMED
    yield from HOSTILE
    yield from (cbor2.dumps(each) for each in _OTHERS)
    for number in range(count):
        yield (retyped if number % 3 == 0 else mutated)(rng, rng.choice(good))


def through_decoder(seed: int, count: int, found: Found) -> None:
    """Each text as an uplink; each damaged envelope as an envelope."""
    rng, now_s = random.Random(seed + 1), Clock().now_s()
    key = load.key_of(DEVICE)
    encrypted = [message.payload for message in load.uplinks([DEVICE], 20, seed)]
    for text in texts(seed, count * 3 // 4):
        _try(found, text, lambda data: [check(p, uplink.decode(data).clock, now_s) for p in _points(data)])
    for data in [*MALFORMED, *HOSTILE]:
        _try(found, data, envelope.parse)
    for _ in range(count // 4):
        damaged = mutated(rng, rng.choice(encrypted))
        _try(found, damaged, lambda data: envelope.open_envelope(key, DEVICE, "up", data))


def _points(data: bytes) -> Any:
    return uplink.decode(data).points


def _try(found: Found, data: bytes, take: Any) -> None:
    found.decoded += 1
    try:
        take(data)
    except WireError:
        found.refused += 1
    except Exception as error:
        found.crashes += 1
        if len(found.kept) < _KEPT:
            found.kept.append((data.hex(), repr(error)))


def through_pipeline(seed: int, count: int, found: Found, place: str, key_file: str = "") -> None:
    """Each text inside a good envelope, and damaged envelopes, into a database."""
    load.add_fleet(place, key_file, [DEVICE])
    database = open_database(place)
    replies: list[bytes] = []
    stub: Any = SimpleNamespace(
        acknowledge=lambda _: True, reply=lambda _, payload: replies.append(payload), wake=lambda: None
    )
    dead_letters.MOST_OF_TOPIC = 1 << 30
    pipeline = Pipeline(database, Keyring(place, key_file), Clock(), stub, stub)
    rng, key = random.Random(seed + 2), load.key_of(DEVICE)
    batch = []
    for number, text in enumerate(texts(seed + 3, count), 1):
        encrypted = envelope.seal(key, DEVICE, "up", number, text)
        data = mutated(rng, encrypted) if rng.random() < 0.2 else encrypted
        batch.append(Received(f"landbridge/{DEVICE}/up", data, number, 1, 0))
    for begin in range(0, len(batch), _AT_ONCE):
        pipeline.process_all(batch[begin : begin + _AT_ONCE])
    with database.reading() as connection:
        reasons = Counter(row.reason for row in dead_letters.every(connection))
        counts = points.counts(connection, DEVICE)
    database.close()
    found.through_pipeline = len(batch)
    found.stored = counts.uplinks
    found.dead_letters = sum(reasons.values())
    faults = {reason: n for reason, n in reasons.items() if reason.startswith("internal error")}
    found.faults = sum(faults.values())
    found.kept += [("", reason) for reason in list(faults)[:_KEPT]]
    # A report of a stored uplink may be a dead letter in addition: it is not less that are accounted for.
    found.uncounted = max(0, len(batch) - counts.uplinks - counts.repeats - found.dead_letters)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.fuzz.agent", description=__doc__)
    parser.add_argument("--executions", type=int, default=1_000_000)
    parser.add_argument("--seed", type=whole(0), default=1)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    found = Found()
    try:
        with tempfile.TemporaryDirectory() as folder:
            through_decoder(given.seed, given.executions, found)
            through_pipeline(given.seed, given.executions // SLICE, found, f"{folder}/fuzz.sqlite3")
    finally:
        logging.disable(logging.NOTSET)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(asdict(found), indent=2) + "\n")
    for name, value in asdict(found).items():
        print(f"{name.replace('_', ' ')} {value}")
    return 1 if found.short() else 0


if __name__ == "__main__":
    sys.exit(main())
