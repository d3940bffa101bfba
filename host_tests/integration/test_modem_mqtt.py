"""MQTT and TLS of both dialects on the line, against a real Mosquitto, and when something is wrong."""

from __future__ import annotations

import pytest

from host_tests.support.simulated_modem import HOST, ModemUnderTest, start_mosquitto
from tools.modem.card.card import Card
from tools.modem.link.mqtt import LockStepNetwork
from tools.world.services import certificates

SSL_BG95 = [
    'AT+QSSLCFG="sslversion",1,3',
    'AT+QSSLCFG="ciphersuite",1,0XFFFF',
    'AT+QSSLCFG="seclevel",1,1',
    'AT+QSSLCFG="cacert",1,"ca.pem"',
    'AT+QSSLCFG="ignorelocaltime",1,1',
    'AT+QMTCFG="version",0,4',
    'AT+QMTCFG="ssl",0,1,1',
    'AT+QMTCFG="recv/mode",0,0,1',
]
SSL_SIM7600 = [
    'AT+CSSLCFG="sslversion",0,4',
    'AT+CSSLCFG="authmode",0,1',
    'AT+CSSLCFG="cacert",0,"ca.pem"',
    'AT+CSSLCFG="enableSNI",0,1',
]


def bg95(network: LockStepNetwork, ca: bytes) -> ModemUnderTest:
    """Registered, context active, TLS set up."""
    modem = ModemUnderTest("bg95", network)
    modem.boot()
    modem.until_registered()
    for command in ("ATE0", "AT+CMEE=1", 'AT+QICSGP=1,1,"iot","","",0', "AT+QIACT=1", *SSL_BG95):
        assert modem.send(command)[-1] == "OK", command
    modem.ask(f'AT+QFUPL="ca.pem",{len(ca)},60', ca)
    return modem


def sim7600(network: LockStepNetwork, ca: bytes, order="after") -> ModemUnderTest:
    """Registered, client acquired, TLS set up."""
    modem = ModemUnderTest("sim7600", network, urc_order=order)
    modem.boot()
    modem.until_registered()
    modem.ask(f'AT+CCERTDOWN="ca.pem",{len(ca)}', ca)
    for command in ("ATE0", *SSL_SIM7600, "AT+CMQTTSTART"):
        assert modem.send(command)[-1] == "OK", command
    modem.run(10_000)
    for command in ('AT+CMQTTACCQ=0,"lb-1",1', "AT+CMQTTSSLCFG=0,0"):
        assert modem.send(command)[-1] == "OK", command
    return modem


def outcome(modem: ModemUnderTest, command: str, prefix: str, limit_ms: int = 200_000) -> str:
    """Send a two-stage command of the BG95; the line that reports how it ended."""
    assert modem.send(command)[-1] == "OK"
    return modem.until(prefix, limit_ms)


