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
from tools.modem.registry import DIALECTS

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
    assert ready.wait(60)
    yield seen
    client.disconnect()
    client.loop_stop()


def make_driver(modem: ModemUnderTest):
    return make(types.SimpleNamespace(MODEM=modem.dialect, apn=b"iot"), modem)


def started(modem: ModemUnderTest):
    driver = make_driver(modem)
    driver.start(True, True)
    return driver


def talk(driver, ca: bytes, payload: bytes):
    driver.mqtt_open(HOST.encode(), 8883, b"lb-1", b"secret", ca)
    driver.mqtt_subscribe(b"landbridge/lb-1/down")
    driver.mqtt_publish(b"landbridge/lb-1/up", payload)
    reply = driver.mqtt_receive(10_000)
    driver.mqtt_close()
    return reply


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("order", ["after", "before"])
def test_a_whole_wake(dialect, order, broker, echo):
    modem = ModemUnderTest(dialect, broker.network(reply=True), urc_order=order)
    driver = started(modem)
    assert driver.attach(120, 120, 0) == (REGISTERED, 0)
    cell = driver.cell()
    assert cell.plmn // 1000 == 262
    payload = bytes(range(256)) * 5
    assert talk(driver, broker.ca, payload) == b"OK\r\n\x00\xff" + payload
    assert echo == [payload]
    driver.gnss_start(False)
    fix = None
    for _ in range(120):
        modem.sleep_ms(1000)
        fix = driver.gnss_poll()
        if fix:
            break
    assert fix and abs(fix.lat - 5_143_000) < 40 and abs(fix.lon - 678_000) < 60
    assert abs(fix.time + EPOCH_2000_S - START_UTC_S - modem.ticks_ms() / 1000) <= 1.5
    assert len(modem.air.fixes) == 1
    driver.gnss_stop()
    assert driver.identity()[1:3] == ("8931440400012345678", "204046612345678")
    assert driver.stop(False) is False
    assert modem.states[-1][2] == "off"


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
    modem = ModemUnderTest(dialect, broker.network(reply=True), variants=variants)
    driver = started(modem)
    began = modem.ticks_ms()
    driver.await_card()
    assert modem.ticks_ms() - began > 15_000
    assert driver.attach(120, 120, 0) == (REGISTERED, 0)
    assert talk(driver, broker.ca, b"payload") == b"OK\r\n\x00\xffpayload"
    driver.gnss_start(False)
    fixes = []
    for _ in range(180):
        modem.sleep_ms(1000)
        fixes.append(driver.gnss_poll())
    assert all(fixes[-60:]) and {fix.speed for fix in fixes[-60:]} <= {0, 1, 2}
    driver.gnss_stop()
    imei, iccid, imsi, _ = driver.identity()
    assert len(imei) == 15 and (iccid, imsi) == ("8931440400012345678", "204046612345678")
    driver.stop(False)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_restart_whose_first_line_was_lost_is_noticed(dialect, broker):
    modem, driver = registered(dialect, broker)
    modem.simulated.restart()
    while b"RDY" not in modem.output:
        modem.run(100)
    modem.output.clear()
    modem.run(20_000)
    with pytest.raises(ModemRestarted):
        for _ in range(2):
            driver.cell()


def registered(dialect, broker: Mosquitto):
    """A modem and its driver, started and registered."""
    modem = ModemUnderTest(dialect, broker.network(reply=True))
    driver = started(modem)
    assert driver.attach(200, 200, 0) == (REGISTERED, 0)
    return modem, driver


def test_psm_between_two_wakes(broker, echo):
    modem, driver = registered("bg95", broker)
    talk(driver, broker.ca, b"one")
    assert driver.stop(True) is True
    assert modem.states[-1][2] == "psm"
    modem.run(3_600_000)
    modem.output.clear()
    driver = make_driver(modem)
    driver.start(True, False)
    assert driver.attach(50, 50, 0) == (REGISTERED, 0)
    talk(driver, broker.ca, b"two")
    assert echo == [b"one", b"two"]
    assert len(modem.air.registrations) == 1
    assert driver.stop(True) is True


def test_the_modem_never_wakes_by_itself_between_two_reports(broker, echo):
    _, driver = registered("bg95", broker)
    psm = driver.channel.command(b"+QPSMS?", 1000, b"+QPSMS:")[0]
    tau_s, active_s = (int(text.strip(b'"')) for text in psm.split(b",")[-2:])
    longest_s = spread_s({PHASE: 255}, 86_400)
    assert tau_s > longest_s * 17 // 16 and active_s == 120


