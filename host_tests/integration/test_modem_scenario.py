"""Scenario files: what they may say, and that it happens."""

from __future__ import annotations

import subprocess
import sys

import pytest

from host_tests.support.simulated_modem import ModemUnderTest
from tools.flash.layout import REPOSITORY
from tools.modem.link.loopback import Loopback
from tools.modem.scenario import ACTIONS, ScenarioError, load, parse


def playing(dialect, text: str, network=None) -> ModemUnderTest:
    modem = ModemUnderTest(dialect, network or Loopback(), scenario=parse(text))
    modem.boot()
    modem.run(5_000)
    return modem


BAD = [
    ("x = 1", "unknown 'x'; a scenario consists of [[event]] tables"),
    ("[event]\ndo = 1", "write events as [[event]], with two brackets"),
    ("[[event", "not TOML"),
    ("[[event]]\nat_s = 1", "event 1: do = None is no action; choose among cells, deny"),
    ('[[event]]\nat_s = 1\ndo = "dance"', "event 1: do = 'dance' is no action"),
    ('[[event]]\ndo = "reboot"', "event 1: give either at_s or after"),
    ('[[event]]\nat_s = 1\nafter = "AT"\ndo = "reboot"', "event 1: give either at_s or after"),
    ('[[event]]\nat_s = 1\nnth = 2\ndo = "reboot"', "event 1: nth and wait_s go with after, not with at_s"),
    ('[[event]]\nafter = "CSQ"\ndo = "reboot"', "event 1: after = 'CSQ' is no command"),
    ('[[event]]\nat_s = -1\ndo = "reboot"', "event 1: at_s = -1.0 must be from 0"),
    ('[[event]]\nat_s = true\ndo = "reboot"', "event 1: at_s = True must be a number"),
    ('[[event]]\nat_s = 1\ndo = "deny"', "event 1: cause is missing"),
    ('[[event]]\nat_s = 1\ndo = "deny"\ncause = "11"', "event 1: cause = '11' must be a whole number"),
    ('[[event]]\nat_s = 1\ndo = "deny"\ncause = 300', "event 1: cause = 300 must be from 0 to 255"),
    ('[[event]]\nat_s = 1\ndo = "sim"\nstate = "bent"', "must be one of removed, inserted"),
    ('[[event]]\nat_s = 1\ndo = "reboot"\ncause = 1', "event 1: unknown 'cause'; it takes at_s, after"),
    ('[[event]]\nat_s = 1\ndo = "cells"\nlist = [1]', "event 1: cell 1: write it as"),
    ('[[event]]\nat_s = 1\ndo = "cells"\nlist = [{plmn="26201"}]', "event 1: cell 1: rat is missing"),
    ('[[event]]\nat_s = 1\ndo = "cells"\nlist = [{plmn="x", rat="lte"}]', "plmn = 'x' is no network"),
]


@pytest.mark.parametrize(("text", "error"), BAD)
def test_errors_are_reported_in_one_line(text, error):
    with pytest.raises(ScenarioError) as raised:
        parse(text)
    assert error in str(raised.value) and "\n" not in str(raised.value)


def test_the_file_is_named(tmp_path):
    path = tmp_path / "s.toml"
    with pytest.raises(ScenarioError, match=r"s\.toml: cannot be read \(No such file"):
        load(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ScenarioError, match=r"s\.toml: cannot be read \(not UTF-8\)"):
        load(path)
    path.write_text('[[event]]\nat_s = 1\ndo = "x"')
    with pytest.raises(ScenarioError, match=r"s\.toml: event 1"):
        load(path)


@pytest.mark.parametrize(
    ("option", "said"),
    [(("--scenario", "none.toml"), "none.toml: cannot be read"), (("--variant", "odd"), "no variant 'odd'")],
)
def test_the_program_ends_with_one_line(option, said):
    command = [sys.executable, "-m", "tools.modem", "--dialect", "bg95", "--pty", *option]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and said in result.stderr and result.stderr.count("\n") == 1


def test_cells_come_and_go():
    modem = playing(
        "bg95",
        """
        [[event]]
        at_s = 0
        do = "cells"
        list = [{ plmn = "46000", rat = "emtc", tac = 7, cell_id = 9, rsrp_dbm = -80 }]
        [[event]]
        at_s = 300
        do = "cells"
        list = []
        """,
    )
    modem.run(250_000)
    assert modem.send("AT+COPS?")[-2] == '+COPS: 0,0,"CHINA MOBILE",8'
    modem.run(100_000)
    assert modem.send("AT+CSQ")[-2] == "+CSQ: 99,99"


def test_a_network_that_denies_for_a_while():
    modem = playing(
        "bg95",
        '[[event]]\nat_s = 0\ndo = "deny"\ncause = 17\n[[event]]\nat_s = 200\ndo = "deny"\ncause = 0\n',
    )
    modem.send("AT+CEREG=2")
    modem.run(150_000)
    assert modem.send("AT+CEREG?")[-2].endswith(",0,17")
    modem.until_registered(1_200_000)


