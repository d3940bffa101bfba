"""The modem's MQTT 3.1.1 client over TLS: paho-mqtt on a real socket, driven without threads.

An operation is started by a method of `MqttLink` and is over when its result says so; until then
the caller calls `step`. How it waits, and on which clock, is decided by a network:
`LockStepNetwork` stops virtual time, `RealTimeNetwork` lets it run with the host's.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import paho.mqtt.client as paho
import simpy
from paho.mqtt.enums import CallbackAPIVersion

from tools.modem.link.dial import Dialled, Failure
from tools.modem.link.stream import Stream

Waiting = Generator[simpy.Event, Any, bool]

STEP_S = 0.02
STALL_S = 10.0
"""Longest real time for which virtual time stops for one answer."""
STREAM_S = 2.0
"""The same where it is not known whether an answer comes: one that takes longer comes with a later look."""
POLL_S = 0.3
"""The same for each later look, until nothing is expected any more."""
POLL_MS = 20


@dataclass(frozen=True)
class Will:
    """The last will: published by the broker when the connection ends without a DISCONNECT."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


class Link(Protocol):
    """A connection on which an answer is awaited."""

    failure: Failure | None
    lost: bool

    def step(self, wait_s: float) -> None:
        """Do what can be done within `wait_s` of real time."""


@dataclass(frozen=True)
class Login:
    """The contents of CONNECT; with an empty `user` there is neither name nor password."""

    client_id: str
    user: str = ""
    password: str = ""
    keepalive_s: int = 120
    clean: bool = True
    will: Will | None = None


class _Client(paho.Client):
    """paho on a socket that is connected already, as modems open the socket in a step of its own."""

    ready_socket: Any = None

    def _create_socket(self) -> Any:
        return self.ready_socket


