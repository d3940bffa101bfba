"""What the agent's log says of a broker that is away: one line, in our words."""

from landbridge.config import Broker
from landbridge.core.rate_limit import RateLimit
from landbridge.ingest.session import Session
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
