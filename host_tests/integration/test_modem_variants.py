"""Each variant, seen on the line; and that without it the line is the usual one."""

from __future__ import annotations

import os
import time

import pytest
import serial

from host_tests.support.modem_program import running
from host_tests.support.simulated_modem import ModemUnderTest
from tools.modem.link.loopback import Loopback
from tools.modem.scenario import parse
from tools.modem.variants import VARIANTS, VariantError


def booted(dialect, *variants: str, ms: int = 8_000) -> ModemUnderTest:
    modem = ModemUnderTest(dialect, Loopback(), variants=variants)
    modem.simulated.rail(True)
    modem.press()
    modem.run(20_000 + ms)
    modem.send("ATE0")
    modem.send("AT+CMEE=1")
    return modem


def received(modem: ModemUnderTest) -> list[str]:
    return [text for _, way, text in modem.lines if way == "<"]


def registered(dialect, *variants: str) -> ModemUnderTest:
    modem = booted(dialect, *variants)
    modem.until_registered()
    return modem


CPSI = "+CPSI: LTE,Online,262-01,0x5A31,27447297,151,EUTRAN-BAND3,1300,3,3,"
# What is seen of each with it and without it: (modem, command, begin of the answer)
ANSWERS = [
    ("cat-m-names", "bg95", "AT+QCSQ", '+QCSQ: "CAT-M1",', '+QCSQ: "eMTC",'),
    ("cemode", "sim7600", "AT+CEMODE?", "+CEMODE: 1", "ERROR"),
    ("cesq", "bg95", "AT+CESQ", "+CESQ: 99,99,255,255,22,63", "ERROR"),
    ("cesq", "sim7600", "AT+CESQ", "+CESQ: 99,99,255,255,22,61", "ERROR"),
    ("cgmr-bare", "sim7600", "AT+CGMR", "LE11B", "+CGMR: LE11B"),
    ("cgmr-prefix", "bg95", "AT+CGMR", "+CGMR: BG95M3", "BG95M3"),
    ("cgpaddr-quoted", "bg95", "AT+CGPADDR=1", '+CGPADDR: 1,"0.0.0.0"', "+CGPADDR: 1,0.0.0.0"),
    ("cgsn-prefix", "bg95", "AT+CGSN", '+CGSN: "86', "86"),
    ("cgsn-prefix", "sim7600", "AT+CGSN", '+CGSN: "86', "86"),
    ("cme-words", "bg95", "AT+QGPSLOC=2", "+CME ERROR: session not active", "+CME ERROR: 505"),
    ("cpsi-index", "sim7600", "AT+CPSI?", CPSI + "22,61,29,14", CPSI + "-90,-800,-540,14"),
    ("cpsms", "sim7600", "AT+CPSMS?", "+CPSMS: 0", "ERROR"),
    ("creg-follows", "bg95", "AT+CGREG?", "+CGREG: 0,5", "+CGREG: 0,0"),
    ("error-alone", "sim7600", "AT+CMQTTPUB=0,1,60", "ERROR", "+CMQTTPUB: 0,20"),
    ("gnss-tight", "sim7600", "AT+CGPSINFO", "+CGPSINFO:,", "+CGPSINFO: ,"),
    ("qeng-tight", "bg95", 'AT+QENG="servingcell"', '+QENG:"servingcell"', '+QENG: "servingcell"'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "dialect", "command", "with_it", "without"), ANSWERS)
def test_answers(name, dialect, command, with_it, without):
    assert registered(dialect, name).send(command)[0].startswith(with_it)
    assert registered(dialect).send(command)[0].startswith(without)


BOOTS = [
    ("app-rdy-late", "bg95", ["RDY", "+CFUN: 1", "+CPIN: READY", "+QUSIM: 1", "APP RDY", "+QIND: SMS DONE"]),
    ("boot-atready", "sim7600", ["*ATREADY: 1", "+CPIN: READY", "SMS DONE", "PB DONE"]),
    ("boot-noise", "sim7600", ["\xff\xff\xff", "RDY", "+CPIN: READY", "SMS DONE", "PB DONE"]),
    ("boot-silent", "bg95", []),
    (
        "rdy-twice",
        "bg95",
        ["RDY", "APP RDY", "+CFUN: 1", "RDY", "+CPIN: READY", "+QUSIM: 1", "+QIND: SMS DONE"],
    ),
    ("rdy-twice", "sim7600", ["RDY", "RDY", "+CPIN: READY", "SMS DONE", "PB DONE"]),
    ("urc-on-usb", "bg95", []),
]