def test_an_event_after_the_second_of_a_command():
    text = '[[event]]\nafter = "at+csq"\nnth = 2\nwait_s = 3\ndo = "say"\ntext = "RING"'
    modem = playing("sim7600", text)
    modem.send("AT+CSQ")
    modem.run(10_000)
    modem.send("AT+CSQ")
    modem.run(2_000)
    assert b"RING" not in modem.output
    modem.until("RING", 1_500)


def test_a_reboot_in_the_middle_of_a_command():
    modem = playing("bg95", '[[event]]\nafter = "AT+COPS=?"\nwait_s = 1\ndo = "reboot"')
    modem.output.clear()
    modem.simulated.receive(b"AT+COPS=?\r")
    assert modem.until("RDY", 20_000) == "RDY"
    assert b"+COPS" not in modem.output


def test_under_voltage():
    modem = playing("sim7600", '[[event]]\nat_s = 30\ndo = "supply"\nmv = 3300')
    modem.until("UNDER-VOLTAGE WARNNING POWER DOWN", 60_000)
    modem.run(10_000)
    assert modem.states[-1][1:] == ("modem", "off")
    modem = playing("bg95", '[[event]]\nat_s = 30\ndo = "power-off"\ntext = "CRASH"')
    modem.until("CRASH", 60_000)
    modem.until("POWERED DOWN", 10_000)


def test_a_card_that_is_stuck_needs_a_restart():
    modem = playing("sim7600", '[[event]]\nafter = "AT+CPIN"\ndo = "sim"\nstate = "stuck"')
    modem.send("AT+CMEE=2")
    modem.send("AT+CPIN?")
    modem.run(60_000)
    assert modem.send("AT+CPIN?")[-1] == "+CME ERROR: SIM busy"
    modem.send("AT+CRESET")
    modem.until("+CPIN: READY", 30_000)


def test_supply_and_temperature():
    text = '[[event]]\nat_s = 1\ndo = "supply"\nmv = 3500\n[[event]]\nat_s = 1\ndo = "temperature"\nc = -20'
    assert playing("bg95", text).send("AT+QTEMP")[-2] == "+QTEMP: -17,-18,-19"
    modem = playing("sim7600", text)
    modem.send("AT+CFUN=4")
    assert modem.send("AT+CBC")[-2] == "+CBC: 3.500V"


def online(modem: ModemUnderTest) -> ModemUnderTest:
    """Registered, with an active context."""
    modem.until_registered()
    modem.run(1_000)
    if modem.dialect == "bg95":
        assert modem.send('AT+QICSGP=1,1,"iot"')[-1] == "OK"
        assert modem.send("AT+QIACT=1")[-1] == "OK"
    else:
        modem.send("AT+NETOPEN")
        modem.until("+NETOPEN: 0")
    return modem


LOST = {"bg95": '+QIURC: "pdpdeact",1', "sim7600": "+CIPEVENT: NETWORK CLOSED UNEXPECTEDLY"}


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_context_that_is_dropped(dialect):
    modem = online(playing(dialect, '[[event]]\nafter = "AT+CGEREP"\nwait_s = 5\ndo = "pdp-drop"'))
    modem.send("AT+CGEREP=2,1")
    assert modem.until("+CGEV:", 10_000).startswith('+CGEV: NW DEACT "IP","10.')
    assert modem.until(LOST[dialect]) == LOST[dialect]
    assert modem.send("AT+CGPADDR=1")[-2] == "+CGPADDR: 1,0.0.0.0"


@pytest.mark.parametrize(("cause", "code"), [(27, 132), (29, 149), (33, 133), (31, 148)])
def test_a_context_that_is_refused(cause, code):
    modem = playing("sim7600", f'[[event]]\nat_s = 1\ndo = "pdp-refuse"\ncause = {cause}')
    modem.until_registered()
    modem.send("AT+CMEE=1")
    modem.send('AT+CGDCONT=1,"IP","iot"')
    assert modem.send("AT+CGACT=1,1")[-1] == f"+CME ERROR: {code}"


def test_a_broker_that_closes():
    modem = playing("bg95", '[[event]]\nafter = "AT+QMTCONN="\nwait_s = 30\ndo = "mqtt-close"\ncode = 2')
    online(modem)
    modem.send('AT+QMTOPEN=0,"h.example",1883')
    modem.until("+QMTOPEN: 0,0")
    modem.send('AT+QMTCONN=0,"me"')
    modem.until("+QMTCONN: 0,0,0")
    assert modem.until("+QMTSTAT") == "+QMTSTAT: 0,2"
    assert modem.send('AT+QMTPUB=0,1,1,0,"a",1')[-1] == "ERROR"


def test_a_socket_that_is_closed():
    modem = online(playing("bg95", '[[event]]\nafter = "AT+QIOPEN"\nwait_s = 60\ndo = "socket-close"'))
    modem.send('AT+QIOPEN=1,3,"TCP","h.example",1883')
    modem.until("+QIOPEN: 3,0")
    assert modem.until("+QIURC:") == '+QIURC: "closed",3'


