"""The AT engine: grammar, formats and errors, for both dialects."""

from __future__ import annotations

import pytest

from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.card.card import Card

DIALECTS = ["bg95", "sim7600"]


@pytest.fixture(params=DIALECTS)
def bench(request) -> ModemUnderTest:
    bench = ModemUnderTest(request.param)
    bench.boot()
    bench.run(8_000)
    bench.send("ATE0")
    return bench


def raw(bench: ModemUnderTest, data: bytes, ms: int = 60) -> bytes:
    """What comes back on these bytes."""
    bench.output.clear()
    bench.modem.receive(data)
    bench.run(ms)
    return bytes(bench.output)


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
def test_lines(bench, line, answer):
    assert raw(bench, line) == answer


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
def test_formats(bench, set_up, line, answer):
    bench.modem.receive(set_up.encode() + b"\r")
    bench.run(60)
    assert raw(bench, line) == answer


def test_quiet_says_nothing(bench):
    bench.modem.receive(b"ATQ1\r")
    bench.run(60)
    assert raw(bench, b"AT\r") == b""
    assert raw(bench, b"ATQ0\r") == b"\r\nOK\r\n"


def test_echo_comes_with_each_byte(bench):
    bench.send("ATE1")
    assert raw(bench, b"A", 1) == b"A"
    assert raw(bench, b"T", 1) == b"T"
    assert raw(bench, b"\r") == b"\r\r\nOK\r\n"


def test_a_command_during_another_waits(bench):
    bench.until_registered()
    bench.modem.receive(b"AT+CFUN=4\rAT+CMEE?\r")
    bench.until("OK")
    bench.until("+CMEE: 0")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_boot_makes_everything_default(dialect):
    bench = ModemUnderTest(dialect)
    bench.boot()
    assert raw(bench, b"AT+CMEE?\r").startswith(b"AT+CMEE?\r\r\n+CMEE: 0")


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
def test_what_it_says_of_itself(dialect):
    bench = ModemUnderTest(dialect)
    bench.boot()
    bench.run(1_500)
    bench.send("ATE0")
    for command, answer in IDENTITY[dialect].items():
        assert bench.send(command) == answer, command


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_busy_sim(dialect):
    bench = ModemUnderTest(dialect)
    bench.boot()
    bench.send("AT+CMEE=1")
    assert bench.send("AT+CIMI") == ["+CME ERROR: 14"]
    bench.run(1_500)
    bench.send("AT+CFUN=0")
    assert bench.send("AT+CPIN?") == ["+CME ERROR: 13"]


def test_forbidden_networks_are_cleared_through_the_card(bench):
    bench.card.forbid("26201")
    assert bench.send("AT+CRSM=176,28539,0,0,3") == ['+CRSM: 144,0,"62F210"', "OK"]
    command = f'AT+CRSM=214,28539,0,0,12,"{"ff" * 12}"'
    assert bench.send(command) == ["+CRSM: 144,0", "OK"]
    assert bench.card.forbidden == []


def test_urcs_are_held_back_while_data_are_awaited():
    bench = ModemUnderTest("bg95")
    bench.boot()
    bench.send("AT+CEREG=1")
    bench.output.clear()
    bench.modem.receive(b'AT+QFUPL="a",3,60\r')
    bench.run(30_000)
    assert b"CEREG" not in bench.output
    bench.modem.receive(b"abc")
    bench.run(100)
    text = bytes(bench.output)
    assert text.index(b"+CEREG:") > text.index(b"CONNECT")
    assert b"+QFUPL: 3," in text


FILES = [
    ('AT+QFDEL="a"', ["+CME ERROR: 405"]),
    ('AT+QFLST="UFS:a"', ["+CME ERROR: 405"]),
    ('AT+QFLST="*"', ["OK"]),
]


def test_files_of_the_bg95():
    bench = ModemUnderTest("bg95")
    bench.boot()
    bench.send("AT+CMEE=1")
    for command, answer in FILES:
        assert bench.send(command) == answer
    bench.ask('AT+QFUPL="a",5,60', b"\x01\x02\x03\x04\x05")
    assert bench.send('AT+QFLST="UFS:*"') == ['+QFLST: "UFS:a",5', "OK"]
    assert bench.send('AT+QFUPL="UFS:a",5,60') == ["+CME ERROR: 407"]
    assert ("<", "+QFUPL: 5,706") in [(way, text) for _, way, text in bench.lines]
    bench.modem.receive(b'AT+QFUPL="b",5,2\rab')
    bench.until("+CME ERROR: 413", 3_000)
    bench.modem.rail(False)
    bench.boot()
    assert bench.send('AT+QFLST="UFS:a"') == ['+QFLST: "UFS:a",5', "OK"]