@pytest.mark.parametrize(("name", "dialect", "lines"), BOOTS)
def test_boot_lines(name, dialect, lines):
    assert received(booted(dialect, name))[: len(lines) + 1] == [*lines, "OK"]


def test_noise_is_no_text():
    modem = ModemUnderTest("bg95", variants=["boot-noise"])
    modem.simulated.rail(True)
    modem.press()
    modem.run(5_000)
    assert bytes(modem.output).startswith(b"\r\n\xff\xff\xff\r\n\r\nRDY\r\n")


def test_unsolicited_lines_come_to_the_uart_when_configured():
    modem = booted("bg95", "urc-on-usb")
    assert modem.send('AT+QURCCFG="urcport","uart1"')[-1] == "OK"
    modem.send("AT+CFUN=1,1")
    assert modem.until("RDY", 20_000) == "RDY"


def test_a_busy_sim():
    modem = ModemUnderTest("bg95", variants=["sim-busy"])
    modem.boot()
    modem.send("AT+CMEE=1")
    modem.run(18_000)
    assert modem.send("AT+CPIN?")[-1] == "+CME ERROR: 14"
    modem.until("+CPIN: READY", 4_000)


def test_a_detect_pin_that_is_not_connected():
    modem = booted("bg95", "sim-detect-open")
    modem.send("AT+QSIMDET=1,0")
    modem.send("AT+CFUN=1,1")
    modem.until("RDY", 20_000)
    modem.run(3_000)
    modem.send("AT+CMEE=1")
    assert modem.send("AT+CPIN?")[-1] == "+CME ERROR: 13"


def test_no_cause():
    for variants, cause in (((), True), (("no-reject-cause",), False)):
        modem = ModemUnderTest("bg95", variants=variants)
        modem.air.causes = dict.fromkeys(("26201", "26202", "26203"), 11)
        modem.boot()
        modem.send("AT+CEREG=2")
        modem.run(200_000)
        assert modem.send("AT+CEREG?")[-2].endswith(",0,11") == cause


@pytest.mark.parametrize(
    ("name", "dialect", "prompt"),
    [
        ("prompt-bare", "bg95", b"\r\n>"),
        ("", "bg95", b"\r\n> "),
        ("prompt-blank", "sim7600", b"\r\n> "),
        ("", "sim7600", b"\r\n>"),
    ],
)
def test_prompts(name, dialect, prompt):
    modem = registered(dialect, *[name] if name else [])
    if dialect == "bg95":
        modem.send('AT+QICSGP=1,1,"iot"')
        modem.send("AT+QIACT=1")
        modem.send('AT+QIOPEN=1,0,"TCP","h.example",1')
        modem.until("+QIOPEN: 0,0")
        command = b"AT+QISEND=0,3\r"
    else:
        command = b'AT+CCERTDOWN="ca.pem",3\r'
    modem.output.clear()
    modem.simulated.receive(command)
    modem.run(100)
    assert bytes(modem.output) == prompt


@pytest.mark.parametrize(("name", "dialect", "aborted"), [
    ("scan-abort", "bg95", True), ("", "bg95", False), ("scan-patient", "sim7600", False)
])  # fmt: skip
def test_a_byte_during_the_scan(name, dialect, aborted):
    modem = registered(dialect, *[name] if name else [])
    modem.simulated.receive(b"AT+COPS=?\r")
    modem.run(2_000)
    modem.output.clear()
    modem.simulated.receive(b"A")
    modem.run(1_000)
    assert (b"ERROR" in modem.output) == aborted


@pytest.mark.parametrize(("variants", "answers"), [((), False), (("clean-wake",), True)])
def test_the_first_byte_after_sleep(variants, answers):
    modem = booted("sim7600", *variants)
    modem.send("AT+CFUN=4")
    modem.send("AT+CSCLK=1")
    modem.simulated.dtr(True)
    modem.run(30_000)
    modem.simulated.dtr(False)
    modem.run(50)
    modem.output.clear()
    modem.simulated.receive(b"AT\r")
    modem.run(100)
    assert (b"OK" in modem.output) == answers
    assert modem.send("AT")[-1] == "OK"