def test_a_context_that_is_dropped_without_a_word():
    modem = playing(
        "bg95", '[[event]]\nafter = "AT+QMTCONN="\nwait_s = 30\ndo = "pdp-drop"\nreported = false'
    )
    online(modem)
    for command, result in (
        ('AT+QMTOPEN=0,"h.example",1883', "+QMTOPEN: 0,0"),
        ('AT+QMTCONN=0,"me"', "+QMTCONN: 0,0,0"),
    ):
        modem.send(command)
        modem.until(result)
    modem.send('AT+QIOPEN=1,0,"TCP","h.example",1')
    modem.until("+QIOPEN: 0,0")
    modem.run(30_000)
    assert b"pdpdeact" not in modem.output and modem.send("AT+QIACT?")[-2:] == ["OK"]
    modem.ask('AT+QMTPUB=0,1,1,0,"a",1', b"x")
    modem.until("+QMTPUB: 0,1,2")
    modem.ask("AT+QISEND=0,1", b"x", "SEND FAIL")


@pytest.mark.parametrize(("reached", "plain", "tls"), [("none", 5, 5), ("no-tls", 0, -1), ("all", 0, 0)])
def test_hosts_that_are_not_reached(reached, plain, tls):
    modem = playing("bg95", f'[[event]]\nat_s = 0\ndo = "hosts"\nreached = "{reached}"')
    online(modem)
    for client, code in ((0, plain), (1, tls)):
        modem.send(f'AT+QMTCFG="ssl",{client},{client},2')
        modem.send(f'AT+QMTOPEN={client},"h.example",8883')
        assert modem.until("+QMTOPEN:") == f"+QMTOPEN: {client},{code}"


def test_data_barred():
    modem = playing("bg95", '[[event]]\nat_s = 0\ndo = "bar"')
    online(modem)
    modem.send('AT+QMTOPEN=0,"h.example",1883')
    assert modem.until("+QMTOPEN:") == "+QMTOPEN: 0,5"


def test_a_sky_that_closes():
    modem = playing("bg95", '[[event]]\nat_s = 0\ndo = "sky"')
    modem.send("AT+CFUN=4")
    modem.send("AT+CMEE=1")
    modem.send("AT+QGPS=1")
    modem.run(200_000)
    assert modem.send("AT+QGPSLOC=2")[-1] == "+CME ERROR: 516"


SWAP = '[[event]]\nafter = "AT+CLCK"\ndo = "sim"\nstate = "removed"\n'
SWAP += '[[event]]\nafter = "AT+CLCK"\nwait_s = 60\ndo = "sim"\nstate = "inserted"\n'


def test_hot_swap_on_the_bg95():
    modem = playing("bg95", SWAP)
    for command in ("AT+QSIMDET=1,1", "AT+QSIMSTAT=1", "AT+CFUN=1,1"):
        assert modem.send(command)[-1] == "OK"
    modem.until("RDY", 20_000)
    modem.until_registered()
    modem.send("AT+CMEE=1")
    modem.send('AT+CLCK="SC",2')
    assert modem.until("+QSIMSTAT") == "+QSIMSTAT: 1,0"
    assert modem.until("+CPIN") == "+CPIN: NOT READY"
    assert modem.send("AT+CPIN?")[-1] == "+CME ERROR: 10"
    assert modem.send("AT+CEREG?")[-2] == "+CEREG: 0,0"
    assert modem.until("+QSIMSTAT") == "+QSIMSTAT: 1,1"
    assert modem.until("+CPIN") == "+CPIN: READY"
    modem.until_registered()


def test_a_card_that_is_gone_unnoticed_needs_a_reboot():
    modem = playing("sim7600", SWAP)
    modem.until_registered()
    modem.send("AT+CMEE=1")
    modem.send('AT+CLCK="SC",2')
    modem.run(30_000)
    assert modem.send("AT+CPIN?")[-1] == "+CME ERROR: 10"
    modem.run(60_000)
    assert modem.send("AT+CPIN?")[-1] == "+CME ERROR: 13"
    modem.send("AT+CRESET")
    modem.until("+CPIN: READY", 30_000)
    modem.until_registered()


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_no_card_at_boot(dialect):
    modem = ModemUnderTest(dialect, scenario=parse('[[event]]\nat_s = 0\ndo = "sim"\nstate = "removed"'))
    modem.boot()
    assert modem.until("+CPIN") == "+CPIN: NOT INSERTED"
    modem.run(100_000)
    assert not any(text in ("SMS DONE", "PB DONE", "+QUSIM: 1") for _, _, text in modem.lines)
    modem.send("AT+CMEE=1")
    assert modem.send("AT+CIMI")[-1] == "+CME ERROR: 10"
    assert modem.air.registrations == []


def test_the_example_of_the_documentation():
    text = (REPOSITORY / "docs" / "reference" / "simulated-modem.md").read_text()
    example = text.split("```toml\n")[1].split("```")[0]
    assert [event.do for event in parse(example)] == ["deny", "pdp-drop", "cells"]
    listed = text.split("```text\n")[1].split("```")[0]
    assert [line.split()[0] for line in listed.splitlines() if not line.startswith(" ")] == list(ACTIONS)
