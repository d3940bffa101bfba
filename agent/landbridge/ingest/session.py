"""The agent's connection to the broker: subscribes at every CONNACK, acknowledges by hand.

Callbacks run in paho's thread. An exception that left one would end that thread and ingest with
it, silently; none does.
"""

import logging
import queue
import re
import socket
import ssl
import sys
import threading
import time
from secrets import token_bytes
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from landbridge.config import Broker
from landbridge.core import metrics
from landbridge.core.checks import Since
from landbridge.core.errors import UserError
from landbridge.core.rate_limit import RateLimit
from landbridge.events.queries.outbox import OutboxMessage

UP = "landbridge/+/up"
_IS_UP = re.compile(UP.replace("+", "[^/]*"))
_START_TIMEOUT_S = 25
_KEEPALIVE_S = 60
_RECONNECT_S = (0.25, 30)
_MOST_WAITING = 1000
_POLL_S = 0.5
PATIENCE_S = 30.0
_RETAINED_S = 10.0
"""Seconds for retained messages: a broker sends them at once, unless it is busy."""
_AFTERWARDS_S = 1.0
"""Seconds for a retained message that is later than one published after the subscription."""
_log = logging.getLogger(__name__)
_paho_log = _log.getChild("paho")
# What paho says after each failed attempt says less than our own line about it.
_paho_log.addFilter(lambda record: not record.getMessage().startswith("Client is not connected"))


class Received(NamedTuple):
    """A message from the broker."""

    topic: str
    payload: bytes
    message_id: int
    qos: int
    connection: int
    """Number of its connection; only the same connection can acknowledge it."""
    received_s: int | None = None
    """When it arrived; None: now. A replayed message arrived earlier."""


