"""The agent's side of the protocol: the shared vectors, and what no vector foresees."""

import json
from itertools import pairwise

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from landbridge.features.commands import coding as commands
from landbridge.features.esim import coding as cards
from landbridge.features.routes import coding as route_data_coding
from landbridge.features.updates import coding as releases
from landbridge.protocol import diagnostics, envelope, resend, settings, uplink
from landbridge.protocol.downlink import encode_downlink, ranges
from landbridge.protocol.limits import MAX_ENVELOPE_BYTES, WireError
from landbridge.protocol.point import KIND_FIX, Point

from host_tests.support import make_vectors
from host_tests.support.uplink_encoder import encode_uplink

VECTORS = json.loads(make_vectors.PATH.read_text())
KEY, DEVICE = bytes.fromhex(VECTORS["key"]), VECTORS["device"]


@st.composite
def points(draw: st.DrawFn) -> list[Point]:
    """Up to 64 records of different sequences, each field anywhere in what a record can hold."""
    sequences = draw(st.lists(st.integers(1, 0xFFFFFFFF), min_size=1, max_size=64, unique=True))
    fields = [st.integers(*limits) for limits in list(uplink.RANGES.values())[1:]]
    return [Point(seq, *draw(st.tuples(*fields))).meaningful() for seq in sequences]


def test_the_vectors_are_those_of_their_generator():
    assert make_vectors.PATH.read_text() == make_vectors.text()


@pytest.mark.parametrize("case", VECTORS["uplinks"], ids=lambda case: case["name"])
def test_uplinks_are_opened_and_decoded(case):
    number, text = envelope.open_envelope(KEY, DEVICE, "up", bytes.fromhex(case["envelope"]))
    assert number == case["number"]
    assert text.hex() == case["cbor"]
    assert [list(point) for point in uplink.decode(text).points] == case["stored"]


@pytest.mark.parametrize("case", VECTORS["downlinks"], ids=lambda case: case["name"])
def test_replies_are_encoded_and_encrypted_to_the_byte(case):
    committed = [seq for low, high in case["acknowledged"] for seq in range(low, high + 1)]
    text = encode_downlink(case["answers"], committed, case["time"])
    assert text.hex() == case["cbor"]
    assert envelope.seal(KEY, DEVICE, "down", case["number"], text).hex() == case["envelope"]


@pytest.mark.parametrize("case", VECTORS["handled"], ids=lambda case: case["name"])
def test_reports_on_downlinks_are_read(case):
    for key, report in cbor2.loads(bytes.fromhex(case["report"])).items():
        if key == settings.REPORT_KEY:
            assert list(settings.decode_report(report)) == report
        elif key == releases.REPORT_KEY:
            assert list(releases.decode_report(report)) == report
        elif key == route_data_coding.REPORT_KEY:
            assert list(route_data_coding.decode_report(report)) == report
        elif key == cards.REPORT_KEY:
            said = cards.decode_report(report)
            assert [said.revision, said.used, said.profiles, said.events] == [report[0], report[3], (), ()]
        elif key == resend.GONE_KEY:
            assert [bound for low_high in resend.decode_gone(report) for bound in low_high] == report
        elif key == 9:
            reported = diagnostics.decode(report)
            assert [reported.boot, reported.offset_s] == report[0] and list(
                reported.counters.values()
            ) == report[1]
            assert [each for entry in reported.entries for each in entry[1:4]] == report[2]
        else:
            assert list(commands.decode_results(report).items()) == [tuple(each) for each in report]


@pytest.mark.parametrize("case", VECTORS["epochs"], ids=lambda case: f"{case['epoch']} {case['direction']}")
def test_later_epochs_have_their_own_keys(case):
    epoch, direction, sealed = case["epoch"], case["direction"], bytes.fromhex(case["envelope"])
    text = bytes.fromhex(case["cbor"])
    assert envelope.seal(KEY, DEVICE, direction, case["number"], text, epoch) == sealed
    assert envelope.open_envelope(KEY, DEVICE, direction, sealed) == (case["number"], text)
    assert envelope.header(sealed) == (case["number"], epoch)
    assert sealed != envelope.seal(KEY, DEVICE, direction, case["number"], text)


