"""The AT engine: grammar, formats and errors, for both dialects."""

from __future__ import annotations

import pytest

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.card.card import Card

DIALECTS = ["bg95", "sim7600"]


@pytest.fixture(params=DIALECTS)
def modem(request) -> ModemUnderTest:
    modem = ModemUnderTest(request.param)
    modem.boot()
    modem.run(8_000)
    modem.send("ATE0")
    return modem


def raw(modem: ModemUnderTest, data: bytes, ms: int = 60) -> bytes:
    """What comes back on these bytes."""
    modem.output.clear()
    modem.simulated.receive(data)
    modem.run(ms)
    return bytes(modem.output)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"AT\r", b"\r\nOK\r\n"),
        (b"at\r", b"\r\nOK\r\n"),
        (b"AT\r\n", b"\r\nOK\r\n"),
        (b"noise AT\r", b"\r\nOK\r\n"),
        (b"noise\r", b""),
        (b"ATX\x08\r", b"\r\nOK\r\n"),
        (b"AT+CMEE?\r", b"\r\n+CMEE: 0\r\n\r\nOK\r\n"),
        (b"AT+CMEE=1;+CMEE?\r", b"\r\n+CMEE: 1\r\n\r\nOK\r\n"),
        (b"ATE0V1Q0\r", b"\r\nOK\r\n"),
        (b"AT+CSQ=?\r", b"\r\n+CSQ: (0-31,99),(0-7,99)\r\n\r\nOK\r\n"),
        (b"AT+CGPADDR=?\r", b"\r\nOK\r\n"),
        (b"AT+NOSUCH\r", b"\r\nERROR\r\n"),
        (b"AT+NOSUCH=?\r", b"\r\nERROR\r\n"),
        (b"AT+\r", b"\r\nERROR\r\n"),
        (b"AT+CMEE=7\r", b"\r\nERROR\r\n"),
        (b"AT+CMEE=x\r", b"\r\nERROR\r\n"),
        (b"AT+CMEE=\r", b"\r\nERROR\r\n"),
        (b"AT+CIMI;+NOSUCH;+CMEE?\r", b"\r\n204046612345678\r\n\r\nERROR\r\n"),
        (b"AT" + b"+CMEE?;" * 400 + b"\r", b"\r\nERROR\r\n"),
        (b"ATS3?\r", b"\r\n013\r\n\r\nOK\r\n"),
        (b"AT\r\nAT\r\n", b"\r\nOK\r\n\r\nOK\r\n"),
    ],
)
def test_lines(modem, line, answer):
    assert raw(modem, line) == answer


@pytest.mark.parametrize(
    ("set_up", "line", "answer"),
    [
        ("ATE1", b"AT\r", b"AT\r\r\nOK\r\n"),
        ("ATE1", b"AT\r\n", b"AT\r\r\nOK\r\n"),
        ("ATV0", b"AT+CMEE?\r", b"+CMEE: 0\r\n0\r"),
        ("ATV0", b"AT+NOSUCH\r", b"4\r"),
        ("ATS4=33", b"AT\r", b"\r!OK\r!"),
        ("AT+CMEE=1", b"AT+CGPADDR=99\r", b"\r\n+CME ERROR: 50\r\n"),
        ("AT+CMEE=2", b"AT+CGPADDR=99\r", b"\r\n+CME ERROR: incorrect parameters\r\n"),
        ("AT+CMEE=1", b"AT+NOSUCH\r", b"\r\nERROR\r\n"),
    ],
)
def test_formats(modem, set_up, line, answer):
    modem.simulated.receive(set_up.encode() + b"\r")
    modem.run(60)
    assert raw(modem, line) == answer


def test_quiet_says_nothing(modem):
    modem.simulated.receive(b"ATQ1\r")
    modem.run(60)
    assert raw(modem, b"AT\r") == b""
    assert raw(modem, b"ATQ0\r") == b"\r\nOK\r\n"


