"""The firmware and the card: golden vectors as a client, every result, transports, invalid bytes."""

import json
import sys
from binascii import hexlify, unhexlify

import scripted
from locator.esim import ISD_R, CardError, apdu, applet, euicc, iccid_bytes, iccid_text, restart, tlv
from raising import raises
from scripted import OK, line

ICCID = unhexlify("989430000000000000F1")
ERROR = b"\r\nERROR\r\n"


def load():
    for folder in sys.path:
        try:
            with open(folder + "/host_tests/es10c_vectors.json") as f:
                return json.load(f)["vectors"]
        except OSError:
            continue
    raise OSError("es10c_vectors.json")


VECTORS = {vector["name"]: vector for vector in load()}


class Card:
    """A transport that answers with the response of a vector, and knows the request that it is for."""

    def __init__(self, name):
        self.vector = VECTORS[name]

    def send(self, request):
        assert hexlify(request).decode().upper() == self.vector["command"], self.vector["name"]
        return unhexlify(self.vector["response"])


class Answers:
    """A transport that gives these answers (hexadecimal digits) one after the other."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def send(self, request):
        self.asked.append(hexlify(request).decode().upper())
        return unhexlify(self.answers.pop(0))


def test_golden_results():
    for code in (0, 1, 2, 3, 4, 5, 127):
        assert euicc.enable(Card("enable-iccid-refresh-%d" % code), ICCID, 0) == code
    for code in (0, 1, 2, 3, 5, 127):
        assert euicc.disable(Card("disable-iccid-refresh-%d" % code), ICCID, True) == code
    assert euicc.enable(Card("enable-iccid-norefresh-0"), ICCID, 1) == 0


def test_golden_identity_and_notifications():
    assert euicc.eid(Card("get-eid")) == "89049032123451234512345678901235"
    assert euicc.name(Card("set-nickname"), ICCID, "EU") == 0
    assert euicc.notifications(Card("list-notification")) == [(7, 0x40, ICCID)]
    assert euicc.notifications(Card("list-notification-empty")) == []


def test_golden_profiles():
    answer = VECTORS["profile-list-tags"]["response"]
    found = euicc.profiles(Answers(answer))
    assert [(each.iccid, each.enabled, each.kind) for each in found] == [(ICCID, True, 2)]
    error = raises(CardError, euicc.profiles, Answers(VECTORS["profile-list-error-127"]["response"]))
    assert error.code < 0


def test_a_profile_list_without_its_optional_fields_is_parsed():
    whole = VECTORS["profile-list"]["response"]
    assert whole.endswith("950102")
    found = euicc.profiles(Answers(whole[:-6].replace("BF2D35A033E331", "BF2D32A030E32E")))
    assert [(each.iccid, each.enabled, each.kind) for each in found] == [(ICCID, True, euicc.OPERATIONAL)]
    found = euicc.profiles(
        Answers(hexlify(tlv.make(0xBF2D, tlv.make(0xA0, tlv.make(0xE3, tlv.make(0x5A, ICCID))))))
    )
    assert [(each.enabled, each.kind) for each in found] == [(False, euicc.OPERATIONAL)]
    for kind in (b"\x00", b"\x01", b""):  # test, provisioning, none at all
        body = tlv.make(0xE3, tlv.make(0x5A, ICCID) + tlv.make(0x95, kind))
        found = euicc.profiles(Answers(hexlify(tlv.make(0xBF2D, tlv.make(0xA0, body)))))
        assert found[0].kind != euicc.OPERATIONAL


def test_golden_enable_by_aid():
    card = Answers(VECTORS["profile-list"]["response"], VECTORS["enable-aid-refresh-0"]["response"])
    assert euicc.enable(card, ICCID, 2) == 0
    assert card.asked[1] == VECTORS["enable-aid-refresh-0"]["command"]
    assert euicc.enable(Answers("BF2D02A000"), ICCID, 3) == euicc.NOT_FOUND


def listed(*states):
    body = b""
    for number, state in enumerate(states):
        iccid = bytes([0x98, number]) + ICCID[2:]
        fields = tlv.make(0x5A, iccid) + tlv.make(0x9F70, bytes([state])) + tlv.make(0x95, b"\x02")
        body += tlv.make(0xE3, fields)
    return hexlify(tlv.make(0xBF2D, tlv.make(0xA0, body))).decode()


def test_golden_delete_is_guarded():
    for code in (0, 1, 2, 3, 127):
        vector = VECTORS["delete-iccid-%d" % code]
        card = Answers(listed(1, 0, 0), vector["response"])
        assert euicc.delete(card, bytes([0x98, 1]) + ICCID[2:]) == code
        assert card.asked[1] == vector["command"].replace("9894", "9801")
    assert euicc.delete(Answers(listed(1, 0, 0)), bytes([0x98, 0]) + ICCID[2:]) == euicc.GUARDED  # in use
    assert (
        euicc.delete(Answers(listed(1, 0)), bytes([0x98, 1]) + ICCID[2:]) == euicc.GUARDED
    )  # the last other
    assert euicc.delete(Answers(listed(1, 0, 0)), ICCID) == euicc.NOT_FOUND


def test_a_signed_notification():
    card = Answers("BF2B08A00630040102AABB")
    assert hexlify(euicc.notification(card, 200)).decode() == "30040102aabb"
    assert card.asked == ["BF2B06A004800200C8"]
    assert euicc.notification(Answers("BF2B03810101"), 1) == b""


def test_answers_that_are_none():
    for answer in (
        "",
        "BF",
        "BF31",
        "BF3103",
        "BF31028001",
        "BF310380",
        "BF310281",
        "3003800100",
        "BF3185FFFFFFFF",
    ):
        raises(CardError, euicc.enable, Answers(answer), ICCID, 0)
        raises(CardError, euicc.eid, Answers(answer))
        raises(CardError, euicc.profiles, Answers(answer))
        assert euicc.notifications(Answers(answer)) == []


def test_tlv_survives_anything():
    whole = unhexlify(VECTORS["profile-list"]["response"])
    for end in range(len(whole)):
        assert tlv.find(whole[:end], 0xBF2D, 0xA0, 0xE3, 0x95) is None
        for value in (0, 0x1F, 0x7F, 0x80, 0x84, 0xBF, 0xFF):
            damaged = whole[:end] + bytes([value]) + whole[end + 1 :]
            assert type(tlv.objects(damaged)) is list
            tlv.find(damaged, 0xBF2D, 0xA0, 0xE3, 0x5A)
    assert tlv.objects(tlv.make(0x90, bytes(200))) == [(0x90, bytes(200))]


def test_iccids():
    assert iccid_text(ICCID) == "8949030000000000001"
    for text in ("8949030000000000001", "894903000000000000", "89490300000000000012"):
        assert iccid_text(iccid_bytes(text)) == text
    assert iccid_bytes("89490300000000000G") == b""


# Transports. The card's own part is scripted: what it does is tested against the simulated one.


def cgla(table, apdu_text, answer, session=b"1"):
    text = b'+CGLA=%s,%d,"%s"' % (session, len(apdu_text), apdu_text)
    table.answers[text] = line(b'+CGLA: %d,"%s"' % (len(answer), answer))


def csim(table, apdu_text, answer):
    text = b'+CSIM=%d,"%s"' % (len(apdu_text), apdu_text)
    table.answers[text] = line(b'+CSIM: %d,"%s"' % (len(answer), answer))


EID = b"81E2910006BF3E035C015A"
EID_ANSWER = b"BF3E125A10890490321234512345123456789012359000"


def test_sessions_in_all_their_forms():
    for answered, session in (
        (b"+CCHO: 1", b"1"),
        (b"1", b"1"),
        (b"+CCHO: 5A1E000000000001", b"5A1E000000000001"),
    ):
        driver, table = scripted.bg95()
        table.answers[b"+CCHO="] = line(answered)
        cgla(table, EID, EID_ANSWER, session)
        card = apdu.Transport(driver)
        card.open(ISD_R)
        assert euicc.eid(card) == "89049032123451234512345678901235"
        card.close()
        assert card.interface == apdu.CGLA
        assert table.sent[:4] == [b"+CCHC=1", b"+CCHC=2", b"+CCHC=3", b'+CCHO="%s"' % ISD_R]
        assert table.sent[-1] == b"+CCHC=" + session


def test_the_class_byte_that_a_modem_wants():
    driver, table = scripted.sim7600()
    table.answers[b"+CCHO="] = line(b"+CCHO: 2")
    cgla(table, EID, b"6E00", b"2")
    cgla(table, b"80" + EID[2:], EID_ANSWER, b"2")
    card = apdu.Transport(driver)
    card.open(ISD_R)
    assert euicc.eid(card)[:4] == "8904"


def test_a_channel_of_csim_and_the_basic_one():
    select = b"A4040010" + ISD_R
    for interface, channel in ((apdu.CSIM_CHANNEL, b"02"), (apdu.CSIM_BASIC, b"00")):
        driver, table = scripted.sim7600()
        table.answers[b"+CCHO="] = ERROR
        table.answers[b"+CGLA="] = ERROR
        csim(table, b"0070000001", b"029000" if interface == apdu.CSIM_CHANNEL else b"6881")
        csim(table, channel + select, b"6121")
        csim(table, b"8%s%s" % (channel[1:], EID[2:]), b"6115")
        csim(table, b"8%sC0000015" % channel[1:], EID_ANSWER)
        card = apdu.Transport(driver)
        card.open(ISD_R)
        assert card.interface == interface
        assert euicc.eid(card)[:4] == "8904"
        card.close()
        assert (b"0070800200" in table.sent[-1]) == (interface == apdu.CSIM_CHANNEL)


def test_no_euicc():
    driver, table = scripted.bg95()
    table.answers[b"+CCHO="] = ERROR
    csim(table, b"0070000001", b"019000")
    table.answers[b'+CSIM=42,"01A4'] = line(b'+CSIM: 4,"6A82"')
    card = apdu.Transport(driver)
    raises(CardError, card.open, ISD_R)
    assert card.interface == apdu.NONE and table.now < 1000
    sent = len(table.sent)
    raises(CardError, apdu.Transport(driver, apdu.NONE).open, ISD_R)
    assert len(table.sent) == sent
    driver, table = scripted.bg95()
    for name in (b"+CCHO=", b"+CSIM="):
        table.answers[name] = ERROR
    card = apdu.Transport(driver)
    raises(CardError, card.open, ISD_R)
    assert (
        card.interface == apdu.UNKNOWN and 2000 < table.now < 60000
    )  # a card that is not ready looks the same


def test_blocks_and_pieces():
    driver, table = scripted.bg95()
    table.answers[b"+CCHO="] = line(b"+CCHO: 1")
    request = bytes(range(200))
    digits = hexlify(request).upper()
    cgla(table, b"81E2110078" + digits[:240], b"9000")
    cgla(table, b"81E2910150" + digits[240:], b"61FF")
    cgla(table, b"81C00000FF", b"AB" * 255 + b"6110")
    cgla(table, b"81C0000010", b"6C03")
    cgla(table, b"81C0000003", b"CDEF019000")
    card = apdu.Transport(driver, apdu.CGLA)
    card.open(ISD_R)
    answer = card.send(request)
    assert len(answer) == 258 and answer[-3:] == unhexlify("CDEF01")
    cgla(table, b"81E29100C8" + digits, b"6985")  # one block, from now on
    assert raises(CardError, card.send, request).code == 0x6985
    for damaged in (b'+CGLA: 5,"9000"', b'+CGLA: 3,"900"', b'+CGLA: 4,"90G0"', b"+CGLA: 4", b"+CGLA:"):
        table.answers = {b"+CGLA=": line(damaged)}
        raises(CardError, card.send, b"\x00")


def test_large_blocks_that_are_refused():
    driver, table = scripted.bg95()
    table.answers[b"+CCHO="] = line(b"+CCHO: 1")
    table.answers[b"+CGLA="] = line(b'+CGLA: 4,"9000"')
    table.answers[b'+CGLA=1,520,"81E21100FF'] = line(b'+CGLA: 4,"6700"')
    card = apdu.Transport(driver, apdu.CGLA)
    card.open(ISD_R)
    for request in (b"\xaa", bytes(300), bytes(300)):
        card.send(request)
    blocks = [each for each in table.sent if b"81E2" in each]
    lengths = [int(each.split(b"81E2")[1][4:6], 16) for each in blocks]
    assert lengths == [1, 255, 120, 120, 60, 120, 120, 60]


def test_large_blocks():
    driver, table = scripted.bg95()
    table.answers[b"+CCHO="] = line(b"+CCHO: 1")
    table.answers[b"+CGLA="] = line(b'+CGLA: 4,"9000"')
    table.answers[b'+CGLA=1,520,"81E21101FF'] = line(b'+CGLA: 4,"6A80"')
    card = apdu.Transport(driver, apdu.CGLA)
    card.open(ISD_R)
    card.send(b"\xaa")
    assert raises(CardError, card.send, bytes(600)).code == 0x6A80  # the card has begun: it is not sent again


def test_endless_pieces():
    driver, table = scripted.bg95()
    table.answers[b"+CCHO="] = line(b"+CCHO: 1")
    table.answers[b"+CGLA="] = line(b'+CGLA: 514,"%s61FF"' % (b"AB" * 255))
    card = apdu.Transport(driver)
    card.open(ISD_R)
    assert raises(CardError, card.send, b"\x00").code == 0x61FF


# After a switch, and the applet


def test_a_refresh_is_waited_for():
    driver, table = scripted.bg95()
    table.rx = b"\r\n+CPIN: NOT READY\r\n"
    table.answers[b"+CPIN?"] = [b"\r\n+CME ERROR: 14\r\n", line(b"+CPIN: READY")]
    assert restart.wait(driver)
    assert not restart.wait(driver)
    restart.force(driver)
    assert [text for text in table.sent if text.startswith(b"+CFUN")] == [b"+CFUN=0", b"+CFUN=1"]


def test_the_identity_of_a_card():
    driver, table = scripted.sim7600()
    table.answers[b"+CRSM=176,12258,0,0,10"] = line(b'+CRSM: 144,0,"989430000000000000F1"')
    table.answers[b"+CIMI"] = line(b"262011234567890")
    assert restart.identity(driver) == (ICCID, b"262011234567890")
    for answer in (b"+CRSM: 105,130", b'+CRSM: 144,0,"9894"', b'+CRSM: 144,0,"zz"'):
        table.answers[b"+CRSM=176,12258,0,0,10"] = line(answer)
        table.answers[b"+CIMI"] = b"\r\n+CME ERROR: 14\r\n"
        assert restart.identity(driver) == (b"", b"")


def test_menus():
    driver, table = scripted.sim7600()
    head = b'\r\n+STGI: 25,0,0,4,"00530049004D",2\r\n'
    table.answers[b"+STGI=25"] = head + b'\r\n+STGI: 25,1,2,"00450055"\r\n\r\n+STGI: 25,7,1,"4E2D"\r\n' + OK
    assert applet.menu(driver) == [(1, "EU"), (7, "?")]
    table.answers[b"+STGR=25,7"] = OK + b"\r\n+CPIN: NOT READY\r\n"
    assert applet.choose(driver, 7)
    table.answers[b"+STGR=25,9"] = ERROR
    assert not applet.choose(driver, 9)
    driver, table = scripted.bg95()
    table.answers[b"+QSTKGI=37"] = b'\r\n+QSTKGI: 37,0,0,"0053",1\r\n\r\n+QSTKGI: 1,2,"00450055"\r\n' + OK
    assert applet.menu(driver) == [(1, "EU")]
    table.answers[b"+QSTKGI=37"] = ERROR
    assert applet.menu(driver) == []
    applet.end_session(driver)
    assert table.sent[-1] == b"+QSTKRSP=254"
