"""Profiles downloaded onto the simulated eUICC: whole, refused with each code, and cut off at each APDU."""

from __future__ import annotations

from hashlib import sha256

import pytest

from host_tests.support import card_downloads
from host_tests.support.card_downloads import ICCID, IMSI, MATCH, SMALL, final, ready
from host_tests.support.cards import EUROPE_ICCID, ROAMING, four_profiles
from host_tests.support.lpa import Direct, Es10, StatusWordError, codec, segments, values
from tools.modem.card.euicc import Euicc
from tools.modem.card.files import iccid_bytes
from tools.world.services.smdp.binding import WHOLE
from tools.world.services.smdp.server import Server

# Whole


@pytest.mark.parametrize("block", [120, 255])
@pytest.mark.parametrize(("size", "pieces"), [(12_309, 19), (15_000, 21), (40_000, 46)])
def test_a_profile_arrives_byte_for_byte(smdp: Server, size: int, pieces: int, block: int):
    d = ready(smdp, size)
    d.lpa.es10.block = block
    package = d.lpa.fetch(MATCH)
    assert len(list(segments(package))) == pieces
    assert final(d.lpa.load(package)) == (0, 0)
    assert d.lpa.notify() == [1]
    installed = d.card.profiles[-1]
    assert sha256(installed.package).digest() == sha256(d.order.profile.package).digest()
    assert (installed.iccid, installed.imsi, installed.name) == (ICCID, IMSI, "Test")
    assert d.order.state == "installed" and d.smdp.functions.notified[-1].valid
    assert d.card.imsi == ROAMING  # a download enables nothing


def test_a_card_whose_answers_are_all_fetched(smdp: Server):
    d = ready(smdp, quirks={"get-response"})
    assert d.loaded() == (0, 0)


def test_segments_as_long_as_osmo_smdpp_makes_them(smdp: Server):
    d = ready(smdp, 12_309)
    smdp.functions.cut = WHOLE
    package = d.lpa.fetch(MATCH)
    assert max(map(len, segments(package))) == 1_036
    assert final(d.lpa.load(package)) == (0, 0)


def test_the_profile_is_an_ordinary_one(smdp: Server):
    d = ready(smdp)
    free = d.card.free()
    assert d.loaded() == (0, 0) and d.card.free() == free - SMALL
    number = b"\x5a\x0a" + iccid_bytes(ICCID)
    listed = d.lpa.es10.send(bytes.fromhex("BF2D0EA00C") + number)
    assert number in listed and bytes.fromhex("9F700100") in listed
    identifier = bytes.fromhex("A00C") + number + bytes.fromhex("8101FF")
    assert d.lpa.es10.send(bytes.fromhex("BF3111") + identifier)[-1] == 0
    d.reset()
    assert d.card.imsi == IMSI
    assert d.lpa.es10.send(bytes.fromhex("BF330C") + number)[-1] == 2  # enabled
    back = bytes.fromhex("A00C5A0A") + iccid_bytes("8931440400012345678") + bytes.fromhex("8101FF")
    assert d.lpa.es10.send(bytes.fromhex("BF3111") + back)[-1] == 0
    d.reset()
    assert d.lpa.es10.send(bytes.fromhex("BF330C") + number)[-1] == 0
    assert d.card.free() == free and ICCID not in d.iccids()
    d.lpa.notify()
    notified = [each for each in d.smdp.functions.notified if each.iccid == ICCID]
    assert [each.operation for each in notified] == [0x80, 0x40, 0x20, 0x10]
    assert all(each.valid for each in d.smdp.functions.notified)