def test_echo_comes_with_each_byte(modem):
    modem.send("ATE1")
    assert raw(modem, b"A", 1) == b"A"
    assert raw(modem, b"T", 1) == b"T"
    assert raw(modem, b"\r") == b"\r\r\nOK\r\n"


def test_a_command_during_another_waits(modem):
    modem.until_registered()
    modem.simulated.receive(b"AT+CFUN=4\rAT+CMEE?\r")
    modem.until("OK")
    modem.until("+CMEE: 0")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_boot_makes_everything_default(dialect):
    modem = ModemUnderTest(dialect)
    modem.boot()
    assert raw(modem, b"AT+CMEE?\r").startswith(b"AT+CMEE?\r\r\n+CMEE: 0")


IDENTITY = {
    "bg95": {
        "AT+CGMI": ["Quectel", "OK"],
        "AT+CGMM": ["BG95-M3", "OK"],
        "AT+CGMR": ["BG95M3LAR02A03", "OK"],
        "AT+CGSN": ["864475041234565", "OK"],
        "ATI": ["Quectel", "BG95-M3", "Revision: BG95M3LAR02A03", "OK"],
        "AT+QCCID": ["+QCCID: 8931440400012345678F", "OK"],
        "AT+CIMI": ["204046612345678", "OK"],
        "AT+CPIN?": ["+CPIN: READY", "OK"],
        "AT+QINISTAT": ["+QINISTAT: 3", "OK"],
        "AT+CFUN?": ["+CFUN: 1", "OK"],
        "AT+CRSM=176,12258,0,0,10": ['+CRSM: 144,0,"981344400010325476F8"', "OK"],
        "AT+CRSM=176,28539,0,0,12": ['+CRSM: 144,0,"FFFFFFFFFFFFFFFFFFFFFFFF"', "OK"],
        "AT+CRSM=176,1,0,0,12": ["+CRSM: 106,130", "OK"],
        'AT+QCFG="nwscanseq"': ['+QCFG: "nwscanseq",00', "OK"],
        'AT+QCFG="nosuch",1': ["ERROR"],
        "AT+CICCID": ["ERROR"],
        "AT+CPSMS?": ["+CPSMS: 0", "OK"],
        "AT+CREG=4": ["ERROR"],
        "AT+CEREG=3": ["ERROR"],
        "AT+QLTS=1": ['+QLTS: ""', "OK"],
        "AT+QIACT?": ["OK"],
        "AT+QGPS?": ["+QGPS: 0", "OK"],
        "AT+QMTOPEN?": ["OK"],
        'AT+QMTPUB=0,1,1,0,"t",5': ["ERROR"],
        'AT+QSSLCFG="seclevel",1,9': ["ERROR"],
        'AT+QMTCFG="keepalive",9,120': ["ERROR"],
    },
    "sim7600": {
        "AT+CGMI": ["SIMCOM INCORPORATED", "OK"],
        "AT+CGMM": ["SIMCOM_SIM7600E-H", "OK"],
        "AT+CGMR": ["+CGMR: LE11B12SIM7600M22", "OK"],
        "AT+CGSN": ["861477060123453", "OK"],
        "AT+CICCID": ["+ICCID: 8931440400012345678F", "OK"],
        "AT+CPIN?": ["+CPIN: READY", "OK"],
        "AT+CNMP?": ["+CNMP: 2", "OK"],
        "AT+CNMP=3": ["ERROR"],
        "AT+CEREG=4": ["ERROR"],
        "AT+CPSMS?": ["ERROR"],
        "AT+QCCID": ["ERROR"],
        "AT+CGPS?": ["+CGPS: 0,1", "OK"],
        "AT+CCERTLIST": ["OK"],
        "AT+CMQTTSTOP": ["ERROR"],
        "AT+CMQTTPUB=0,1,60": ["+CMQTTPUB: 0,20", "ERROR"],
    },
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_identification_commands(dialect):
    modem = ModemUnderTest(dialect)
    modem.boot()
    modem.run(1_500)
    modem.send("ATE0")
    for command, answer in IDENTITY[dialect].items():
        assert modem.send(command) == answer, command


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_busy_sim(dialect):
    modem = ModemUnderTest(dialect)
    modem.boot()
    modem.send("AT+CMEE=1")
    assert modem.send("AT+CIMI") == ["+CME ERROR: 14"]
    modem.run(1_500)
    modem.send("AT+CFUN=0")
    assert modem.send("AT+CPIN?") == ["+CME ERROR: 13"]


def test_forbidden_networks_are_cleared_through_the_card(modem):
    modem.card.forbid("26201")
    assert modem.send("AT+CRSM=176,28539,0,0,3") == ['+CRSM: 144,0,"62F210"', "OK"]
    command = f'AT+CRSM=214,28539,0,0,12,"{"ff" * 12}"'
    assert modem.send(command) == ["+CRSM: 144,0", "OK"]
    assert modem.card.forbidden == []


def test_urcs_are_held_back_while_data_are_awaited():
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.send("AT+CEREG=1")
    modem.output.clear()
    modem.simulated.receive(b'AT+QFUPL="a",3,60\r')
    modem.run(30_000)
    assert b"CEREG" not in modem.output
    modem.simulated.receive(b"abc")
    modem.run(100)
    text = bytes(modem.output)
    assert text.index(b"+CEREG:") > text.index(b"CONNECT")
    assert b"+QFUPL: 3," in text


FILES = [
    ('AT+QFDEL="a"', ["+CME ERROR: 405"]),
    ('AT+QFLST="UFS:a"', ["+CME ERROR: 405"]),
    ('AT+QFLST="*"', ["OK"]),
]


def test_files_of_the_bg95():
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.send("AT+CMEE=1")
    for command, answer in FILES:
        assert modem.send(command) == answer
    modem.ask('AT+QFUPL="a",5,60', b"\x01\x02\x03\x04\x05")
    assert modem.send('AT+QFLST="UFS:*"') == ['+QFLST: "UFS:a",5', "OK"]
    assert modem.send('AT+QFUPL="UFS:a",5,60') == ["+CME ERROR: 407"]
    assert ("<", "+QFUPL: 5,706") in [(way, text) for _, way, text in modem.lines]
    modem.simulated.receive(b'AT+QFUPL="b",5,2\rab')
    modem.until("+CME ERROR: 413", 3_000)
    modem.simulated.rail(False)
    modem.boot()
    assert modem.send('AT+QFLST="UFS:a"') == ['+QFLST: "UFS:a",5', "OK"]


def test_certificates_of_the_sim7600():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    modem.ask('AT+CCERTDOWN="ca.pem",4', b"\r\nOK")
    assert modem.send("AT+CCERTLIST") == ['+CCERTLIST: "ca.pem"', "OK"]
    assert modem.send('AT+CCERTDELE="ca.pem"') == ["OK"]
    assert modem.send('AT+CCERTDELE="ca.pem"') == ["ERROR"]


def test_an_upload_with_acknowledgements():
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.send("ATE0")
    modem.output.clear()
    modem.simulated.receive(b'AT+QFUPL="a",2500,60,1\r')
    modem.run(50)
    assert bytes(modem.output) == b"\r\nCONNECT\r\n"
    for count, answer in ((1_024, b"A"), (1_024, b"A"), (452, b"\r\n+QFUPL: 2500,0\r\n\r\nOK\r\n")):
        modem.output.clear()
        modem.simulated.receive(b"x" * count)
        modem.run(50)
        assert bytes(modem.output) == answer


def test_an_upload_that_is_broken_off():
    modem = ModemUnderTest("bg95")
    modem.boot()
    modem.send("AT+CMEE=1")
    modem.simulated.receive(b'AT+QFUPL="a",2500,60\r')
    modem.run(50)
    modem.simulated.receive(b"x" * 100)
    modem.run(1_500)
    modem.simulated.receive(b"+++")
    modem.until("+CME ERROR: 421", 100)
    assert modem.send('AT+QFLST="*"') == ["OK"]


def test_profiles(modem):
    modem.simulated.receive(b"ATV0\r")
    modem.run(60)
    assert raw(modem, b"AT&W\r") == b"0\r"
    assert raw(modem, b"AT&F\r") == b"\r\nOK\r\n"
    assert raw(modem, b"ATZ\r").endswith(b"0\r")
    modem.simulated.rail(False)
    modem.simulated.rail(True)
    modem.press()
    modem.run(20_000)
    assert raw(modem, b"AT\r") == b"AT\r0\r"  # echo is on again


def test_baud_rates(modem):
    assert modem.send("AT+IPR=9600") == ["OK"]
    modem.run(20)
    assert modem.simulated.baud == 9_600 and modem.send("AT+IPR?")[0] == "+IPR: 9600"
    assert modem.send("AT+IPR=1234") == ["ERROR"]
    modem.simulated.rail(False)
    assert modem.simulated.baud == 115_200
    modem.boot()
    modem.send("AT&W" if modem.dialect == "sim7600" else "AT+IPR=19200")
    modem.run(20)
    modem.send("AT&W" if modem.dialect == "bg95" else "AT+IPREX=19200")
    modem.run(20)
    modem.simulated.rail(False)
    assert modem.simulated.baud == 19_200


def test_automatic_baud_rate_reports_no_boot():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    assert modem.send("AT+IPREX=0")[-1] == "OK"
    modem.run(20)
    modem.simulated.rail(False)
    modem.simulated.rail(True)
    modem.output.clear()
    modem.press()
    modem.run(30_000)
    assert modem.output == b"" and modem.send("AT")[-1] == "OK"


def locked(dialect) -> ModemUnderTest:
    modem = ModemUnderTest(dialect, card=Card(pin="4711"))
    modem.boot()
    assert modem.until("+CPIN:") == "+CPIN: SIM PIN"
    modem.run(100)
    modem.send("ATE0")
    modem.send("AT+CMEE=1")
    return modem


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_card_with_a_pin(dialect):
    modem = locked(dialect)
    assert modem.send("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert modem.send("AT+CIMI") == ["+CME ERROR: 11"]
    modem.run(100_000)
    assert modem.air.registrations == []
    assert modem.send('AT+CPIN="1"') == ["+CME ERROR: 16"]
    assert modem.send('AT+CPIN="4711"') == ["OK"]
    assert modem.send("AT+CPIN?") == ["+CPIN: READY", "OK"]
    modem.until_registered()


def test_a_card_that_is_blocked():
    modem = locked("sim7600")
    for left, error in ((2, 16), (1, 16), (0, 12)):
        assert modem.send('AT+CPIN="1"') == [f"+CME ERROR: {error}"]
        assert modem.send("AT+SPIC")[0] == f"+SPIC: {left},10,3,10"
    assert modem.send("AT+CPIN?")[0] == "+CPIN: SIM PUK"
    assert modem.send('AT+CPIN="0","1234"') == ["+CME ERROR: 16"]
    assert modem.send("AT+SPIC")[0] == "+SPIC: 0,9,3,10"
    assert modem.send('AT+CPIN="12345678","1234"') == ["OK"]
    assert modem.send("AT+CPIN?")[0] == "+CPIN: READY"


def test_a_pin_is_set_and_changed(modem):
    assert modem.send('AT+CLCK="SC",2') == ["+CLCK: 0", "OK"]
    assert modem.send('AT+CLCK="SC",1,"9"') == ["ERROR"]
    assert modem.send('AT+CLCK="SC",1,"0000"') == ["OK"]
    assert modem.send("AT+CPIN?")[0] == "+CPIN: READY"
    assert modem.send('AT+CPWD="SC","0000","2222"') == ["OK"]
    modem.simulated.rail(False)
    modem.boot()
    assert modem.until("+CPIN:") == "+CPIN: SIM PIN"
    modem.run(100)
    assert modem.send('AT+CPIN="2222"')[-1] == "OK"


def test_function_0_starts_the_card_again(modem):
    modem.send("AT+CMEE=1")
    modem.send("AT+CFUN=0")
    assert modem.send("AT+CPIN?") == ["+CME ERROR: 13"]
    modem.send("AT+CFUN=1")
    assert modem.send("AT+CPIN?") == ["+CME ERROR: 14"]
    modem.until("+CPIN: READY", 2_000)
    modem.until_registered()


def test_offline_is_left_by_a_reset_only():
    modem = ModemUnderTest("sim7600")
    modem.boot()
    modem.run(2_000)
    assert modem.send("AT+CFUN=7")[-1] == "OK"
    assert modem.send("AT+CFUN=1")[-1] == "ERROR"
    modem.send("AT+CFUN=6")
    modem.until("RDY", 30_000)
    assert modem.send("AT+CFUN?")[-2] == "+CFUN: 1"


def calling(modem: ModemUnderTest) -> ModemUnderTest:
    modem.until_registered()
    modem.send('AT+CGDCONT=1,"IP","iot"')
    modem.simulated.receive(b"ATD*99***1#\r")
    modem.until("CONNECT 150000000")
    modem.run(1_500)
    modem.output.clear()
    return modem


def test_a_data_call(modem):
    calling(modem)
    assert raw(modem, b"AT\r") == b""
    assert raw(modem, b"\x7e\xff\x03\xc0\x21+++\x7e", 3_000) == b""
    assert raw(modem, b"+++", 900) == b""
    modem.run(200)
    assert bytes(modem.output) == b"\r\nOK\r\n"
    assert modem.send("ATO", "CONNECT 150000000")[-1] == "CONNECT 150000000"
    modem.run(1_100)
    for byte in (b"+", b"+", b"+"):
        modem.simulated.receive(byte)
        modem.run(100)
    modem.until("OK", 1_100)
    assert modem.send("ATH") == ["OK"]
    assert modem.send("ATO", "NO CARRIER") == ["NO CARRIER"]


def test_bytes_typed_ahead_go_into_the_call(modem):
    modem.until_registered()
    modem.send('AT+CGDCONT=1,"IP","iot"')
    modem.output.clear()
    modem.simulated.receive(b"ATD*99#\rAT+CMEE?\r")
    modem.run(10_000)
    assert b"CONNECT 150000000\r\n" in modem.output and b"+CMEE: " not in modem.output


def test_unsolicited_lines_wait_for_the_end_of_a_call(modem):
    modem.send("AT+CGEREP=2,1")
    calling(modem)
    modem.air.audible = []
    modem.run(60_000)
    assert modem.output == b""


def test_no_call_without_network_and_no_voice(modem):
    modem.send('AT+CGDCONT=1,"IP","iot"')
    assert modem.send("ATD*99#", "NO CARRIER") == ["NO CARRIER"]
    assert modem.send("ATD112;", "NO CARRIER") == ["NO CARRIER"]
    assert modem.send("ATD*99***7#") == ["ERROR"]


def test_the_multiplexer_swallows_commands(modem):
    assert modem.send("AT+CMUX=1") == ["ERROR"]
    assert modem.send("AT+CMUX=0,0,5,127") == ["OK"]
    assert raw(modem, b"AT\r+++AT\r", 3_000) == b""
    assert raw(modem, bytes.fromhex("F903EF05C301F2F9")) == b"\r\nOK\r\n"
    assert raw(modem, b"AT\r") == b"\r\nOK\r\n"


def test_a_line_that_is_too_long(modem):
    longest = 2_048 if modem.dialect == "bg95" else 559
    assert modem.send("AT" + " " * longest)[-1] == "OK"
    assert modem.send("AT" + " " * (longest + 1))[-1] == "ERROR"