def test_edrx_is_granted_as_asked_for_and_off_otherwise(broker, echo):
    _, driver = registered("bg95", broker)
    assert edrx.granted_ms(driver) == 0
    edrx.request(driver, True)
    assert edrx.granted_ms(driver) == 20_480
    edrx.request(driver, False)
    assert edrx.granted_ms(driver) == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_service(dialect):
    modem = ModemUnderTest(dialect)
    modem.air.audible = []
    driver = started(modem)
    assert driver.attach(20, 300, 0) == (NO_SERVICE, 0)
    assert driver.cell() is None
    driver.stop(False)


def test_refused_with_the_cause():
    modem = ModemUnderTest("bg95")
    modem.air.causes = dict.fromkeys(("26201", "26202", "26203"), 11)
    driver = started(modem)
    assert driver.attach(100, 100, 0) == (DENIED, 11)
    assert driver.cell()  # limited service


@pytest.mark.parametrize("dialect", DIALECTS)
def test_q17_a_scan_and_one_of_the_operators_heard(dialect):
    modem = ModemUnderTest(dialect)
    modem.card.forbid("26203")
    driver = started(modem)
    heard = survey.scan(driver)
    assert {plmn: status for status, plmn, _ in heard} == {262_001: 1, 262_002: 1, 262_003: 3}
    assert modem.air.registrations == []
    states = [state for _, part, state in modem.states if part == "modem"]
    assert modem.time_in("modem")["search"] >= 30_000 and states[-1] == "idle"
    assert survey.choose(heard, 262_001, 0) == 262_002
    assert driver.attach(180, 180, 262_002) == (REGISTERED, 0)
    assert modem.air.registrations == ["26202"]
    assert driver.attach(180, 180, 0) == (REGISTERED, 0)
    assert driver.channel.command(b"+COPS?", 1000, b"+COPS:")[0][:1] == b"0"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_q17_a_byte_aborts_the_scan_of_the_sim7600_alone(dialect):
    modem = ModemUnderTest(dialect)
    driver = started(modem)
    driver.await_card()
    assert modem.send("AT+COPS=2")[-1] == "OK"
    modem.output.clear()
    modem.simulated.receive(b"AT+COPS=?\r")
    modem.run(10_000)
    modem.simulated.receive(b"AT\r")
    modem.until("ERROR" if dialect == "sim7600" else "+COPS: (")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_choice_by_hand_that_the_network_refuses(dialect):
    modem = ModemUnderTest(dialect)
    modem.air.causes = {"26202": 11}
    driver = started(modem)
    survey.scan(driver)
    began_ms = modem.ticks_ms()
    assert driver.attach(180, 300, 262_002) == (DENIED, 11)
    assert modem.ticks_ms() - began_ms < 100_000
    assert driver.attach(180, 300, 0) == (REGISTERED, 0)


@pytest.mark.parametrize(("rat", "names"), [("emtc", {b"eMTC"}), ("gsm", {b"GSM"})])
def test_neighbour_cells(rat, names):
    modem = ModemUnderTest("bg95")
    first = next(cell for cell in modem.air.cells() if cell.rat == rat)
    near = [
        replace(first, pci=first.pci + i, earfcn=first.earfcn + i % 2, rsrp_dbm=-90 - i) for i in range(1, 4)
    ]
    modem.air.audible = [first, *near]
    driver = started(modem)
    assert driver.attach(180, 180, 0) == (REGISTERED, 0)
    cells = survey.neighbours(driver)
    assert {cell[0] for cell in cells} == names
    assert [(cell[2], cell[4]) for cell in cells] == [(each.earfcn, each.rsrp_dbm) for each in near]
    assert all(cell[1] == (262_001 if rat == "gsm" else 0) for cell in cells)


def test_a_modem_without_neighbour_cells_reports_so():
    modem = ModemUnderTest("sim7600")
    driver = started(modem)
    assert survey.neighbours(driver) is None


def test_a_refusal_while_gnss_had_the_receiver_is_reported_afterwards(broker, echo):
    modem, driver = registered("bg95", broker)
    driver.gnss_start(False)
    modem.run(60_000)
    modem.air.causes = dict.fromkeys(("26201", "26202", "26203"), 6)
    driver.gnss_stop()
    assert driver.serves(6_000) == (False, 6)


def test_registered_again_soon_after_gnss(broker, echo):
    modem, driver = registered("bg95", broker)
    driver.gnss_start(False)
    modem.run(60_000)
    driver.gnss_stop()
    assert driver.serves(0) == (False, 0)
    assert driver.serves(6_000) == (True, 0)
    assert driver.psm_granted()


