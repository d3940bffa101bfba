"""A network without sockets: every broker is there, grants everything and answers what is published."""

from __future__ import annotations

from collections.abc import Callable

import simpy

from tools.modem.link.dial import Tls
from tools.modem.link.mqtt import Link, LockStepNetwork, Login, MqttLink, Waiting
from tools.modem.link.stream import Stream

Answer = Callable[[bytes], bytes | None]
"""From what is published to what comes back, if anything does."""


def _same(payload: bytes) -> bytes | None:
    return payload


class EchoLink(MqttLink):
    """Every step succeeds at once; what is published is answered under the topic subscribed to."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(lambda host, port: (host, port))
        self._answer = answer
        self._topic = ""

    def open(self, host: str, port: int, tls: Tls | None) -> None:
        """It opens."""
        self.opened = True

    def connect(self, login: Login) -> None:
        """It lets everybody in."""
        self.return_code = 0

    def subscribe(self, topic: str, qos: int) -> None:
        """As asked for."""
        self._topic = topic
        self.granted = qos

    def unsubscribe(self, topic: str) -> None:
        """Done."""
        self._topic = ""
        self.unsubscribed = True

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Acknowledged, and answered."""
        self.acknowledged = True
        reply = self._answer(payload)
        if self._topic and reply is not None:
            self.inbox.append((self._topic, reply))


class EchoStream(Stream):
    """A host that repeats what it receives."""

    def __init__(self) -> None:
        super().__init__(lambda host, port: (host, port))

    def open(self, host: str, port: int, tls: Tls | None) -> None:
        """It opens."""
        self.opened = True

    def send(self, data: bytes) -> None:
        """Sent back."""
        self.inbox += data


class Loopback(LockStepNetwork):
    """Makes such links and streams; no wait is needed: all data is there at once."""

    def __init__(self, answer: Answer = _same) -> None:
        super().__init__({})
        self._answer = answer

    def link(self) -> MqttLink:
        """A fresh link."""
        return EchoLink(self._answer)

    def stream(self) -> Stream:
        """A fresh connection."""
        return EchoStream()

    def wait_for(
        self, env: simpy.Environment, link: Link, done: Callable[[], bool], limit_ms: int
    ) -> Waiting:
        """All is done already, or never."""
        return done()
        yield  # a generator like the others, though it never waits

    def wait_for_reply(self, env: simpy.Environment, link: MqttLink) -> Waiting:
        """The answer is there."""
        return bool(link.inbox)
        yield  # see wait_for

    def wait_for_stream(self, env: simpy.Environment, stream: Stream) -> Waiting:
        """The answer is there."""
        return bool(stream.inbox)
        yield  # see wait_for

    def poll(self, env: simpy.Environment, stream: Stream) -> Waiting:
        """Return whether something was received: the peer sends nothing by itself."""
        return bool(stream.inbox)
        yield  # see wait_for
