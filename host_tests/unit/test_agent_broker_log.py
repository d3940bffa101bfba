"""What the agent's log says of a broker that is away: one line, in our words."""

import socket
import ssl
import threading
from contextlib import suppress

import pytest
from landbridge.config import Broker
from landbridge.core.errors import UserError
from landbridge.core.rate_limit import RateLimit
from landbridge.features.devices.broker_users import control
from landbridge.ingest.session import Session
from landbridge.operations.setup import certificates
from paho.mqtt.enums import LogLevel


def test_an_outage_is_one_line_and_other_errors_stay(caplog):
    session = Session(Broker(host="localhost"), RateLimit(1))
    client = session._client
    # As paho calls them after an attempt that failed.
    try:
        raise ConnectionRefusedError(111, "Connection refused")
    except ConnectionRefusedError:
        session._on_connect_fail(client, None)
    client.loop(0)
    assert [each.getMessage() for each in caplog.records] == [
        "broker localhost:8883 is not there: [Errno 111] Connection refused;"
        " start it or correct host and port in [broker]; trying again"
    ]
    client._easy_log(LogLevel.MQTT_LOG_ERR, "Caught exception in on_message: %s", "full")
    assert caplog.messages[-1] == "Caught exception in on_message: full"


@pytest.mark.parametrize("expired", [True, False])
def test_a_certificate_that_has_expired_is_no_broker_that_is_away(tmp_path, monkeypatch, expired):
    """For the agent and for the commands that manage users; with another name it is about the host."""
    if expired:
        monkeypatch.setattr(certificates, "_DAYS", -1)
    certificates.make(tmp_path, ["localhost" if expired else "mqtt.example.org"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "broker.pem", tmp_path / "broker.key")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            for _ in range(2):
                with suppress(OSError), server.accept()[0] as client:
                    context.wrap_socket(client, server_side=True).recv(1)

        port, ca = server.getsockname()[1], str(tmp_path / "ca.pem")
        broker = Broker(host="localhost", port=port, ca_file=ca, username="agent", password="x")
        greeting = threading.Thread(target=greet, daemon=True)
        greeting.start()
        for connect in (Session(broker, RateLimit(1)).open, control(broker).__enter__):
            with pytest.raises(UserError) as refused:
                connect()
            said = str(refused.value)
            if expired:
                assert "certificate has expired; renew it" in said and "is not there" not in said
            else:
                assert "TLS fails: " in said and "check ca_file, host and tls" in said
        greeting.join()
