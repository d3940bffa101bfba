"""Targets of `fuzz.py` in what few wakes import: our MQTT client, TLS sockets, NTP, predicted orbits,
voice and SMS."""

from locator.modem import ModemError, ntp, services
from locator.modem.sockets import make
from locator.session.mqtt import MqttClient

_LONGEST_MS = 600_000
LINES = (
    b"\r\nOK\r\n",
    b"\r\n+CME ERROR: 149\r\n",
    b'\r\nOK\r\n\r\n+QNTP: 0,"2026/06/02,09:47:33+32"\r\n',
    b"\r\nOK\r\n\r\n+CNTP: 0\r\n\r\n+NETOPEN: 0\r\n",
    b'\r\n+QGPSXTRADATA: 10080,"2026/06/02,01:47:33"\r\n\r\nOK\r\n\r\n+CGPSXD: 0\r\n',
    b'\r\nOK\r\n\r\n+QSSLOPEN: 0,0\r\n\r\n+QSSLURC: "recv",0\r\n',
    b"\r\n> \r\nSEND OK\r\n",
    b"\r\n+QSSLRECV: 4\r\n\x20\x02\x00\x00\r\n\r\nOK\r\n",
    b"\r\nOK\r\n\r\n+CCHSTART: 0\r\n\r\n+CCHOPEN: 0,0\r\n",
    b">\r\nOK\r\n\r\n+CCHSEND: 0,0\r\n\r\n+CCHEVENT: 0,RECV EVENT\r\n",
    b"\r\n+CCHRECV: DATA,0,4\r\n\x20\x02\x00\x00\r\n+CCHRECV: 0,0\r\n\r\nOK\r\n",
)
"""Answers of both modems, from their manuals."""
_VERBS = (
    ("mqtt_open", (b"h", 1, b"d", b"p", b"ca")),
    ("mqtt_subscribe", (b"a/down",)),
    ("mqtt_publish", (b"a/up", b"x")),
    ("mqtt_receive", (1000,)),
    ("mqtt_close", ()),
    ("ask", ()),
    ("settle", (0,)),
)
_ASSISTANCE = {
    "bg95": (("minutes_left", ()), ("inject", (b"x", (2026, 6, 2, 1, 47, 33)))),
    "sim7600": (("download", ()),),
}


def sockets(base, kind):
    """A target on the driver `kind`: verbs of our MQTT client, questions of those modules. `base` is
    `fuzz.Verbs`."""

    class SocketVerbs(base):  # type: ignore[misc,valid-type]
        seeds = LINES

        def __init__(self):
            super().__init__(kind)
            self._client = MqttClient(self._port, make(self._driver))

        def _verbs(self):
            return _VERBS + _ASSISTANCE[kind.KIND]

        def _call(self, name, args):
            if name.startswith("mqtt"):
                return getattr(self._client, name)(*args)
            module = {"ask": ntp, "settle": services}.get(name) or self._driver.part("assistance")
            return getattr(module, name)(self._driver, *args)

    return SocketVerbs()


class MqttTarget:
    """Our MQTT client on whatever a broker says."""

    ours = (ModemError,)
    seeds = (
        b"\x20\x02\x00\x00\x90\x03\x00\x01\x00\x40\x02\x00\x02\x30\x09\x00\x04down\x00\xff!",
        b"\x20\x02\x00\x00\x30\x80\x02\x00\x04down" + bytes(250) + b"\xd0\x00",
        b"\x20\x02\x00\x05",
        b"\x20\x02\x00\x00\x90\x03\x00\x01\x80\x32\x0b\x00\x04down\x00\x07\x00\xff!",
    )

    def __init__(self):
        self._now = self._n = 0
        self._buf = bytearray(1536)
        self._data = b""
        self._client = MqttClient(self, self)

    def feed(self, data):
        """A session in which the broker sends `data`."""
        self._data, self._n = data, 0
        client, began = self._client, self._now
        try:
            client.mqtt_open(b"h", 1, b"d", b"p", b"ca")
            client.mqtt_subscribe(b"down")
            client.mqtt_publish(b"up", b"x")
            for _ in range(40):
                client.mqtt_receive(1000)
        finally:
            if self._now - began > _LONGEST_MS or len(client._inbox) > 4 or len(self._buf) != 1536:
                raise AssertionError("unbounded")

    def ticks_ms(self):
        return self._now

    def open(self, host, port, ca):
        pass

    def send(self, *parts):
        pass

    def receive(self, timeout_ms):
        part = self._data[: min(61, len(self._buf) - self._n)]
        self._data = self._data[len(part) :]
        self._buf[self._n : self._n + len(part)] = part
        self._n += len(part)
        self._now += 1 if part else timeout_ms
        return len(part) > 0

    def inbox(self):
        return self._buf, self._n

    def take(self, count):
        data = bytes(self._buf[:count])
        self._buf[: self._n - count] = self._buf[count : self._n]
        self._n -= count
        return data
