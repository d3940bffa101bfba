"""The simulated cards: golden vectors, transports and their variants, REFRESH, applet and toolkit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from host_tests.support.cards import (
    CHINA,
    CIS,
    EUROPE,
    ROAMING,
    VECTORS,
    applet_card,
    four_profiles,
    golden_card,
)
from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.card import tlv
from tools.modem.card.card import Card
from tools.modem.card.euicc import Euicc
from tools.modem.card.files import iccid_bytes, iccid_text
from tools.modem.card.profile import OPERATIONAL, TEST, Profile
from tools.modem.card.uicc import ISD_R, Uicc

NAMES = [vector["name"] for vector in VECTORS]
ANSWERED = [vector for vector in VECTORS if vector["response"]]
LIST = "81E2910003BF2D00"


def opened(card: Card) -> Uicc:
    uicc = Uicc(card)
    assert uicc.transmit(bytes.fromhex("0070000001")) == b"\x01\x90\x00"
    assert uicc.transmit(bytes.fromhex("01A4040010") + ISD_R) == b"\x90\x00"
    return uicc


def booted(dialect, card: Card, *variants: str) -> ModemUnderTest:
    modem = ModemUnderTest(dialect, card=card, variants=variants)
    modem.boot()
    modem.run(12_000)
    modem.send("ATE0")
    modem.send("AT+CMEE=1")
    return modem


def cgla(modem: ModemUnderTest, apdu: str, session: str = "1") -> str:
    return modem.send(f'AT+CGLA={session},{len(apdu)},"{apdu}"')[0]


def csim(modem: ModemUnderTest, apdu: str) -> str:
    return modem.send(f'AT+CSIM={len(apdu)},"{apdu}"')[0]


@pytest.mark.parametrize("vector", ANSWERED, ids=[vector["name"] for vector in ANSWERED])
def test_golden_vectors(vector):
    uicc = opened(golden_card(vector["name"]))
    command = bytes.fromhex(vector["apdu"])
    answer = uicc.transmit(bytes([command[0] | 1]) + command[1:])
    assert answer.hex().upper() == vector["response"] + "9000"


@pytest.mark.parametrize("vector", ANSWERED, ids=[vector["name"] for vector in ANSWERED])
def test_golden_vectors_in_pieces(vector):
    card = golden_card(vector["name"])
    card.quirks = frozenset({"get-response"})
    uicc = opened(card)
    request = bytes.fromhex(vector["command"])
    half = len(request) // 2
    first, last = request[:half], request[half:]
    assert uicc.transmit(bytes([0x81, 0xE2, 0x11, 0, len(first)]) + first + b"\0") == b"\x90\x00"
    answer = uicc.transmit(bytes([0x81, 0xE2, 0x91, 1, len(last)]) + last)
    got = b""
    while answer[-2] == 0x61:
        answer = uicc.transmit(bytes([0x81, 0xC0, 0, 0, min(9, answer[-1])]))
        got += answer[:-2]
    assert answer[-2:] == b"\x90\x00"
    assert got.hex().upper() == vector["response"]


def test_requests_without_a_response_vector():
    card = golden_card("list-notification")
    uicc = opened(card)
    for vector in VECTORS:
        if not vector["response"]:
            sw1 = uicc.transmit(bytes.fromhex(vector["apdu"]), 1)[-2]
            assert sw1 in (0x90, 0x61)  # done; done, with more to be fetched than one answer holds
    assert not card.notifications or card.notifications[0].seq == 7


@given(some.binary(max_size=300), some.sampled_from([None, 0, 1, 2]))
def test_any_apdu_has_an_answer(apdu, channel):
    assert len(opened(four_profiles()).transmit(apdu, channel)) >= 2


@given(some.binary(max_size=120))
def test_any_request_has_an_answer(request):
    apdu = bytes([0x80, 0xE2, 0x91, 0, len(request)]) + request
    assert len(opened(four_profiles()).transmit(apdu, 1)) >= 2


@given(some.lists(some.tuples(some.sampled_from([0x5A, 0x80, 0xBF2D, 0x9F70]), some.binary(max_size=300))))
def test_tlv_there_and_back(objects):
    assert tlv.decode(b"".join(tlv.encode(tag, value) for tag, value in objects)) == objects


@given(some.text("0123456789", min_size=18, max_size=20))
def test_iccid_there_and_back(iccid):
    assert iccid_text(iccid_bytes(iccid)) == iccid


def profile_of(kind: int) -> Profile:
    return Profile("8988000000000000001", "460012345678901", "test", kind=kind, package=b"test")


@pytest.mark.parametrize(
    ("options", "result", "left", "noted"),
    [
        ("0780", 0, [TEST], 1),
        ("0640", 0, [OPERATIONAL], 1),
        ("06C0", 0, [], 2),
        ("0520", 0, [OPERATIONAL, TEST], 0),
        ("0500", 1, [OPERATIONAL, TEST], 0),
    ],
)
def test_a_memory_reset_deletes_the_enabled_one_too(options: str, result: int, left: list[int], noted: int):
    card = Euicc([profile_of(OPERATIONAL), profile_of(TEST)])
    card.es10(bytes.fromhex("BF3F0680046E6F6E65"))
    answer = card.es10(bytes.fromhex(f"BF34048202{options}"))
    assert answer.hex() == f"bf34038001{result:02x}"
    assert [each.kind for each in card.profiles] == left
    assert len(card.notifications) == noted
    assert (b"none" in card.es10(bytes.fromhex("BF3C00"))) == (options != "0520")
    card.reset()
    assert bool(card.imsi) == (OPERATIONAL in left)
    assert len(card.notifications) == noted, "a deleted profile is not noted as disabled"


def test_a_memory_reset_waits_for_the_toolkit():
    card = Euicc([profile_of(OPERATIONAL)])
    card.toolkit_busy = True
    assert card.es10(bytes.fromhex("BF340482020780")).hex() == "bf3403800105"
    assert card.imsi and len(card.profiles) == 1


def test_the_default_address_of_a_server():
    card = Euicc([profile_of(OPERATIONAL)])
    assert card.es10(bytes.fromhex("BF3F0B8009736D64702E74657374")).hex() == "bf3f03800100"
    assert card.es10(bytes.fromhex("BF3C00")).startswith(bytes.fromhex("BF3C1C8009736D64702E74657374"))
    assert card.es10(bytes.fromhex("BF3F028000")).hex() == "bf3f03800100"
    assert card.es10(bytes.fromhex("BF3C00")).hex() == "bf3c11810f" + b"lpa.ds.gsma.com".hex()


def test_channels_are_few_and_leak_until_a_reset():
    uicc = Uicc(four_profiles())
    assert [uicc.open() for _ in range(4)] == [1, 2, 3, None]
    assert uicc.transmit(bytes.fromhex("0070000001")) == b"\x68\x81"
    assert uicc.transmit(bytes.fromhex("0070800200")) == b"\x90\x00"
    assert uicc.open() == 2
    uicc.reset()
    assert uicc.open() == 1


def test_files_by_apdu():
    uicc = Uicc(Card())
    assert uicc.transmit(bytes.fromhex("00A4080C022FE2")) == b"\x90\x00"
    assert uicc.transmit(bytes.fromhex("00B000000A")).hex() == "981344400010325476f89000"
    assert uicc.transmit(bytes.fromhex("00A4080C026F07")) == b"\x90\x00"
    assert uicc.transmit(bytes.fromhex("00D600000100")) == b"\x69\x82"
    assert uicc.transmit(bytes.fromhex("00A40804026F99")) == b"\x6a\x82"


def test_files_next_to_the_isdr():
    uicc = Uicc(Euicc([profile_of(OPERATIONAL)]))
    uicc.transmit(bytes.fromhex("00A4040C10A0000005591010FFFFFFFF8900000100"))
    assert uicc.transmit(bytes.fromhex("00A4000C022FE2")) == b"\x6a\x82"
    assert uicc.transmit(bytes.fromhex("80E2910003BF3C00"))[-2:] == b"\x90\x00"
    assert uicc.transmit(bytes.fromhex("00A4000C023F00")) == b"\x90\x00"
    assert uicc.transmit(bytes.fromhex("00A4000C022FE2")) == b"\x90\x00"
    assert uicc.transmit(bytes.fromhex("00B000000A"))[-2:] == b"\x90\x00"
    assert uicc.transmit(bytes.fromhex("80E2910003BF3C00")) == b"\x6d\x00"


def test_capabilities_of_a_terminal_are_noted():
    assert Uicc(Card()).transmit(bytes.fromhex("80AA00000AA9088100820101830107")) == b"\x90\x00"


# Transports


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_cgla_and_csim(dialect):
    modem = booted(dialect, golden_card("profile-list"))
    response = next(v["response"] for v in VECTORS if v["name"] == "profile-list")
    assert modem.send(f'AT+CCHO="{ISD_R.hex()}"') == ["+CCHO: 1", "OK"]
    wanted = f'+CGLA: {len(response) + 4},"{response}9000"'
    assert cgla(modem, LIST.lower()) == wanted
    assert cgla(modem, "80" + LIST[2:]) == wanted  # the session decides, not the class byte
    assert modem.send("AT+CCHC=1") == ["OK"]
    assert cgla(modem, LIST) == '+CGLA: 4,"6881"'
    assert csim(modem, "0070000001") == '+CSIM: 6,"019000"'
    assert csim(modem, "01A4040010" + ISD_R.hex()) == '+CSIM: 4,"9000"'
    assert csim(modem, LIST) == f'+CSIM: {len(response) + 4},"{response}9000"'
    assert csim(modem, "80100000021122") == "+CME ERROR: 3"  # TERMINAL PROFILE
    assert modem.send('AT+CGLA=1,7,"81E291"') == ["+CME ERROR: 50"]


def test_a_card_without_isdr():
    modem = booted("bg95", Card())
    assert modem.send(f'AT+CCHO="{ISD_R.hex()}"') == ["+CME ERROR: 13"]
    modem.send("AT+CMEE=0")
    assert modem.send(f'AT+CCHO="{ISD_R.hex()}"') == ["ERROR"]
    assert csim(modem, "00A4040010" + ISD_R.hex()) == '+CSIM: 4,"6A82"'


VARIANTS = [
    ("bare-ccho", f'AT+CCHO="{ISD_R.hex()}"', "1", "+CCHO: 1"),
    ("hex-session", f'AT+CCHO="{ISD_R.hex()}"', "+CCHO: 5A1E000000000001", "+CCHO: 1"),
    ("no-cgla", f'AT+CCHO="{ISD_R.hex()}"', "ERROR", "+CCHO: 1"),
    ("no-csim", 'AT+CSIM=10,"0070000001"', "ERROR", '+CSIM: 6,"019000"'),
    ("no-cchc", "AT+CCHC=1", "ERROR", "+CME ERROR: 50"),
]


@pytest.mark.parametrize(("name", "command", "with_it", "without"), VARIANTS)
def test_variants(name, command, with_it, without):
    assert booted("bg95", four_profiles(), name).send(command)[0] == with_it
    assert booted("sim7600", four_profiles()).send(command)[0] == without


def test_variants_of_channels():
    modem = booted("bg95", four_profiles(), "cla-80", "cchc-answers", "csim-basic")
    modem.send(f'AT+CCHO="{ISD_R.hex()}"')
    assert cgla(modem, LIST) == '+CGLA: 4,"6E00"'
    assert cgla(modem, "80" + LIST[2:]) == '+CGLA: 4,"61FF"'  # five profiles are a long answer
    assert modem.send("AT+CCHC=1") == ["+CCHC", "OK"]
    assert csim(modem, "0070000001") == '+CSIM: 6,"019000"'
    assert csim(modem, "01A4040010" + ISD_R.hex()) == "+CME ERROR: 3"
    assert csim(modem, "00A4040010" + ISD_R.hex()) == '+CSIM: 4,"9000"'


# A switch


def enabling(iccid: str, refresh: str = "FF") -> str:
    return f"81E2910014BF3111A00C5A0A{iccid_bytes(iccid).hex()}8101{refresh}"


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_switch_with_refresh(dialect):
    card = four_profiles(frozenset({"fetch-pending", "isdr-slow"}))
    modem = booted(dialect, card)
    while modem.send(f'AT+CCHO="{ISD_R.hex()}"')[-1] != "OK":
        pass
    assert cgla(modem, enabling("8949030000000000001")) == '+CGLA: 16,"BF3103800100910B"'
    assert cgla(modem, LIST) == '+CGLA: 4,"6985"'
    assert modem.send("AT+CIMI")[0] == ROAMING
    modem.until("+CPIN: NOT READY", 10_000)
    assert modem.send("AT+CIMI") == ["+CME ERROR: 13"]
    modem.until("+CPIN: READY", 10_000)
    assert modem.send("AT+CIMI")[0] == EUROPE
    number = modem.send("AT+QCCID" if dialect == "bg95" else "AT+CICCID")[0]
    assert number.endswith("8949030000000000001F")
    modem.until_registered()
    assert card.switches == ["8949030000000000001"]


def test_a_switch_without_refresh_leaves_the_old_identity():
    modem = booted("bg95", four_profiles())
    modem.until_registered()
    modem.send(f'AT+CCHO="{ISD_R.hex()}"')
    assert cgla(modem, enabling("8949030000000000001", "00")) == '+CGLA: 16,"BF31038001009000"'
    assert modem.send("AT+CIMI")[0] == ROAMING
    assert modem.send("AT+CRSM=176,12258,0,0,10")[0] == '+CRSM: 144,0,"989430000000000000F1"'
    modem.send("AT+COPS=2")
    modem.send("AT+COPS=0")
    modem.run(120_000)
    assert modem.send("AT+CREG?")[0] == "+CREG: 0,3"  # the old name, the new keys
    modem.send("AT+CFUN=0")
    modem.send("AT+CFUN=1")
    modem.until("+CPIN: READY")
    modem.run(2_000)
    assert modem.send("AT+CIMI")[0] == EUROPE
    modem.until_registered()


@pytest.mark.parametrize(
    ("quirks", "imsi"), [((), EUROPE), (("refresh-lost",), ROAMING), (("factory",), ROAMING)]
)
def test_the_power_fails_before_the_refresh(quirks, imsi):
    modem = booted("bg95", four_profiles(frozenset(quirks)))
    modem.send(f'AT+CCHO="{ISD_R.hex()}"')
    assert "800100" in cgla(modem, enabling("8949030000000000001"))
    modem.simulated.rail(False)
    modem.run(1_000)
    modem.boot()
    modem.run(12_000)
    assert modem.send("AT+CIMI")[0] == imsi


@pytest.mark.parametrize(
    ("quirk", "by_iccid", "by_aid", "no_refresh"),
    [("aid-only", 1, 0, 1), ("no-refresh", 127, 127, 0), ("cat-busy", 5, 5, 0)],
)
def test_cards_that_want_it_otherwise(quirk, by_iccid, by_aid, no_refresh):
    def result(apdu: str) -> int:
        return opened(four_profiles(frozenset({quirk}))).transmit(bytes.fromhex(apdu))[5]

    aid = four_profiles().profiles[2].aid.hex()
    assert result(enabling("8949030000000000001")) == by_iccid
    assert result(f"81E291001ABF3117A0124F10{aid}8101FF") == by_aid
    assert result(enabling("8949030000000000001", "00")) == no_refresh


def test_fallback_and_return():
    card = Euicc(four_profiles().profiles, quirks=frozenset({"es10c"}), iot=True)
    uicc = opened(card)

    def result(request: str) -> int:
        data = bytes.fromhex(request)
        return uicc.transmit(bytes([0x80, 0xE2, 0x91, 0, len(data)]) + data, 1)[5]

    assert result("BF5803800100") == 1  # nothing to roll back to
    assert result("BF5D03800100") == 2  # it is the fallback
    assert result(enabling("8970101000000000012", "00")[10:]) == 0
    assert result("BF5D03800100") == 0 and card.imsi == ROAMING
    assert result("BF5E03800100") == 0 and card.imsi == CIS
    assert result("BF5E03800100") == 6
    card.profiles[0].fallback = False
    assert result("BF5D03800100") == 6
    assert [note.operation for note in card.notifications[-2:]] == [0x40, 0x20]


# The applet


def with_toolkit(dialect, command: str) -> tuple[ModemUnderTest, Card]:
    card = applet_card()
    modem = booted(dialect, card)
    modem.send(command)
    modem.send("AT+CFUN=1,1")
    modem.until("RDY")
    modem.run(12_000)
    return modem, card


def test_an_applet_in_another_country():
    card = applet_card()
    card.status("401", False, 0)
    assert card.refresh_ms == 0 and card.imsi == EUROPE
    card.reset()
    assert (card.imsi, card.iccid) == (CIS, "8988303000000012345")
    card.status("401", True, 0)
    card.status("", False, 900_000)
    assert card.refresh_ms is None
    card.status("401", False, 119_000)
    assert card.refresh_ms is None
    card.status("401", False, 121_000)
    card.reset()
    assert card.rotations == [("401", CIS), ("401", CHINA)]


@pytest.mark.parametrize(("dialect", "command"), [("bg95", "AT+QSTK=1"), ("sim7600", "AT+STK=1")])
def test_an_applet_needs_toolkit_and_patience(dialect, command):
    deaf = booted(dialect, applet_card())
    deaf.air.causes = {"26201": 11, "26202": 11, "26203": 11}
    deaf.run(400_000)
    assert deaf.send("AT+CIMI")[0] == EUROPE
    modem, _ = with_toolkit(dialect, command)
    modem.air.causes = deaf.air.causes
    modem.send("AT+COPS=2")
    modem.send("AT+COPS=0")
    modem.until("+CPIN: NOT READY")
    modem.run(5_000)
    assert modem.send("AT+CIMI")[0] == CIS


def test_menus():
    for dialect, enable, read, choose, wanted in (
        ("sim7600", "AT+STK=1", "AT+STGI=25", "AT+STGR=25,3", "+STGI: 25,3,5,"),
        ("bg95", "AT+QSTK=1", "AT+QSTKGI=37", "AT+QSTKRSP=37,0,3", "+QSTKGI: 3,5,"),
    ):
        modem, card = with_toolkit(dialect, enable)
        menu = modem.send(read)
        assert menu[3] == wanted + '"' + "China".encode("utf-16-be").hex().upper() + '"'
        assert modem.send(choose.replace(",3", ",9"))[-1] != "OK"
        assert modem.send(choose)[-1] == "OK"
        modem.run(8_000)
        assert modem.send("AT+CIMI")[0] == CHINA and card.imsi == CHINA
