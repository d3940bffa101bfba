"""The AT engine: grammar, formats and errors, for both dialects."""

from __future__ import annotations

import pytest

from host_tests.modem_bench import Bench

DIALECTS = ["bg95", "sim7600"]


@pytest.fixture(params=DIALECTS)
def bench(request) -> Bench:
    bench = Bench(request.param)
    bench.boot()
    bench.run(8_000)
    bench.send("ATE0")
    return bench


def raw(bench: Bench, data: bytes, ms: int = 60) -> bytes:
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
        (b"AT+CSQ=?\r", b"\r\nOK\r\n"),
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
    bench = Bench(dialect)
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
    bench = Bench(dialect)
    bench.boot()
    bench.run(1_500)
    bench.send("ATE0")
    for command, answer in IDENTITY[dialect].items():
        assert bench.send(command) == answer, command


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_busy_sim(dialect):
    bench = Bench(dialect)
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
    bench = Bench("bg95")
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
    bench = Bench("bg95")
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
    bench = Bench("sim7600")
    bench.boot()
    bench.ask('AT+CCERTDOWN="ca.pem",4', b"\r\nOK")
    assert bench.send("AT+CCERTLIST") == ['+CCERTLIST: "ca.pem"', "OK"]
    assert bench.send('AT+CCERTDELE="ca.pem"') == ["OK"]
    assert bench.send('AT+CCERTDELE="ca.pem"') == ["ERROR"]
