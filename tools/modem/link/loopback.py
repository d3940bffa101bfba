"""A network that needs none: every broker accepts, every message and every byte comes back."""

from __future__ import annotations

from tools.modem.link.dial import Tls
from tools.modem.link.mqtt import LockStepNetwork, Login, MqttLink
from tools.modem.link.stream import Stream


class EchoLink(MqttLink):
    """A broker of its own."""

    def __init__(self) -> None:
        super().__init__(lambda host, port: (host, port))

    def open(self, host: str, port: int, tls: Tls | None) -> None:
        """It opens."""
        self.opened = True

    def connect(self, login: Login) -> None:
        """It lets everybody in."""
        self.return_code = 0

    def subscribe(self, topic: str, qos: int) -> None:
        """As asked for."""
        self.granted = qos

    def unsubscribe(self, topic: str) -> None:
        """Done."""
        self.unsubscribed = True

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Acknowledged, and sent back."""
        self.acknowledged = True
        self.inbox.append((topic, payload))


class EchoStream(Stream):
    """A host that repeats what it is told."""

    def __init__(self) -> None:
        super().__init__(lambda host, port: (host, port))

    def open(self, host: str, port: int, tls: Tls | None) -> None:
        """It opens."""
        self.opened = True

    def send(self, data: bytes) -> None:
        """Sent back."""
        self.inbox += data


class Loopback(LockStepNetwork):
    """For a modem that is to talk to nobody."""

    def __init__(self) -> None:
        super().__init__({})

    def link(self) -> MqttLink:
        """A fresh link."""
        return EchoLink()

    def stream(self) -> Stream:
        """A fresh connection."""
        return EchoStream()
