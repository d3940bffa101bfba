"""The network of the device under test: no sockets; each connection ends at a broker that answers."""

from __future__ import annotations

from tools.modem.link.loopback import Answer, EchoStream, Loopback
from tools.modem.link.stream import Stream

CONNECT, SUBSCRIBE, PUBLISH_QOS1 = 0x10, 0x82, 0x32


class BrokerStream(EchoStream):
    """A broker at the end of a TLS socket, for our own MQTT client (MQTT 3.1.1, packets up to 16 KB)."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer
        self._heard = bytearray()

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


class EchoNetwork(Loopback):
    """Links and streams lead to such a broker."""

    def stream(self) -> Stream:
        """A fresh stream."""
        return BrokerStream(self._answer)