@pytest.mark.parametrize(
    "case",
    [case for case in VECTORS["refused"] if case["direction"] == "up"],
    ids=lambda case: case["name"],
)
def test_the_refused_vectors_are_refused(case):
    with pytest.raises(WireError):
        opened = envelope.open_envelope(KEY, DEVICE, "up", bytes.fromhex(case["envelope"]))
        uplink.decode(opened[1])


@given(points())
def test_encoded_points_decode_to_the_same_points(records):
    assert uplink.decode(encode_uplink(records)).points == records


@given(st.integers(0, (1 << 40) - 1), st.binary(min_size=1, max_size=3000))
def test_an_encrypted_envelope_is_opened_only_unchanged(number, text):
    sealed = envelope.seal(KEY, DEVICE, "up", number, text)
    assert envelope.open_envelope(KEY, DEVICE, "up", sealed) == (number, text)
    with pytest.raises(WireError):
        envelope.open_envelope(KEY, DEVICE, "down", sealed)
    with pytest.raises(WireError):
        envelope.open_envelope(KEY, "lb-0002", "up", sealed)


@given(st.integers(0, 8 * 60 - 1))
def test_every_bit_of_an_envelope_counts(bit):
    sealed = bytearray(envelope.seal(KEY, DEVICE, "up", 300, bytes(range(40))))
    sealed[bit // 8 % len(sealed)] ^= 1 << bit % 8
    with pytest.raises(WireError):
        envelope.open_envelope(KEY, DEVICE, "up", bytes(sealed))


@given(st.one_of(st.integers(-(1 << 63), 1 << 63), st.booleans(), st.text(max_size=3), st.none()))
def test_only_known_bits_for_voice_and_sms_are_accepted(reported):
    text = encode_uplink([], identity={0: "86", 4: reported})
    if type(reported) is int and 0 <= reported <= uplink.VOICE | uplink.SMS:
        assert uplink.decode(text).identity == {"imei": "86", "services": reported}
        return
    with pytest.raises(WireError, match="services"):
        uplink.decode(text)


def test_voice_and_sms_in_words():
    words = [uplink.services({"services": reported}) for reported in range(4)]
    assert words == ["off", "voice on", "SMS on", "on"]
    assert uplink.services({"imei": "86"}) is None  # earlier firmware


@given(st.binary(max_size=200))
def test_no_bytes_upset_the_decoders(data):
    for read in (uplink.decode, lambda it: envelope.open_envelope(KEY, DEVICE, "up", it)):
        with pytest.raises(WireError):
            read(data)


@given(st.data())
def test_no_damage_to_an_uplink_upsets_the_decoder(data):
    text = bytearray(encode_uplink(data.draw(points())))
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = uplink.decode(bytes(text))
    except WireError:
        return
    for point in decoded.points:
        for name, (low, high) in uplink.RANGES.items():
            value = getattr(point, name)
            assert value is None or low <= value <= high


def test_an_envelope_over_the_size_limit_is_not_decoded():
    with pytest.raises(WireError, match="at most"):
        uplink.decode(bytes(MAX_ENVELOPE_BYTES + 1))


@given(st.lists(st.integers(1, 300)))
def test_ranges_cover_exactly_the_sequences(sequences):
    found = ranges(sequences)
    assert [seq for low, high in found for seq in range(low, high + 1)] == sorted(set(sequences))
    assert all(high + 1 < low for (_, high), (low, _) in pairwise(found))


def test_units_are_natural_ones():
    point = Point(**make_vectors.fix(1, lat=-12345, hdop=6, heading=90, events=129))
    assert point.kind == KIND_FIX
    assert (point.latitude_deg, point.hdop_ratio, point.heading_deg) == (-0.12345, 1.2, 180)
    assert (point.battery_mv, point.temperature_c, point.rsrp_dbm) == (3600, 20.5, -97)
    assert point.event_names == ["light", "power-on"]


def test_downlinks_that_do_not_fit_in_a_reply_wait():
    large = {5: b"x" * 1000}
    reply = cbor2.loads(encode_downlink(1, [1], 2, [{9: 1}, large, {4: b"y" * 1000}, {6: 2}]))
    assert list(reply) == [0, 1, 2, 3, 5, 6, 9]
