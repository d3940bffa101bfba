"""A network without sockets: every broker is there, grants everything and echoes what is published."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import simpy

from tools.modem.dial import Tls
from tools.modem.mqtt import LockStepNetwork, Login, MqttLink, Waiting


class EchoLink(MqttLink):
    """Every step succeeds at once."""

    def __init__(self) -> None:
        super().__init__(lambda host, port: (host, port))
        self._topic = ""

    def open(self, host: str, port: int, tls: Tls | None) -> None:
        """Connected."""
        self.opened = True
        self.failure = None

    def connect(self, login: Login) -> None:
        """Welcome."""
        self.return_code = 0

    def subscribe(self, topic: str, qos: int) -> None:
        """Granted; what is published comes back under this topic."""
        self._topic = topic
        self.granted = qos

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Acknowledged, and echoed."""
        self.acknowledged = True
        if self._topic:
            self.inbox.append((self._topic, payload))

    def step(self, wait_s: float) -> None:
        """Nothing is under way."""

    def disconnect(self) -> None:
        """Closed."""
        self.cut()

    def cut(self) -> None:
        """Closed."""
        self.inbox = deque()
        self.lost = True


class EchoNetwork(LockStepNetwork):
    """Makes such links; nobody waits for them. Plain sockets find nobody."""

    def __init__(self) -> None:
        super().__init__({}, reachable=lambda: False)

    def link(self) -> MqttLink:
        """A fresh link."""
        return EchoLink()

    def settle(
        self, env: simpy.Environment, link: object, done: Callable[[], bool], limit_ms: int
    ) -> Waiting:
        """All is done already, or never."""
        return done()
        yield  # a generator like the others, though it never waits

    def settle_reply(self, env: simpy.Environment, link: MqttLink) -> Waiting:
        """The echo is there."""
        return bool(link.inbox)
        yield  # see settle
