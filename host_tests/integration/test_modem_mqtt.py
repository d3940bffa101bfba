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
    bench = ModemUnderTest("bg95", network)
    bench.boot()
    bench.until_registered()
    for command in ("ATE0", "AT+CMEE=1", 'AT+QICSGP=1,1,"iot","","",0', "AT+QIACT=1", *SSL_BG95):
        assert bench.send(command)[-1] == "OK", command
    bench.ask(f'AT+QFUPL="ca.pem",{len(ca)},60', ca)
    return bench


def sim7600(network: LockStepNetwork, ca: bytes, order="after") -> ModemUnderTest:
    """Registered, client acquired, TLS set up."""
    bench = ModemUnderTest("sim7600", network, urc_order=order)
    bench.boot()
    bench.until_registered()
    bench.ask(f'AT+CCERTDOWN="ca.pem",{len(ca)}', ca)
    for command in ("ATE0", *SSL_SIM7600, "AT+CMQTTSTART"):
        assert bench.send(command)[-1] == "OK", command
    bench.run(10_000)
    for command in ('AT+CMQTTACCQ=0,"lb-1",1', "AT+CMQTTSSLCFG=0,0"):
        assert bench.send(command)[-1] == "OK", command
    return bench


def outcome(bench: ModemUnderTest, command: str, prefix: str, limit_ms: int = 200_000) -> str:
    """Send a two-stage command of the BG95; the line that tells how it ended."""
    assert bench.send(command)[-1] == "OK"
    return bench.until(prefix, limit_ms)


