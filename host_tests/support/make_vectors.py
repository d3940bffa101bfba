"""Writes docs/reference/vectors.json, the vectors that device and agent must both pass.

Run from the root of the repository: python -m host_tests.support.make_vectors
"""

import json
import struct
from binascii import crc32
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cbor2
from landbridge.features.commands import coding as commands
from landbridge.features.commands.coding import Command
from landbridge.features.esim import coding as cards
from landbridge.features.routes import coding as route_data_coding
from landbridge.geo.timetable import STOOD, Stay
from landbridge.protocol import envelope, resend, route_data, settings, uplink
from landbridge.protocol.downlink import EPOCH_KEY, encode_downlink, ranges
from landbridge.protocol.envelope import Direction
from landbridge.protocol.point import CELL_FIELDS, POSITION_FIELDS, Point

from host_tests.support.uplink_encoder import encode_uplink

PATH = Path(__file__).parents[2] / "docs" / "reference" / "vectors.json"
DEVICE = "lb-0001"
OTHER_DEVICE = "lb-0002"
KEY = bytes(range(32))
DIRECTIONS: tuple[Direction, ...] = ("up", "down")
RECORD_FIELDS = (
    "kind quality events seq time boot lat lon alt speed heading hdop sats battery temperature"
    " plmn tac cell rsrp motion"
).split()
_LISTS = ("columns", "uplinks", "downlinks", "epochs", "handled", "refused")
_FORMAT = "<BBHIIHiihBBBBBbIHIBBI"


def fix(seq: int, **changes: int) -> dict[str, int]:
    """A record with a fix and a cell, near Chongqing."""
    usual = {
        "kind": 1, "quality": 3, "events": 0, "seq": seq, "time": 845_000_000 + 3600 * seq,
        "boot": 7, "lat": 2956301, "lon": 10655156, "alt": 122, "speed": 0, "heading": 0,
        "hdop": 5, "sats": 9, "battery": 180, "temperature": 41, "plmn": 460000, "tac": 9311,
        "cell": 123456789, "rsrp": 97, "motion": 0,
    }  # fmt: skip
    return usual | changes


def cell(seq: int, **changes: int) -> dict[str, int]:
    """A record with a cell only."""
    return fix(seq, kind=2, quality=2, **dict.fromkeys(POSITION_FIELDS, 0)) | changes


def still(seq: int, **changes: int) -> dict[str, int]:
    """A record with neither fix nor cell."""
    nothing = dict.fromkeys((*POSITION_FIELDS, *CELL_FIELDS, "plmn"), 0)
    return fix(seq, kind=3, quality=1, **nothing) | changes


