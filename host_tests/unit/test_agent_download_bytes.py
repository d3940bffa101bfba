"""What a download reads and writes: activation codes, packages, answers of cards, devices and servers."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from landbridge.config import Esim
from landbridge.core.errors import UserError
from landbridge.features.downloads import activation, es9, es10, orders, queries, steps, trust
from landbridge.features.downloads import coding as wire
from landbridge.protocol import der
from landbridge.protocol.der import DerError
from landbridge.protocol.limits import MAX_DOWNLINK_BYTES, WireError

from host_tests.support import make_download_vectors
from host_tests.support.downloads import CODE
from tools.modem.card.rsp import chain


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (CODE, ("smdp.example", "7QX-2M", "", "")),
        ("lpa:1$SMDP.Example$7QX-2M", ("smdp.example", "7QX-2M", "", "")),
        ("1$smdp.example$7QX-2M$2.999.10", ("smdp.example", "7QX-2M", "2.999.10", "")),
        ("LPA:1$smdp.example$$2.999.10", ("smdp.example", "", "2.999.10", "")),
        ("LPA:1$smdp.example$", ("smdp.example", "", "", "")),
        ("LPA:1$smdp.example:443$A", ("smdp.example", "A", "", "")),
        ("LPA:1$smdp.example:8443$A", ("smdp.example:8443", "A", "", "")),
    ],
)
def test_a_code_is_read(text, wanted):
    assert activation.parse(text) == wanted


def test_a_code_that_asks_for_a_confirmation_code_is_refused_without_one():
    with pytest.raises(UserError, match="confirmation code"):
        activation.parse(CODE + "$$1")
    assert activation.parse(CODE + "$$1", "4711").confirmation == "4711"


@pytest.mark.parametrize(
    "text",
    [
        "", "LPA:1", "LPA:2$smdp.example$SECRET", "LPA:1$smdp.example", "LPA:1$$SECRET",
        "LPA:1$smdp.example$SECRET_1", "LPA:1$smdp.example$SECRET$x", "LPA:1$smdp.example$SECRET$$2",
        "LPA:1$smdp.example$SECRET$$1$9", "LPA:1$smdp example$SECRET", "LPA:1$smdp.example/SECRET$A",
        "LPA:1$user@smdp.example$SECRET", "LPA:1$smdp.example:99999$SECRET", "LPA:1$-a.example$SECRET",
        "LPA:1$smdp.example:$SECRET", "LPA:1$[::1]$SECRET", "LPA:1$smdp.example$" + "S" * 256,
        "LPA:1$smdp..example$SECRET", "LPA:1$smdp.example$SECRÉT",
    ],
)  # fmt: skip
def test_an_invalid_code_is_refused_and_not_repeated(text):
    with pytest.raises(UserError) as error:
        activation.parse(text)
    assert "SECR" not in str(error.value) and "SSSS" not in str(error.value)


@given(st.text(max_size=80) | st.from_regex(r"LPA:1\$[a-z.:0-9]{0,20}\$[A-Z0-9-]{0,9}(\$[0-9.]{0,9}){0,3}"))
def test_any_text_is_a_code_or_a_user_error(text):
    try:
        code = activation.parse(text, "1")
    except UserError as error:
        assert str(error).isascii()
        return
    assert activation.restored(code.stored()) == code
    assert activation.parse("$".join(("LPA:1", *code[:3])), "1") == code


def test_the_confirmation_code_is_hashed_with_the_transaction():
    once = hashlib.sha256(b"1234").digest()
    assert activation.hashed("1234", bytes(16)) == hashlib.sha256(once + bytes(16)).digest()


def test_requests_are_those_of_an_independent_codec():
    assert es10.context("AB-1", "").hex() == "a010800441422d31a108800400000000a100"
    assert es10.context("", "352906112233445").hex() == "a00aa108800453926011a100"
    assert es10.cancel(b"\1" * 16, 5).hex() == "bf41158010" + "01" * 16 + "810105"
    assert es10.retrieve(300).hex() == "bf2b06a0048002012c"
    assert es10.remove(300).hex() == "bf30048002012c"
    assert es10.rename("8949030000000000001", "EU").hex() == "bf29105a0a989430000000000000f190024555"
    assert es10.delete("8949030000000000001").hex() == (
        "bf330c5a0a989430000000000000f1" + "bf3e035c015a" + "bf2200"
    )
    assert [each.whole.hex() for each in der.objects(es10.COLLECT)] == [
        "bf3e035c015a", "bf2200", "bf2d055c035a9f70", "bf2000", "bf2e00",
    ]  # fmt: skip
    assert [each.whole.hex() for each in der.objects(es10.CHECK)] == [
        "bf2d055c035a9f70",
        "bf2b06a00481020480",
    ]


RESULT = (
    "bf37818abf2744801001010101010101010101010101010101bf2f21800105810204800c0c736d64702e6578616d706c65"
    "5a0a989430000000000000f106022a03a208a1068001058101095f3740" + "02" * 64
)
SUCCESS = (
    "bf37819abf2754801001010101010101010101010101010101bf2f21800105810204800c0c736d64702e6578616d706c65"
    "5a0a989430000000000000f106022a03a218a0164f10" + "03" * 16 + "040230005f3740" + "02" * 64
)


def test_results_of_an_independent_codec_are_read():
    found = es10.installed(bytes.fromhex(RESULT))
    assert (found.transaction, found.iccid, found.reason) == (b"\1" * 16, "8949030000000000001", 9)
    assert found.error == "the card already has a profile with this ICCID"
    assert es10.installed(bytes.fromhex(SUCCESS)).error is None
    assert es10.notice(bytes.fromhex(SUCCESS)) == (5, 0x80, "smdp.example", "8949030000000000001")


def test_errors_of_the_card_are_described_in_words():
    with pytest.raises(es10.CardRefused, match="server's signature"):
        es10.check_prepared(bytes.fromhex("bf210ba109800401010101020102"))
    with pytest.raises(es10.CardRefused, match="error 99"):
        es10.authenticated(bytes.fromhex("bf380ba109800401010101020163"))


def package(*parts: bytes, transaction: bytes = b"\1" * 16) -> bytes:
    return der.make(0xBF36, der.make(0xBF23, der.make(0x80, transaction)), *parts)


A0, A2 = der.make(0xA0, der.make(0x87, bytes(20))), der.make(0xA2, der.make(0x87, bytes(60)))
A1 = der.make(0xA1, der.make(0x88, bytes(50)), der.make(0x88, bytes(9)))
A3 = der.make(0xA3, *(der.make(0x86, bytes([n]) * 1_008) for n in range(3)))


@pytest.mark.parametrize(("parts", "count"), [((A0, A1, A3), 1 + 1 + 3 + 4), ((A0, A1, A2, A3), 10)])
def test_a_package_is_cut_as_the_card_takes_it(parts, count):
    whole = package(*parts)
    found = es10.segments(whole, b"\1" * 16)
    assert b"".join(found) == whole
    assert len(found) == count
    assert found[0].startswith(b"\xbf\x36") and found[0].endswith(b"\1" * 16)
    spooled = es10.spooled(found)
    assert len(spooled) == len(whole) + 2 * count


@pytest.mark.parametrize(
    "broken",
    [
        b"", package(A0, A1), package(A1, A0, A3), package(A0, A1, A3) + b"\0", package(A0, A1, A3)[:-1],
        package(A0, A1, A3, transaction=bytes(16)), package(A0, A1, der.make(0xA3, der.make(0x88))),
        der.make(0xBF36, A0, A1, A3), der.make(0xBF37, A0),
    ],
)  # fmt: skip
def test_an_invalid_package_is_refused(broken):
    with pytest.raises(DerError):
        es10.segments(broken, b"\1" * 16)


def test_a_profile_package_too_large_for_a_device_is_refused():
    with pytest.raises(DerError, match="54000"):
        es10.spooled([bytes(1_000)] * 54)


READERS: list[Callable[[bytes], object]] = [
    es10.card, es10.authenticated, es10.check_prepared, es10.installed, es10.checked, es10.notice,
    es10.is_stripped, es10.signed, es10.retrieved, lambda data: es10.segments(data, b"\1"), der.single,
]  # fmt: skip
TAGS = st.sampled_from(
    [0x30, 0xA0, 0xA1, 0xA2, 0x80, 0x81, 0x84, 0x02, 0x0C, 0x5A, 0x5F37, 0xBF2F, 0xBF27, 0xBF37, 0xBF38]
    + [0xBF21, 0xBF2B, 0xBF2D, 0xBF2E, 0xBF20, 0xBF22, 0xBF3E, 0xBF36, 0xBF23, 0xE3]
)
TREES = st.recursive(
    st.binary(max_size=20),
    lambda inner: st.lists(st.tuples(TAGS, inner), max_size=4).map(
        lambda parts: b"".join(der.make(tag, value) for tag, value in parts)
    ),
    max_leaves=12,
)


@given(TREES | st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    for read in READERS:
        try:
            read(data)
        except (DerError, es10.CardRefused):
            continue


@given(st.lists(st.tuples(TAGS, st.binary(max_size=300)), max_size=6))
def test_objects_come_out_as_they_went_in(parts):
    data = b"".join(der.make(tag, value) for tag, value in parts)
    found = list(der.objects(data))
    assert [(each.tag, each.value) for each in found] == parts
    assert b"".join(each.whole for each in found) == data


@given(st.integers(0, 2**62))
def test_integers_come_back(value):
    assert der.number(der.integer(value)) == value


SCALARS = st.integers(-5, 2**40) | st.binary(max_size=8) | st.text(max_size=8) | st.none() | st.booleans()


@given(st.recursive(SCALARS, st.lists, max_leaves=8))
def test_reports_of_any_shape_are_refused_or_read(item):
    for check in (wire.decode_answer, wire.decode_pull):
        try:
            values = check(item)
        except WireError:
            continue
        assert list(values) == item


@pytest.mark.parametrize(
    "item",
    [[1, 2, 0], [1, 2, 0, ""], [1, 2, 3, b"x"], [1, 2, 256, b""], [-1, 2, 0, b""], [1, True, 0, b""],
     [1, 2, 0, bytes(3_401)]],
)  # fmt: skip
def test_an_invalid_answer_is_refused(item):
    with pytest.raises(WireError):
        wire.decode_answer(item)


def test_the_largest_of_each_fits_into_a_downlink():
    step = 2**31 - 1
    usual = {0: 1, 1: 2**40 - 1, 2: [], 3: step}
    largest = [
        wire.request(step, step, bytes(wire.MOST_REQUEST)),
        wire.piece(wire.Pull(step, step, 65_000), bytes(70_000)),
        wire.offer(step, step, wire.MOST_PACKAGE, bytes(32), 200),
    ]
    assert all(len(cbor2.dumps(usual | dict(each))) <= MAX_DOWNLINK_BYTES - 32 for each in largest)


def test_there_is_no_piece_after_the_end():
    assert wire.piece(wire.Pull(1, 2, 10), bytes(10)) == {}
    assert wire.piece(wire.Pull(1, 2, 9), bytes(10)) == {14: [1, 2, 9, b"\0"]}


def test_a_nested_answer_is_not_parsed():
    with pytest.raises(es9.ServerError, match="cannot be read"):
        es9.parsed(b"[" * 17 + b"]" * 17, "smdp.example")
    assert es9.parsed(b'{"a": "[[[[[[[[[[[[[[[[[[[[", "b": "\\\\"}', "smdp.example")["b"] == "\\"


@given(
    st.recursive(st.text(max_size=5) | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_the_depth_of_json_is_never_underestimated(value):
    def depth(value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    assert es9.nesting(json.dumps(value).encode()) == depth(value)
    assert es9.nesting(json.dumps(value, ensure_ascii=False).encode()) == depth(value)


def test_a_string_that_does_not_end_is_read_once():
    """Else the agent would look for its end from each of its quotes: minutes for 256 kB."""
    assert es9._STRINGS.sub(b"", b'[1, "' + b'\\"' * 100) == b"[1, "
    assert es9.nesting(b'{"a": "' + b'\\"' * 130_000) == 1
    with pytest.raises(es9.ServerError, match="cannot be read"):
        es9.parsed(b'"' + b'\\"' * 130_000, "smdp.example")


@pytest.mark.parametrize("name", ["https://smdp.example", "smdp.example/", "smdp.example;b.example", "*"])
def test_a_server_that_is_no_host_name(name):
    with pytest.raises(UserError, match="is no host name"):
        trust.load(Esim(f"other.example, {name}", ""))


VECTORS = json.loads(make_download_vectors.PATH.read_text())


def test_the_vectors_are_those_of_their_generator():
    assert make_download_vectors.PATH.read_text() == make_download_vectors.text()


@pytest.mark.parametrize("case", VECTORS["uplinks"], ids=lambda case: case["name"])
def test_vectors_of_devices_are_read(case):
    for key, item in cbor2.loads(bytes.fromhex(case["cbor"])).items():
        read: Callable[[Any], Any] = wire.decode_answer if key == wire.ANSWER_KEY else wire.decode_pull
        assert list(read(item)) == item


def test_the_pieces_of_the_vectors_are_the_package_and_its_segments():
    pieces = [cbor2.loads(bytes.fromhex(case["cbor"])).get(wire.PIECE_KEY) for case in VECTORS["downlinks"]]
    found = b"".join(piece[3] for piece in pieces if piece)
    assert found.hex() == VECTORS["package"][0]
    segments = [bytes.fromhex(each) for each in VECTORS["segments"]]
    assert found == b"".join(len(each).to_bytes(2, "big") + each for each in segments)


STAGES = [queries.ORDERED, queries.AUTHENTICATING, queries.PREPARING, queries.LOADING, queries.CHECKING]
NOW = datetime(2026, 11, 29, tzinfo=UTC)
FIELDS = (
    "serverSigned1 serverSignature1 euiccCiPKIdToBeUsed serverCertificate profileMetadata smdpSigned2"
    " smdpSignature2 smdpCertificate boundProfilePackage"
).split()
COLLECTED = bytes.fromhex(
    "BF3E125A1089049032123451234512345678901235" + "BF2D02A000" + "BF2003820102" + "BF2E128010" + "AB" * 16
)
AUTHENTICATED = der.make(
    0xBF38, der.make(0xA0, der.make(0x30), der.make(0x5F37, bytes(64)), der.make(0x30), der.make(0x30))
)
PREPARED = der.make(0xBF21, der.make(0xA0, der.make(0x30), der.make(0x5F37, bytes(64))))
GOOD = {queries.ORDERED: COLLECTED, queries.AUTHENTICATING: AUTHENTICATED, queries.PREPARING: PREPARED}


def order(stage: str, answer: bytes, reason: int = 0, task: str = queries.DOWNLOAD) -> orders.Order:
    row: Any = SimpleNamespace(
        stage=stage, reason=reason, task=task, server="smdp.example", step=5, sessions=0, loads=0,
        failures=0, eid=None, iccid=None, problem="why",
    )  # fmt: skip
    session = {"transaction": bytes(16), "certificate": chain.ci().der, "iccids": [], "free": 50_000}
    return orders.Order(row, activation.parse(CODE), b"\xbf\x33\x00", answer, session, "", NOW)


def is_next(found: orders.Next) -> bool:
    return bool(found.outcome) or found.values.get("step", 0) > 5 or "next_s" in found.values


@given(st.sampled_from([*STAGES, queries.CANCELLING]), TREES | st.binary(max_size=60), st.integers(0, 15))
def test_any_answer_of_a_device_leads_on(stage, answer, reason):
    trusted = trust.Trust((), frozenset())
    for task in (queries.DOWNLOAD, queries.DELETE):
        come = order(stage, b"" if reason else answer, reason, task)
        is_load = stage == queries.LOADING and not reason
        assert is_next(steps.loaded(come) if is_load else steps.advance(come, trusted))


@given(
    st.sampled_from(sorted(GOOD)),
    st.dictionaries(
        st.sampled_from(FIELDS),
        (TREES | st.just(chain.ci().der)).map(es9.encoded) | st.text(max_size=9) | st.integers(),
    ),
    st.sampled_from(["00" * 16, "AB", "x", ""]) | st.integers(),
)
def test_any_answer_of_a_server_leads_on(stage, fields, transaction):
    trusted = trust.Trust((chain.ci().certificate,), frozenset({"smdp.example"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(es9.Server, "ask", lambda *_, **__: {**fields, "transactionId": transaction})
        assert is_next(steps.advance(order(stage, GOOD[stage]), trusted))
