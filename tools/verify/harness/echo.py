"""A network without real sockets: every broker is there, grants everything and echoes what is published."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import simpy

from tools.modem.link.dial import Tls
from tools.modem.link.mqtt import LockStepNetwork, Login, MqttLink, Waiting
from tools.modem.link.stream import Stream

CONNECT, SUBSCRIBE, PUBLISH_QOS1 = 0x10, 0x82, 0x32


Answer = Callable[[bytes], bytes | None]
"""From what is published to what comes back, if anything does."""


def _same(payload: bytes) -> bytes | None:
    return payload


class EchoLink(MqttLink):
    """Every step succeeds at once."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(lambda host, port: (host, port))
        self._answer = answer
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
        """Acknowledged, and answered."""
        self.acknowledged = True
        reply = self._answer(payload)
        if self._topic and reply is not None:
            self.inbox.append((self._topic, reply))

    def step(self, wait_s: float) -> None:
        """Nothing is under way."""

    def disconnect(self) -> None:
        """Closed."""
        self.cut()

    def cut(self) -> None:
        """Closed."""
        self.inbox = deque()
        self.lost = True


class EchoStream(Stream):
    """The broker behind a TLS socket, for an MQTT client of one's own (MQTT 3.1.1, packets up to 16 KB)."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(lambda host, port: (host, port))
        self._answer = answer
        self._heard = bytearray()

    def open(self, host: str, port: int, tls: Tls | None) -> None:
        """Connected."""
        self.opened = True

    def send(self, data: bytes) -> None:
        """Answers each packet that is whole."""
        self._heard += data
        while len(self._heard) >= 3:
            long = self._heard[1] >= 0x80
            length = self._heard[1] % 0x80 + (self._heard[2] * 0x80 if long else 0)
            end = 2 + long + length
            if len(self._heard) < end:
                return
            self._obey(self._heard[0], bytes(self._heard[2 + long : end]))
            del self._heard[:end]

    def step(self, wait_s: float) -> None:
        """Nothing is under way."""

    def close(self) -> None:
        """Closed."""
        self.lost = True

    def _obey(self, first: int, body: bytes) -> None:
        if first == CONNECT:
            self.inbox += b"\x20\x02\0\0"
        elif first == SUBSCRIBE:
            self.inbox += b"\x90\x03" + body[:2] + b"\0"
        elif first == PUBLISH_QOS1:
            topic_end = 2 + int.from_bytes(body[:2], "big")
            self.inbox += b"\x40\x02" + body[topic_end : topic_end + 2]
            reply = self._answer(body[topic_end + 2 :])
            if reply is not None:
                echo = body[:topic_end] + reply
                self.inbox += b"\x30" + bytes([len(echo) % 0x80 | 0x80, len(echo) // 0x80]) + echo


class EchoNetwork(LockStepNetwork):
    """Makes such links and streams; nobody waits for them."""

    def __init__(self, answer: Answer = _same) -> None:
        super().__init__({}, reachable=lambda: True)
        self._answer = answer

    def link(self) -> MqttLink:
        """A fresh link."""
        return EchoLink(self._answer)

    def stream(self) -> Stream:
        """A fresh stream."""
        return EchoStream(self._answer)

    def settle_stream(self, env: simpy.Environment, stream: Stream) -> Waiting:
        """The answer is there."""
        return bool(stream.inbox)
        yield  # see settle

    def look(self, env: simpy.Environment, stream: Stream) -> Waiting:
        """Nobody says more."""
        return bool(stream.inbox)
        yield  # see settle

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
