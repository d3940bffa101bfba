"""A contact with the agent when something is broken: the firmware's drivers against the simulated modem and a
real broker, on both dialects. The numbers are those of docs/reference/quirks.md."""

from __future__ import annotations

import pytest
from locator import state as st
from locator.modem import ModemError, PdpError, ntp, refusals, sockets
from locator.scheduler import path
from locator.session.mqtt import MqttClient

from host_tests.support.session import CONTEXT, DIALECTS, OPEN, Locator
from host_tests.support.simulated_modem import HOST
from tools.modem.bg95 import mqtt as bg95_mqtt
from tools.modem.sim7600 import mqtt as sim7600_mqtt
from tools.modem.variants import VARIANTS
from tools.world.services import certificates

PUBLISH = {"bg95": "AT+QMTPUB", "sim7600": "AT+CMQTTPUB"}


def event(do: str, after: str, more: str = "") -> str:
    return f"[[event]]\nafter = '{after}'\ndo = '{do}'\n{more}\n"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_repaired_that_is_not_broken(dialect, broker):
    locator = Locator(dialect, broker)
    assert locator.contact() == 2
    assert locator.commands_sent(OPEN[dialect]) == 1
    assert locator.state[st.PATH_FAILS] == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_q22_a_context_that_is_dropped_silently_is_opened_again(dialect, broker):
    locator = Locator(dialect, broker, event("pdp-drop", PUBLISH[dialect], "reported = false"))
    assert locator.contact() >= 2
    assert locator.commands_sent(OPEN[dialect]) >= 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_q23_a_broker_that_hangs_up_is_called_again(dialect, broker):
    locator = Locator(dialect, broker, event("mqtt-close", PUBLISH[dialect]))
    assert locator.contact() >= 2
    assert locator.commands_sent(OPEN[dialect]) == 2
    assert locator.commands_sent("AT+QIDEACT") == locator.commands_sent("AT+CGACT=0") == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_q24_a_stack_that_takes_no_more_connections_gets_a_new_context(dialect, broker):
    locator = Locator(dialect, broker, variants=["socket-stuck"])
    locator.driver.mqtt_open(HOST.encode(), 8883, b"lb-1", b"secret", broker.ca)
    client = {"bg95": bg95_mqtt.hung_up, "sim7600": sim7600_mqtt.connection_lost}[dialect]
    client(locator.modem.simulated.unit, 0)
    assert locator.contact() == 2
    assert locator.commands_sent({"bg95": "AT+QIDEACT=1", "sim7600": "AT+CMQTTSTOP"}[dialect]) >= 1
    # To end the service of the SIM7600 is to give up the context.
    assert locator.commands_sent(OPEN[dialect]) == {"bg95": 4, "sim7600": 2}[dialect]


def test_q30_an_unanswered_ping_demands_a_new_context_at_once(broker):
    locator = Locator("bg95", broker, event("mqtt-close", "AT+QMTPUB", "code = 2"))
    assert locator.contact() >= 2
    assert locator.commands_sent("AT+QIDEACT=1") == 1
    assert locator.commands_sent(OPEN["bg95"]) == 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_q49_failed_handshakes_are_counted_by_themselves(dialect, broker):
    locator = Locator(dialect, broker, "[[event]]\nat_s = 0\ndo = 'hosts'\nreached = 'no-tls'\n")
    with pytest.raises(ModemError):
        locator.contact()
    assert locator.state[st.TLS_FAILED] == 3  # as it was, connected again, with a new context
    assert locator.state[st.PATH_FAILS] == 1
    unreached = Locator(dialect, broker, "[[event]]\nat_s = 0\ndo = 'hosts'\nreached = 'none'\n")
    with pytest.raises(ModemError):
        unreached.contact()
    assert (unreached.state[st.TLS_FAILED], unreached.state[st.PATH_FAILS]) == (0, 1)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_barred_network_starts_no_recovery(dialect, broker):
    locator = Locator(dialect, broker, event("bar", CONTEXT[dialect]))
    locator.state[st.LOCKED_PLMN] = 250001
    with pytest.raises(ModemError):
        locator.contact()
    assert locator.commands_sent(OPEN[dialect]) <= 1
    assert locator.state[st.PATH_FAILS] == locator.state[st.TLS_FAILED] == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_after_failed_attempts_a_wake_makes_one_attempt(dialect, broker):
    locator = Locator(dialect, broker, variants=["mqtt-broken"])
    locator.state[st.ATTEMPT_FAILS] = 2
    with pytest.raises(ModemError):
        locator.contact()
    assert locator.commands_sent(OPEN[dialect]) == 1


