"""The firmware's own drivers against the simulated modem and a real broker: whole wakes."""

from __future__ import annotations

import threading
import types
from collections.abc import Iterator
from dataclasses import replace

import paho.mqtt.client as mqtt
import pytest
from locator.modem import DENIED, NO_SERVICE, REGISTERED, ModemRestarted, edrx, make, survey
from locator.scheduler.budget import spread_s
from locator.scheduler.regions import region
from locator.state import PHASE
from paho.mqtt.enums import CallbackAPIVersion

from host_tests.support.simulated_modem import HOST, START_UTC_S, ModemUnderTest, Mosquitto

EPOCH_2000_S = 946_684_800


@pytest.fixture
def echo(broker: Mosquitto) -> Iterator[list[bytes]]:
    """A stand-in for the agent: sends back what comes, with bytes that look like the modem's own."""
    seen: list[bytes] = []
    ready = threading.Event()

    def answer(client, _data, message):
        seen.append(message.payload)
        client.publish("landbridge/lb-1/down", b"OK\r\n\x00\xff" + message.payload)

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("lb-1", "secret")
    client.tls_set(str(broker.folder / "ca.pem"))
    client.on_message = answer
    client.on_subscribe = lambda *_: ready.set()
    client.connect("localhost", broker.port)
    client.subscribe("landbridge/lb-1/up", 1)
    client.loop_start()
    assert ready.wait(5)
    yield seen
    client.disconnect()
    client.loop_stop()


def driver(bench: ModemUnderTest):
    return make(types.SimpleNamespace(MODEM=bench.dialect, apn=b"iot"), bench)


def talk(modem, ca: bytes, payload: bytes):
    modem.mqtt_open(HOST.encode(), 8883, b"lb-1", b"secret", ca)
    modem.mqtt_subscribe(b"landbridge/lb-1/down")
    modem.mqtt_publish(b"landbridge/lb-1/up", payload)
    reply = modem.mqtt_receive(10_000)
    modem.mqtt_close()
    return reply


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
@pytest.mark.parametrize("order", ["after", "before"])
def test_a_whole_wake(dialect, order, broker, echo):
    bench = ModemUnderTest(dialect, broker.network(reply=True), urc_order=order)
    modem = driver(bench)
    modem.start(True, True)
    assert modem.attach(120, 120, 0) == (REGISTERED, 0)
    cell = modem.cell()
    assert cell.plmn // 1000 == 262
    payload = bytes(range(256)) * 5
    assert talk(modem, broker.ca, payload) == b"OK\r\n\x00\xff" + payload
    assert echo == [payload]
    modem.gnss_start(False)
    fix = None
    for _ in range(120):
        bench.sleep_ms(1000)
        fix = modem.gnss_poll()
        if fix:
            break
    assert fix and abs(fix.lat - 5_143_000) < 40 and abs(fix.lon - 678_000) < 60
    assert abs(fix.time + EPOCH_2000_S - START_UTC_S - bench.ticks_ms() / 1000) <= 1.5
    assert len(bench.air.fixes) == 1
    modem.gnss_stop()
    assert modem.identity()[1:3] == ("8931440400012345678", "204046612345678")
    assert modem.stop(False) is False
    assert bench.states[-1][2] == "off"


FIELD = ["cgsn-prefix", "cme-words", "double-final", "rdy-twice", "sim-busy"]


