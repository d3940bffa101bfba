"""TLS sockets of both modems, for when their own MQTT client is broken. Imported only then.

A socket has four verbs, all with a deadline: `open(host, port, ca)`, with the server verified against
`ca` (PEM); `send(*parts)`; `receive(timeout_ms)`, some bytes or None; `close()`. What ends the connection
raises `ConnectionLost`. BG95: SSL manual V1.0 (of the BG96); SIM7600: AT manual V3.00, CCH commands.
"""

from micropython import const

from locator.modem import ModemError, TlsError

_MS = const(9000)
_SEND_MS = const(30000)
_OPEN_MS = const(150000)
_READ_BYTES = const(1500)  # less than the inbox of the channel
_HANDSHAKE = (15, 19)  # of CCHOPEN: handshake failed, no certificate


def make(driver):
    """The socket of that modem."""
    return (Bg95Socket if driver.KIND == "bg95" else Sim7600Socket)(driver)


class _Socket:
    """What both do alike: bytes are announced once, then read until nothing is left."""

    ANNOUNCED = b""
    LOST: tuple = ()
    OURS: tuple = ()  # unsolicited lines that come with the socket
    RAW = b""
    MOST = 0  # bytes a command sends

    def __init__(self, driver):
        self._driver = driver
        self._at = driver._at
        self._port = driver._port
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
        """Send the parts (bytes-like), one behind the other, in as few commands as possible."""
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
        """Some bytes that have come; None at the time-out."""
        deadline = self._port.ticks_ms() + timeout_ms
        while True:
            if not self._more:
                left = deadline - self._port.ticks_ms()
                if left <= 0 or self._at.wait(self.ANNOUNCED, left) is None:
                    return None
            self._at.inbox_n = 0
            self._read()
            self._more = self._at.inbox_n > 0
            if self._more:
                return self._driver._take_inbox(self._at.inbox_n)

    def _read(self):
        """Read what is there into the channel's inbox."""
        raise NotImplementedError


class Bg95Socket(_Socket):
    ANNOUNCED = b'+QSSLURC: "recv"'
    LOST = (b'+QSSLURC: "closed"', b'+QIURC: "pdpdeact"')
    OURS = (b"+QSSLOPEN:", b"+QSSLURC:")
    RAW = b"+QSSLRECV:"
    MOST = 1460

    def open(self, host, port, ca):
        """Activate the PDP context and connect. A failed handshake and a host that does not answer
        have the same code here (566), so neither counts as `TlsError`."""
        self._driver.pdp_open()
        self._driver.secure(ca)
        self._driver._try(b"+QSSLCLOSE=0", _MS)  # left over by a reset of ours, or by a failure
        self._begin()
        self._at.command(b'+QSSLOPEN=1,1,0,"%s",%d,0' % (host, port), _MS)
        code = self._driver._outcome(b"+QSSLOPEN:", _OPEN_MS)[-1]
        if code != 0:
            raise ModemError("socket", code)
        self._at.lost = self.LOST

    def _send(self, part):
        self._at.prompted(b"+QSSLSEND=0,%d" % len(part), part, _SEND_MS)

    def _read(self):
        self._at.command(b"+QSSLRECV=0,%d" % _READ_BYTES, _MS, b"+QSSLRECV:")

    def close(self):
        """Close it; the modem's refusal is no failure."""
        self._at.lost = ()
        self._driver._try(b"+QSSLCLOSE=0", _MS)
        self._end()


class Sim7600Socket(_Socket):
    ANNOUNCED = b"+CCHEVENT: 0,RECV EVENT"
    LOST = (b"+CCH_PEER_CLOSED:", b"+CIPEVENT:")
    OURS = (b"+CCH",)
    RAW = b"+CCHRECV: DATA"
    MOST = 1500

    def open(self, host, port, ca):
        """Start the service, which opens the PDP context, and connect."""
        driver = self._driver
        driver.pdp_define()
        driver.secure(ca)
        self._begin()
        self._stop()
        driver.open_service(b"+CCHSTART")
        self._at.command(b"+CCHSET=1,1", _MS)  # tell what was sent, bytes are read by hand
        self._at.command(b"+CCHSSLCFG=0,0", _MS)
        try:
            driver.two_stage(b'+CCHOPEN=0,"%s",%d,2' % (host, port), b"+CCHOPEN:")
        except ModemError as e:
            if e.code in _HANDSHAKE:
                raise TlsError("socket", e.code)
            raise
        self._at.lost = self.LOST

    def _send(self, part):
        self._at.prompted(b"+CCHSEND=0,%d" % len(part), part, _MS)
        if self._driver._outcome(b"+CCHSEND:", _SEND_MS)[-1] != 0:
            raise ModemError("send")

    def _read(self):
        """The bytes, then `0,<error>`, before OK or behind it."""
        self._at.forget(b"+CCHRECV:")
        lines = self._at.command(b"+CCHRECV=0,%d" % _READ_BYTES, _MS, b"+CCHRECV:")
        if not any(line.startswith(b"0,") for line in lines):
            self._at.wait(b"+CCHRECV: 0,", _MS)

    def _stop(self):
        """End what is left over by a reset of ours, or by a failure."""
        if self._driver._try(b"+CCHCLOSE=0", _MS):
            self._at.wait(b"+CCHCLOSE:", _MS)
        if self._driver._try(b"+CCHSTOP", _MS):
            self._at.wait(b"+CCHSTOP:", _MS)

    def close(self):
        """Close it and leave the service; the modem's refusal is no failure."""
        self._at.lost = ()
        self._stop()
        self._end()