LOGIN = "[[event]]\nat_s = 0\ndo = 'pdp-login'\nuser = 'iot'\npassword = 'pass word'\n"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_access_point_that_asks_for_a_login(dialect, broker):
    assert Locator(dialect, broker, LOGIN, login=(b"iot", b"pass word")).contact() == 2
    for login in ((b"", b""), (b"iot", b"wrong"), (b"pass word", b"iot")):
        locator = Locator(dialect, broker, LOGIN, login=login)
        with pytest.raises(PdpError) as refused:
            locator.contact()
        assert refusals.esm(refused.value.code) == 29
        assert locator.commands_sent(CONTEXT[dialect]) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("cause", "waits"), [(27, True), (29, True), (33, True), (26, False), (38, False)])
@pytest.mark.parametrize("variants", [(), ("ceer-words",), ("ceer-words", "no-reject-cause")])
def test_causes_of_the_context_permanent_and_temporary(dialect, broker, cause, waits, variants):
    variants = [name for name in variants if dialect in VARIANTS[name].dialects]
    refusing = f"[[event]]\nat_s = 0\ndo = 'pdp-refuse'\ncause = {cause}\n"
    locator = Locator(dialect, broker, refusing, variants)
    with pytest.raises(PdpError):
        locator.contact()
    now = locator.modem.now() // 1000
    assert locator.commands_sent(CONTEXT[dialect]) <= 6
    assert (locator.state[st.DATA_UNTIL] - now >= 3590) == waits
    with pytest.raises(PdpError):
        locator.contact()
    assert (locator.state[st.DATA_UNTIL] - now >= 4 * 3600) == waits


def test_a_context_refused_without_any_cause_is_asked_for_twice(broker):
    refusing = "[[event]]\nat_s = 0\ndo = 'pdp-refuse'\ncause = 27\n"
    locator = Locator("bg95", broker, refusing, ["no-reject-cause", "ceer-mute"])
    assert ntp.ask(locator.driver) is None
    with pytest.raises(PdpError):
        locator.contact()
    assert locator.commands_sent(CONTEXT["bg95"]) == 2
    assert locator.state[st.DATA_UNTIL] == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_broken_mqtt_client_is_gone_around(dialect, broker):
    locator = Locator(dialect, broker, variants=["mqtt-broken"])
    for _ in range(3):
        with pytest.raises(ModemError):
            locator.contact()
    assert locator.state[st.PATH] == path.SOCKETS
    assert locator.contact() == 2
    locator.state[st.NOW] += 86400  # a day later the modem's client has one try
    with pytest.raises(ModemError):
        locator.contact()
    assert locator.state[st.PATH] == path.SOCKETS
    assert locator.contact() == 2


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("order", ["after", "before"])
def test_a_socket_verifies_the_broker(dialect, order, broker, tmp_path, monkeypatch):
    monkeypatch.setattr(certificates, "AUTHORITY", certificates.AUTHORITY // 2)
    certificates.make(tmp_path, HOST)
    variants = ["urc-before"] if (dialect, order) == ("sim7600", "before") else []
    locator = Locator(dialect, broker, variants=variants, reply=True)
    client = MqttClient(locator.modem, sockets.make(locator.driver))
    with pytest.raises(ModemError):
        client.mqtt_open(HOST.encode(), 8883, b"lb-1", b"secret", (tmp_path / "ca.pem").read_bytes())
    with pytest.raises(ModemError):
        client.mqtt_open(HOST.encode(), 8883, b"lb-1", b"wrong", broker.ca)
    client.mqtt_open(HOST.encode(), 8883, b"lb-1", b"secret", broker.ca)
    payload = bytes(range(256)) * 5
    client.mqtt_publish(b"landbridge/lb-1/up", bytes(3500))
    client.mqtt_subscribe(b"landbridge/lb-1/up")
    client.mqtt_publish(b"landbridge/lb-1/up", payload)
    assert client.mqtt_receive(10_000) == payload
    assert client.mqtt_receive(10_000) is None
    client.mqtt_close()
