"""Checks a broker by using it: settings are inferred from its behaviour, whatever its make.

All of it happens on topics below landbridge/out/check- (and check- of Home Assistant) under client ids of its
own, also while an agent runs.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from uuid import uuid4

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from landbridge.config import Broker
from landbridge.core.errors import UserError
from landbridge.ingest.session import send_at_once, set_tls

_KEPT = 2_000
"""Messages for an agent that is away: 20 seconds' worth at 100,000 devices that report every 16 minutes."""
_INFLIGHT = 100
"""Unacknowledged messages at once; with fewer, throughput depends on the delay of the disk."""
_DELAY_S = 0.02
_ROUNDS = 40
_WAIT_S = 10.0
"""Seconds for what a good broker does at once, even a busy one."""
_QUIET_S = 1.0
"""Seconds to wait for what it must not do."""
_NOTHING = "landbridge/out/check-nothing"
"""A topic without messages."""


class CheckResult(NamedTuple):
    """The result of a check."""

    what: str
    good: bool
    found: str
    remedy: str | None = None


@dataclass
class _Client:
    """A paho client and what it has received."""

    client: mqtt.Client
    code: int | None = None
    received: list[mqtt.MQTTMessage] = field(default_factory=list)
    answered: threading.Event = field(default_factory=threading.Event)
    subscribed: threading.Event = field(default_factory=threading.Event)
    at: list[float] = field(default_factory=list)
    lost: threading.Event = field(default_factory=threading.Event)

    def publish(self, topic: str, count: int = 1) -> None:
        """Publish at QoS 1; wait until the broker has the messages."""
        infos = [self.client.publish(topic, b"check", qos=1) for _ in range(count)]
        for info in infos:
            info.wait_for_publish(_WAIT_S)

    def subscribe(self, topic: str) -> None:
        """Subscribe at QoS 1; wait for the answer."""
        self.subscribed.clear()
        if self.client.subscribe(topic, 1)[0] == mqtt.MQTT_ERR_SUCCESS:
            self.subscribed.wait(_WAIT_S)

    def wait_for(self, count: int) -> int:
        """Return how many messages have arrived when there are so many, or when no more arrive."""
        before = -1
        while before < len(self.received) < count:
            before = len(self.received)
            if self._until_quiet(count) < count:
                self.subscribe(_NOTHING)  # a busy broker answers after what it still has to send
        return len(self.received)

    def _until_quiet(self, count: int) -> int:
        end, before = time.monotonic() + _QUIET_S, len(self.received)
        while len(self.received) < count and time.monotonic() < end:
            if len(self.received) != before:
                before, end = len(self.received), time.monotonic() + _QUIET_S
            time.sleep(0.01)
        return len(self.received)


