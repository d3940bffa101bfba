"""TLS sockets of both modems, for when their own MQTT client is broken. Imported only then.

A socket has four verbs, all with a deadline: `open(host, port, ca)`, with the server verified against
`ca` (PEM); `send(*parts)`; `receive(timeout_ms)`, into an inbox; `close()`. What ends the connection
raises `ConnectionLost`.
"""

from micropython import const

MS = const(9000)
SEND_MS = const(30000)
_READ_BYTES = const(512)


def make(driver):
    """The socket of that modem."""
    return driver.part("socket").TlsSocket(driver)


class Socket:
    """The common part: received bytes are announced once, then read until none is left."""

    ANNOUNCED = b""
    LOST: tuple = ()
    OURS: tuple = ()  # unsolicited lines that come with the socket
    RAW = b""
    MOST = 0  # bytes a command sends

    def __init__(self, driver):
        self._driver = driver
        self._at = driver.channel
        self._port = driver.port
        self._before = (self._at.unsolicited, self._at.raw_prefix, self._at.raw_commas)
        self._out = bytearray(self.MOST)
        self._more = False

    def _begin(self):
        at = self._at
        at.lost = ()
        at.unsolicited = self._before[0] + self.OURS
        at.raw_prefix, at.raw_commas = self.RAW, 0
        for prefix in self.OURS:
            at.forget(prefix)
        at.inbox_n = 0
        self._more = False

    def _end(self):
        at = self._at
        at.lost = ()
        at.unsolicited, at.raw_prefix, at.raw_commas = self._before
        at.inbox_n = 0

    def send(self, *parts):
        """Send the parts (bytes-like), one after the other, in as few commands as possible."""
        n = 0
        for part in parts:
            at, view = 0, memoryview(part)
            while at < len(view):
                step = min(self.MOST - n, len(view) - at)
                self._out[n : n + step] = view[at : at + step]
                n += step
                at += step
                if n == self.MOST:
                    self._send(self._out)
                    n = 0
        if n:
            self._send(memoryview(self._out)[:n])

    def _send(self, part):
        raise NotImplementedError

    def receive(self, timeout_ms):
        """True when more bytes have come into the inbox, False at the time-out."""
        at = self._at
        deadline = self._port.ticks_ms() + timeout_ms
        while True:
            if not self._more:
                left = deadline - self._port.ticks_ms()
                if left <= 0 or at.wait(self.ANNOUNCED, left) is None:
                    return False
            before = at.inbox_n
            self._read(min(_READ_BYTES, len(at.inbox) - before))
            self._more = at.inbox_n > before
            if self._more:
                return True

    def inbox(self):
        """(buffer, number of bytes in it) of the received data not taken yet. The receiver takes it
        before the buffer is full: a read of zero bytes would be refused."""
        return self._at.inbox, self._at.inbox_n

    def take(self, count):
        """Take so many bytes from the inbox."""
        return bytes(self._driver.take_inbox(count))

    def _read(self, most):
        """Read at most so many bytes, of those that are there, into the inbox."""
        raise NotImplementedError