@pytest.mark.parametrize(
    ("dialect", "variants"),
    [
        ("bg95", [*FIELD, "stale-end"]),
        ("sim7600", [*FIELD, "course-empty"]),
        ("sim7600", [*FIELD, "speed-empty"]),
    ],
)
def test_a_whole_wake_with_firmware_of_the_field(dialect, variants, broker, echo):
    bench = ModemUnderTest(dialect, broker.network(reply=True), variants=variants)
    modem = driver(bench)
    modem.start(True, True)
    began = bench.ticks_ms()
    modem.await_card()
    assert bench.ticks_ms() - began > 15_000
    assert modem.attach(120, 120, 0) == (REGISTERED, 0)
    assert talk(modem, broker.ca, b"payload") == b"OK\r\n\x00\xffpayload"
    modem.gnss_start(False)
    fixes = []
    for _ in range(180):
        bench.sleep_ms(1000)
        fixes.append(modem.gnss_poll())
    assert all(fixes[-60:]) and {fix.speed for fix in fixes[-60:]} <= {0, 1, 2}
    modem.gnss_stop()
    imei, iccid, imsi, _ = modem.identity()
    assert len(imei) == 15 and (iccid, imsi) == ("8931440400012345678", "204046612345678")
    modem.stop(False)


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_restart_whose_first_line_was_lost_is_noticed(dialect, broker):
    bench, modem = registered(dialect, broker)
    bench.modem.restart()
    while b"RDY" not in bench.output:
        bench.run(100)
    bench.output.clear()
    bench.run(20_000)
    with pytest.raises(ModemRestarted):
        for _ in range(2):
            modem.cell()


def registered(dialect, broker: Mosquitto):
    """A bench and its driver, started and registered."""
    bench = ModemUnderTest(dialect, broker.network(reply=True))
    modem = driver(bench)
    modem.start(True, True)
    assert modem.attach(200, 200, 0) == (REGISTERED, 0)
    return bench, modem


def test_parked_in_psm_between_two_wakes(broker, echo):
    bench, modem = registered("bg95", broker)
    talk(modem, broker.ca, b"one")
    assert modem.stop(True) is True
    assert bench.states[-1][2] == "psm"
    bench.run(3_600_000)
    bench.output.clear()
    modem = driver(bench)
    modem.start(True, False)
    assert modem.attach(50, 50, 0) == (REGISTERED, 0)
    talk(modem, broker.ca, b"two")
    assert echo == [b"one", b"two"]
    assert len(bench.air.registrations) == 1
    assert modem.stop(True) is True


def test_the_modem_never_wakes_by_itself_between_two_reports(broker, echo):
    _, modem = registered("bg95", broker)
    psm = modem.channel.command(b"+QPSMS?", 1000, b"+QPSMS:")[0]
    tau_s, active_s = (int(text.strip(b'"')) for text in psm.split(b",")[-2:])
    longest_s = spread_s({PHASE: 255}, 86_400)
    assert tau_s > longest_s * 17 // 16 and active_s == 120


def test_edrx_is_granted_as_asked_for_and_off_otherwise(broker, echo):
    _, modem = registered("bg95", broker)
    assert edrx.granted_ms(modem) == 0
    edrx.request(modem, True)
    assert edrx.granted_ms(modem) == 20_480
    edrx.request(modem, False)
    assert edrx.granted_ms(modem) == 0


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_no_service(dialect):
    bench = ModemUnderTest(dialect)
    bench.air.audible = []
    modem = driver(bench)
    modem.start(True, True)
    assert modem.attach(20, 300, 0) == (NO_SERVICE, 0)
    assert modem.cell() is None
    modem.stop(False)


def test_refused_with_the_cause():
    bench = ModemUnderTest("bg95")
    bench.air.causes = dict.fromkeys(("26201", "26202", "26203"), 11)
    modem = driver(bench)
    modem.start(True, True)
    assert modem.attach(100, 100, 0) == (DENIED, 11)
    assert modem.cell()  # limited service


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_q17_a_scan_and_one_of_the_operators_heard(dialect):
    bench = ModemUnderTest(dialect)
    bench.card.forbid("26203")
    modem = driver(bench)
    modem.start(True, True)
    heard = survey.scan(modem)
    assert {plmn: status for status, plmn, _ in heard} == {262_001: 1, 262_002: 1, 262_003: 3}
    assert bench.air.registrations == []
    states = [state for _, part, state in bench.states if part == "modem"]
    assert bench.time_in("modem")["search"] >= 30_000 and states[-1] == "idle"
    assert survey.choose(heard, 262_001, 0) == 262_002
    assert modem.attach(180, 180, 262_002) == (REGISTERED, 0)
    assert bench.air.registrations == ["26202"]
    assert modem.attach(180, 180, 0) == (REGISTERED, 0)
    assert modem.channel.command(b"+COPS?", 1000, b"+COPS:")[0][:1] == b"0"


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_q17_a_byte_aborts_the_scan_of_the_sim7600_alone(dialect):
    bench = ModemUnderTest(dialect)
    modem = driver(bench)
    modem.start(True, True)
    modem.await_card()
    assert bench.send("AT+COPS=2")[-1] == "OK"
    bench.output.clear()
    bench.modem.receive(b"AT+COPS=?\r")
    bench.run(10_000)
    bench.modem.receive(b"AT\r")
    bench.until("ERROR" if dialect == "sim7600" else "+COPS: (")


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_choice_by_hand_that_the_network_refuses(dialect):
    bench = ModemUnderTest(dialect)
    bench.air.causes = {"26202": 11}
    modem = driver(bench)
    modem.start(True, True)
    survey.scan(modem)
    began_ms = bench.ticks_ms()
    assert modem.attach(180, 300, 262_002) == (DENIED, 11)
    assert bench.ticks_ms() - began_ms < 100_000
    assert modem.attach(180, 300, 0) == (REGISTERED, 0)