def test_information_that_a_card_reports(smdp: Server):
    d = ready(smdp)
    assert len(d.lpa.es10.send(codec().encode("Info1Request", {}))) == 56
    assert len(d.lpa.es10.send(codec().encode("ChallengeRequest", {}))) == 21
    before = d.lpa.es10.ask("Info2Request", "Info2", {})
    assert before["resources"].hex() == "8101058204" + (400_000 - 75_000).to_bytes(4).hex() + "830400008000"
    assert "iot" not in before
    assert d.loaded() == (0, 0)
    after = d.lpa.es10.ask("Info2Request", "Info2", {})
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
    d = ready(smdp)
    d.damage(damage)
    kind, value = d.authenticated()
    assert (kind, value["code"]) == ("error", code)
    assert value["transaction"].hex().upper() == d.lpa.transaction
    d.damage()
    assert d.loaded() == (0, 0)


def test_authenticate_server_needs_a_challenge_for_each(smdp: Server):
    d = ready(smdp)
    said = d.lpa.initiate()
    assert codec().decode("Authenticated", d.lpa.authenticate_card(said, MATCH))[0] == "ok"
    kind, value = codec().decode("Authenticated", d.lpa.authenticate_card(said, MATCH))
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
    d = ready(smdp)
    d.damage(damage)
    kind, value = d.prepared()
    assert (kind, value["code"]) == ("error", code)
    d.damage()
    assert d.loaded() == (0, 0)


@pytest.mark.parametrize("damage", ["server-expired", "binding-expired"])
def test_a_card_has_no_clock(smdp: Server, damage: str):
    d = ready(smdp)
    d.damage(damage)
    assert d.loaded() == (0, 0)