def test_certificates_of_the_sim7600():
    bench = ModemUnderTest("sim7600")
    bench.boot()
    bench.ask('AT+CCERTDOWN="ca.pem",4', b"\r\nOK")
    assert bench.send("AT+CCERTLIST") == ['+CCERTLIST: "ca.pem"', "OK"]
    assert bench.send('AT+CCERTDELE="ca.pem"') == ["OK"]
    assert bench.send('AT+CCERTDELE="ca.pem"') == ["ERROR"]


def test_an_upload_with_acknowledgements():
    bench = ModemUnderTest("bg95")
    bench.boot()
    bench.send("ATE0")
    bench.output.clear()
    bench.modem.receive(b'AT+QFUPL="a",2500,60,1\r')
    bench.run(50)
    assert bytes(bench.output) == b"\r\nCONNECT\r\n"
    for count, answer in ((1_024, b"A"), (1_024, b"A"), (452, b"\r\n+QFUPL: 2500,0\r\n\r\nOK\r\n")):
        bench.output.clear()
        bench.modem.receive(b"x" * count)
        bench.run(50)
        assert bytes(bench.output) == answer


def test_an_upload_that_is_broken_off():
    bench = ModemUnderTest("bg95")
    bench.boot()
    bench.send("AT+CMEE=1")
    bench.modem.receive(b'AT+QFUPL="a",2500,60\r')
    bench.run(50)
    bench.modem.receive(b"x" * 100)
    bench.run(1_500)
    bench.modem.receive(b"+++")
    bench.until("+CME ERROR: 421", 100)
    assert bench.send('AT+QFLST="*"') == ["OK"]


def test_profiles(bench):
    bench.modem.receive(b"ATV0\r")
    bench.run(60)
    assert raw(bench, b"AT&W\r") == b"0\r"
    assert raw(bench, b"AT&F\r") == b"\r\nOK\r\n"
    assert raw(bench, b"ATZ\r").endswith(b"0\r")
    bench.modem.rail(False)
    bench.modem.rail(True)
    bench.press()
    bench.run(20_000)
    assert raw(bench, b"AT\r") == b"AT\r0\r"  # echo is on again


def test_baud_rates(bench):
    assert bench.send("AT+IPR=9600") == ["OK"]
    bench.run(20)
    assert bench.modem.baud == 9_600 and bench.send("AT+IPR?")[0] == "+IPR: 9600"
    assert bench.send("AT+IPR=1234") == ["ERROR"]
    bench.modem.rail(False)
    assert bench.modem.baud == 115_200
    bench.boot()
    bench.send("AT&W" if bench.dialect == "sim7600" else "AT+IPR=19200")
    bench.run(20)
    bench.send("AT&W" if bench.dialect == "bg95" else "AT+IPREX=19200")
    bench.run(20)
    bench.modem.rail(False)
    assert bench.modem.baud == 19_200


def test_automatic_baud_rate_tells_no_boot():
    bench = ModemUnderTest("sim7600")
    bench.boot()
    assert bench.send("AT+IPREX=0")[-1] == "OK"
    bench.run(20)
    bench.modem.rail(False)
    bench.modem.rail(True)
    bench.output.clear()
    bench.press()
    bench.run(30_000)
    assert bench.output == b"" and bench.send("AT")[-1] == "OK"