@pytest.mark.parametrize(("rat", "names"), [("emtc", {b"eMTC"}), ("gsm", {b"GSM"})])
def test_neighbour_cells(rat, names):
    bench = ModemUnderTest("bg95")
    first = next(cell for cell in bench.air.cells() if cell.rat == rat)
    near = [
        replace(first, pci=first.pci + i, earfcn=first.earfcn + i % 2, rsrp_dbm=-90 - i) for i in range(1, 4)
    ]
    bench.air.audible = [first, *near]
    modem = driver(bench)
    modem.start(True, True)
    assert modem.attach(180, 180, 0) == (REGISTERED, 0)
    cells = survey.neighbours(modem)
    assert {cell[0] for cell in cells} == names
    assert [(cell[2], cell[4]) for cell in cells] == [(each.earfcn, each.rsrp_dbm) for each in near]
    assert all(cell[1] == (262_001 if rat == "gsm" else 0) for cell in cells)


def test_a_modem_without_neighbour_cells_says_so():
    bench = ModemUnderTest("sim7600")
    modem = driver(bench)
    modem.start(True, True)
    assert survey.neighbours(modem) is None


def test_a_refusal_while_gnss_had_the_receiver_is_told_afterwards(broker, echo):
    bench, modem = registered("bg95", broker)
    modem.gnss_start(False)
    bench.run(60_000)
    bench.air.causes = dict.fromkeys(("26201", "26202", "26203"), 6)
    modem.gnss_stop()
    assert modem.serves(6_000) == (False, 6)


def test_registered_again_soon_after_gnss(broker, echo):
    bench, modem = registered("bg95", broker)
    modem.gnss_start(False)
    bench.run(60_000)
    modem.gnss_stop()
    assert modem.serves(0) == (False, 0)
    assert modem.serves(6_000) == (True, 0)
    assert modem.psm_granted()


