"""Whole runs of the bench on the simulated modems, in virtual time: results, and restored settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from host_tests.support.bench_line import PASSWORD, FaultyPort, Hung, Instead, request, run
from host_tests.support.cards import four_profiles
from host_tests.support.simulated_modem import ModemUnderTest, Mosquitto
from tools.bench import BenchError, live, report, steps, transcript
from tools.bench.keep import Form, form
from tools.bench.ports import Recorder
from tools.bench.replay import ReplayPort
from tools.bench.run import Outcome, identify
from tools.bench.settings import unkept
from tools.bench.transcript import Mask

DIALECTS = ("bg95", "sim7600")
READS = {
    "bg95": "CREG? CGREG? CEREG? CTZU? CGDCONT? CPSMS? CFUN? CMEE? QGPS? QFLST QIACT? "
    'QCFG="nwscanseq" QCFG="iotopmode" QCFG="psm/urc" QGPSCFG="priority" CRSM=176,28539,0,0,12',
    "sim7600": "CREG? CEREG? CTZU? CGDCONT? CFUN? CMEE? CGPS? CCERTLIST CNMP? CRSM=176,28539,0,0,12",
}


def modem(dialect, broker: Mosquitto | None = None) -> ModemUnderTest:
    """One that has found its network."""
    line = ModemUnderTest(dialect, broker.network(reply=True)) if broker else ModemUnderTest(dialect)
    line.boot()
    line.run(120_000)
    line.output.clear()
    return line


def settings(line: ModemUnderTest) -> list[list[str]]:
    """What the modem reports about itself: lines with what differs each time taken out."""
    results = []
    for read in READS[line.dialect].split():
        answer = line.send(f"AT+{read}")
        results.append([part.split(",")[0] if "REG:" in part else part for part in answer])
    selection = line.send("AT+COPS?")[-2]
    results.append([selection if selection.startswith("+COPS: 1") else selection[:8]])
    return results


def replay(text: str, outcome: Outcome, folder: Path) -> None:
    """The transcript gives the same results again."""
    path = folder / "transcript.jsonl"
    path.write_text(text)
    wanted, events = transcript.load(path)
    port = ReplayPort(events, Mask([]))
    again, _ = run(port, wanted, wanted.password)
    assert port.unknown == []
    assert json.dumps(report.as_json(wanted, again)) == json.dumps(report.as_json(wanted, outcome))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_full_run(dialect, broker):
    line = modem(dialect, broker)
    line.send("AT+CMEE=1")
    before = settings(line)
    line.output.clear()
    outcome, text = run(line, request(dialect, broker.ca, key=True))
    order: tuple[str, ...]
    order = ("identity", "sim", "survey", "attach", "gnss", "mqtt", "edrx", "park", "resume", "sleep")
    order = (*order, "switch")
    assert [(one.step, one.state, one.words) for one in outcome.results] == [
        (step, "skipped", "no --switch given")
        if step == "switch"
        else (step, "ok", "")
        if dialect == "bg95" or step != "edrx"
        else (step, "skipped", "this modem has no eDRX")
        for step in order
    ]
    found = {one.step: one.found for one in outcome.results}
    assert {network["plmn"] for network in found["survey"]["networks"]} == {262_001, 262_002, 262_003}
    assert all(network["result"] == "registered" for network in found["survey"]["networks"])
    assert found["attach"]["result"] == "registered" and -100 < found["attach"]["rsrp_dbm"] < -70
    assert abs(found["gnss"]["lat_deg"] - 51.43) < 0.001
    assert found["gnss"]["hot_s"] < found["gnss"]["cold_s"] < 120
    assert found["mqtt"]["back_s"] >= found["mqtt"]["acknowledged_s"] > 0
    assert found["edrx"] == ({"cycle_s": 20.48} if dialect == "bg95" else {})
    assert found["park"]["in_psm"] is (dialect == "bg95") and found["resume"]["boot_s"] > 1
    assert found["resume"]["back_s"] > 0
    assert found["sleep"]["slept"] is True and found["sleep"]["tries"] > 1
    assert outcome.as_found and outcome.unkept == []
    line.run(120_000)
    line.output.clear()
    assert settings(line) == before
    assert f'"{PASSWORD}' not in text and "204046612345678" not in text
    assert '\\"******\\"' in text and "204046000005678" in text


def test_a_modem_that_may_go_into_psm_is_heard_throughout_edrx(monkeypatch):
    monkeypatch.setattr(steps, "EXTENDED_MS", 300_000)
    outcome, _ = run(modem("bg95"), request("bg95", key=True))
    by_step = {one.step: one for one in outcome.results}
    assert (by_step["edrx"].state, by_step["edrx"].found) == ("ok", {"cycle_s": 20.48})
    assert by_step["park"].found["in_psm"] is True
    assert outcome.as_found, outcome.restored


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_transcript_gives_the_same_run(dialect, broker, tmp_path):
    outcome, text = run(modem(dialect, broker), request(dialect, broker.ca, key=True))
    replay(text, outcome, tmp_path)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_modem_set_up_otherwise_is_left_so(dialect):
    line = modem(dialect)
    asked = ["AT+CMEE=2", "AT+CREG=2", "AT+CTZU=1", 'AT+CGDCONT=1,"IP","mine"']
    asked += ['AT+CRSM=214,28539,0,0,12,"64F010FFFFFFFFFFFFFFFFFF"']
    asked += (
        ['AT+CPSMS=1,,,"00100001","00101111"', 'AT+QCFG="nwscanmode",3']
        if dialect == "bg95"
        else ["AT+CNMP=38"]
    )
    asked += ['AT+COPS=1,2,"26202"']
    for command in asked:
        assert line.send(command)[-1] == "OK", command
    before = settings(line)
    line.output.clear()
    outcome, _ = run(line, request(dialect))
    assert outcome.as_found, outcome.restored
    assert {"operator selection", "+CMEE"} <= outcome.restored.back.keys()
    line.run(120_000)
    line.output.clear()
    assert settings(line) == before


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_modem_with_its_radio_off_is_left_so(dialect):
    line = modem(dialect)
    line.send("AT+CFUN=4")
    line.output.clear()
    outcome, _ = run(line, request(dialect))
    assert outcome.as_found, outcome.restored
    assert "+CFUN: 4" in line.send("AT+CFUN?")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("at", "step"),
    [(b"+CGSN", "identity"), (b"+COPS=?", "survey"), (b"+CFUN=4", "attach"), (b"+CFUN=1", "survey")],
)
def test_interrupted_it_puts_everything_back(dialect, at, step):
    def interrupt(line: ModemUnderTest) -> None:
        raise KeyboardInterrupt

    line = modem(dialect)
    before = settings(line)
    line.output.clear()
    outcome, _ = run(FaultyPort(line, at, interrupt), request(dialect))
    assert outcome.interrupted and (outcome.results[-1].step, outcome.results[-1].state) == (
        step,
        "interrupted",
    )
    assert outcome.as_found, outcome.restored
    line.run(120_000)
    line.output.clear()
    assert settings(line) == before


@pytest.mark.parametrize(("dialect", "use"), [("bg95", "AT+QIACT=1"), ("sim7600", "AT+NETOPEN")])
def test_a_data_connection_in_use_is_there_again(dialect, use):
    line = modem(dialect)
    line.send('AT+CGDCONT=1,"IP","mine"')
    assert line.send(use)[-1] == "OK"
    line.run(30_000)
    line.output.clear()
    outcome, _ = run(line, request(dialect))
    assert outcome.as_found, outcome.restored
    assert {"bg95": "PDP contexts in use", "sim7600": "network service"}[dialect] in outcome.restored.back


@pytest.mark.parametrize("dialect", DIALECTS)
def test_interrupted_while_down_it_wakes_the_modem(dialect):
    class Impatient(FaultyPort):
        def sleep_ms(self, ms):
            self._port.sleep_ms(ms)
            if ms == steps.PARKED_MS:
                raise KeyboardInterrupt

    outcome, _ = run(Impatient(modem(dialect), b"never", lambda line: None), request(dialect, key=True))
    assert outcome.interrupted and outcome.results[-1].step == "park"
    assert outcome.as_found, outcome.restored


@pytest.mark.parametrize(("dialect", "at"), [("bg95", b"+QMTSUB"), ("sim7600", b"+CMQTTSUB")])
def test_interrupted_while_connected_it_hangs_up(dialect, at, broker):
    def interrupt(line: ModemUnderTest) -> None:
        raise KeyboardInterrupt

    line = modem(dialect, broker)
    outcome, _ = run(FaultyPort(line, at, interrupt), request(dialect, broker.ca))
    assert outcome.interrupted and outcome.as_found, outcome.restored
    line.output.clear()
    if dialect == "bg95":
        assert line.send("AT+QMTOPEN?") == ["OK"]
    else:
        assert line.send('AT+CMQTTACCQ=0,"x",1')[-1] == "ERROR"


def test_settings_that_cannot_be_restored_are_named():
    line = modem("bg95")
    line.send("AT+CTZU=1")
    port = FaultyPort(line, b"+CTZU=1", lambda line: None)
    port.uart_write = lambda data: line.uart_write(bytes(data).replace(b"+CTZU=1", b"+CTZU=9"))  # type: ignore[method-assign]
    outcome, _ = run(port, request("bg95"))
    assert not outcome.as_found and outcome.restored.not_back.keys() == {"+CTZU"}
    assert outcome.restored.not_back["+CTZU"].startswith("AT+CTZU=1 was refused")


def test_interrupted_in_mid_scan_it_waits_for_the_modem():
    class Impatient(FaultyPort):
        def uart_readinto(self, buffer, timeout_ms):
            if self._count == 0:
                self._count = -1
                self._port.sleep_ms(3_000)
                raise KeyboardInterrupt
            return self._port.uart_readinto(buffer, timeout_ms)

    outcome, _ = run(Impatient(modem("bg95"), b"+COPS=?", lambda line: None), request("bg95"))
    assert outcome.interrupted and outcome.as_found, outcome.restored


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("at", "step"),
    [
        (b"+CGMR", "identity"),
        (b"+CPIN?", "sim"),
        (b"+COPS=?", "survey"),
        (b"+CFUN=4", "attach"),
        (b"GPS=1", "gnss"),
    ],
)
def test_a_step_reports_a_modem_that_hangs(dialect, at, step):
    outcome, _ = run(Hung(modem(dialect), at), request(dialect))
    assert outcome.bad and (outcome.bad.step, outcome.bad.state) == (step, "hangs")
    assert outcome.results[-1] is outcome.bad
    assert at.decode().lstrip("+") in outcome.bad.words
    assert not outcome.as_found and "does not answer" in outcome.restored.not_back["+CMEE"]


def test_a_modem_that_hangs_before_the_first_step():
    line = modem("bg95")
    with pytest.raises(BenchError, match="hangs at step settings"):
        run(Hung(line, b"+CGREG?"), request("bg95"))


def test_a_restart_in_mid_run_fails_its_step_only():
    line = modem("bg95")

    def cut(line: ModemUnderTest) -> None:
        line.simulated.rail(False)
        line.simulated.rail(True)
        line.press()
        line.run(4_000)

    outcome, _ = run(FaultyPort(line, b"+CFUN=4", cut), request("bg95"))
    states = {one.step: one.state for one in outcome.results}
    assert states["attach"] == "failed" and states["gnss"] == "ok"
    assert "restarted" in outcome.results[3].words
    assert outcome.as_found, outcome.restored


@pytest.mark.parametrize(("dialect", "poll"), [("bg95", b"+QGPSLOC"), ("sim7600", b"+CGNSSINFO")])
def test_a_restart_without_a_word_fails_its_step_only(dialect, poll):
    def cut(line: ModemUnderTest) -> None:
        line.simulated.rail(False)
        line.simulated.rail(True)
        line.press()
        line.run(20_000)
        line.output.clear()  # its boot messages are lost

    outcome, _ = run(Instead(modem(dialect), poll, cut), request(dialect))
    states = {one.step: (one.state, one.words) for one in outcome.results}
    assert states["gnss"][0] == "failed" and "but it answers again" in states["gnss"][1]
    assert states["sleep"][0] == "ok" and outcome.as_found, outcome.restored


def test_refusals_are_reported_with_their_cause():
    line = modem("bg95")
    line.air.causes = dict.fromkeys(("26201", "26202", "26203"), 11)
    outcome, _ = run(line, request("bg95"))
    by_step = {one.step: one for one in outcome.results}
    networks = by_step["survey"].found["networks"]
    assert {network["result"] for network in networks if network["plmn"] != 262_001} == {"denied"}
    assert by_step["attach"].state == "failed" and "cause 11, network not allowed" in by_step["attach"].words
    assert outcome.as_found, outcome.restored


def test_no_network_and_no_sky():
    line = modem("sim7600")
    line.air.audible, line.air.blocked = [], True
    outcome, _ = run(line, request("sim7600"))
    words = {one.step: one.words for one in outcome.results if one.state == "failed"}
    assert words.keys() == {"survey", "attach", "gnss"}
    assert "antenna" in words["survey"] and "no service" in words["attach"] and "no fix" in words["gnss"]
    assert words["gnss"].endswith(f"The last answer: +CGNSSINFO: {',' * 15} OK")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_broker_that_refuses(dialect, broker):
    outcome, text = run(modem(dialect, broker), request(dialect, broker.ca), password="wrong-one")
    failed = {one.step: one.words for one in outcome.results if one.state == "failed"}
    assert failed.keys() == {"mqtt"} and "refused" in failed["mqtt"]
    assert outcome.as_found, outcome.restored
    assert "wrong-one" not in text


@pytest.mark.parametrize(
    ("dialect", "at", "answer"),
    [("bg95", b"+QMTCONN=", b""), ("sim7600", b"+CMQTTCONNECT=", b"\r\n+CMQTTCONNECT: 0,3\r\n")],
)
def test_a_refused_sign_in_shows_no_password(dialect, at, answer, broker):
    port = Instead(modem(dialect, broker), at, answer + b"\r\nERROR\r\n")
    outcome, text = run(port, request(dialect, broker.ca))
    assert outcome.bad and outcome.bad.step == "mqtt" and "was refused" in outcome.bad.words
    shown = json.dumps(report.as_json(request(dialect), outcome)) + live.summary(outcome.bad) + text
    assert PASSWORD not in shown and "*" * len(PASSWORD) in outcome.bad.words


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("asked", [b"+CGMI", b"+CGMM", b"+CGMR", b"+CGSN"])
def test_an_unsolicited_line_is_not_the_identity(dialect, asked):
    stray = b'\r\n+CUSD: 0,"OK",15\r\n'
    port = FaultyPort(modem(dialect), asked, lambda line: line.output.extend(stray))
    outcome, _ = run(port, request(dialect))
    plain, _ = run(modem(dialect), request(dialect))
    assert outcome.results[0].found == plain.results[0].found


def refusing_gnss(times: int) -> Instead:
    """A modem whose kinds of start only prepare it, and that refuses so often to start."""
    port: Any = modem("sim7600")
    for kind in (b"+CGPSCOLD", b"+CGPSHOT"):
        port = Instead(port, kind, b"\r\nOK\r\n", 1_000)
    return Instead(port, b"+CGPS=1", b"\r\nERROR\r\n", times)


def test_a_modem_that_is_slow_to_stop_gnss_starts_it_again():
    gnss = run(refusing_gnss(9), request("sim7600"))[0].results[4]
    assert (gnss.state, gnss.words) == ("ok", "") and gnss.found["hot_s"] < 60


def test_gnss_that_does_not_start_is_no_question_of_the_antenna():
    gnss = run(refusing_gnss(1_000), request("sim7600"))[0].results[4]
    assert gnss.state == "failed" and gnss.words == "GNSS does not start: it was refused for 30 s"


def test_a_card_that_reports_no_number():
    port = Instead(modem("bg95"), b"+QCCID", b"\r\n+QCCID: 12345\r\n\r\nOK\r\n", 1_000)
    sim = run(port, request("bg95"))[0].results[1]
    assert sim.state == "failed" and "does not report its ICCID" in sim.words


def test_unsolicited_lines_come_where_the_bench_is():
    _, text = run(modem("bg95"), replace(request("bg95"), urc_port="usbat"))
    set_ports = [line for line in text.splitlines() if '"tx": "AT+QURCCFG' in line and ",\\" in line]
    assert "uart1" in set_ports[0] and "usbat" in set_ports[1]


@pytest.mark.parametrize("key", [False, True])
def test_psm_needs_a_power_key(key):
    _, text = run(modem("bg95"), request("bg95", key=key))
    assert ('"AT+CPSMS=0\\r"' in text.partition("1/sim")[0]) is not key


def test_rounds():
    outcome, _ = run(modem("bg95"), request("bg95", repeat=2))
    assert [(one.round, one.step) for one in outcome.results][11] == (2, "identity")
    content = report.as_json(request("bg95", repeat=2), outcome)
    assert content["ok"] and content["seconds_by_step"]["gnss"]["n"] == 2
    assert "| gnss | 2 |" in report.as_markdown(request("bg95", repeat=2), outcome, None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_identity_of_the_modem(dialect):
    line = modem(dialect)
    assert identify(Recorder(line)) == dialect


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_modem_that_answers_in_numbers_goes_on_doing_so(dialect):
    line = modem(dialect)
    line.simulated.receive(b"ATE0V0\r")
    line.run(1_000)
    line.output.clear()
    assert identify(Recorder(line)) == dialect
    assert form(line) == Form(echo=False, words=False)
    outcome, _ = run(line, request(dialect))
    assert outcome.as_found and outcome.restored.back["words"] == "0"
    line.run(1_000)
    line.output.clear()
    assert form(line) == Form(echo=False, words=False)


def test_settings_that_cannot_be_restored():
    sent = [
        "AT+CMEE=1\r",
        "AT+FOO=1\r",
        'AT+QCFG="bar",1\r',
        'AT+QCFG="band",1\r',
        "AT+CEREG?\r",
        "AT+FOO=2\r",
        "ATE0\r",
    ]
    assert unkept("bg95", sent) == ["AT+FOO=1", 'AT+QCFG="bar"', "AT+FOO=2"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("quirks", [(), ("no-refresh",), ("aid-only",)])
def test_a_profile_there_and_back(dialect, quirks, tmp_path):
    card = four_profiles(frozenset(quirks))
    line = ModemUnderTest(dialect, card=card)
    line.boot()
    line.run(120_000)
    line.output.clear()
    outcome, text = run(line, replace(request(dialect), switch=True))
    step = next(one for one in outcome.results if one.step == "switch")
    assert step.state == "ok", step.words
    assert step.found["profiles"] == 5 and step.found["route"] == "AT+CGLA"
    assert live.summary(step).startswith("AT+CGLA, by ")
    assert len(card.switches) == 2 and card.iccid == card.profiles[0].iccid
    replay(text, outcome, tmp_path)


def test_nothing_to_switch():
    line = modem("bg95")
    outcome, _ = run(line, replace(request("bg95"), switch=True))
    step = next(one for one in outcome.results if one.step == "switch")
    assert (step.state, step.words) == ("failed", "no eUICC, or the modem does not pass commands to it")