def moving(seq: int) -> dict[str, int]:
    """A fix on a train that goes about north-west; no two deltas alike."""
    return fix(
        seq,
        time=845_000_000 + 900 * seq + seq * seq % 7,
        lat=2956301 + 9137 * seq + seq * seq * 31 % 977,
        lon=10655156 - 7411 * seq - seq * seq * 17 % 1013,
        alt=122 + seq * seq % 90,
        speed=70 + seq * 7 % 40,
        heading=150 + seq * 3 % 11,
        sats=7 + seq % 5,
        battery=180 - seq // 5,
        temperature=41 - seq,
        cell=123456789 + (seq // 4) * 1000,
        rsrp=97 + seq * 5 % 13,
        motion=seq * 37 % 256,
    )


ROUTE_DATA = route_data.encode(
    route_data.RouteData(
        revision=7,
        stations=[
            route_data.Station(50.0, 20.0, 0.0, 2400.0, 600.0, 2500.0, 120.0, 260, 0),
            route_data.Station(51.0, 15.0, 400.0, 0.0, 0.0, 0.0, 0.0, 262, 0),
        ],
        stays=[Stay([1.5] * len(STOOD), [1.0] * len(STOOD))],
        networks=[route_data.Network(26003, 208, 90)],
        tile_km=5,
        tiles=[0, 1, 2, 3, 4, route_data.NO_BIN, 2 | route_data.LEARNED],
    )
)
PROFILES = [
    cards.Profile("8931440400012345678", "iot.example", "", ""),
    cards.Profile("89701010000000000127", "cis.example", "user", "secret"),
]
STATUS = {0: 3610, 1: 205, 2: 3, 3: 0, 4: "0.1.0", 5: 4, 6: 1, 7: 12, 8: 1}
IDENTITY = {0: "860000000000017", 1: "8986000000000000011", 2: "460001234567890", 3: "BG95-M3"}

UPLINKS: list[tuple[str, list[dict[str, int]], dict[str, Any]]] = [
    ("one fix with everything said", [fix(1, events=128)], {
        "status": STATUS, "identity": IDENTITY, "next_session_s": 845_010_800,
        "clock": [7, 5400, 844_998_200],
    }),
    ("no records", [], {"status": STATUS, "next_session_s": 845_010_800}),
    ("the same value or the same difference in each column", [fix(seq) for seq in range(10, 20)], {}),
    ("packed differences and changes", [moving(seq) for seq in range(1, 17)], {}),
    ("fixes, cells and neither, mixed", [
        still(40), cell(41), fix(42, lat=4500000, lon=8250000), cell(43, cell=5, tac=1),
        fix(44, lat=4500100, lon=8249000, plmn=0, tac=0, cell=0, rsrp=0), still(45),
    ], {"next_session_s": 845_200_000}),
    ("clock unknown", [still(50, quality=0, time=61), still(51, quality=0, time=3661)],
     {"clock": [7, 3700, 0]}),
    ("clock known after the records", [still(52, quality=0, time=7261)],
     {"clock": [7, 7300, 845_100_000]}),
    ("extremes", [
        fix(1, kind=1, time=0, boot=0, lat=-9000000, lon=-18000000, alt=-32768, speed=0, hdop=0,
            sats=0, battery=0, temperature=-128, plmn=1001, tac=0, cell=0, rsrp=1),
        fix(2147483647, events=65535, time=2147483647, boot=65535, lat=9000000, lon=18000000,
            alt=32767, speed=255, heading=255, hdop=255, sats=255, battery=255, temperature=127,
            plmn=999999, tac=65535, cell=268435455, rsrp=255, motion=255),
    ], {}),
    ("a full batch", [moving(seq) for seq in range(100, 164)], {"status": STATUS}),
    ("voice and SMS reported", [], {"status": STATUS, "identity": IDENTITY | {4: 3}}),
]  # fmt: skip


def with_crc(fields: dict[str, int]) -> list[int]:
    """The 21 fields of a record as in flash, its CRC last."""
    values = [fields[name] for name in RECORD_FIELDS]
    return [*values, crc32(struct.pack(_FORMAT, *values, 0)[:-4])]


def uplinks() -> list[dict[str, Any]]:
    made = []
    for number, (name, records, parts) in enumerate(UPLINKS, 250):
        cbor = encode_uplink([Point(**fields) for fields in records], **parts)
        made.append({
            "name": name,
            "records": [with_crc(fields) for fields in records],
            "parts": json.loads(json.dumps(parts)),
            "cbor": cbor.hex(),
            "number": number,
            "envelope": envelope.seal(KEY, DEVICE, "up", number, cbor).hex(),
            "stored": [list(point) for point in uplink.decode(cbor).points],
        })  # fmt: skip
    return made


FORMS: list[tuple[str, list[int], Any]] = [
    ("int", [7, 7, 7, 7], 7),
    ("int, one record", [-3], -3),
    ("two records", [5, 900], [5, bytes([0x7F, 0x03])]),
    ("always the same difference", list(range(10, 20)), [10, 1, {}]),
    ("packed, 8 bits", [0, 127, -1, 0], [0, bytes([127, 128, 1])]),
    ("packed, 2 bits", [0, 1, 1, 0, -1], [0, bytes([0b11_11_00_01])]),
    ("packed, 5 bits: as many as two bytes have", [0, 3, 0, 3], [0, bytes([0b101_00011, 0b0_00011_11])]),
    ("packed, 20 bits", [0, 300000, 1, 300001, 0], [0, bytes.fromhex("e09314c2b6e093f4c1b6")]),
    ("changes", [5, 5, 5, 5, 5, 305], [5, {4: 300}]),
    ("packed changes of differences", [0, 1000, 2001, 3001, 4002, 5002], [0, 1000, bytes([0b11_01_11_01])]),
    ("changed difference", [60 * i + 940 * (i > 3) for i in range(12)], [0, 60, {2: 940, 3: -940}]),
]  # fmt: skip


def downlinks() -> list[dict[str, Any]]:
    made = []
    cases: list[tuple[str, int, list[int]]] = [
        ("nothing acknowledged", 251, []),
        ("one range", 252, list(range(10, 20))),
        ("three ranges", 254, [40, 41, 42, 44, 300, 301]),
        ("answers a five-byte number", (1 << 32) + 5, [4294967295]),
    ]
    now_s = 845_300_000
    for number, (name, answered, committed) in zip((0, 1, 300, now_s << 8), cases, strict=True):
        cbor = encode_downlink(answered, committed, now_s)
        made.append({
            "name": name,
            "answers": answered,
            "acknowledged": [list(low_high) for low_high in ranges(committed)],
            "time": now_s,
            "cbor": cbor.hex(),
            "number": number,
            "envelope": envelope.seal(KEY, DEVICE, "down", number, cbor).hex(),
        })  # fmt: skip
    return made


def epochs() -> list[dict[str, Any]]:
    """Envelopes of later epochs; and the reply of an earlier one that tells the present."""
    up, down = UPLINKS[1][2], encode_downlink(251, [], 845_300_000, [{EPOCH_KEY: 256}])
    texts: dict[Direction, bytes] = {"up": encode_uplink([], **up), "down": down}
    return [
        {
            "epoch": epoch,
            "direction": direction,
            "number": 260,
            "cbor": texts[direction].hex(),
            "envelope": envelope.seal(KEY, DEVICE, direction, 260, texts[direction], epoch).hex(),
        }
        for epoch in (1, 255, 256, 2_147_483_647)
        for direction in DIRECTIONS
    ]


def handled() -> list[dict[str, Any]]:
    """Return what a downlink requests of a new device, and what the device then reports, both by their keys.

    It is on power-on 3, knows no time, has 100 records of which the first 64 are gone, and its log has two
    entries: after 50 s a network refused with EMM cause 19, after 60 s an error of the modem without a code.
    """
    now_s = 845_300_000
    changes = {"interval_s": 900, "temperature_low_dc": -350}
    given = [Command(now_s, now_s + 60, "dense", 3600), Command(now_s + 1, now_s, "log", 0)]
    cases: list[tuple[str, Mapping[int, Any], dict[int, Any]]] = [
        ("settings", settings.encode(7, changes), {6: [7, settings.values_hash(changes), 3, 0, 0]}),
        ("settings out of range", {4: [8, {0: 299}]}, {6: [0, settings.values_hash({}), 0, 8, 0]}),
        ("a command in time and one that is late", commands.encode(given), {7: [[now_s, 1], [now_s + 1, 3]]}),
        ("a release for another board", {7: [2, 120, bytes(32), "OTHER", 6]}, {10: [1, 0, 2, 1, "SIM"]}),
        ("an offer that is none", {7: [3, 9000, bytes(32), "SIM", 6]}, {10: [1, 0, 3, 5, "SIM"]}),
        ("an unknown verb", {5: [[9, now_s + 60, 99, 0]]}, {7: [[9, 4]]}),
        (
            "the log",
            {5: [[9, now_s + 60, 4, 0]]},
            {
                7: [[9, 1]],
                9: {0: [3, 0], 1: [0, 0, 0, 0, 0, 1, 0, 0, 0], 2: [50, 5, 19, 60, 3, -1]},
            },
        ),
        ("records again, some of them gone", resend.encode([(50, 54), (56, 70)]), {11: [50, 54, 56, 64]}),
        ("records again, all of them there", resend.encode([(90, 100)]), {}),
        ("the first piece of route data", {9: [7, 0, ROUTE_DATA[:100]]}, {12: [0, 7, 100]}),
        ("route data in one piece", {9: route_data_coding.piece(ROUTE_DATA, 7, 0)}, {12: [7, 0, 0]}),
        ("no route data", {9: route_data_coding.NONE}, {12: [0, 0, 0]}),
        (
            "a policy of profiles",
            cards.encode(5, 2, 1, PROFILES, [[401, 2], [0, 1]]),
            {
                14: [5, 0, "", 0, 0, [], [], [], []],
            },
        ),
        ("a policy that is none", {10: [6, 3]}, {}),
    ]
    return [
        {
            "name": name,
            "time": now_s,
            "downlink": cbor2.dumps(downlink).hex(),
            "report": cbor2.dumps(report).hex(),
        }
        for name, downlink, report in cases
    ]


def refused() -> list[dict[str, str]]:
    """Envelopes that `DEVICE` (direction down) or the agent (direction up) must refuse."""
    return [case for direction in DIRECTIONS for case in _refused(direction)]


def _refused(direction: Direction) -> list[dict[str, str]]:
    plain = encode_uplink([Point(**fix(1))]) if direction == "up" else encode_downlink(9, [1], 5)
    good = envelope.seal(KEY, DEVICE, direction, 9, plain)
    protected, _, ciphertext = cbor2.loads(good)
    opposite: Direction = "down" if direction == "up" else "up"

    def header(**changes: Any) -> bytes:
        fields = {"alg": 10, "epoch": b"\0", "partial_iv": b"\x09"} | changes
        labels = {"alg": 1, "epoch": 4, "partial_iv": 6, "crit": 2}
        return cbor2.dumps({labels[name]: value for name, value in fields.items()})

    def outer(head: bytes, unprotected: Any = None, body: bytes = ciphertext) -> bytes:
        return cbor2.dumps([head, unprotected or {}, body])

    def sealed(inner: bytes) -> bytes:
        return envelope.seal(KEY, DEVICE, direction, 9, inner)

    cases = {
        "bad tag": outer(protected, body=ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])),
        "bit flipped in the text": outer(protected, body=bytes([ciphertext[0] ^ 1]) + ciphertext[1:]),
        "another number": outer(header(partial_iv=b"\x0a")),
        "wrong direction": envelope.seal(KEY, DEVICE, opposite, 9, plain),
        "wrong device": envelope.seal(KEY, OTHER_DEVICE, direction, 9, plain),
        "wrong key": envelope.seal(bytes(32), DEVICE, direction, 9, plain),
        "truncated": good[:-1],
        "trailing byte": good + b"\0",
        "empty": b"",
        "no ciphertext": outer(protected, body=b""),
        "unknown algorithm": outer(header(alg=1)),
        "another epoch": outer(header(epoch=b"\1")),
        "epoch with a leading zero": outer(header(epoch=b"\0\0")),
        "epoch of five bytes": outer(header(epoch=b"\1\0\0\0\0")),
        "critical header": outer(header(crit=[9])),
        "partial IV with a leading zero": outer(header(partial_iv=b"\0\x09")),
        "partial IV of six bytes": outer(header(partial_iv=b"\1\2\3\4\5\6")),
        "unprotected header": outer(protected, {4: b"\0"}),
        "tagged": b"\xd0" + good,
        "indefinite length": b"\x9f" + good[1:] + b"\xff",
        "inside: truncated": sealed(plain[:-1]),
        "inside: trailing byte": sealed(plain + b"\0"),
        "inside: nested": sealed(b"\xa1\x00" + b"\x81" * 40 + b"\x01"),
        "inside: another version": sealed(b"\xa2\x00\x02" + plain[3:]),
        "inside: not a map": sealed(b"\x01"),
        "inside: key twice": sealed(b"\xa2\x00\x01\x00\x01"),
        "inside: not the shortest integer": sealed(plain[:2] + b"\x18\x01" + plain[3:]),
        "inside: tag": sealed(b"\xa1\x00\xc2\x41\x01"),
        "inside: length beyond the end": sealed(b"\xa1\x00\x5b" + b"\x3f" * 8),
    }
    return [{"name": name, "direction": direction, "envelope": data.hex()} for name, data in cases.items()]


def make() -> dict[str, Any]:
    """The whole file."""
    up = envelope.direction_keys(KEY, DEVICE, "up")
    down = envelope.direction_keys(KEY, DEVICE, "down")
    return {
        "device": DEVICE,
        "key": KEY.hex(),
        "derived": {
            "up": {"key": up.key.hex(), "iv": up.iv.hex()},
            "down": {"key": down.key.hex(), "iv": down.iv.hex()},
            "broker_password": envelope.broker_password(KEY, DEVICE),
        },
        "record_fields": [*RECORD_FIELDS, "crc"],
        "column_fields": list(Point._fields),
        "columns": [
            {"name": name, "values": values, "cbor": cbor2.dumps(form).hex()} for name, values, form in FORMS
        ],
        "uplinks": uplinks(),
        "downlinks": downlinks(),
        "epochs": epochs(),
        "handled": handled(),
        "refused": refused(),
    }


def text() -> str:
    """The whole file as JSON, one vector a line."""
    entries = []
    for name, value in make().items():
        lines = [json.dumps(item) for item in value] if name in _LISTS else []
        body = "[\n " + ",\n ".join(lines) + "\n]" if lines else json.dumps(value)
        entries.append(f"{json.dumps(name)}: {body}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(text())
