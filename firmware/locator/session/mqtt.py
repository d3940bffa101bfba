"""A small MQTT 3.1.1 client over a TLS socket of the modem: the same verbs as the modem's own client has.

Imported only when that one is broken. QoS 1 outwards, QoS 0 inwards, a clean session, one thing at a
time. Whatever a broker sends, memory and time are bounded: a packet that is longer than the buffer, or
that is none, ends the connection. Sections quoted are those of the OASIS standard.
"""

import struct

from micropython import const

from locator.modem import ModemError

_ANSWER_MS = const(25000)
_KEEPALIVE_S = const(120)
_PING_MS = const(60000)
_KEPT = const(4)  # messages that wait to be asked for
_LENGTH_BYTES = const(4)

_CONNECT = const(0x10)
_CONNACK = const(2)
_PUBLISH = const(3)
_PUBLISH_QOS1 = const(0x32)
_PUBACK = const(4)
_SUBSCRIBE = const(0x82)
_SUBACK = const(9)
_PINGREQ = b"\xc0\x00"
_PINGRESP = const(13)
_DISCONNECT = b"\xe0\x00"
_CLEAN_WITH_LOGIN = const(0xC2)


def bounds(buf, n):
    """(where the body begins, where it ends) of the packet at the beginning of `buf[:n]`, None until its
    length is there. Raises `ModemError` for a length that cannot be (2.2.3) or that `buf` does not hold."""
    length = shift = 0
    for at in range(1, n):
        length |= (buf[at] & 0x7F) << shift
        shift += 7
        if buf[at] < 0x80:
            if at + 1 + length > len(buf):
                raise ModemError("mqtt: too long")
            return at + 1, at + 1 + length
        if at == _LENGTH_BYTES:
            raise ModemError("mqtt: length")
    return None


class MqttClient:
    """`socket` as in `locator.modem.sockets`, `port` for the time."""

    def __init__(self, port, socket):
        self._port = port
        self._socket = socket
        self._inbox = []
        self._number = 0
        self._sent_ms = 0

    def mqtt_open(self, host, port, device, password, ca):
        """Connect with TLS, the broker verified against `ca` (PEM), and log in as `device`."""
        self._inbox.clear()
        self._socket.open(host, port, ca)
        body = struct.pack(">H4sBBH", 4, b"MQTT", 4, _CLEAN_WITH_LOGIN, _KEEPALIVE_S)
        body += text(device) + text(device) + text(password)
        self._send(head(_CONNECT, len(body)), body)
        answer = self._await(_CONNACK, None)
        if len(answer) != 2 or answer[1]:
            raise ModemError("connect", answer[1] if len(answer) == 2 else -1)

    def mqtt_subscribe(self, topic):
        """Subscribe to `topic` (bytes) at QoS 0."""
        number = self._next_number()
        self._send(head(_SUBSCRIBE, 5 + len(topic)), number, text(topic), b"\0")
        if self._await(_SUBACK, number)[2:] != b"\0":
            raise ModemError("subscribe")

    def mqtt_publish(self, topic, data):
        """Publish `data` (bytes-like) at QoS 1 and wait for the broker's PUBACK."""
        number = self._next_number()
        self._send(head(_PUBLISH_QOS1, 4 + len(topic) + len(data)), text(topic), number, data)
        self._await(_PUBACK, number)

    def mqtt_receive(self, timeout_ms):
        """The next message received, as bytes; None at the time-out."""
        deadline = self._port.ticks_ms() + timeout_ms
        self._take_all()  # a message may have come together with an acknowledgement
        while not self._inbox:
            left = deadline - self._port.ticks_ms()
            if left <= 0:
                return None
            if self._port.ticks_ms() - self._sent_ms >= _PING_MS:
                self._send(_PINGREQ)
            if self._socket.receive(min(left, _PING_MS)):
                self._take_all()
        return self._inbox.pop(0)

    def mqtt_close(self):
        """Say goodbye and close."""
        try:
            self._send(_DISCONNECT)
        except ModemError:
            pass  # closed all the same
        self._socket.close()

    def _send(self, *parts):
        self._socket.send(*parts)
        self._sent_ms = self._port.ticks_ms()

    def _next_number(self):
        self._number = self._number % 65535 + 1
        return struct.pack(">H", self._number)

    def _packet(self):
        """(the next packet as bytes, where its body begins), None until it is whole."""
        inbox, n = self._socket.inbox()
        found = bounds(inbox, n)
        if found is None:
            return None
        start, end = found
        return (self._socket.take(end), start) if end <= n else None

    def _await(self, kind, number):
        """The body of the next packet of that kind (with that packet identifier); messages that come
        before it are kept."""
        deadline = self._port.ticks_ms() + _ANSWER_MS
        while True:
            got = self._packet()
            if got is None:
                left = deadline - self._port.ticks_ms()
                if left <= 0 or not self._socket.receive(left):
                    raise ModemError("mqtt: no answer")
                continue
            data, start = got
            if data[0] >> 4 == kind and number in (None, data[start : start + 2]):
                return data[start:]
            self._take(data, start)

    def _take_all(self):
        got = self._packet()
        while got:
            self._take(*got)
            got = self._packet()

    def _take(self, data, start):
        """An unexpected packet: a message is kept, an old acknowledgement ignored."""
        if data[0] >> 4 in (_PINGRESP, _PUBACK, _SUBACK):
            return
        # The subscription is for QoS 0.
        if data[0] >> 4 != _PUBLISH or data[0] & 0x06 or len(data) < start + 2:
            raise ModemError("mqtt: packet", data[0])
        start += 2 + (data[start] << 8 | data[start + 1])
        if start > len(data):
            raise ModemError("mqtt: topic")
        if len(self._inbox) >= _KEPT:
            del self._inbox[0]
        self._inbox.append(data[start:])


def head(first, length):
    """The fixed header (2.2): first byte and remaining length."""
    out = bytearray([first])
    while True:
        length, low = length >> 7, length & 0x7F
        out.append(low | 0x80 if length else low)
        if not length:
            return bytes(out)


def text(data):
    """A string with its length in front (1.5.3)."""
    return struct.pack(">H", len(data)) + data