@contextmanager
def _connected(broker: Broker, client_id: str, clean: bool = True, manual: bool = False) -> Iterator[_Client]:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id,
        clean_session=clean,
        manual_ack=manual,
        reconnect_on_failure=False,
    )
    client.max_queued_messages_set(0)
    client.max_inflight_messages_set(500)
    ours = _Client(client)

    def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        ours.code = reason.value
        ours.answered.set()

    def on_disconnect(*_: Any) -> None:
        ours.lost.set()
        ours.subscribed.set()
        ours.answered.set()  # without a certificate a client gets no other answer

    def on_message(_client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        ours.at.append(time.perf_counter())
        ours.received.append(message)

    client.on_socket_open = send_at_once  # the remaining wait is the broker's
    client.on_connect = on_connect
    client.on_subscribe = lambda *_: ours.subscribed.set()
    client.on_disconnect = on_disconnect
    client.on_message = on_message
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        set_tls(client, broker)
    try:
        client.connect(broker.host, broker.port)
    except (OSError, ValueError) as error:
        raise UserError(f"broker {broker.host}:{broker.port}: {error}; check [broker]") from None
    client.loop_start()
    try:
        ours.answered.wait(_WAIT_S)
        yield ours
    finally:
        client.disconnect()
        client.loop_stop()


def retained_positions(broker: Broker) -> list[tuple[str, str]]:
    """Return tenant and device of each position that the broker retains."""
    with _connected(broker, _name()) as ours:
        ours.client.subscribe("landbridge/out/+/+/position", 0)
        ours.subscribe(_NOTHING)
        time.sleep(_QUIET_S)
        topics = [each.topic.split("/") for each in [*ours.received] if each.retain]
    return [(tenant, device) for _, _, tenant, device, _ in topics]


def as_agent(broker: Broker) -> list[CheckResult]:
    """Check what the agent needs of the broker; `UserError` when it cannot be reached or refuses the
    agent."""
    topic = f"landbridge/out/check-{uuid4().hex[:12]}/x"
    with _connected(broker, _name()) as ours:
        if ours.code != 0:
            raise UserError(f"the broker refuses the agent (code {ours.code}): check username and password")
    found = [
        _encrypted(broker),
        _anonymous(broker),
        _session(broker, topic),
        _delay(broker, topic),
        _in_flight(broker, topic),
        reads_retained(broker),
    ]
    return [*found, home_assistant(broker)] if broker.home_assistant else found


def home_assistant(broker: Broker) -> CheckResult:
    """Check that the broker delivers messages for Home Assistant: MQTT 3.1.1 reports no refused publish."""
    topic = f"{broker.home_assistant}/check-{uuid4().hex[:12]}/x"
    with _connected(broker, _name()) as ours:
        ours.subscribe(topic)
        ours.publish(topic)
        came = ours.wait_for(1) > 0
    remedy = None if came else f"topic readwrite {broker.home_assistant}/#, for the agent's user"
    return CheckResult("it allows publishing for Home Assistant", came, "yes" if came else "no", remedy)


def as_device(broker: Broker, device: str, password: str, port: int | None = None) -> list[CheckResult]:
    """Check that a device cannot do more than it may; `port`: the devices' port, if it differs."""
    theirs = replace(broker, username=device, password=password, port=port or broker.port)
    theirs = replace(theirs, cert_file="", cert_key_file="")  # these belong to the agent
    other = f"check-{uuid4().hex[:12]}"
    with _connected(theirs, device) as ours:
        if ours.code != 0:
            return [CheckResult(f"{device} may connect", False, f"refused, code {ours.code}", "add its user")]
        ours.subscribe("#")
        ours.subscribe(f"landbridge/{other}/down")
        with _connected(broker, _name()) as agent:
            agent.subscribe(f"landbridge/out/{other}/x")
            agent.publish(f"landbridge/{other}/down")
            ours.publish(f"landbridge/out/{other}/x")
            ours.wait_for(1)
            reads, writes = len(ours.received), agent.wait_for(1)
    return [
        CheckResult(f"{device} may connect", True, "yes"),
        CheckResult(
            "it reads topics of other devices",
            not reads,
            "yes" if reads else "no",
            "pattern read landbridge/%u/down" if reads else None,
        ),
        CheckResult(
            "it writes to topics of other devices",
            not writes,
            "yes" if writes else "no",
            "pattern write landbridge/%u/up" if writes else None,
        ),
        *(_bound(replace(theirs, port=each), other) for each in dict.fromkeys((theirs.port, broker.port))),
    ]


def _bound(theirs: Broker, other: str) -> CheckResult:
    """Check that a device cannot disconnect another client, above all the agent, with its client id."""
    try:
        # A client known by its user disconnects only itself.
        with _connected(theirs, theirs.username) as ours, _connected(theirs, other) as again:
            taken = again.code == 0 and not ours.lost.wait(_QUIET_S)
    except UserError:
        taken = False  # it is refused before
    remedy = "use_username_as_clientid true on the devices' listener, require_certificate true on the agent's"
    what = f"it may use any client id on port {theirs.port}"
    return CheckResult(what, not taken, "yes" if taken else "no", remedy if taken else None)


def _delay(broker: Broker, topic: str) -> CheckResult:
    """Measure how long a second message waits after a first one without an answer: with Nagle's algorithm
    until the receiver's kernel acknowledges it, 40 ms. Only later pairs count, because a kernel acknowledges
    the first ones at once."""
    gaps = []
    with _connected(broker, _name(), manual=True) as ours, _connected(broker, _name()) as other:
        ours.subscribe(topic)
        for count in range(2, 2 * _ROUNDS + 1, 2):
            other.publish(topic, 2)
            if ours.wait_for(count) < count:
                raise UserError("the broker delivers nothing to the agent: `topic readwrite landbridge/#`")
            gaps.append(ours.at[-1] - ours.at[-2])
            for message in ours.received[-2:]:
                ours.client.ack(message.mid, message.qos)
    gap_s = sorted(gaps[_ROUNDS // 2 :])[_ROUNDS // 4]
    good = gap_s < _DELAY_S
    remedy = None if good else "set_tcp_nodelay true"
    return CheckResult("delay of a second message", good, f"{gap_s * 1000:.1f} ms", remedy)


def _encrypted(broker: Broker) -> CheckResult:
    if not broker.tls:
        return CheckResult("TLS", False, "none", "a listener with certfile and keyfile; [broker] tls = true")
    # The connection has verified it.
    return CheckResult("TLS", True, "its certificate is valid")


def _anonymous(broker: Broker) -> CheckResult:
    with _connected(replace(broker, username="", password=""), _name()) as ours:
        taken = ours.code == 0
    remedy = "allow_anonymous false, and a password_file" if taken else None
    return CheckResult("it accepts clients without a password", not taken, "yes" if taken else "no", remedy)


def _session(broker: Broker, topic: str) -> CheckResult:
    """Check how much it keeps for an agent that is away."""
    name = _name()
    with _connected(broker, name, clean=False) as ours:
        ours.subscribe(topic)
    with _connected(broker, _name()) as other:
        other.publish(topic, _KEPT)
    with _connected(broker, name, clean=False) as ours:
        kept = ours.wait_for(_KEPT)
    with _connected(broker, name):
        pass  # a clean session, so that the broker forgets this client
    good = kept >= _KEPT
    return CheckResult(
        "kept for a disconnected agent",
        good,
        f"{kept} of {_KEPT} messages",
        None if good else "max_queued_messages 0, with max_queued_bytes for the disk",
    )


def _in_flight(broker: Broker, topic: str) -> CheckResult:
    """Check how many messages it sends before one is acknowledged."""
    with _connected(broker, _name(), manual=True) as ours:
        ours.subscribe(topic)
        with _connected(broker, _name()) as other:
            other.publish(topic, 2 * _INFLIGHT)
        count = ours.wait_for(2 * _INFLIGHT)
        for message in list(ours.received):
            ours.client.ack(message.mid, message.qos)
    good = count >= _INFLIGHT
    remedy = None if good else "max_inflight_messages 1000"
    return CheckResult("messages delivered before the first acknowledgement", good, str(count), remedy)


def reads_retained(broker: Broker) -> CheckResult:
    """Check that the agent can read its retained messages (events/retained.py)."""
    topic = f"landbridge/agent/check-{uuid4().hex[:12]}"
    with _connected(broker, _name()) as ours:
        # Without waiting: a broker without retained messages may end the connection.
        ours.client.publish(topic, b"check", qos=1, retain=True)
        ours.client.subscribe(topic, 1)
        good = ours.wait_for(1) > 0
        ours.client.publish(topic, b"", qos=1, retain=True)
    remedy = (
        None
        if good
        else "retain_available true, and topic readwrite landbridge/agent/#, for the agent's user"
    )
    return CheckResult("it returns retained messages to the agent", good, "yes" if good else "no", remedy)


def _name() -> str:
    return f"landbridge-check-{uuid4().hex[:8]}"