class MqttLink(Dialled):
    """One connection to one broker, from opening the socket to closing it. Not reusable."""

    def __init__(self, route: Callable[[str, int], tuple[str, int]]) -> None:
        super().__init__(route)
        self._client: _Client | None = None
        self.return_code: int | None = None
        """Return code of CONNACK (MQTT 3.1.1 table 3.1); None before it."""
        self.granted: int | None = None
        """QoS of the last SUBACK, 128 if refused; None until it is received."""
        self.unsubscribed = False
        """True when the last UNSUBACK is received."""
        self.acknowledged = False
        """True when the last publish is done: its PUBACK is received, or at QoS 0 it has been sent."""
        self.inbox: deque[tuple[str, bytes]] = deque()
        self.lost = False
        """True when the broker or the network has closed the connection."""

    def connect(self, login: Login) -> None:
        """Send CONNECT; over when `return_code` is set or `lost`."""
        assert self._dial
        client = _Client(
            CallbackAPIVersion.VERSION2,
            login.client_id,
            clean_session=login.clean,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        if login.user:
            client.username_pw_set(login.user, login.password)
        if login.will:
            client.will_set(login.will.topic, login.will.payload, login.will.qos, login.will.retain)
        client.ready_socket = self._dial.socket
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        self._client = client
        # Names for paho's own checks only: the socket is there already.
        client.connect("modem", 1, login.keepalive_s)

    def subscribe(self, topic: str, qos: int) -> None:
        """Send SUBSCRIBE; over when `granted` is set or `lost`."""
        assert self._client
        self.granted = None
        self._client.subscribe(topic, qos)

    def unsubscribe(self, topic: str) -> None:
        """Send UNSUBSCRIBE; over when `unsubscribed` or `lost`."""
        assert self._client
        self.unsubscribed = False
        self._client.unsubscribe(topic)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Send PUBLISH; over when `acknowledged` or `lost`."""
        assert self._client
        self.acknowledged = False
        self._client.publish(topic, payload, qos, retain)

    def step(self, wait_s: float) -> None:
        """Do what can be done within `wait_s` of real time, less when something happens."""
        if self._client:
            if self._client.loop(wait_s) != paho.MQTT_ERR_SUCCESS:
                self.lost = True
        elif self._dial and not self.opened and not self.failure:
            self._dial_on(self._dial, wait_s)

    def disconnect(self) -> None:
        """Say goodbye and close."""
        if self._client and not self.lost:
            self._client.on_disconnect = None
            self._client.disconnect()
            self._client.loop(STEP_S)
        self.cut()

    def cut(self) -> None:
        """Close without a goodbye, as when the radio or the supply is gone."""
        if self._client:
            self._client.on_disconnect = None
            self._client.on_message = None
        if self._dial:
            self._dial.close()
        self._client = self._dial = None
        self.lost = True

    def _on_connect(self, *event: Any) -> None:
        # paho turns the CONNACK code into a reason code of MQTT 5; the modems print the former.
        self.return_code = _CONNACK_CODES.get(event[3].value, 2)

    def _on_subscribe(self, *event: Any) -> None:
        self.granted = event[3][0].value

    def _on_unsubscribe(self, *event: Any) -> None:
        self.unsubscribed = True

    def _on_publish(self, *event: Any) -> None:
        self.acknowledged = True

    def _on_message(self, client: Any, user: Any, message: paho.MQTTMessage) -> None:
        self.inbox.append((message.topic, bytes(message.payload)))

    def _on_disconnect(self, *event: Any) -> None:
        self.lost = True


_CONNACK_CODES = {0: 0, 132: 1, 133: 2, 136: 3, 134: 4, 135: 5}


class Network(Protocol):
    """Makes links and waits for them."""

    poll_ms: int
    """How often a connected link must be stepped for what arrives unasked; 0: never."""

    def link(self) -> MqttLink:
        """A fresh link."""

    def stream(self) -> Stream:
        """A fresh TCP connection."""

    def wait_for(
        self, env: simpy.Environment, link: Link, done: Callable[[], bool], limit_ms: int
    ) -> Waiting:
        """Wait until `done()`; False when the answer did not come."""

    def wait_for_reply(self, env: simpy.Environment, link: MqttLink) -> Waiting:
        """After a publish: wait for the message that it may provoke, where that is the custom."""

    def wait_for_stream(self, env: simpy.Environment, stream: Stream) -> Waiting:
        """After bytes have been sent: wait for those that they may provoke, where that is the custom."""

    def poll(self, env: simpy.Environment, stream: Stream) -> Waiting:
        """Some time after bytes have been sent: look for more after a first answer."""


class LockStepNetwork:
    """Virtual time stops while a real answer is awaited, up to `STALL_S` of real time.

    `hosts` leads names to real addresses; the name check of TLS stays on the name. `reachable()` returns
    whether the broker is up: if it is scripted dead, no connection is tried. `reply_expected()` returns
    whether an agent is there to answer a publish. `stalls` counts the answers that did not come in time.
    """

    poll_ms = 0

    def __init__(
        self,
        hosts: Mapping[str, tuple[str, int]],
        reachable: Callable[[], bool] = lambda: True,
        reply_expected: Callable[[], bool] = lambda: True,
    ) -> None:
        self.stalls = 0
        self._hosts = hosts
        self._reachable = reachable
        self._reply_expected = reply_expected

    def link(self) -> MqttLink:
        """A fresh link."""
        return MqttLink(lambda host, port: self._hosts.get(host, (host, port)))

    def stream(self) -> Stream:
        """A fresh TCP connection."""
        return Stream(lambda host, port: self._hosts.get(host, (host, port)))

    def wait_for(
        self, env: simpy.Environment, link: Link, done: Callable[[], bool], limit_ms: int
    ) -> Waiting:
        """Wait in frozen time; the limit is that of virtual time and does not count here."""
        return self._wait(link, done, self._reachable)
        yield  # a generator like its counterpart, though it never waits in virtual time

    def wait_for_reply(self, env: simpy.Environment, link: MqttLink) -> Waiting:
        """Wait for one inbound message, unless the agent is down or goes down meanwhile."""

        def hopeful() -> bool:
            return self._reply_expected() and self._reachable()

        return self._wait(link, lambda: bool(link.inbox), hopeful)
        yield  # see wait_for

    def wait_for_stream(self, env: simpy.Environment, stream: Stream) -> Waiting:
        """Wait for bytes, but not for long: it is not known whether any will come."""
        deadline_s = time.monotonic() + STREAM_S
        while self._reachable() and not (stream.inbox or stream.lost):
            if time.monotonic() > deadline_s:
                return False
            stream.step(STEP_S)
        return True
        yield  # see wait_for

    def poll(self, env: simpy.Environment, stream: Stream) -> Waiting:
        """Wait a little real time, so that virtual time does not outrun a peer that answers."""
        stream.step(POLL_S if self._reply_expected() and self._reachable() else 0)
        return bool(stream.inbox)
        yield  # see wait_for

    def _wait(self, link: Link, done: Callable[[], bool], hopeful: Callable[[], bool]) -> bool:
        """True when `done()`; False when it cannot come to that, or after `STALL_S`, which counts."""
        if not hopeful():
            return False
        deadline_s = time.monotonic() + STALL_S
        while not done():
            if link.lost or link.failure:
                return False
            if not hopeful():
                link.step(STEP_S)  # what is on its way already
                return done()
            if time.monotonic() > deadline_s:
                self.stalls += 1
                return False
            link.step(STEP_S)
        return True


class RealTimeNetwork:
    """Virtual time runs with the host's clock, and so do the answers."""

    poll_ms = POLL_MS

    def link(self) -> MqttLink:
        """A fresh link."""
        return MqttLink(lambda host, port: (host, port))

    def stream(self) -> Stream:
        """A fresh TCP connection."""
        return Stream(lambda host, port: (host, port))

    def wait_for(
        self, env: simpy.Environment, link: Link, done: Callable[[], bool], limit_ms: int
    ) -> Waiting:
        """Look every `POLL_MS` until the limit."""
        deadline_ms = env.now + limit_ms
        while not done():
            if link.lost or env.now >= deadline_ms:
                return False
            link.step(0)
            if not done():
                yield env.timeout(POLL_MS)
        return True

    def wait_for_reply(self, env: simpy.Environment, link: MqttLink) -> Waiting:
        """What comes, comes when it comes."""
        return False
        yield  # see LockStepNetwork.wait_for

    def wait_for_stream(self, env: simpy.Environment, stream: Stream) -> Waiting:
        """The same."""
        return False
        yield  # see LockStepNetwork.wait_for

    def poll(self, env: simpy.Environment, stream: Stream) -> Waiting:
        """The input so far."""
        stream.step(0)
        return bool(stream.inbox)
        yield  # see LockStepNetwork.wait_for
