"""The TLS socket of the SIM7600 (`sockets.py`): AT manual V3.00, CCH commands."""

from locator.modem import ModemError, TlsError
from locator.modem.sim7600.mqtt import open_service, two_stage
from locator.modem.sockets import MS, SEND_MS, Socket

_HANDSHAKE = (15, 19)  # of CCHOPEN: handshake failed, no certificate


class TlsSocket(Socket):
    ANNOUNCED = b"+CCHEVENT: 0,RECV EVENT"
    LOST = (b"+CCH_PEER_CLOSED:", b"+CIPEVENT:")
    OURS = (b"+CCH",)
    RAW = b"+CCHRECV: DATA"
    MOST = 1500

    def open(self, host, port, ca):
        """Start the service, which opens the PDP context, and connect."""
        driver = self._driver
        driver.permit(host, port)
        driver.pdp_define()
        driver.secure(ca)
        self._begin()
        self._stop()
        open_service(driver, b"+CCHSTART")
        self._at.command(b"+CCHSET=1,1", MS)  # report what was sent, bytes are read by hand
        self._at.command(b"+CCHSSLCFG=0,0", MS)
        try:
            two_stage(driver, b'+CCHOPEN=0,"%s",%d,2' % (host, port), b"+CCHOPEN:")
        except ModemError as e:
            if e.code in _HANDSHAKE:
                raise TlsError("socket", e.code)
            raise
        self._at.connected(self.LOST)

    def _send(self, part):
        self._at.prompted(b"+CCHSEND=0,%d" % len(part), part, MS)
        if self._driver.outcome(b"+CCHSEND:", SEND_MS)[-1] != 0:
            raise ModemError("send")

    def _read(self, most):
        """The bytes, then `0,<error>`, before OK or after it."""
        self._at.forget(b"+CCHRECV:")
        lines = self._at.command(b"+CCHRECV=0,%d" % most, MS, b"+CCHRECV:")
        if not any(line.startswith(b"0,") for line in lines):
            self._at.wait(b"+CCHRECV: 0,", MS)

    def _stop(self):
        """End what is left over by a reset of ours, or by a failure."""
        if self._driver.accepts(b"+CCHCLOSE=0", MS):
            self._at.wait(b"+CCHCLOSE:", MS)
        if self._driver.accepts(b"+CCHSTOP", MS):
            self._at.wait(b"+CCHSTOP:", MS)

    def close(self):
        """Close it and leave the service; the modem's refusal is no failure."""
        self._at.lost = ()
        self._stop()
        self._end()