def test_texts_of_power_down():
    modem = booted("bg95", "psm-text")
    modem.send("AT+QPOWD=1")
    modem.until("NORMAL POWER DOWN", 10_000)
    modem = booted("bg95", "psm-text")
    modem.send('AT+QCFG="psm/urc",1')
    modem.send('AT+CPSMS=1,,,"00100001","00000010"')
    modem.until_registered()
    modem.until("PSM POWER DOWN", 60_000)
    modem = booted("sim7600", "off-silent")
    modem.send("AT+CPOF")
    modem.run(10_000)
    assert b"DOWN" not in modem.output and modem.states[-1][2] == "off"


def test_results_of_services_that_run_already():
    modem = registered("sim7600", "netopen-code", "start-indexed")
    modem.send("AT+NETOPEN")
    modem.until("+NETOPEN: 0")
    assert modem.send("AT+NETOPEN") == ["+NETOPEN: 1", "ERROR"]
    modem.send("AT+CMQTTSTART")
    modem.until("+CMQTTSTART: 0")
    assert modem.send("AT+CMQTTSTART") == ["+CMQTTSTART: 0,23", "ERROR"]


def test_the_newer_inline_publish():
    modem = registered("bg95", "pubex-length")
    modem.send('AT+QICSGP=1,1,"iot"')
    modem.send("AT+QIACT=1")
    modem.send('AT+QMTOPEN=0,"h.example",1883')
    modem.until("+QMTOPEN: 0,0")
    modem.send('AT+QMTCONN=0,"me"')
    modem.until("+QMTCONN: 0,0,0")
    modem.ask('AT+QMTPUBEX=0,1,1,0,"a",3', b"abc", "+QMTPUBEX: 0,1,0")


def test_the_order_of_outcomes():
    for variants, orders in ((("urc-before",), {True}), ((), {False}), (("urc-mixed",), {True, False})):
        modem = registered("sim7600", *variants)
        seen = set()
        for _ in range(12):
            for command in ("AT+NETOPEN", "AT+NETCLOSE"):
                modem.output.clear()
                modem.simulated.receive(command.encode() + b"\r")
                modem.run(20_000)
                seen.add(modem.output.index(b": 0") < modem.output.index(b"OK"))
        assert seen == orders


def test_a_port_of_another_baud_rate():
    with running("--dialect", "bg95", "--pty", "--variant", "strict-baud") as path:
        with serial.Serial(path, 115_200, timeout=0.2) as port:
            assert answer(port, b"OK")
        with serial.Serial(path, 9_600, timeout=0.2) as port:
            port.write(b"AT\r")
            time.sleep(0.3)
            assert b"OK" not in port.read(100)
        with serial.Serial(path, 115_200, timeout=0.2) as port:
            port.write(b"\r")
            assert answer(port, b"OK")


def answer(port: serial.Serial, wanted: bytes) -> bool:
    for _ in range(100):
        os.write(port.fileno(), b"AT\r")
        if wanted in port.read(100):
            return True
    return False


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_errors_are_words_from_the_start(dialect):
    for variants, error in (((), "ERROR"), (("cmee-text",), "+CME ERROR: SIM busy")):
        modem = ModemUnderTest(dialect, variants=variants)
        modem.boot()
        assert modem.send("AT+CIMI")[-1] == error


@pytest.mark.parametrize(("variants", "early"), [((), False), (("urc-in-data",), True)])
def test_a_line_between_prompt_and_data(variants, early):
    modem = ModemUnderTest("bg95", variants=variants)
    modem.boot()
    modem.send("AT+CEREG=1")
    modem.output.clear()
    modem.simulated.receive(b'AT+QFUPL="a",3,60\r')
    modem.run(30_000)
    assert (b"+CEREG:" in modem.output) == early
    modem.simulated.receive(b"abc")
    modem.until("+QFUPL: 3,")


