"""One MQTT client of the modem: the real link of `mqtt.py`, over the virtual radio.

A step first takes its virtual time on the radio, then the real answer is fetched; so the moment at
which a result appears depends on the radio alone. What the radio does not let through is not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import simpy

from tools.modem.engine.tasks import Tasks, Work
from tools.modem.link.dial import Failure, Tls
from tools.modem.link.mqtt import Login, MqttLink

if TYPE_CHECKING:
    from tools.modem.unit import Unit

OPEN_LIMIT_MS = 60_000
"""After that the modem gives up a name or a connection that is not answered [C]."""
TLS_UP, TLS_DOWN, TLS_TRIPS = 900, 4_000, 5
"""Name, TCP and the handshake of TLS 1.2 with two certificates."""
TLS_CPU_MS = (500, 1_500)
"""The modem's own arithmetic [C]."""
REPLY_MS = (80, 250)
"""The broker and the service that answers over it [C]."""
PING_MS = 10_000
"""Time to wait for the answer to a ping [C]."""
OVERHEAD = 90
"""Bytes around a message: MQTT, TLS, TCP and IP."""

Received = Callable[[str, bytes], None]


class Broker:
    """`received(topic, payload)`, `lost()` when the broker has closed, and `unanswered()` when a ping was
    failed attempts are called as it happens, outside of any command."""

    def __init__(
        self, unit: Unit, received: Received, lost: Callable[[], None], unanswered: Callable[[], None]
    ) -> None:
        self._unit = unit
        self._tasks = Tasks(unit.env)
        self._link: MqttLink = unit.network.link()
        self._received = received
        self._lost = lost
        self._unanswered = unanswered
        self._last_ms: float = 0
        self._deaf = False
        self._publishing = simpy.Resource(unit.env)
        self._cid = 0
        self.connected = False

    def open(
        self, host: str, port: int, tls: Tls | None, cid: int
    ) -> Generator[simpy.Event, Any, Failure | None]:
        """None when the socket is open, over the PDP context `cid`."""
        unit, began = self._unit, self._unit.env.now
        self._cid, leads = cid, unit.pdp.leads(cid, host, port)
        trips = TLS_TRIPS if tls else 2
        if not (yield from self._exchange(TLS_UP, TLS_DOWN, trips)):
            yield from self._until(began + OPEN_LIMIT_MS)
            return Failure.CONNECT if unit.radio.registered() else Failure.DNS
        if tls:
            yield unit.pause(*TLS_CPU_MS)
        link = self._link
        if unit.barred(uses_tls=tls is not None) or not leads:
            yield from self._until(began + OPEN_LIMIT_MS)
            return Failure.TLS if unit.hosts == "no-tls" else Failure.CONNECT
        if not (yield from self._wait_for(lambda: True, 0)):  # scripted dead: not even tried
            yield from self._until(began + OPEN_LIMIT_MS)
            return Failure.CONNECT
        link.open(host, port, tls)
        done_in_time = yield from self._wait_for(
            lambda: link.opened or link.failure is not None, OPEN_LIMIT_MS
        )
        if link.opened:
            return None
        if not done_in_time:
            yield from self._until(began + OPEN_LIMIT_MS)
        return link.failure or Failure.CONNECT

    def login(self, login: Login, limit_ms: int) -> Generator[simpy.Event, Any, int | None]:
        """Return code of CONNACK; None when it has not come."""
        began, link = self._unit.env.now, self._link
        if (yield from self._exchange(len(login.client_id) + len(login.password), 4)):
            link.connect(login)
            if (yield from self._wait_for(lambda: link.return_code is not None, limit_ms)):
                self.connected = link.return_code == 0
                if self.connected and login.keepalive_s:
                    self._tasks.start(self._keep_alive(1_000 * login.keepalive_s))
                if self.connected and self._unit.network.poll_ms:
                    self._tasks.start(self._listen())
                return link.return_code
        yield from self._until(began + limit_ms)
        return None

    def subscribe(self, topic: str, qos: int, limit_ms: int) -> Generator[simpy.Event, Any, int | None]:
        """Granted QoS or 128; None when no answer was received."""
        began, link = self._unit.env.now, self._link
        if (yield from self._exchange(len(topic), 5)):
            link.subscribe(topic, qos)
            if (yield from self._wait_for(lambda: link.granted is not None, limit_ms)):
                return link.granted
        yield from self._until(began + limit_ms)
        self._check_lost()
        return None

    def unsubscribe(self, topic: str, limit_ms: int) -> Generator[simpy.Event, Any, bool]:
        """True when the broker has confirmed it."""
        began, link = self._unit.env.now, self._link
        if (yield from self._exchange(len(topic), 4)):
            link.unsubscribe(topic)
            if (yield from self._wait_for(lambda: link.unsubscribed, limit_ms)):
                return True
        yield from self._until(began + limit_ms)
        self._check_lost()
        return False

    def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, limit_ms: int
    ) -> Generator[simpy.Event, Any, bool]:
        """True when the broker has it (QoS 0: when it has been sent). One after the other."""
        with self._publishing.request() as turn:
            yield turn
            return (yield from self._publish(topic, payload, qos, retain, limit_ms))

    def _publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, limit_ms: int
    ) -> Generator[simpy.Event, Any, bool]:
        began, link = self._unit.env.now, self._link
        if (yield from self._exchange(len(topic) + len(payload), 4)):
            link.publish(topic, payload, qos, retain)
            if (yield from self._wait_for(lambda: link.acknowledged, limit_ms)):
                yield from self._unit.network.wait_for_reply(self._unit.env, link)
                self._tasks.start(self._deliver())
                return True
        yield from self._until(began + limit_ms)
        self._check_lost()
        return False

    def close(self) -> Work:
        """Say goodbye."""
        if (yield from self._exchange(2, 0)):
            self._link.disconnect()
        self.cut()

    def deafen(self) -> None:
        """From now on nothing passes, and neither side is notified."""
        self._deaf = True

    def cut(self) -> None:
        """Gone without a goodbye."""
        self._tasks.stop()
        self._link.cut()
        self.connected = False

    def _exchange(self, up: int, down: int, trips: int = 1) -> Generator[simpy.Event, Any, bool]:
        self._unit.pdp.carries(self._cid, up + down + 2 * OVERHEAD)
        through = yield from self._unit.radio.bearer.exchange(up + OVERHEAD, down + OVERHEAD, trips)
        self._last_ms = self._unit.env.now
        return through and not self._link.lost and not self._deaf

    def _wait_for(self, done: Callable[[], bool], limit_ms: int) -> Generator[simpy.Event, Any, bool]:
        return self._unit.network.wait_for(self._unit.env, self._link, done, limit_ms)

    def _until(self, ms: float) -> Work:
        """Where nothing answers, the time-out passes in virtual time."""
        if self._unit.env.now < ms:
            yield self._unit.env.timeout(ms - self._unit.env.now)

    def _deliver(self) -> Work:
        """The received bytes, after their transmission time."""
        if not self._link.inbox:
            self._check_lost()
            return
        yield self._unit.pause(*REPLY_MS)
        while self._link.inbox:
            topic, payload = self._link.inbox.popleft()
            if (yield from self._exchange(0, len(topic) + len(payload))):
                self._received(topic, payload)
        self._check_lost()

    def _listen(self) -> Work:
        """In real time messages also come unasked."""
        while True:
            yield self._unit.env.timeout(self._unit.network.poll_ms)
            self._link.step(0)
            yield from self._deliver()
            self._check_lost()

    def _keep_alive(self, interval_ms: int) -> Work:
        """A ping after each silence of this length. Lost coverage is noticed here, if not before."""
        while self.connected:
            idle_ms = self._unit.env.now - self._last_ms
            if idle_ms < interval_ms:
                yield self._unit.env.timeout(interval_ms - idle_ms)
            elif not (yield from self._exchange(2, 2)) and self.connected:
                yield self._unit.env.timeout(PING_MS)
                self.connected = False
                self._unanswered()

    def _check_lost(self) -> None:
        if self._link.lost and self.connected:
            self.connected = False
            self._tasks.stop()
            self._lost()