def test_off_gsm_only_when_the_search_is_set_again():
    modem = ModemUnderTest("bg95")
    driver, everything = make_driver(modem), modem.air.audible
    driver.start(True, True)
    driver.prefer(region(262), False)
    modem.air.audible = [cell for cell in everything if cell.rat == "gsm"]
    assert driver.attach(180, 0, 0) == (REGISTERED, 0)
    modem.air.audible = everything
    driver.stop(False)
    driver.start(True, False)
    assert driver.attach(180, 0, 0) == (REGISTERED, 0)
    assert driver.cell().worth == driver.cell().rsrp - 14  # it began with what served last
    driver.prefer(region(262), False)
    assert driver.attach(180, 0, 0) == (REGISTERED, 0)
    assert driver.cell().worth == driver.cell().rsrp - 14
    driver.prefer(region(262), True)
    assert driver.attach(180, 0, 0) == (REGISTERED, 0)
    assert driver.cell().worth == driver.cell().rsrp


@pytest.mark.parametrize("dialect", DIALECTS)
def test_held_to_one_operator(dialect):
    modem = ModemUnderTest(dialect)
    driver = started(modem)
    assert driver.attach(100, 100, 262_002) == (REGISTERED, 0)
    assert modem.air.registrations[-1] == "26202"
    assert driver.cell().plmn == 262_002


@pytest.mark.parametrize("dialect", DIALECTS)
def test_goes_on_after_a_reset_of_the_device_alone(dialect, broker, echo):
    modem, driver = registered(dialect, broker)
    driver.mqtt_open(HOST.encode(), 8883, b"lb-1", b"secret", broker.ca)
    modem.output.clear()
    driver = make_driver(modem)
    driver.start(False, False)
    assert driver.attach(50, 50, 0) == (REGISTERED, 0)
    assert talk(driver, broker.ca, b"again")
    assert echo == [b"again"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("leads_in", ["ATD*99***1#", "AT+CMUX=0"])
def test_q11_out_of_a_call_or_a_multiplexer_without_the_power_key(dialect, leads_in):
    modem = ModemUnderTest(dialect)
    driver = started(modem)
    assert driver.attach(200, 200, 0) == (REGISTERED, 0)
    assert modem.send('AT+CGDCONT=1,"IP","iot"')[-1] == "OK"
    modem.output.clear()
    modem.simulated.receive(leads_in.encode() + b"\r")
    modem.run(3_000)
    assert (b"CONNECT" if leads_in.startswith("ATD") else b"OK") in bytes(modem.output)
    modem.output.clear()
    driver = make_driver(modem)
    driver.start(False, False)
    assert driver.attach(50, 50, 0) == (REGISTERED, 0)
    assert "off" not in [state for _, part, state in modem.states[1:] if part == "modem"]


@pytest.mark.parametrize(("dialect", "sleep"), [("bg95", "AT+QSCLK=1"), ("sim7600", "AT+CSCLK=1")])
def test_q48_the_first_byte_after_a_dtr_wake_is_lost(dialect, sleep):
    modem = ModemUnderTest(dialect)
    driver = started(modem)
    assert driver.attach(200, 200, 0) == (REGISTERED, 0)
    assert modem.send(sleep)[-1] == "OK"
    modem.simulated.dtr(True)
    modem.run(120_000)
    assert modem.states[-1][2] == "sleep"
    modem.simulated.dtr(False)
    modem.run(20)
    modem.output.clear()
    driver = make_driver(modem)
    driver.start(False, False)
    assert modem.lines[-1] and driver.attach(50, 50, 0) == (REGISTERED, 0)
    assert "off" not in [state for _, part, state in modem.states[1:] if part == "modem"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_q45_a_whole_wake_never_speaks_of_messages_or_calls(dialect, broker, echo):
    modem, driver = registered(dialect, broker)
    talk(driver, broker.ca, b"x")
    driver.gnss_start(False)
    driver.gnss_poll()
    driver.gnss_stop()
    driver.identity()
    driver.cell()
    driver.network_time()
    driver.stop(driver.psm_granted())
    sent = [text for _, direction, text in modem.lines if direction == ">" and text.startswith("AT")]
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


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_modem_that_was_on_after_all(dialect):
    modem = ModemUnderTest(dialect)
    modem.boot()
    modem.output.clear()
    driver = make_driver(modem)
    driver.start(True, True)  # its key pulse turns it off first
    assert driver.attach(200, 200, 0) == (REGISTERED, 0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_restart_of_the_modem_is_noticed(dialect):
    modem = ModemUnderTest(dialect)
    driver = started(modem)
    modem.simulated.rail(False)
    modem.simulated.rail(True)
    modem.press()
    modem.run(20_000)
    with pytest.raises(ModemRestarted):
        driver.network_time()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_network_time(dialect, broker):
    modem, driver = registered(dialect, broker)
    modem.run(3_000)
    time = driver.network_time()
    assert time is not None and abs(time + EPOCH_2000_S - modem.air.utc_s()) <= 2