def locked(bench_dialect) -> ModemUnderTest:
    bench = ModemUnderTest(bench_dialect, card=Card(pin="4711"))
    bench.boot()
    assert bench.until("+CPIN:") == "+CPIN: SIM PIN"
    bench.run(100)
    bench.send("ATE0")
    bench.send("AT+CMEE=1")
    return bench


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_card_with_a_pin(dialect):
    bench = locked(dialect)
    assert bench.send("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert bench.send("AT+CIMI") == ["+CME ERROR: 11"]
    bench.run(100_000)
    assert bench.air.registrations == []
    assert bench.send('AT+CPIN="1"') == ["+CME ERROR: 16"]
    assert bench.send('AT+CPIN="4711"') == ["OK"]
    assert bench.send("AT+CPIN?") == ["+CPIN: READY", "OK"]
    bench.until_registered()


def test_a_card_that_is_blocked():
    bench = locked("sim7600")
    for left, error in ((2, 16), (1, 16), (0, 12)):
        assert bench.send('AT+CPIN="1"') == [f"+CME ERROR: {error}"]
        assert bench.send("AT+SPIC")[0] == f"+SPIC: {left},10,3,10"
    assert bench.send("AT+CPIN?")[0] == "+CPIN: SIM PUK"
    assert bench.send('AT+CPIN="0","1234"') == ["+CME ERROR: 16"]
    assert bench.send("AT+SPIC")[0] == "+SPIC: 0,9,3,10"
    assert bench.send('AT+CPIN="12345678","1234"') == ["OK"]
    assert bench.send("AT+CPIN?")[0] == "+CPIN: READY"


def test_a_pin_is_set_and_changed(bench):
    assert bench.send('AT+CLCK="SC",2') == ["+CLCK: 0", "OK"]
    assert bench.send('AT+CLCK="SC",1,"9"') == ["ERROR"]
    assert bench.send('AT+CLCK="SC",1,"0000"') == ["OK"]
    assert bench.send("AT+CPIN?")[0] == "+CPIN: READY"
    assert bench.send('AT+CPWD="SC","0000","2222"') == ["OK"]
    bench.modem.rail(False)
    bench.boot()
    assert bench.until("+CPIN:") == "+CPIN: SIM PIN"
    bench.run(100)
    assert bench.send('AT+CPIN="2222"')[-1] == "OK"


def test_function_0_starts_the_card_anew(bench):
    bench.send("AT+CMEE=1")
    bench.send("AT+CFUN=0")
    assert bench.send("AT+CPIN?") == ["+CME ERROR: 13"]
    bench.send("AT+CFUN=1")
    assert bench.send("AT+CPIN?") == ["+CME ERROR: 14"]
    bench.until("+CPIN: READY", 2_000)
    bench.until_registered()


def test_offline_is_left_by_a_reset_only():
    bench = ModemUnderTest("sim7600")
    bench.boot()
    bench.run(2_000)
    assert bench.send("AT+CFUN=7")[-1] == "OK"
    assert bench.send("AT+CFUN=1")[-1] == "ERROR"
    bench.send("AT+CFUN=6")
    bench.until("RDY", 30_000)
    assert bench.send("AT+CFUN?")[-2] == "+CFUN: 1"


def calling(bench: ModemUnderTest) -> ModemUnderTest:
    bench.until_registered()
    bench.send('AT+CGDCONT=1,"IP","iot"')
    bench.modem.receive(b"ATD*99***1#\r")
    bench.until("CONNECT 150000000")
    bench.run(1_500)
    bench.output.clear()
    return bench


def test_a_data_call(bench):
    calling(bench)
    assert raw(bench, b"AT\r") == b""
    assert raw(bench, b"\x7e\xff\x03\xc0\x21+++\x7e", 3_000) == b""
    assert raw(bench, b"+++", 900) == b""
    bench.run(200)
    assert bytes(bench.output) == b"\r\nOK\r\n"
    assert bench.send("ATO", "CONNECT 150000000")[-1] == "CONNECT 150000000"
    bench.run(1_100)
    for byte in (b"+", b"+", b"+"):
        bench.modem.receive(byte)
        bench.run(100)
    bench.until("OK", 1_100)
    assert bench.send("ATH") == ["OK"]
    assert bench.send("ATO", "NO CARRIER") == ["NO CARRIER"]


def test_what_is_typed_ahead_goes_into_the_call(bench):
    bench.until_registered()
    bench.send('AT+CGDCONT=1,"IP","iot"')
    bench.output.clear()
    bench.modem.receive(b"ATD*99#\rAT+CMEE?\r")
    bench.run(10_000)
    assert b"CONNECT 150000000\r\n" in bench.output and b"+CMEE: " not in bench.output


def test_unsolicited_lines_wait_for_the_end_of_a_call(bench):
    bench.send("AT+CGEREP=2,1")
    calling(bench)
    bench.air.audible = []
    bench.run(60_000)
    assert bench.output == b""


def test_no_call_without_network_and_no_voice(bench):
    bench.send('AT+CGDCONT=1,"IP","iot"')
    assert bench.send("ATD*99#", "NO CARRIER") == ["NO CARRIER"]
    assert bench.send("ATD112;", "NO CARRIER") == ["NO CARRIER"]
    assert bench.send("ATD*99***7#") == ["ERROR"]


def test_the_multiplexer_swallows_commands(bench):
    assert bench.send("AT+CMUX=1") == ["ERROR"]
    assert bench.send("AT+CMUX=0,0,5,127") == ["OK"]
    assert raw(bench, b"AT\r+++AT\r", 3_000) == b""
    assert raw(bench, bytes.fromhex("F903EF05C301F2F9")) == b"\r\nOK\r\n"
    assert raw(bench, b"AT\r") == b"\r\nOK\r\n"


def test_a_line_that_is_too_long(bench):
    longest = 2_048 if bench.dialect == "bg95" else 559
    assert bench.send("AT" + " " * longest)[-1] == "OK"
    assert bench.send("AT" + " " * (longest + 1))[-1] == "ERROR"