def test_a_stack_that_is_stuck_after_a_loss():
    closing = parse('[[event]]\nafter = "AT+QIOPEN"\nwait_s = 60\ndo = "socket-close"')
    for variants, code in (((), 0), (("socket-stuck",), 552)):
        modem = ModemUnderTest("bg95", Loopback(), variants=variants, scenario=closing)
        modem.boot()
        modem.until_registered()
        modem.send('AT+QICSGP=1,1,"iot"')
        modem.send("AT+QIACT=1")
        modem.send('AT+QIOPEN=1,0,"TCP","h.example",1')
        assert modem.until('+QIURC: "closed"') == '+QIURC: "closed",0'
        modem.send('AT+QIOPEN=1,1,"TCP","h.example",1')
        assert modem.until("+QIOPEN: 1") == f"+QIOPEN: 1,{code}"
        modem.send("AT+QIDEACT=1")
        modem.send("AT+QIACT=1")
        modem.send('AT+QIOPEN=1,2,"TCP","h.example",1')
        assert modem.until("+QIOPEN: 2") == "+QIOPEN: 2,0"


@pytest.mark.parametrize(
    ("variants", "ends"),
    [
        ((), "0.0,0.0"),
        (("course-empty",), "0.0,"),
        (("speed-empty",), ","),
        (("course-empty", "speed-empty"), ","),
    ],
)
def test_a_position_at_standstill(variants, ends):
    modem = booted("sim7600", *variants)
    modem.send("AT+CGPS=1")
    modem.run(120_000)
    seen = set()
    for command in ("AT+CGPSINFO", "AT+CGNSSINFO") * 40:
        line = modem.send(command)[0]
        seen.add(",".join(line.split(",")[7:9] if "CGPSINFO" in line else line.split(",")[11:13]))
        modem.run(1_000)
    assert ends in seen and len(seen) > 1  # now and then it prints a tenth of a knot
    assert len([each for each in seen if each.startswith(("0.0,", ","))]) == 1


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_second_final_result(dialect):
    modem = booted(dialect, "double-final")
    modem.output.clear()
    modem.simulated.receive(b"AT+CMEE=7\r")
    modem.run(500)
    assert bytes(modem.output) in (b"\r\n+CME ERROR: 50\r\n\r\nOK\r\n", b"\r\n+CME ERROR: 3\r\n\r\nOK\r\n")


def test_unknown_variants():
    with pytest.raises(VariantError, match="the bg95 has no variant 'cpsi-index'; choose among app-rdy-late"):
        ModemUnderTest("bg95", variants=["cpsi-index"])


ON_THEIR_OWN = {"strict-baud", "sim-busy", "sim-detect-open", "no-reject-cause", "clean-wake", "psm-text"}
ON_THEIR_OWN |= {"prompt-bare", "prompt-blank", "scan-abort", "scan-patient", "off-silent", "netopen-code"}
ON_THEIR_OWN |= {"start-indexed", "pubex-length", "urc-before", "urc-mixed", "cmee-text", "urc-in-data"}
ON_THEIR_OWN |= {"course-empty", "speed-empty", "double-final"}
ON_THEIR_OWN |= {"stale-end"}  # test_modem_drivers.py
ON_THEIR_OWN |= {"socket-stuck", "mqtt-broken", "ceer-mute", "ceer-words"}
# test_card_simulator.py
ON_THEIR_OWN |= {"bare-ccho", "hex-session", "no-cgla", "no-csim", "no-cchc", "cla-80", "cchc-answers"}
ON_THEIR_OWN |= {"csim-basic"}
ON_THEIR_OWN |= {"cgla-load"}  # test_card_download_at.py
ON_THEIR_OWN |= {"lines-short"}  # test_firmware_download.py


REASONS = [
    ("ceer-words", "EPS services not allowed in this PLMN"),
    ("ceer-mute", "No cause information available"),
]


@pytest.mark.parametrize(("variant", "text"), REASONS)
def test_a_cause_in_words_or_not_at_all(variant, text):
    modem = ModemUnderTest("sim7600", variants=[variant])
    modem.boot()
    modem.air.causes = {"26202": 14}
    assert modem.send('AT+COPS=1,2,"26202"')[-1] == "ERROR"
    assert modem.send("AT+CEER")[-2] == f"+CEER: {text}"


def test_every_variant_has_been_seen():
    seen = {row[0] for row in ANSWERS} | {row[0] for row in BOOTS} | ON_THEIR_OWN
    assert seen == set(VARIANTS)
