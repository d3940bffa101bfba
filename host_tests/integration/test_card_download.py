"""Profiles downloaded onto the simulated eUICC: whole, refused with each code, and cut off at each APDU."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest

from host_tests.support import card_downloads
from host_tests.support.card_downloads import ICCID, IMSI, MATCH, SMALL, bench, final
from host_tests.support.cards import EUROPE_ICCID, ROAMING, four_profiles
from host_tests.support.lpa import Direct, Es10, StatusWordError, codec, segments, values
from tools.modem.card.euicc import Euicc
from tools.modem.card.files import iccid_bytes
from tools.world.services.smdp.binding import WHOLE
from tools.world.services.smdp.server import Server


@pytest.fixture
def smdp() -> Iterator[Server]:
    with Server() as server:
        yield server


# Whole


@pytest.mark.parametrize("block", [120, 255])
@pytest.mark.parametrize(("size", "pieces"), [(12_309, 19), (15_000, 21), (40_000, 46)])
def test_a_profile_arrives_byte_for_byte(smdp: Server, size: int, pieces: int, block: int):
    b = bench(smdp, size)
    b.lpa.es10.block = block
    package = b.lpa.fetch(MATCH)
    assert len(list(segments(package))) == pieces
    assert final(b.lpa.load(package)) == (0, 0)
    assert b.lpa.notify() == [1]
    installed = b.card.profiles[-1]
    assert sha256(installed.package).digest() == sha256(b.order.profile.package).digest()
    assert (installed.iccid, installed.imsi, installed.name) == (ICCID, IMSI, "Test")
    assert b.order.state == "installed" and b.smdp.functions.notified[-1].valid
    assert b.card.imsi == ROAMING  # a download enables nothing


def test_a_card_whose_answers_are_all_fetched(smdp: Server):
    b = bench(smdp, quirks={"get-response"})
    assert b.loaded() == (0, 0)


def test_segments_as_long_as_osmo_smdpp_makes_them(smdp: Server):
    b = bench(smdp, 12_309)
    smdp.functions.cut = WHOLE
    package = b.lpa.fetch(MATCH)
    assert max(map(len, segments(package))) == 1_036
    assert final(b.lpa.load(package)) == (0, 0)


def test_the_profile_is_an_ordinary_one(smdp: Server):
    b = bench(smdp)
    free = b.card.free()
    assert b.loaded() == (0, 0) and b.card.free() == free - SMALL
    number = b"\x5a\x0a" + iccid_bytes(ICCID)
    listed = b.lpa.es10.send(bytes.fromhex("BF2D0EA00C") + number)
    assert number in listed and bytes.fromhex("9F700100") in listed
    identifier = bytes.fromhex("A00C") + number + bytes.fromhex("8101FF")
    assert b.lpa.es10.send(bytes.fromhex("BF3111") + identifier)[-1] == 0
    b.reset()
    assert b.card.imsi == IMSI
    assert b.lpa.es10.send(bytes.fromhex("BF3311")[:2] + b"\x0c" + number)[-1] == 2  # enabled
    back = bytes.fromhex("A00C5A0A") + iccid_bytes("8931440400012345678") + bytes.fromhex("8101FF")
    assert b.lpa.es10.send(bytes.fromhex("BF3111") + back)[-1] == 0
    b.reset()
    assert b.lpa.es10.send(bytes.fromhex("BF330C") + number)[-1] == 0
    assert b.card.free() == free and ICCID not in b.iccids()
    b.lpa.notify()
    told = [each for each in b.smdp.functions.notified if each.iccid == ICCID]
    assert [each.operation for each in told] == [0x80, 0x40, 0x20, 0x10]
    assert all(each.valid for each in b.smdp.functions.notified)


def test_what_a_card_says_of_itself(smdp: Server):
    b = bench(smdp)
    assert len(b.lpa.es10.send(codec().encode("Info1Request", {}))) == 56
    assert len(b.lpa.es10.send(codec().encode("ChallengeRequest", {}))) == 21
    before = b.lpa.es10.ask("Info2Request", "Info2", {})
    assert before["resources"].hex() == "8101058204" + (400_000 - 75_000).to_bytes(4).hex() + "830400008000"
    assert "iot" not in before
    assert b.loaded() == (0, 0)
    after = b.lpa.es10.ask("Info2Request", "Info2", {})
    assert after["resources"].hex() == "8101068204" + (325_000 - SMALL).to_bytes(4).hex() + "830400008000"


@pytest.mark.parametrize("iot", [False, True])
def test_a_card_of_either_kind(iot: bool):
    card = Euicc(four_profiles().profiles, iot=iot)
    contacts = Direct(card)
    select = bytes.fromhex("01A4040010A0000005591010FFFFFFFF890000010000")
    status = contacts.transmit(select)
    assert status[0] == 0x61
    said = codec().decode("Template", contacts.transmit(bytes([1, 0xC0, 0, 0, status[1]]))[:-2])
    assert ("iot" in said, "consumer" in said) == (iot, not iot)
    es10 = Es10(contacts)
    assert ("iot" in es10.ask("Info2Request", "Info2", {})) == iot
    if iot:
        assert es10.send(bytes.fromhex("BF5500")).hex() == "bf5502a000"
    else:
        with pytest.raises(StatusWordError, match="6a88"):
            es10.send(bytes.fromhex("BF5500"))


# Refused


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("server-certificate", 1),
        ("server-signature", 2),
        ("server-curve", 3),
        ("server-role", 5),
        ("server-challenge", 6),
        ("server-root", 7),
    ],
)
def test_authenticate_server_refuses(smdp: Server, damage: str, code: int):
    b = bench(smdp)
    b.damage(damage)
    kind, value = b.authenticated()
    assert (kind, value["code"]) == ("error", code)
    assert value["transaction"].hex().upper() == b.lpa.transaction
    b.damage()
    assert b.loaded() == (0, 0)


def test_authenticate_server_needs_a_challenge_for_each(smdp: Server):
    b = bench(smdp)
    said = b.lpa.initiate()
    assert codec().decode("Authenticated", b.lpa.authenticate_card(said, MATCH))[0] == "ok"
    kind, value = codec().decode("Authenticated", b.lpa.authenticate_card(said, MATCH))
    assert (kind, value["code"]) == ("error", 4)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("binding-certificate", 1),
        ("binding-role", 1),
        ("binding-oid", 1),
        ("binding-signature", 2),
        ("binding-curve", 3),
        ("binding-transaction", 5),
    ],
)
def test_prepare_download_refuses(smdp: Server, damage: str, code: int):
    b = bench(smdp)
    b.damage(damage)
    kind, value = b.prepared()
    assert (kind, value["code"]) == ("error", code)
    b.damage()
    assert b.loaded() == (0, 0)


@pytest.mark.parametrize("damage", ["server-expired", "binding-expired"])
def test_a_card_has_no_clock(smdp: Server, damage: str):
    b = bench(smdp)
    b.damage(damage)
    assert b.loaded() == (0, 0)


@pytest.mark.parametrize(
    ("damage", "result"),
    [
        ("package-signature", (0, 2)),
        ("package-transaction", (0, 3)),
        ("package-reference", (0, 4)),
        ("package-operation", (0, 5)),
        ("bad-configure", (1, 1)),
        ("metadata-missing", (2, 1)),
        ("metadata-rules", (2, 15)),
        ("package-keys", (4, 1)),
        ("package-mac", (5, 8)),
        ("package-mac-late", (5, 8)),
        ("package-order", (5, 8)),
        ("bad-element", (5, 12)),
        ("other-iccid", (5, 13)),
    ],
)
def test_a_wrong_package_leaves_nothing(smdp: Server, damage: str, result: tuple[int, int]):
    b = bench(smdp, 3_000)
    before = b.iccids()
    b.damage(damage)
    assert b.loaded() == result
    assert b.iccids() == before and b.card.imsi == ROAMING
    b.lpa.notify()
    assert [(each.valid, each.reason) for each in smdp.functions.notified] == [(True, result[1])]
    b.damage()
    assert b.loaded() == (0, 0)


def test_a_profile_that_is_there_already(smdp: Server):
    b = bench(smdp)
    assert b.loaded() == (0, 0)
    assert b.loaded() == (2, 9)
    assert b.iccids().count(ICCID) == 1


def test_a_card_without_memory(smdp: Server):
    b = bench(smdp, 12_309)
    package = b.lpa.fetch(MATCH)
    b.card.memory = 75_000 + 12_000
    assert final(b.lpa.load(package)) == (5, 10)
    assert b.card.free() == 12_000 and ICCID not in b.iccids()


@pytest.mark.parametrize(
    ("quirk", "result"), [("load-iccid", (2, 9)), ("load-memory", (5, 10)), ("load-interrupted", (5, 11))]
)
def test_cards_that_refuse_by_their_kind(smdp: Server, quirk: str, result: tuple[int, int]):
    b = bench(smdp, 3_000, {quirk})
    assert b.loaded() == result and ICCID not in b.iccids()


def test_a_card_that_takes_short_segments_only(smdp: Server):
    b = bench(smdp, 3_000, {"segments-1020"})
    smdp.functions.cut = WHOLE
    assert b.loaded() == (5, 7)
    smdp.functions.cut = WHOLE - 1
    b.order.bound.clear()
    assert b.loaded() == (0, 0)


def test_segments_that_are_not_cut_as_the_standard_says(smdp: Server):
    b = bench(smdp, 3_000)
    for wrong, result in (
        (lambda pieces: [pieces[0], *pieces[2:]], (0, 7)),
        (lambda pieces: [*pieces[:3], pieces[3] + pieces[4], *pieces[5:]], (2, 7)),
        (lambda pieces: [*pieces[:-3], pieces[-2], pieces[-3], pieces[-1]], (5, 8)),
        (lambda pieces: [*pieces[:2], *pieces[4:]], (1, 7)),
        (lambda pieces: [*pieces[:3], *pieces[4:]], (2, 7)),
    ):
        for piece in wrong(list(segments(b.lpa.fetch(MATCH)))):
            answer = b.lpa.es10.send(piece)
            if answer:
                break
        assert final(answer) == result
        with pytest.raises(StatusWordError, match=r"6a8[08]"):
            b.lpa.es10.send(piece)
    assert b.loaded() == (0, 0)


def test_nothing_is_loaded_that_was_not_prepared(smdp: Server):
    b = bench(smdp)
    package = b.lpa.fetch(MATCH)
    b.reset()
    with pytest.raises(StatusWordError, match=r"6a8[08]"):
        b.lpa.load(package)
    assert b.loaded() == (0, 0)
    with pytest.raises(StatusWordError, match=r"6a8[08]"):
        b.lpa.load(package)
    assert b.iccids().count(ICCID) == 1


def test_blocks_come_in_order():
    contacts = Direct(four_profiles())
    assert contacts.transmit(bytes.fromhex("81E2110002BF2D")) == b"\x90\x00"
    assert contacts.transmit(bytes.fromhex("81E291020100")) == b"\x6a\x86"
    assert contacts.transmit(bytes.fromhex("81E2910003BF2D00"))[-2] == 0x61


# Sessions and keys


def test_a_session_ends_with_the_power(smdp: Server):
    b = bench(smdp)
    said = b.lpa.initiate()
    b.reset()
    assert codec().decode("Authenticated", b.lpa.authenticate_card(said, MATCH))[1]["code"] == 4
    said = b.lpa.authenticate(b.lpa.initiate(), MATCH)
    b.reset()
    assert codec().decode("Prepared", b.lpa.prepare(said))[1]["code"] == 4


def test_a_new_challenge_ends_a_session(smdp: Server):
    b = bench(smdp)
    said = b.lpa.authenticate(b.lpa.initiate(), MATCH)
    b.lpa.es10.send(codec().encode("ChallengeRequest", {}))
    assert codec().decode("Prepared", b.lpa.prepare(said))[1]["code"] == 4


def test_a_package_that_was_not_begun_is_bound_to_the_same_key_again(smdp: Server):
    b = bench(smdp)
    first = b.lpa.fetch(MATCH)
    b.reset()
    second = b.lpa.fetch(MATCH)
    pieces = [list(segments(each)) for each in (first, second)]
    assert pieces[0][0] != pieces[1][0] and pieces[0][1:] == pieces[1][1:]
    assert final(b.lpa.load(second)) == (0, 0)


def test_a_key_is_used_once(smdp: Server):
    b = bench(smdp)
    package = b.lpa.fetch(MATCH)
    assert list(b.order.bound)
    b.lpa.es10.send(next(segments(package)))
    b.reset()
    b.lpa.fetch(MATCH)
    assert len(b.order.bound) == 2


@pytest.mark.parametrize("reason", [0, 1, 2, 3, 4, 5, 127])
def test_a_session_is_cancelled(smdp: Server, reason: int):
    b = bench(smdp)
    b.lpa.prepare(b.lpa.authenticate(b.lpa.initiate(), MATCH))
    kind, value = b.lpa.cancel(reason)
    assert kind == "ok" and value["signed"]["reason"] == reason
    one = smdp.functions.transactions[bytes.fromhex(b.lpa.transaction)]
    assert one.closed == f"cancelled, reason {reason}"
    assert b.order.state == ("released" if reason in (1, 2) else "error")
    assert b.lpa.cancel(reason) == ("error", 5)  # there is no session any more


def test_a_session_is_not_cancelled_for_no_reason(smdp: Server):
    b = bench(smdp)
    b.lpa.authenticate(b.lpa.initiate(), MATCH)
    assert b.lpa.cancel(6) == ("error", 127)


# Interruptions


def test_another_request_interrupts_a_load(smdp: Server):
    b = bench(smdp, 3_000)
    pieces = list(segments(b.lpa.fetch(MATCH)))
    for piece in pieces[:-1]:
        assert b.lpa.es10.send(piece) == b""
    b.lpa.es10.send(bytes.fromhex("BF2D00"))
    with pytest.raises(StatusWordError, match=r"6a8[08]"):
        b.lpa.es10.send(pieces[-1])
    assert [final(each) for each in b.lpa.pending()] == [(5, 11)]
    assert ICCID not in b.iccids()


def test_a_reset_in_the_middle_is_told_in_a_notification(smdp: Server):
    b = bench(smdp, 3_000)
    for piece in list(segments(b.lpa.fetch(MATCH)))[:-1]:
        b.lpa.es10.send(piece)
    b.reset()
    assert [final(each) for each in b.lpa.pending()] == [(5, 11)]
    b.lpa.notify()
    assert b.lpa.pending() == []
    assert b.loaded() == (0, 0)


class _PowerFails(Exception):
    pass


def test_the_power_fails_at_every_apdu(smdp: Server):
    """Before it, and after it with its answer lost: the card is as it was, or has the whole profile."""
    clean = bench(smdp, 2_100)
    clean.lpa.download(MATCH)
    damaged, installed = [], 0
    for at in range(clean.lpa.es10.apdus):
        for done in (False, True):
            b = bench(smdp, 2_100)
            before = b.iccids()
            _cut_at(b, at, done)
            with pytest.raises(_PowerFails):
                b.lpa.download(MATCH)
            b.lpa.es10.before = None
            b.reset()
            whole = b.iccids() == [*before, ICCID]
            if b.card.imsi != ROAMING or not (whole or b.iccids() == before):
                damaged.append((at, done))
            if whole:
                installed += 1
                assert b.card.profiles[-1].package == b.order.profile.package
                assert b.lpa.notify() in ([1], [])
            else:
                b.lpa.download(MATCH)
            assert b.iccids() == [*before, ICCID] and b.order.state == "installed"
    assert damaged == [] and installed > 1


def _cut_at(b: card_downloads.Bench, at: int, done: bool) -> None:
    def before(apdu: bytes) -> None:
        if b.lpa.es10.apdus == at:
            if done:
                b.contacts.transmit(apdu)
            raise _PowerFails

    b.lpa.es10.before = before


# Notifications


def test_notifications_of_a_switch_are_signed_and_found(smdp: Server):
    b = bench(smdp)
    switch = bytes.fromhex("BF3111A00C5A0A") + EUROPE_ICCID + bytes.fromhex("8101FF")
    assert b.lpa.es10.send(switch)[-1] == 0
    b.reset()
    kind, listed = b.lpa.es10.ask("ListNotification", "Listed", {})
    assert kind == "ok" and [each["number"] for each in listed] == [1, 2]
    _, disabled = b.lpa.es10.ask("ListNotification", "Listed", {"operations": (b"\x20", 4)})
    assert [each["operation"] for each in disabled] == [(b"\x20", 4)]
    answer = b.lpa.es10.send(codec().encode("Retrieve", {"search": ("number", 2)}))
    assert len(list(values(next(values(next(values(answer))))))) == 1
    assert 1_200 < len(answer) < 1_350
    b.lpa.notify()
    assert [(each.operation, each.valid) for each in smdp.functions.notified] == [(0x40, True), (0x20, True)]
    assert b.lpa.es10.ask("NotificationSent", "Sent", {"number": 2}) == {"status": 1}