@pytest.mark.parametrize(
    ("damage", "result"),
    [
        ("package-signature", (0, 2)),
        ("package-transaction", (0, 3)),
        ("package-reference", (0, 4)),
        ("package-operation", (0, 5)),
        ("bad-configure", (1, 1)),
        ("configure-more", (1, 1)),
        ("metadata-class", (2, 1)),
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
    d = ready(smdp, 3_000)
    before = d.iccids()
    d.damage(damage)
    assert d.loaded() == result
    assert d.iccids() == before and d.card.imsi == ROAMING
    d.lpa.notify()
    assert [(each.valid, each.reason) for each in smdp.functions.notified] == [(True, result[1])]
    d.damage()
    assert d.loaded() == (0, 0)


def test_a_profile_that_is_there_already(smdp: Server):
    d = ready(smdp)
    assert d.loaded() == (0, 0)
    assert d.loaded() == (2, 9)
    assert d.iccids().count(ICCID) == 1


def test_a_card_without_memory(smdp: Server):
    d = ready(smdp, 12_309)
    package = d.lpa.fetch(MATCH)
    d.card.memory = 75_000 + 12_000
    assert final(d.lpa.load(package)) == (5, 10)
    assert d.card.free() == 12_000 and ICCID not in d.iccids()


@pytest.mark.parametrize(
    ("quirk", "result"), [("load-iccid", (2, 9)), ("load-memory", (5, 10)), ("load-interrupted", (5, 11))]
)
def test_cards_that_refuse_by_their_kind(smdp: Server, quirk: str, result: tuple[int, int]):
    d = ready(smdp, 3_000, {quirk})
    assert d.loaded() == result and ICCID not in d.iccids()


def test_a_card_that_takes_short_segments_only(smdp: Server):
    d = ready(smdp, 3_000, {"segments-1020"})
    smdp.functions.cut = WHOLE
    assert d.loaded() == (5, 7)
    smdp.functions.cut = WHOLE - 1
    d.order.bound.clear()
    assert d.loaded() == (0, 0)


def test_segments_that_are_not_cut_as_the_standard_demands(smdp: Server):
    d = ready(smdp, 3_000)
    for wrong, result in (
        (lambda pieces: [pieces[0], *pieces[2:]], (0, 7)),
        (lambda pieces: [*pieces[:3], pieces[3] + pieces[4], *pieces[5:]], (2, 7)),
        (lambda pieces: [*pieces[:-3], pieces[-2], pieces[-3], pieces[-1]], (5, 8)),
        (lambda pieces: [*pieces[:2], *pieces[4:]], (1, 7)),
        (lambda pieces: [*pieces[:3], *pieces[4:]], (2, 7)),
        (lambda pieces: [_shorter(pieces[0]), *pieces[1:]], (5, 7)),
    ):
        for piece in wrong(list(segments(d.lpa.fetch(MATCH)))):
            answer = d.lpa.es10.send(piece)
            if answer:
                break
        assert final(answer) == result
        with pytest.raises(StatusWordError, match=r"6a8[08]"):
            d.lpa.es10.send(piece)
    assert d.loaded() == (0, 0)


def _shorter(first: bytes) -> bytes:
    """The head of a package that says a byte less than comes."""
    assert first[:3] == b"\xbf\x36\x82"
    return first[:3] + (int.from_bytes(first[3:5]) - 1).to_bytes(2) + first[5:]


def test_nothing_is_loaded_that_was_not_prepared(smdp: Server):
    d = ready(smdp)
    package = d.lpa.fetch(MATCH)
    d.reset()
    with pytest.raises(StatusWordError, match=r"6a8[08]"):
        d.lpa.load(package)
    assert d.loaded() == (0, 0)
    with pytest.raises(StatusWordError, match=r"6a8[08]"):
        d.lpa.load(package)
    assert d.iccids().count(ICCID) == 1


def test_blocks_come_in_order():
    contacts = Direct(four_profiles())
    assert contacts.transmit(bytes.fromhex("81E2110002BF2D")) == b"\x90\x00"
    assert contacts.transmit(bytes.fromhex("81E291020100")) == b"\x6a\x86"
    assert contacts.transmit(bytes.fromhex("81E2910003BF2D00"))[-2] == 0x61


# Sessions and keys


def test_a_session_ends_with_the_power(smdp: Server):
    d = ready(smdp)
    said = d.lpa.initiate()
    d.reset()
    assert codec().decode("Authenticated", d.lpa.authenticate_card(said, MATCH))[1]["code"] == 4
    said = d.lpa.authenticate(d.lpa.initiate(), MATCH)
    d.reset()
    assert codec().decode("Prepared", d.lpa.prepare(said))[1]["code"] == 4


def test_a_new_challenge_ends_a_session(smdp: Server):
    d = ready(smdp)
    said = d.lpa.authenticate(d.lpa.initiate(), MATCH)
    d.lpa.es10.send(codec().encode("ChallengeRequest", {}))
    assert codec().decode("Prepared", d.lpa.prepare(said))[1]["code"] == 4


def test_a_package_that_was_not_begun_is_bound_to_the_same_key_again(smdp: Server):
    d = ready(smdp)
    first = d.lpa.fetch(MATCH)
    d.reset()
    second = d.lpa.fetch(MATCH)
    pieces = [list(segments(each)) for each in (first, second)]
    assert pieces[0][0] != pieces[1][0] and pieces[0][1:] == pieces[1][1:]
    assert final(d.lpa.load(second)) == (0, 0)


def test_a_key_is_used_once(smdp: Server):
    d = ready(smdp)
    package = d.lpa.fetch(MATCH)
    assert list(d.order.bound)
    d.lpa.es10.send(next(segments(package)))
    d.reset()
    d.lpa.fetch(MATCH)
    assert len(d.order.bound) == 2


@pytest.mark.parametrize("reason", [0, 1, 2, 3, 4, 5, 127])
def test_a_session_is_cancelled(smdp: Server, reason: int):
    d = ready(smdp)
    d.lpa.prepare(d.lpa.authenticate(d.lpa.initiate(), MATCH))
    kind, value = d.lpa.cancel(reason)
    assert kind == "ok" and value["signed"]["reason"] == reason
    one = smdp.functions.transactions[bytes.fromhex(d.lpa.transaction)]
    assert one.closed == f"cancelled, reason {reason}"
    assert d.order.state == ("released" if reason in (1, 2) else "error")
    assert d.lpa.cancel(reason) == ("error", 5)  # there is no session any more


def test_a_session_is_not_cancelled_for_no_reason(smdp: Server):
    d = ready(smdp)
    d.lpa.authenticate(d.lpa.initiate(), MATCH)
    assert d.lpa.cancel(6) == ("error", 127)


# Interruptions


def test_another_request_interrupts_a_load(smdp: Server):
    d = ready(smdp, 3_000)
    pieces = list(segments(d.lpa.fetch(MATCH)))
    for piece in pieces[:-1]:
        assert d.lpa.es10.send(piece) == b""
    d.lpa.es10.send(bytes.fromhex("BF2D00"))
    with pytest.raises(StatusWordError, match=r"6a8[08]"):
        d.lpa.es10.send(pieces[-1])
    assert [final(each) for each in d.lpa.pending()] == [(5, 11)]
    assert ICCID not in d.iccids()


def test_a_reset_in_the_middle_leaves_a_notification(smdp: Server):
    d = ready(smdp, 3_000)
    *pieces, last = segments(d.lpa.fetch(MATCH))
    for piece in pieces:
        d.lpa.es10.send(piece)
    d.reset()
    with pytest.raises(StatusWordError, match=r"6a8[08]"):
        d.lpa.es10.send(last)
    assert [final(each) for each in d.lpa.pending()] == [(5, 11)]
    d.lpa.notify()
    assert d.lpa.pending() == []
    assert d.loaded() == (0, 0)


class _PowerFails(Exception):
    pass


def test_the_power_fails_at_every_apdu(smdp: Server):
    """Before it, and after it with its answer lost: the card is as it was, or has the whole profile."""
    clean = ready(smdp, 2_100)
    clean.lpa.download(MATCH)
    damaged, installed = [], 0
    for at in range(clean.lpa.es10.apdus):
        for done in (False, True):
            d = ready(smdp, 2_100)
            before = d.iccids()
            _cut_at(d, at, done)
            with pytest.raises(_PowerFails):
                d.lpa.download(MATCH)
            d.lpa.es10.before = None
            d.reset()
            whole = d.iccids() == [*before, ICCID]
            if d.card.imsi != ROAMING or not (whole or d.iccids() == before):
                damaged.append((at, done))
            if whole:
                installed += 1
                assert d.card.profiles[-1].package == d.order.profile.package
                assert d.lpa.notify() in ([1], [])
            else:
                d.lpa.download(MATCH)
            assert d.iccids() == [*before, ICCID] and d.order.state == "installed"
    assert damaged == [] and installed > 1


def _cut_at(d: card_downloads.Download, at: int, done: bool) -> None:
    def before(apdu: bytes) -> None:
        if d.lpa.es10.apdus == at:
            if done:
                d.contacts.transmit(apdu)
            raise _PowerFails

    d.lpa.es10.before = before


# Notifications


def test_notifications_of_a_switch_are_signed_and_found(smdp: Server):
    d = ready(smdp)
    switch = bytes.fromhex("BF3111A00C5A0A") + EUROPE_ICCID + bytes.fromhex("8101FF")
    assert d.lpa.es10.send(switch)[-1] == 0
    d.reset()
    kind, listed = d.lpa.es10.ask("ListNotification", "Listed", {})
    assert kind == "ok" and [each["number"] for each in listed] == [1, 2]
    _, disabled = d.lpa.es10.ask("ListNotification", "Listed", {"operations": (b"\x20", 4)})
    assert [each["operation"] for each in disabled] == [(b"\x20", 4)]
    answer = d.lpa.es10.send(codec().encode("Retrieve", {"search": ("number", 2)}))
    assert len(list(values(next(values(next(values(answer))))))) == 1
    assert 1_200 < len(answer) < 1_350
    d.lpa.notify()
    assert [(each.operation, each.valid) for each in smdp.functions.notified] == [(0x40, True), (0x20, True)]
    assert d.lpa.es10.ask("NotificationSent", "Sent", {"number": 2}) == {"status": 1}
