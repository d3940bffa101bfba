"""The TLS socket of the BG95 (`sockets.py`): SSL manual V1.0 of the BG96, TCP/IP manual V1.1."""

from micropython import const

from locator.modem import ModemError
from locator.modem.sockets import MS, SEND_MS, Socket

_OPEN_MS = const(150000)


class TlsSocket(Socket):
    ANNOUNCED = b'+QSSLURC: "recv"'
    LOST = (b'+QSSLURC: "closed"', b'+QIURC: "pdpdeact"')
    OURS = (b"+QSSLOPEN:", b"+QSSLURC:")
    RAW = b"+QSSLRECV:"
    MOST = 1460

    def open(self, host, port, ca):
        """Activate the PDP context and connect. A failed handshake and a host that does not answer
        have the same code here (566), so neither counts as `TlsError`."""
        self._driver.permit(host, port)
        self._driver.pdp_open()
        self._driver.secure(ca)
        self._driver.accepts(b"+QSSLCLOSE=0", MS)  # left over by a reset of ours, or by a failure
        self._begin()
        self._at.command(b'+QSSLOPEN=1,1,0,"%s",%d,0' % (host, port), MS)
        code = self._driver.outcome(b"+QSSLOPEN:", _OPEN_MS)[-1]
        if code != 0:
            raise ModemError("socket", code)
        self._at.connected(self.LOST)

    def _send(self, part):
        self._at.prompted(b"+QSSLSEND=0,%d" % len(part), part, SEND_MS)

    def _read(self, most):
        self._at.command(b"+QSSLRECV=0,%d" % most, MS, b"+QSSLRECV:")

    def close(self):
        """Close it; the modem's refusal is no failure."""
        self._at.lost = ()
        self._driver.accepts(b"+QSSLCLOSE=0", MS)
        self._end()
