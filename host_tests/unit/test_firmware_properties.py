"""The device's parsers and codecs under CPython, on whatever hypothesis thinks of."""

from itertools import pairwise

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from landbridge.protocol import uplink
from landbridge.protocol.point import Point
from locator.codec import cbor, record
from locator.codec.columns import MAX_RECORDS, Batch
from locator.codec.cose import DOWN, Envelope, EnvelopeError
from locator.journal.acks import Acks
from locator.modem import Fix, ModemError, gnss, parse
from locator.session.mqtt import bounds, head

SIGNED = {"b": 8, "h": 16, "i": 32}
WIDTH = {"B": 8, "H": 16, "I": 32}

lines = st.one_of(
    st.binary(max_size=120),
    st.text('+CEREG:0123456789ABCDEF,"-. /', max_size=120).map(str.encode),
)


@given(lines)
def test_parsers_return_none_or_integers(line):
    assert all(isinstance(field, bytes) for field in parse.fields(line))
    for value in (
        parse.integer(line),
        parse.integer(line, 16),
        parse.decimal(line, 5),
        gnss.degrees(line, b"N"),
        gnss.epoch(line, b"014733.0"),
        gnss.epoch(b"020626", line),
        parse.network_clock(line),
    ):
        assert value is None or type(value) is int
    for read in (True, False):
        got = parse.registration(line, read)
        assert got is None or (type(got[0]) is int and type(got[1]) is int)


big = st.integers(-(10**9), 10**9)


@given(st.integers(0, 2**31 - 1), *([big] * 6), st.integers(0, 10**6))
def test_every_fix_fits_a_record(time, lat, lon, alt, speed, heading, hdop, sats):
    speed, heading, hdop = abs(speed), abs(heading), abs(hdop)
    fix: Fix | None = gnss.fix(time, lat, lon, alt, speed, heading, hdop, sats)
    if fix is None:
        assert abs(lat) > 90 * 10**5 or abs(lon) > 180 * 10**5
        return
    place = (fix.lat, fix.lon, fix.alt, fix.speed, fix.heading, fix.hdop, fix.sats)
    record.pack_into(bytearray(record.SIZE), [record.FIX, 3, 0, 1, fix.time, 1, *place, *[0] * 7])


@given(st.decimals(-(10**6), 10**6, places=7))
def test_decimal_rounds_to_the_nearest(value):
    got = parse.decimal(format(value, "f").encode(), 5)
    assert got is not None
    assert abs(got - value * 10**5) <= 0.5


keys = st.integers(-24, 1000)
items = st.recursive(
    st.integers(-(2**32), 2**32 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=10)
    | st.booleans()
    | st.none(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=12,
)


@given(items)
def test_the_reader_reads_what_cbor2_writes(item):
    data = cbor2.dumps(item)
    try:
        assert cbor.loads(data) == item
    except cbor.CborError as error:
        assert error.args[0] == "too deep or too long"


@given(st.binary(max_size=200))
def test_the_reader_agrees_with_cbor2_or_refuses(data):
    try:
        item = cbor.loads(data)
    except cbor.CborError:
        return
    assert cbor2.dumps(item) == data


envelopes = st.binary(max_size=80) | st.tuples(items.map(cbor2.dumps), items, st.binary()).map(cbor2.dumps)


@given(envelopes)
def test_an_envelope_that_is_none_is_refused_and_nothing_else(data):
    with pytest.raises(EnvelopeError):
        Envelope(bytes(32), DOWN, "lb-1").open(data)


@given(st.integers(-(2**32), 2**32 - 1), st.binary(max_size=300), st.text(max_size=60))
def test_the_writer_writes_what_cbor2_writes(number, data, text):
    out = cbor.Writer(bytearray(1000))
    out.int(number)
    out.bytes(data)
    out.text(text)
    assert bytes(out.buf[: out.n]) == b"".join(map(cbor2.dumps, (number, data, text)))
    assert cbor.int_size(number) == len(cbor2.dumps(number))


@given(st.integers(0, 60))
def test_a_full_buffer_is_reported_and_never_overrun(size):
    out = cbor.Writer(bytearray(size))
    with pytest.raises(cbor.Full):
        for _ in range(60):
            out.bytes(b"xx")
    assert out.n <= size == len(out.buf)


def _within(form, offset):
    letter = record.FORMAT.replace("<", "")[offset]
    if letter in SIGNED:
        return st.integers(-(2 ** (SIGNED[letter] - 1)), 2 ** (SIGNED[letter] - 1) - 1)
    return st.integers(0, 2 ** WIDTH[letter] - 1)


FREE = [_within(name, i) for i, name in enumerate(record.FIELDS.split())]


@st.composite
def batches(draw):
    """1 to 64 records of any content the format holds, sequences rising."""
    n = draw(st.integers(1, MAX_RECORDS))
    seq = draw(st.integers(1, 2**30))
    rows = []
    for _ in range(n):
        row = [draw(strategy) for strategy in FREE]
        row[0], row[1], row[3] = draw(st.integers(1, 3)), draw(st.integers(0, 3)), seq
        rows.append(row)
        seq += draw(st.integers(1, 3))
    return rows


@settings(max_examples=60)
@given(batches())
def test_the_agent_decodes_every_batch_field_by_field(rows):
    batch = Batch()
    batch.n = len(rows)
    for i, row in enumerate(rows):
        one = bytearray(record.SIZE)
        record.pack_into(one, row)
        batch.records[i * record.SIZE : (i + 1) * record.SIZE] = one
    out = cbor.Writer(bytearray(20_000))
    out.head(cbor.MAP, 2)
    out.int(0)
    out.int(1)
    out.int(1)
    batch.write(out)
    points = uplink.decode(bytes(out.buf[: out.n])).points
    named = [Point(**dict(zip(record.FIELDS.split(), row, strict=True))) for row in rows]
    assert points == [point.meaningful() for point in named]


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 40)), max_size=15))
def test_acknowledged_is_exactly_what_was_added(ranges):
    acks, sensed = Acks(), set()
    for lo, length in ranges:
        acks.add(lo, lo + length)
        sensed |= set(range(lo, lo + length + 1))
    assert {seq for seq in range(1, 400) if acks.has(seq)} == sensed
    assert acks.count(0, 1 << 32) == len(sensed)
    pairs = list(zip(acks.ranges[::2], acks.ranges[1::2], strict=True))
    assert all(hi + 1 < lo for (_, hi), (lo, _) in pairwise(pairs))


@given(st.integers(0, 255), st.binary(max_size=1500), st.binary(max_size=30), st.integers(0, 40))
def test_a_packet_of_mqtt_is_found_whatever_follows(first, body, behind, missing):
    packet = head(first, len(body)) + body
    buf = bytearray(1536)
    there = (packet + behind)[: max(0, len(packet) - missing)] if missing else packet + behind
    buf[: len(there)] = there
    found = bounds(buf, min(len(there), len(buf)))
    if found is None:
        assert len(there) < len(packet)
    else:
        start, end = found
        assert (start, end) == (len(packet) - len(body), len(packet))
        assert end > len(there) or bytes(buf[start:end]) == body


@given(st.binary(min_size=1, max_size=40))
def test_bytes_that_are_no_packet_are_bounded(data):
    buf = bytearray(data) + bytes(64)
    try:
        found = bounds(buf, len(data))
    except ModemError:
        return
    assert found is None or 2 <= found[0] <= found[1] <= len(buf)