def test_off_gsm_only_when_the_search_is_set_anew():
    bench = ModemUnderTest("bg95")
    modem, everything = driver(bench), bench.air.audible
    modem.start(True, True)
    modem.prefer(region(262), False)
    bench.air.audible = [cell for cell in everything if cell.rat == "gsm"]
    assert modem.attach(180, 0, 0) == (REGISTERED, 0)
    bench.air.audible = everything
    modem.stop(False)
    modem.start(True, False)
    assert modem.attach(180, 0, 0) == (REGISTERED, 0)
    assert modem.cell().worth == modem.cell().rsrp - 14  # it began with what served last
    modem.prefer(region(262), False)
    assert modem.attach(180, 0, 0) == (REGISTERED, 0)
    assert modem.cell().worth == modem.cell().rsrp - 14
    modem.prefer(region(262), True)
    assert modem.attach(180, 0, 0) == (REGISTERED, 0)
    assert modem.cell().worth == modem.cell().rsrp


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_held_to_one_operator(dialect):
    bench = ModemUnderTest(dialect)
    modem = driver(bench)
    modem.start(True, True)
    assert modem.attach(100, 100, 262_002) == (REGISTERED, 0)
    assert bench.air.registrations[-1] == "26202"
    assert modem.cell().plmn == 262_002


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_goes_on_after_a_reset_of_the_device_alone(dialect, broker, echo):
    bench, modem = registered(dialect, broker)
    modem.mqtt_open(HOST.encode(), 8883, b"lb-1", b"secret", broker.ca)
    bench.output.clear()
    modem = driver(bench)
    modem.start(False, False)
    assert modem.attach(50, 50, 0) == (REGISTERED, 0)
    assert talk(modem, broker.ca, b"again")
    assert echo == [b"again"]


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
@pytest.mark.parametrize("leads_in", ["ATD*99***1#", "AT+CMUX=0"])
def test_q11_out_of_a_call_or_a_multiplexer_without_the_power_key(dialect, leads_in):
    bench = ModemUnderTest(dialect)
    modem = driver(bench)
    modem.start(True, True)
    assert modem.attach(200, 200, 0) == (REGISTERED, 0)
    assert bench.send('AT+CGDCONT=1,"IP","iot"')[-1] == "OK"
    bench.output.clear()
    bench.modem.receive(leads_in.encode() + b"\r")
    bench.run(3_000)
    assert (b"CONNECT" if leads_in.startswith("ATD") else b"OK") in bytes(bench.output)
    bench.output.clear()
    modem = driver(bench)
    modem.start(False, False)
    assert modem.attach(50, 50, 0) == (REGISTERED, 0)
    assert "off" not in [state for _, part, state in bench.states[1:] if part == "modem"]


@pytest.mark.parametrize(("dialect", "sleep"), [("bg95", "AT+QSCLK=1"), ("sim7600", "AT+CSCLK=1")])
def test_q48_the_first_byte_after_a_dtr_wake_is_lost(dialect, sleep):
    bench = ModemUnderTest(dialect)
    modem = driver(bench)
    modem.start(True, True)
    assert modem.attach(200, 200, 0) == (REGISTERED, 0)
    assert bench.send(sleep)[-1] == "OK"
    bench.modem.dtr(True)
    bench.run(120_000)
    assert bench.states[-1][2] == "sleep"
    bench.modem.dtr(False)
    bench.run(20)
    bench.output.clear()
    modem = driver(bench)
    modem.start(False, False)
    assert bench.lines[-1] and modem.attach(50, 50, 0) == (REGISTERED, 0)
    assert "off" not in [state for _, part, state in bench.states[1:] if part == "modem"]


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_q45_a_whole_wake_never_speaks_of_messages_or_calls(dialect, broker, echo):
    bench, modem = registered(dialect, broker)
    talk(modem, broker.ca, b"x")
    modem.gnss_start(False)
    modem.gnss_poll()
    modem.gnss_stop()
    modem.identity()
    modem.cell()
    modem.network_time()
    modem.stop(modem.psm_granted())
    sent = [text for _, direction, text in bench.lines if direction == ">" and text.startswith("AT")]
    assert len(sent) > 40
    side = (
        "+CMG",
        "+CNMI",
        "+CNMA",
        "+CPMS",
        "+CSMS",
        "+CSCA",
        "+CSMP",
        "+CUSD",
        "+CSCB",
        "+CGSMS",
        "+CLIP",
        "D",
    )
    assert [text for text in sent if text[2:].startswith(side)] == []


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_modem_that_was_on_after_all(dialect):
    bench = ModemUnderTest(dialect)
    bench.boot()
    bench.output.clear()
    modem = driver(bench)
    modem.start(True, True)  # its key pulse turns it off first
    assert modem.attach(200, 200, 0) == (REGISTERED, 0)


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_a_restart_of_the_modem_is_noticed(dialect):
    bench = ModemUnderTest(dialect)
    modem = driver(bench)
    modem.start(True, True)
    bench.modem.rail(False)
    bench.modem.rail(True)
    bench.press()
    bench.run(20_000)
    with pytest.raises(ModemRestarted):
        modem.network_time()


@pytest.mark.parametrize("dialect", ["bg95", "sim7600"])
def test_network_time(dialect, broker):
    bench, modem = registered(dialect, broker)
    bench.run(3_000)
    time = modem.network_time()
    assert time is not None and abs(time + EPOCH_2000_S - bench.air.utc_s()) <= 2