def connected(bench: ModemUnderTest) -> ModemUnderTest:
    if bench.dialect == "bg95":
        assert outcome(bench, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,0"
        assert outcome(bench, 'AT+QMTCONN=0,"lb-1","lb-1","secret"', "+QMTCONN:") == "+QMTCONN: 0,0,0"
    else:
        assert connect(bench) == "+CMQTTCONNECT: 0,0"
    return bench


def connect(bench: ModemUnderTest, password: str = "secret", host: str = HOST) -> str:
    command = f'AT+CMQTTCONNECT=0,"tcp://{host}:8883",120,1,"lb-1","{password}"'
    bench.output.clear()
    bench.modem.receive(command.encode() + b"\r")
    return bench.until("+CMQTTCONNECT:")


def test_a_message_and_its_echo_on_the_bg95(broker):
    bench = connected(bg95(broker.network(reply=True), broker.ca))
    assert bench.send("AT+QMTOPEN?")[-2] == f'+QMTOPEN: 0,"{HOST}",8883'
    assert bench.send("AT+QMTCONN?")[-2] == "+QMTCONN: 0,3"
    assert outcome(bench, 'AT+QMTSUB=0,1,"a/b",0', "+QMTSUB:") == "+QMTSUB: 0,1,0,0"
    bench.ask('AT+QMTPUB=0,7,1,0,"a/b",6', b'OK\r\n"\xff', "+QMTPUB: 0,7,0")
    bench.run(10_000)
    assert b'\r\n+QMTRECV: 0,0,"a/b",6,"OK\r\n"\xff"\r\n' in bench.output
    assert outcome(bench, "AT+QMTDISC=0", "+QMTDISC:") == "+QMTDISC: 0,0"
    assert bench.send("AT+QMTDISC=0")[-1] == "+CME ERROR: 3"


def test_an_inline_message_on_the_bg95(broker):
    bench = connected(bg95(broker.network(reply=True), broker.ca))
    outcome(bench, 'AT+QMTSUB=0,1,"a/b",0', "+QMTSUB:")
    assert outcome(bench, 'AT+QMTPUBEX=0,3,1,0,"a/b","x, y; z"', "+QMTPUB:") == "+QMTPUB: 0,3,0"
    assert bench.until("+QMTRECV:", 10_000) == '+QMTRECV: 0,0,"a/b",7,"x, y; z"'
    assert bench.send(f'AT+QMTPUBEX=0,3,1,0,"a/b","{"x" * 561}"')[-1] == "+CME ERROR: 50"


def test_kept_messages_on_the_bg95(broker):
    bench = bg95(broker.network(reply=True), broker.ca)
    bench.send('AT+QMTCFG="recv/mode",0,1,1')
    connected(bench)
    outcome(bench, 'AT+QMTSUB=0,1,"a/b",0', "+QMTSUB:")
    bench.modem.receive(b'AT+QMTPUB=0,0,0,0,"a/b"\r')
    bench.run(100)
    bench.modem.receive(b"text\x1a")
    assert bench.until("+QMTRECV:", 10_000) == "+QMTRECV: 0,0"
    assert bench.send("AT+QMTRECV=0,0", '+QMTRECV: 0,0,"a/b",4,"text"')
    bench.run(100)
    assert bench.send("AT+QMTRECV=0,0") == ["OK"]


@pytest.mark.parametrize("order", ["after", "before"])
def test_a_message_and_its_echo_on_the_sim7600(broker, order):
    bench = sim7600(broker.network(reply=True), broker.ca, order)
    bench.send('AT+CMQTTCFG="checkUTF8",0,0')
    connected(bench)
    bench.ask("AT+CMQTTSUB=0,3,0", b"a/b", "+CMQTTSUB: 0,0")
    bench.ask("AT+CMQTTTOPIC=0,3", b"a/b")
    payload = b"OK\r\n" + bytes(range(256)) * 8
    bench.ask(f"AT+CMQTTPAYLOAD=0,{len(payload)}", payload)
    assert bench.send("AT+CMQTTPUB=0,1,60", "OK")[-1] == "OK"
    bench.run(10_000)
    parts = [b"\r\n+CMQTTRXPAYLOAD: 0,%d\r\n" % len(part) + part for part in (payload[:1500], payload[1500:])]
    whole = b"\r\n+CMQTTRXSTART: 0,3,2052\r\n\r\n+CMQTTRXTOPIC: 0,3\r\na/b\r\n"
    whole += b"\r\n".join(parts) + b"\r\n\r\n+CMQTTRXEND: 0\r\n"
    assert whole in bench.output
    bench.output.clear()
    bench.modem.receive(b"AT+CMQTTDISC=0,60\r")
    assert bench.until("+CMQTTDISC:") == "+CMQTTDISC: 0,0"
    bench.run(100)
    assert bench.send("AT+CMQTTREL=0")[-1] == "OK"
    bench.modem.receive(b"AT+CMQTTSTOP\r")
    assert bench.until("+CMQTTSTOP:") == "+CMQTTSTOP: 0"


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
        bench = sim7600(network, broker.ca, order)
        bench.lines.clear()
        connect(bench, host=host)
        bench.run(1_000)
        assert [text for _, way, text in bench.lines if way == "<"] == lines


def test_utf8_check_of_the_sim7600(broker):
    bench = connected(sim7600(broker.network(), broker.ca))
    bench.ask("AT+CMQTTPAYLOAD=0,2", b"\xa1\xff", "+CMQTTPAYLOAD: 0,2")
    bench.until("ERROR")
    bench.ask("AT+CMQTTPAYLOAD=0,2", b"ok")
    assert bench.send("AT+CMQTTPUB=0,1,60") == ["+CMQTTPUB: 0,18", "ERROR"]


def test_the_order_of_the_sim7600(broker):
    bench = connected(sim7600(broker.network(), broker.ca))
    assert bench.send("AT+CMQTTSTART") == ["+CMQTTSTART: 23", "ERROR"]
    assert bench.send('AT+CMQTTACCQ=0,"x",1') == ["+CMQTTACCQ: 0,19", "ERROR"]
    assert bench.send("AT+CMQTTREL=0") == ["+CMQTTREL: 0,21", "ERROR"]
    assert bench.send("AT+CMQTTSTOP") == ["+CMQTTSTOP: 21", "ERROR"]
    assert bench.send("AT+CMQTTSUB=1,3,0") == ["+CMQTTSUB: 1,20", "ERROR"]


def test_a_wrong_password(broker):
    bench = bg95(broker.network(), broker.ca)
    outcome(bench, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:")
    assert outcome(bench, 'AT+QMTCONN=0,"lb-1","lb-1","wrong"', "+QMTCONN:") == "+QMTCONN: 0,0,5"
    assert connect(sim7600(broker.network(), broker.ca), "wrong") == "+CMQTTCONNECT: 0,31"


def test_a_wrong_authority(broker, tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "AUTHORITY", certificates.AUTHORITY // 2)
    certificates.make(tmp_path / "other", HOST)
    other = (tmp_path / "other" / "ca.pem").read_bytes()
    bench = bg95(broker.network(), other)
    assert outcome(bench, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,-1"
    assert connect(sim7600(broker.network(), other)) == "+CMQTTCONNECT: 0,32"


def test_settings_of_tls_are_forgotten_after_a_failure_on_the_sim7600(broker):
    bench = sim7600(broker.network(), broker.ca)
    connect(bench, "wrong")
    assert connect(bench) == "+CMQTTCONNECT: 0,33"
    bench.send("AT+CMQTTSSLCFG=0,0")
    assert connect(bench) == "+CMQTTCONNECT: 0,0"


def test_no_authority_file(broker):
    bench = bg95(broker.network(), broker.ca)
    bench.send('AT+QSSLCFG="cacert",1,"other.pem"')
    assert outcome(bench, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,-1"


def test_an_unset_clock_fails_when_it_is_asked(broker):
    bench = bg95(broker.network(), broker.ca)
    assert bench.send("AT+QLTS")[-2] == '+QLTS: ""'  # AT+CTZU=0
    bench.send('AT+QSSLCFG="ignorelocaltime",1,0')
    assert outcome(bench, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,-1"


def test_the_broker_is_down(broker):
    network = LockStepNetwork({HOST: ("127.0.0.1", 1)})
    bench = bg95(network, broker.ca)
    assert outcome(bench, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,5"
    assert network.stalls == 0


def test_a_scripted_outage_takes_virtual_time_only(broker):
    network = LockStepNetwork({HOST: ("127.0.0.1", broker.port)}, reachable=lambda: False)
    bench = bg95(network, broker.ca)
    began = bench.now()
    assert outcome(bench, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,5"
    assert bench.now() - began >= 60_000 and network.stalls == 0


@pytest.mark.parametrize(("turns", "stalls"), [(3, 0), (1_000_000, 1)])
def test_an_agent_that_dies_while_its_answer_is_awaited(broker, turns, stalls, monkeypatch):
    monkeypatch.setattr("tools.modem.link.mqtt.STALL_S", 0.5)
    alive = iter(range(turns))
    address = ("127.0.0.1", broker.port)
    network = LockStepNetwork({HOST: address}, reply_expected=lambda: next(alive, None) is not None)
    bench = connected(bg95(network, broker.ca))
    bench.ask('AT+QMTPUB=0,1,1,0,"nobody",1', b"x", "+QMTPUB: 0,1,0")
    assert network.stalls == stalls


def test_barred_data(broker):
    bench = bg95(broker.network(), broker.ca)
    bench.air.barred = True
    passed = len(bench.air.traffic)
    assert outcome(bench, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,5"
    assert len(bench.air.traffic) == passed
    bench.air.barred = False
    connected(bench)
    assert len(bench.air.traffic) > passed


def test_no_context_no_connection(broker):
    bench = bg95(broker.network(), broker.ca)
    bench.send("AT+QIDEACT=1")
    assert outcome(bench, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,3"
    connected_twice = bg95(broker.network(), broker.ca)
    connected(connected_twice)
    assert outcome(connected_twice, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,2"


def test_coverage_lost_in_mid_conversation(broker):
    bench = connected(bg95(broker.network(), broker.ca))
    bench.air.audible = []
    bench.ask('AT+QMTPUB=0,1,1,0,"a",1', b"x")
    began = bench.now()
    assert [bench.until("+QMTPUB:") for _ in range(3)] == [f"+QMTPUB: 0,1,1,{i}" for i in (1, 2, 3)]
    assert bench.until("+QMTPUB:") == "+QMTPUB: 0,1,2"
    assert 10_000 < bench.now() - began < 25_000


def test_coverage_lost_before_the_login_and_before_the_subscription(broker):
    bench = bg95(broker.network(), broker.ca)
    assert outcome(bench, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:") == "+QMTOPEN: 0,0"
    bench.air.audible = []
    bench.send('AT+QMTCONN=0,"lb-1","lb-1","secret"')
    assert [bench.until("+QMTCONN:") for _ in range(4)] == 3 * ["+QMTCONN: 0,1"] + ["+QMTCONN: 0,2"]
    bench = connected(bg95(broker.network(), broker.ca))
    bench.air.audible = []
    bench.send('AT+QMTSUB=0,7,"a",1')
    results = [bench.until("+QMTSUB:") for _ in range(4)]
    assert results == [f"+QMTSUB: 0,7,1,{i}" for i in (1, 2, 3)] + ["+QMTSUB: 0,7,2"]


def test_the_broker_goes_away(tmp_path):
    mosquitto = start_mosquitto(tmp_path)
    benches = [
        connected(bg95(mosquitto.network(), mosquitto.ca)),
        connected(sim7600(mosquitto.network(), mosquitto.ca)),
    ]
    mosquitto.stop()
    bench = benches[0]
    bench.ask('AT+QMTPUB=0,1,1,0,"a",1', b"x")
    assert bench.until("+QMTSTAT:") == "+QMTSTAT: 0,1"
    bench = benches[1]
    bench.ask("AT+CMQTTTOPIC=0,1", b"a")
    bench.ask("AT+CMQTTPAYLOAD=0,1", b"x")
    bench.send("AT+CMQTTPUB=0,1,60")
    assert bench.until("+CMQTTCONNLOST:") == "+CMQTTCONNLOST: 0,1"


def test_bad_arguments_of_mqtt(broker):
    bench = connected(bg95(broker.network(), broker.ca))
    for command in (
        'AT+QMTPUB=0,0,1,0,"a",1',  # QoS 1 needs a message id
        'AT+QMTPUB=0,1,0,0,"a",1',  # QoS 0 must not have one
        'AT+QMTPUB=0,1,1,0,"a",4097',
        'AT+QMTSUB=0,0,"a",1',
        'AT+QMTOPEN=6,"a",1',
        'AT+QMTCFG="nosuch",0,1',
    ):
        assert bench.send(command)[-1] == "+CME ERROR: 50", command
    assert bench.send('AT+QMTPUB=1,1,1,0,"a",1')[-1] == "+CME ERROR: 3"


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_the_same_seed_gives_the_same_lines_at_the_same_time(dialect, broker):
    def transcript() -> list[tuple[int, str, str]]:
        set_up = bg95 if dialect == "bg95" else sim7600
        bench = connected(set_up(broker.network(), broker.ca))
        bench.run(60_000)
        return bench.lines

    assert transcript() == transcript()


def test_the_seed_matters():
    times = set()
    for seed in range(4):
        bench = ModemUnderTest("bg95", seed=seed, card=Card())
        bench.boot()
        bench.until_registered()
        times.add(bench.now())
    assert len(times) == 4


def test_a_will_is_published_when_the_modem_dies(broker):
    watcher = connected(bg95(broker.network(reply=True), broker.ca))
    outcome(watcher, 'AT+QMTSUB=0,1,"gone/#",0', "+QMTSUB:")
    dying = bg95(broker.network(), broker.ca)
    dying.send('AT+QMTCFG="will",0,1,1,0,"gone/b","bye"')
    outcome(dying, f'AT+QMTOPEN=0,"{HOST}",8883', "+QMTOPEN:")
    outcome(dying, 'AT+QMTCONN=0,"lb-2","lb-1","secret"', "+QMTCONN:")
    dying.modem.rail(False)
    other = sim7600(broker.network(), broker.ca)
    other.send("AT+CMQTTREL=0")
    other.send('AT+CMQTTACCQ=0,"lb-3",1')
    other.send("AT+CMQTTSSLCFG=0,0")
    assert other.send("AT+CMQTTWILLMSG=0,3,1") == ["+CMQTTWILLMSG: 0,18", "ERROR"]
    other.ask("AT+CMQTTWILLTOPIC=0,6", b"gone/s")
    other.ask("AT+CMQTTWILLMSG=0,3,1", b"adi")
    assert connect(other) == "+CMQTTCONNECT: 0,0"
    other.modem.rail(False)
    watcher.ask('AT+QMTPUB=0,7,1,0,"gone/x",1', b"x", "+QMTPUB: 0,7,0")
    watcher.run(10_000)
    watcher.ask('AT+QMTPUB=0,8,1,0,"gone/x",1', b"x", "+QMTPUB: 0,8,0")
    watcher.run(10_000)
    said = [text for _, _, text in watcher.lines if text.startswith("+QMTRECV")]
    assert any('"gone/b",3' in text for text in said) and any('"gone/s",3' in text for text in said)


def test_unsubscribed(broker):
    bench = connected(bg95(broker.network(reply=True), broker.ca))
    outcome(bench, 'AT+QMTSUB=0,1,"a/b",0', "+QMTSUB:")
    assert outcome(bench, 'AT+QMTUNS=0,2,"a/b"', "+QMTUNS:") == "+QMTUNS: 0,2,0"
    bench = connected(sim7600(broker.network(reply=True), broker.ca))
    bench.ask("AT+CMQTTSUB=0,3,0", b"a/b", "+CMQTTSUB: 0,0")
    bench.ask("AT+CMQTTUNSUB=0,3,0", b"a/b", "+CMQTTUNSUB: 0,0")
    bench.ask("AT+CMQTTUNSUBTOPIC=0,3", b"a/b")
    bench.send("AT+CMQTTUNSUB=0,0")
    bench.until("+CMQTTUNSUB: 0,0")


def test_lost_coverage_is_noticed_by_a_ping(broker):
    bench = connected(bg95(broker.network(), broker.ca))
    bench.air.audible = []
    began = bench.now()
    assert bench.until("+QMTSTAT:", 300_000) == "+QMTSTAT: 0,2"
    assert 100_000 < bench.now() - began < 140_000
    bench = connected(sim7600(broker.network(), broker.ca))
    bench.air.audible = []
    assert bench.until("+CMQTTPING:", 300_000) == "+CMQTTPING: 0,17"
    assert bench.until("+CMQTTNONET") == "+CMQTTNONET"
    assert bench.send("AT+CMQTTPUB=0,1,60") == ["+CMQTTPUB: 0,18", "ERROR"]
    bench.send("AT+CMQTTDISC=0,60")
    bench.until("+CMQTTDISC: 0,0")


def test_pings_keep_a_connection(broker):
    bench = connected(bg95(broker.network(), broker.ca))
    traffic = len(bench.air.traffic)
    bench.run(600_000)
    assert 3 <= len(bench.air.traffic) - traffic <= 5
    assert bench.send("AT+QMTCONN?")[-2] == "+QMTCONN: 0,3"


def test_a_context_that_ends_takes_the_connection_along(broker):
    bench = connected(sim7600(broker.network(), broker.ca))
    bench.send("AT+CFUN=4")
    lines = [text for _, _, text in bench.lines]
    assert "+CMQTTCONNLOST: 0,3" in lines and "+CMQTTNONET" in lines


def test_five_messages_in_flight(broker):
    bench = connected(bg95(broker.network(), broker.ca))
    bench.air.audible = []
    for message in range(1, 6):
        bench.ask(f'AT+QMTPUB=0,{message},1,0,"a",1', b"x")
    assert bench.send('AT+QMTPUB=0,6,1,0,"a",1')[-1] == "+CME ERROR: 3"
    for message in range(1, 6):
        bench.until(f"+QMTPUB: 0,{message},2")