class Session:
    """One MQTT session, as long as the agent runs."""

    def __init__(self, broker: Broker, limit: RateLimit, listens: bool = True) -> None:
        """Without `listens` it only publishes."""
        self.waiting: queue.Queue[Received] = queue.Queue(_MOST_WAITING)
        """Messages received and not yet processed; when it is full, the broker has to wait."""
        self._broker = broker
        self._listens = listens
        self._limit = limit
        self._closing = threading.Event()
        self._answered = threading.Event()
        self._refusal: str | None = None
        # Message ids restart with a connection: an acknowledgement that is late would hit the
        # wrong message. The lock makes "same connection?" and "acknowledge" one step.
        self._connection = 0
        self._subscription: int | None = None
        self._connection_lock = threading.Lock()
        self._away = Since()
        self._client = self._make_client()

    def open(self) -> None:
        """Connect and subscribe; `UserError` when the broker is not there or refuses."""
        where = f"{self._broker.host}:{self._broker.port}"
        try:
            self._client.connect(self._broker.host, self._broker.port, _KEEPALIVE_S)
        except (OSError, UnicodeError) as error:
            raise UserError(f"broker {where} {no_connection(error)}") from None
        self._client.loop_start()
        if not self._answered.wait(_START_TIMEOUT_S):
            self._refusal = f"no answer within {_START_TIMEOUT_S} s; is it an MQTT broker?"
        if self._refusal:
            self.close()
            raise UserError(f"broker {where}: {self._refusal}")

    def problem(self) -> str | None:
        """Return the problem of the connection that has lasted too long, or None."""
        threads = (each.name for each in threading.enumerate())
        if not any(name.startswith("paho-mqtt-client") for name in threads):
            return "the thread that listens to the broker has died"
        if self._away.seconds > PATIENCE_S:
            return f"the broker has been away for {self._away.seconds:.0f} s"
        return None

    def acknowledge(self, received: Received) -> bool:
        """Acknowledge `received` to the broker; False if its connection has ended."""
        with self._connection_lock:
            if received.connection != self._connection:
                return False
            self._client.ack(received.message_id, received.qos)
            return True

    @property
    def connection(self) -> int | None:
        """Number of the connection; None while there is none."""
        return self._connection if self._client.is_connected() else None

    def retained(self, topic: str) -> bytes | None:
        """Return the retained message of a topic; None if there is none, or none that the agent may read."""
        found: queue.SimpleQueue[mqtt.MQTTMessage] = queue.SimpleQueue()
        self._client.message_callback_add(topic, lambda _client, _data, message: found.put(message))
        self._client.subscribe(topic, qos=0)
        probe = token_bytes(8)
        self._client.publish(topic, probe, qos=0)
        end_s = time.monotonic() + _RETAINED_S
        try:
            while not (message := found.get(timeout=max(0, end_s - time.monotonic()))).retain:
                if message.payload == probe:
                    end_s = time.monotonic() + _AFTERWARDS_S
            return bytes(message.payload)
        except queue.Empty:
            return None
        finally:
            self._client.unsubscribe(topic)
            self._client.message_callback_remove(topic)

    def retain(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0, on this connection only."""
        self._client.publish(topic, payload, qos=0, retain=True)

    def reply(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0: a lost downlink is requested again."""
        self._client.publish(topic, payload, qos=0)

    def publish(self, message: OutboxMessage) -> mqtt.MQTTMessageInfo:
        """Publish at QoS 1; paho repeats it on each new connection until the broker has it."""
        info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
        if info.rc == mqtt.MQTT_ERR_NO_CONN:
            # It waits in paho for the next connection; with this code `info` could not be asked.
            info.rc = mqtt.MQTT_ERR_SUCCESS
        return info

    def close(self) -> None:
        """Disconnect."""
        self._closing.set()
        self._client.disable_logger()  # it treats an orderly end as an error
        self._client.disconnect()
        self._client.loop_stop()

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            self._broker.client_id,
            clean_session=self._broker.clean_session,
            manual_ack=True,
        )
        client.suppress_exceptions = True
        client.enable_logger(_paho_log)
        if self._broker.username:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls:
            set_tls(client, self._broker)
        client.reconnect_delay_set(*_RECONNECT_S)  # type: ignore[arg-type]
        client.on_socket_open = send_at_once
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: ReasonCode, _: Any) -> None:
        if reason.is_failure:
            self._refuse(f"refuses us: {reason}; check username and password in [broker]")
        else:
            _log.info("connected to %s:%d", self._broker.host, self._broker.port)
            if self._listens:
                _, self._subscription = client.subscribe(UP, qos=1)
            else:
                self._is_ready()

    def _on_connect_fail(self, _client: mqtt.Client, _data: Any) -> None:
        # paho calls this while it handles the error, and does not say which one.
        error = sys.exception()
        if error and not self._closing.is_set():
            where = f"{self._broker.host}:{self._broker.port}"
            _log.error("broker %s %s; trying again", where, no_connection(error))

    def _on_subscribe(self, _client: Any, _data: Any, number: int, reasons: list[ReasonCode], _: Any) -> None:
        if number != self._subscription:
            return
        if any(reason.is_failure for reason in reasons):
            self._refuse(f"refuses the subscription {UP}; allow it to user {self._broker.username!r}")
        else:
            _log.info("listening to %s", UP)
            self._is_ready()

    def _is_ready(self) -> None:
        self._away.ends()
        metrics.CONNECTED.set(1)
        metrics.RECONNECTS.inc()
        self._answered.set()

    def _refuse(self, why: str) -> None:
        if self._answered.is_set():
            _log.error("the broker %s", why)
        else:
            self._refusal = why
            self._answered.set()

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _: Any) -> None:
        with self._connection_lock:
            self._connection += 1
        self._away.begins()
        metrics.CONNECTED.set(0)
        if not (self._closing.is_set() or self._refusal):
            _log.warning("connection to the broker lost (%s); reconnecting", reason)

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        topic = message.topic  # paho decodes it each time
        if not _IS_UP.fullmatch(topic):
            # Some brokers deliver retained messages outside the subscription.
            return _log.debug("ignored, other topic: %s", topic)
        payload, number = bytes(message.payload), self._connection
        received = Received(topic, payload, message.mid, message.qos, number)
        if not self._limit.allows(topic):
            metrics.THROTTLED.inc()
            self.acknowledge(received)
            return
        while not self._closing.is_set():
            try:
                return self.waiting.put(received, timeout=_POLL_S)
            except queue.Full:
                continue


_OUT_OF_TIME = ("certificate has expired", "certificate is not yet valid")


def no_connection(error: BaseException) -> str:
    """Return why a connection failed, and the remedy."""
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_message in _OUT_OF_TIME:
        return (
            f"cannot be trusted: {error.verify_message}; renew it (`landbridge setup` renews its own)"
            " and restart the broker, or set this machine's clock"
        )
    if isinstance(error, ssl.SSLError):
        return f"TLS fails: {error}; check ca_file, host and tls in [broker]"
    return f"is not there: {error}; start it or correct host and port in [broker]"


def set_tls(client: mqtt.Client, broker: Broker) -> None:
    """Configure paho's TLS: verify the broker, present the agent's certificate. `UserError` for a bad
    file."""
    try:
        client.tls_set(broker.ca_file or None, broker.cert_file or None, broker.cert_key_file or None)
    except (OSError, ValueError) as error:
        files = ", ".join(filter(None, (broker.ca_file, broker.cert_file, broker.cert_key_file)))
        raise UserError(
            f"cannot use {files}: {error}; name PEM files in [broker] ca_file, cert_file and cert_key_file"
        ) from None


def send_at_once(_client: mqtt.Client, _data: Any, sock: Any) -> None:
    """Set TCP_NODELAY on paho's socket."""
    # Otherwise small packets wait 40 ms or more for the acknowledgement of earlier ones.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