def connected(modem: ModemUnderTest) -> ModemUnderTest:
    if modem.dialect == "bg95":
        assert outcome(modem, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,0"
        assert outcome(modem, 'AT+QMTCONN=0,"lb-1","lb-1","secret"', "+QMTCONN:") == "+QMTCONN: 0,0,0"
    else:
        assert connect(modem) == "+CMQTTCONNECT: 0,0"
    return modem


def connect(modem: ModemUnderTest, password: str = "secret", host: str = HOST) -> str:
    command = f'AT+CMQTTCONNECT=0,"tcp://{host}:8883",120,1,"lb-1","{password}"'
    modem.output.clear()
    modem.simulated.receive(command.encode() + b"\r")
    return modem.until("+CMQTTCONNECT:")


def test_a_message_and_its_echo_on_the_bg95(broker):
    modem = connected(bg95(broker.network(reply=True), broker.ca))
    assert modem.send("AT+QMTOPEN?")[-2] == f'+QMTOPEN: 0,"{HOST}",8883'
    assert modem.send("AT+QMTCONN?")[-2] == "+QMTCONN: 0,3"
    assert outcome(modem, 'AT+QMTSUB=0,1,"a/b",0', "+QMTSUB:") == "+QMTSUB: 0,1,0,0"
    modem.ask('AT+QMTPUB=0,7,1,0,"a/b",6', b'OK\r\n"\xff', "+QMTPUB: 0,7,0")
    modem.run(10_000)
    assert b'\r\n+QMTRECV: 0,0,"a/b",6,"OK\r\n"\xff"\r\n' in modem.output
    assert outcome(modem, "AT+QMTDISC=0", "+QMTDISC:") == "+QMTDISC: 0,0"
    assert modem.send("AT+QMTDISC=0")[-1] == "+CME ERROR: 3"


def test_an_inline_message_on_the_bg95(broker):
    modem = connected(bg95(broker.network(reply=True), broker.ca))
    outcome(modem, 'AT+QMTSUB=0,1,"a/b",0', "+QMTSUB:")
    assert outcome(modem, 'AT+QMTPUBEX=0,3,1,0,"a/b","x, y; z"', "+QMTPUB:") == "+QMTPUB: 0,3,0"
    assert modem.until("+QMTRECV:", 10_000) == '+QMTRECV: 0,0,"a/b",7,"x, y; z"'
    assert modem.send(f'AT+QMTPUBEX=0,3,1,0,"a/b","{"x" * 561}"')[-1] == "+CME ERROR: 50"


def test_kept_messages_on_the_bg95(broker):
    modem = bg95(broker.network(reply=True), broker.ca)
    modem.send('AT+QMTCFG="recv/mode",0,1,1')
    connected(modem)
    outcome(modem, 'AT+QMTSUB=0,1,"a/b",0', "+QMTSUB:")
    modem.simulated.receive(b'AT+QMTPUB=0,0,0,0,"a/b"\r')
    modem.run(100)
    modem.simulated.receive(b"text\x1a")
    assert modem.until("+QMTRECV:", 10_000) == "+QMTRECV: 0,0"
    assert modem.send("AT+QMTRECV=0,0", '+QMTRECV: 0,0,"a/b",4,"text"')
    modem.run(100)
    assert modem.send("AT+QMTRECV=0,0") == ["OK"]


@pytest.mark.parametrize("order", ["after", "before"])
def test_a_message_and_its_echo_on_the_sim7600(broker, order):
    modem = sim7600(broker.network(reply=True), broker.ca, order)
    modem.send('AT+CMQTTCFG="checkUTF8",0,0')
    connected(modem)
    modem.ask("AT+CMQTTSUB=0,3,0", b"a/b", "+CMQTTSUB: 0,0")
    modem.ask("AT+CMQTTTOPIC=0,3", b"a/b")
    payload = b"OK\r\n" + bytes(range(256)) * 8
    modem.ask(f"AT+CMQTTPAYLOAD=0,{len(payload)}", payload)
    assert modem.send("AT+CMQTTPUB=0,1,60", "OK")[-1] == "OK"
    modem.run(10_000)
    parts = [b"\r\n+CMQTTRXPAYLOAD: 0,%d\r\n" % len(part) + part for part in (payload[:1500], payload[1500:])]
    whole = b"\r\n+CMQTTRXSTART: 0,3,2052\r\n\r\n+CMQTTRXTOPIC: 0,3\r\na/b\r\n"
    whole += b"\r\n".join(parts) + b"\r\n\r\n+CMQTTRXEND: 0\r\n"
    assert whole in modem.output
    modem.output.clear()
    modem.simulated.receive(b"AT+CMQTTDISC=0,60\r")
    assert modem.until("+CMQTTDISC:") == "+CMQTTDISC: 0,0"
    modem.run(100)
    assert modem.send("AT+CMQTTREL=0")[-1] == "OK"
    modem.simulated.receive(b"AT+CMQTTSTOP\r")
    assert modem.until("+CMQTTSTOP:") == "+CMQTTSTOP: 0"


def test_orders_of_an_outcome(broker):
    """After OK, before OK, and before ERROR."""
    for order, host, lines in (
        ("after", HOST, ["OK", "+CMQTTCONNECT: 0,0"]),
        ("before", HOST, ["+CMQTTCONNECT: 0,0", "OK"]),
        ("after", "other.example", ["OK", "+CMQTTCONNECT: 0,3"]),
        ("before", "other.example", ["+CMQTTCONNECT: 0,3", "ERROR"]),
    ):
        there, nowhere = ("127.0.0.1", broker.port), ("127.0.0.1", 1)
        network = LockStepNetwork({HOST: there, "other.example": nowhere}, reply_expected=lambda: False)
        modem = sim7600(network, broker.ca, order)
        modem.lines.clear()
        connect(modem, host=host)
        modem.run(1_000)
        assert [text for _, way, text in modem.lines if way == "<"] == lines


def test_utf8_check_of_the_sim7600(broker):
    modem = connected(sim7600(broker.network(), broker.ca))
    modem.ask("AT+CMQTTPAYLOAD=0,2", b"\xa1\xff", "+CMQTTPAYLOAD: 0,2")
    modem.until("ERROR")
    modem.ask("AT+CMQTTPAYLOAD=0,2", b"ok")
    assert modem.send("AT+CMQTTPUB=0,1,60") == ["+CMQTTPUB: 0,18", "ERROR"]


def test_the_order_of_the_sim7600(broker):
    modem = connected(sim7600(broker.network(), broker.ca))
    assert modem.send("AT+CMQTTSTART") == ["+CMQTTSTART: 23", "ERROR"]
    assert modem.send('AT+CMQTTACCQ=0,"x",1') == ["+CMQTTACCQ: 0,19", "ERROR"]
    assert modem.send("AT+CMQTTREL=0") == ["+CMQTTREL: 0,21", "ERROR"]
    assert modem.send("AT+CMQTTSTOP") == ["+CMQTTSTOP: 21", "ERROR"]
    assert modem.send("AT+CMQTTSUB=1,3,0") == ["+CMQTTSUB: 1,20", "ERROR"]


def test_a_wrong_password(broker):
    modem = bg95(broker.network(), broker.ca)
    outcome(modem, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:")
    assert outcome(modem, 'AT+QMTCONN=0,"lb-1","lb-1","wrong"', "+QMTCONN:") == "+QMTCONN: 0,0,5"
    assert connect(sim7600(broker.network(), broker.ca), "wrong") == "+CMQTTCONNECT: 0,31"


def test_a_wrong_authority(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "AUTHORITY", certificates.AUTHORITY // 2)
    certificates.make(tmp_path / "other", HOST)
    other = (tmp_path / "other" / "ca.pem").read_bytes()
    modem = bg95(broker.network(), other)
    assert outcome(modem, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,-1"
    assert connect(sim7600(broker.network(), other)) == "+CMQTTCONNECT: 0,32"


def test_settings_of_tls_are_forgotten_after_a_failure_on_the_sim7600(broker):
    modem = sim7600(broker.network(), broker.ca)
    connect(modem, "wrong")
    assert connect(modem) == "+CMQTTCONNECT: 0,33"
    modem.send("AT+CMQTTSSLCFG=0,0")
    assert connect(modem) == "+CMQTTCONNECT: 0,0"


def test_no_authority_file(broker):
    modem = bg95(broker.network(), broker.ca)
    modem.send('AT+QSSLCFG="cacert",1,"other.pem"')
    assert outcome(modem, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,-1"


def test_an_unset_clock_fails_when_it_is_asked(broker):
    modem = bg95(broker.network(), broker.ca)
    assert modem.send("AT+QLTS")[-2] == '+QLTS: ""'  # AT+CTZU=0
    modem.send('AT+QSSLCFG="ignorelocaltime",1,0')
    assert outcome(modem, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,-1"


def test_the_broker_is_down(broker):
    network = LockStepNetwork({HOST: ("127.0.0.1", 1)})
    modem = bg95(network, broker.ca)
    assert outcome(modem, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,5"
    assert network.stalls == 0


def test_a_scripted_outage_takes_virtual_time_only(broker):
    network = LockStepNetwork({HOST: ("127.0.0.1", broker.port)}, reachable=lambda: False)
    modem = bg95(network, broker.ca)
    began = modem.now()
    assert outcome(modem, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,5"
    assert modem.now() - began >= 60_000 and network.stalls == 0


@pytest.mark.parametrize(("turns", "stalls"), [(3, 0), (1_000_000, 1)])
def test_an_agent_that_crashes_while_its_answer_is_awaited(broker, turns, stalls, monkeypatch):
    monkeypatch.setattr("tools.modem.link.mqtt.STALL_S", 0.5)
    alive = iter(range(turns))
    address = ("127.0.0.1", broker.port)
    network = LockStepNetwork({HOST: address}, reply_expected=lambda: next(alive, None) is not None)
    modem = connected(bg95(network, broker.ca))
    modem.ask('AT+QMTPUB=0,1,1,0,"nobody",1', b"x", "+QMTPUB: 0,1,0")
    assert network.stalls == stalls


def test_barred_data(broker):
    modem = bg95(broker.network(), broker.ca)
    modem.air.barred = True
    passed = len(modem.air.traffic)
    assert outcome(modem, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,5"
    assert len(modem.air.traffic) == passed
    modem.air.barred = False
    connected(modem)
    assert len(modem.air.traffic) > passed


def test_no_context_no_connection(broker):
    modem = bg95(broker.network(), broker.ca)
    modem.send("AT+QIDEACT=1")
    assert outcome(modem, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,3"
    connected_twice = bg95(broker.network(), broker.ca)
    connected(connected_twice)
    assert outcome(connected_twice, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,2"


def test_coverage_lost_in_mid_session(broker):
    modem = connected(bg95(broker.network(), broker.ca))
    modem.air.audible = []
    modem.ask('AT+QMTPUB=0,1,1,0,"a",1', b"x")
    began = modem.now()
    assert [modem.until("+QMTPUB:") for _ in range(3)] == [f"+QMTPUB: 0,1,1,{i}" for i in (1, 2, 3)]
    assert modem.until("+QMTPUB:") == "+QMTPUB: 0,1,2"
    assert 10_000 < modem.now() - began < 25_000


def test_coverage_lost_before_the_login_and_before_the_subscription(broker):
    modem = bg95(broker.network(), broker.ca)
    assert outcome(modem, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,0"
    modem.air.audible = []
    modem.send('AT+QMTCONN=0,"lb-1","lb-1","secret"')
    assert [modem.until("+QMTCONN:") for _ in range(4)] == 3 * ["+QMTCONN: 0,1"] + ["+QMTCONN: 0,2"]
    modem = connected(bg95(broker.network(), broker.ca))
    modem.air.audible = []
    modem.send('AT+QMTSUB=0,7,"a",1')
    results = [modem.until("+QMTSUB:") for _ in range(4)]
    assert results == [f"+QMTSUB: 0,7,1,{i}" for i in (1, 2, 3)] + ["+QMTSUB: 0,7,2"]


def test_the_broker_goes_away(tmp_path):
    mosquitto = start_mosquitto(tmp_path)
    modems = [
        connected(bg95(mosquitto.network(), mosquitto.ca)),
        connected(sim7600(mosquitto.network(), mosquitto.ca)),
    ]
    mosquitto.stop()
    modem = modems[0]
    modem.ask('AT+QMTPUB=0,1,1,0,"a",1', b"x")
    assert modem.until("+QMTSTAT:") == "+QMTSTAT: 0,1"
    modem = modems[1]
    modem.ask("AT+CMQTTTOPIC=0,1", b"a")
    modem.ask("AT+CMQTTPAYLOAD=0,1", b"x")
    modem.send("AT+CMQTTPUB=0,1,60")
    assert modem.until("+CMQTTCONNLOST:") == "+CMQTTCONNLOST: 0,1"


def test_bad_arguments_of_mqtt(broker):
    modem = connected(bg95(broker.network(), broker.ca))
    for command in (
        'AT+QMTPUB=0,0,1,0,"a",1',  # QoS 1 needs a message id
        'AT+QMTPUB=0,1,0,0,"a",1',  # QoS 0 must not have one
        'AT+QMTPUB=0,1,1,0,"a",4097',
        'AT+QMTSUB=0,0,"a",1',
        'AT+QMTOPEN=6,"a",1',
        'AT+QMTCFG="nosuch",0,1',
    ):
        assert modem.send(command)[-1] == "+CME ERROR: 50", command
    assert modem.send('AT+QMTPUB=1,1,1,0,"a",1')[-1] == "+CME ERROR: 3"


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_the_same_seed_gives_the_same_lines_at_the_same_time(dialect, broker):
    def transcript() -> list[tuple[int, str, str]]:
        set_up = bg95 if dialect == "bg95" else sim7600
        modem = connected(set_up(broker.network(), broker.ca))
        modem.run(60_000)
        return modem.lines

    assert transcript() == transcript()


def test_the_seed_matters():
    times = set()
    for seed in range(4):
        modem = ModemUnderTest("bg95", seed=seed, card=Card())
        modem.boot()
        modem.until_registered()
        times.add(modem.now())
    assert len(times) == 4


def test_a_will_is_published_when_the_modem_loses_power(broker):
    watcher = connected(bg95(broker.network(reply=True), broker.ca))
    outcome(watcher, 'AT+QMTSUB=0,1,"gone/#",0', "+QMTSUB:")
    dying = bg95(broker.network(), broker.ca)
    dying.send('AT+QMTCFG="will",0,1,1,0,"gone/b","bye"')
    outcome(dying, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:")
    outcome(dying, 'AT+QMTCONN=0,"lb-2","lb-1","secret"', "+QMTCONN:")
    dying.simulated.rail(False)
    other = sim7600(broker.network(), broker.ca)
    other.send("AT+CMQTTREL=0")
    other.send('AT+CMQTTACCQ=0,"lb-3",1')
    other.send("AT+CMQTTSSLCFG=0,0")
    assert other.send("AT+CMQTTWILLMSG=0,3,1") == ["+CMQTTWILLMSG: 0,18", "ERROR"]
    other.ask("AT+CMQTTWILLTOPIC=0,6", b"gone/s")
    other.ask("AT+CMQTTWILLMSG=0,3,1", b"adi")
    assert connect(other) == "+CMQTTCONNECT: 0,0"
    other.simulated.rail(False)
    watcher.ask('AT+QMTPUB=0,7,1,0,"gone/x",1', b"x", "+QMTPUB: 0,7,0")
    watcher.run(10_000)
    watcher.ask('AT+QMTPUB=0,8,1,0,"gone/x",1', b"x", "+QMTPUB: 0,8,0")
    watcher.run(10_000)
    said = [text for _, _, text in watcher.lines if text.startswith("+QMTRECV")]
    assert any('"gone/b",3' in text for text in said) and any('"gone/s",3' in text for text in said)


def test_unsubscribed(broker):
    modem = connected(bg95(broker.network(reply=True), broker.ca))
    outcome(modem, 'AT+QMTSUB=0,1,"a/b",0', "+QMTSUB:")
    assert outcome(modem, 'AT+QMTUNS=0,2,"a/b"', "+QMTUNS:") == "+QMTUNS: 0,2,0"
    modem = connected(sim7600(broker.network(reply=True), broker.ca))
    modem.ask("AT+CMQTTSUB=0,3,0", b"a/b", "+CMQTTSUB: 0,0")
    modem.ask("AT+CMQTTUNSUB=0,3,0", b"a/b", "+CMQTTUNSUB: 0,0")
    modem.ask("AT+CMQTTUNSUBTOPIC=0,3", b"a/b")
    modem.send("AT+CMQTTUNSUB=0,0")
    modem.until("+CMQTTUNSUB: 0,0")


def test_lost_coverage_is_noticed_by_a_ping(broker):
    modem = connected(bg95(broker.network(), broker.ca))
    modem.air.audible = []
    began = modem.now()
    assert modem.until("+QMTSTAT:", 300_000) == "+QMTSTAT: 0,2"
    assert 100_000 < modem.now() - began < 140_000
    modem = connected(sim7600(broker.network(), broker.ca))
    modem.air.audible = []
    assert modem.until("+CMQTTPING:", 300_000) == "+CMQTTPING: 0,17"
    assert modem.until("+CMQTTNONET") == "+CMQTTNONET"
    assert modem.send("AT+CMQTTPUB=0,1,60") == ["+CMQTTPUB: 0,18", "ERROR"]
    modem.send("AT+CMQTTDISC=0,60")
    modem.until("+CMQTTDISC: 0,0")


def test_pings_keep_a_connection(broker):
    modem = connected(bg95(broker.network(), broker.ca))
    traffic = len(modem.air.traffic)
    modem.run(600_000)
    assert 3 <= len(modem.air.traffic) - traffic <= 5
    assert modem.send("AT+QMTCONN?")[-2] == "+QMTCONN: 0,3"


def test_a_context_that_ends_takes_the_connection_along(broker):
    modem = connected(sim7600(broker.network(), broker.ca))
    modem.send("AT+CFUN=4")
    lines = [text for _, _, text in modem.lines]
    assert "+CMQTTCONNLOST: 0,3" in lines and "+CMQTTNONET" in lines


def test_five_messages_in_flight(broker):
    modem = connected(bg95(broker.network(), broker.ca))
    modem.air.audible = []
    for message in range(1, 6):
        modem.ask(f'AT+QMTPUB=0,{message},1,0,"a",1', b"x")
    assert modem.send('AT+QMTPUB=0,6,1,0,"a",1')[-1] == "+CME ERROR: 3"
    for message in range(1, 6):
        modem.until(f"+QMTPUB: 0,{message},2")
