"""Identity of modem and card: numbers of the right length, or none."""

import scripted
from scripted import line

IMEI, IMSI, ICCID = "869777012345678", "204046612345678", "8931440400012345678"


def identity(make, **answers):
    driver, table = make()
    for name in (b"+CGSN", b"+CIMI", b"+QCCID", b"+CICCID", b"+CGMR"):
        table.answers[name] = line(b"+FOO: 1")
    for name, text in answers.items():
        for key in (b"+QCCID", b"+CICCID") if name == "ICCID" else (b"+" + name.encode(),):
            table.answers[key] = line(text)
    return driver.identity()


def test_an_imei_with_prefix_and_quotes_is_stripped():
    for make in (scripted.bg95, scripted.sim7600):
        for text in (
            b"869777012345678",
            b'+CGSN: "869777012345678"',
            b"+CGSN: 869777012345678",
            b'"869777012345678"',
        ):
            assert identity(make, CGSN=text)[0] == IMEI
        assert identity(make, CGSN=b"+CGSN: 8697770123456781")[0] == "8697770123456781"  # with its version
        assert identity(make, CGSN=b"86977701234567")[0] == "86977701234567"


def test_digits_of_another_length_are_no_identity():
    for make in (scripted.bg95, scripted.sim7600):
        for text in (
            b"VOICE CALL: END: 000000",
            b"MISSED_CALL: 10:15AM 00491234567890",
            b"",
            b'+CMTI: "SM",3',
            b"8697770123456",
            b"86977701234567812",
            b"86977701234567X",
            b'+CLIP: "869777012345678",145',
        ):
            assert identity(make, CGSN=text)[0] == "", text
        for text in (b"VOICE CALL: END: 000000", b"2040466123456", b"2040466123456789", b"20404661234567A"):
            assert identity(make, CIMI=text)[2] == "", text
        for text in (
            b"+QCCID: 89314404000123456",
            b"+ICCID: 893144040001234567890",
            b"+ICCID: 89314404000A2345678",
        ):
            assert identity(make, ICCID=text)[1] == "", text


def test_a_card_of_eighteen_to_twenty_digits_with_and_without_filler():
    for make in (scripted.bg95, scripted.sim7600):
        for text in (
            b"+ICCID: 8931440400012345678",
            b"+QCCID: 8931440400012345678F",
            b"8931440400012345678f",
            b'+CCID: "8931440400012345678"',
        ):
            assert identity(make, ICCID=text)[1] == ICCID
        for digits in (b"893144040001234567", b"89314404000123456789"):
            assert identity(make, ICCID=b"+ICCID: " + digits)[1] == digits.decode()
        assert (
            identity(make, CIMI=b"+CIMI: 204046612345678")[2] == identity(make, CIMI=IMSI.encode())[2] == IMSI
        )


def test_a_line_about_a_call_in_front_is_passed_over():
    for make in (scripted.bg95, scripted.sim7600):
        driver, table = make()
        call = b"\r\nVOICE CALL: END: 000000\r\n\r\nMISSED_CALL: 10:15AM 00491234567890\r\n"
        table.answers[b"+CGSN"], table.answers[b"+CIMI"] = (
            call + line(IMEI.encode()),
            call + line(IMSI.encode()),
        )
        table.answers[b"+QCCID"] = table.answers[b"+CICCID"] = call + line(b"+ICCID: " + ICCID.encode())
        table.answers[b"+CGMR"] = call + line(b"LE11B12")
        assert driver.identity() == (IMEI, ICCID, IMSI, "LE11B12")


def test_the_imsi_by_which_a_switch_is_proved_is_checked_too():
    from locator.esim import restart

    driver, table = scripted.bg95()
    table.answers[b"+CIMI"] = line(b"000000")
    assert restart.identity(driver)[1] == b""
    table.answers[b"+CIMI"] = line(b'+CIMI: "204046612345678"')
    assert restart.identity(driver)[1] == IMSI.encode()
