"""SIMCom SIM7600: LTE Cat-4; GNSS while the radio is on; MQTT with TLS in the modem.

Commands and time-outs: SIM7500_SIM7600 AT manual V3.00, MQTT and GNSS application notes V3.00.
The outcome of a two-stage command may come before or after its OK, so both are waited for.
"""

from micropython import const

from locator.modem import ModemError, ModemGone, PdpError, TlsError, parse, plausible_cell
from locator.modem.driver import SHORT_MS, Driver, ca_name

_MS = const(9000)
_NET_MS = const(120000)
_POWER_DOWN_MS = const(10000)
_GOODBYE_MS = const(3000)  # some firmware goes without one: then it does not answer any more
_ALREADY_STARTED = const(23)
_TLS_FAILED = (32, 33, 34)


class Modem(Driver):
    KIND = "sim7600"
    FETCHES_ASSISTANCE = True
    REPLY_MS = _MS
    KEY_MS = 700
    RESET_MS = 300  # 100 to 500 ms (hardware design)
    TOOLKIT = (b"+STGI=25", b"+STGI:", b"+STGR=25,%d", b"+STGR=81")
    QUIET_MS = 8000
    BOOT_MS = 12000
    SETUP = (b"+CMEE=1", b"+CREG=0", b"+CEREG=0")
    CONFIGURE = (b"+CNMP=2", b"+CTZU=1", b"+CGPSXE=1", b"+STK=1")  # by the toolkit multi-IMSI cards work
    UNSOLICITED = (
        b"+CPIN:",
        b"SMS DONE",
        b"+CREG:",
        b"+CGREG:",
        b"+CEREG:",
        b"+CGPS:",
        b"+CMQTT",
        b"+NETOPEN:",
        b"+NETCLOSE:",
        b"+CIPEVENT:",
        b"NORMAL POWER DOWN",
        b"UNDER-VOLTAGE",
    )
    RESTART = (b"RDY", b"*ATREADY")
    SIGNS = (b"PB DONE",)
    ICCID = b"+CICCID"
    # TS 27.007 10.1.28: PS alone in modes 0 and 3, CS and PS in 1 and 2. Not in the manual; AT&V lists it.
    SERVICES = (b"+CEMODE?", b"+CEMODE:", b"+CEMODE=%d", (0, 3), (2, 1))

    def __init__(self, port, at, board):
        super().__init__(port, at, board)
        at.raw_prefix = b"+CMQTTRXPAYLOAD:"

    def cell(self):
        """The serving `Cell`, None without service."""
        lines = self.listing(b"+CPSI?", b"+CPSI:")
        parts = parse.fields(lines[0]) if lines else []
        kind = parts[0] if parts else b""
        level_at = {b"LTE": 11, b"WCDMA": 10, b"GSM": 6}.get(kind, 0)
        if not level_at or len(parts) <= level_at:
            return None
        mcc, _, mnc = parts[2].partition(b"-")
        mcc, mnc = parse.integer(mcc), parse.integer(mnc)
        tac, cell = parse.integer(parts[3], 16), parse.integer(parts[4])
        level = parse.integer(parts[level_at])
        if None in (mcc, mnc, tac, cell, level):
            return None
        level = -abs(level) if kind == b"WCDMA" else _dbm(level)  # RSCP, given without its sign
        return plausible_cell(1000 * mcc + mnc, tac, cell, level, kind == b"GSM")

    def give_up_context(self, limit_ms):
        """End the PDP context and whatever runs over it."""
        self.mqtt_close()
        if self.accepts(b"+NETCLOSE", limit_ms):
            self.channel.wait(b"+NETCLOSE:", limit_ms)
        self.accepts(b"+CGACT=0,1", limit_ms)

    def gnss_start(self, radio_off):
        """Start GNSS; the radio goes on registering meanwhile unless `radio_off`."""
        if radio_off:
            self.radio_off()
        self.accepts(b"+CGPS=1", _MS)  # refused when it is on already

    def gnss_poll(self):
        """A `Fix`, or None while there is none."""
        lines = self.channel.command(b"+CGNSSINFO", _MS, b"+CGNSSINFO:")
        return _fix(parse.fields(lines[0])) if lines else None

    def gnss_stop(self):
        """Stop GNSS. The modem needs up to 30 s for it, in which it does not start again: a wake
        searches once, so there is no wait."""
        self.accepts(b"+CGPS=0", _MS)

    def mqtt_open(self, host, port, device, password, ca):
        """Connect with TLS, the broker verified against `ca` (PEM); the PDP context opens by itself."""
        self.permit(host, port)
        self.pdp_define()
        name = self.secure(ca)
        self.channel.lost = ()
        self._start_service()
        self.channel.forget(b"+CMQTT")
        self.channel.inbox_n = 0
        self.channel.command(b'+CMQTTACCQ=0,"%s",1' % device, _MS)
        self.channel.command(b"+CMQTTSSLCFG=0,0", _MS)
        self.channel.command(b'+CMQTTCFG="checkUTF8",0,0', _MS)
        login = (host, port, device, password)
        try:
            self.two_stage(b'+CMQTTCONNECT=0,"tcp://%s:%d",120,1,"%s","%s"' % login, b"+CMQTTCONNECT:")
        except ModemError as e:
            if e.code in _TLS_FAILED:  # perhaps a download that broke off: the list shows no sizes
                self.accepts(b'+CCERTDELE="%s"' % name, _MS)
                raise TlsError("open", e.code)
            raise
        self.channel.connected((b"+CMQTTCONNLOST:", b"+CMQTTPING:", b"+CMQTTNONET"))

    def mqtt_subscribe(self, topic):
        """Subscribe to `topic` (bytes) at QoS 0."""
        self.channel.prompted(b"+CMQTTSUB=0,%d,0" % len(topic), topic, _NET_MS)
        self._check(b"+CMQTTSUB:")

    def mqtt_publish(self, topic, data):
        """Publish `data` (bytes-like) at QoS 1 and wait for the broker's PUBACK."""
        self.channel.prompted(b"+CMQTTTOPIC=0,%d" % len(topic), topic, _MS)
        self.channel.prompted(b"+CMQTTPAYLOAD=0,%d" % len(data), data, _MS)
        self.two_stage(b"+CMQTTPUB=0,1,60", b"+CMQTTPUB:")

    def mqtt_receive(self, timeout_ms):
        """The next message received, as bytes; None at the time-out."""
        start = self.channel.wait(b"+CMQTTRXSTART:", timeout_ms)
        if start is None or self.channel.wait(b"+CMQTTRXEND:", _MS) is None:
            return None
        return self.take_inbox(parse.integer(parse.fields(start)[-1]))

    def mqtt_close(self):
        """Disconnect and leave the MQTT service, refusals ignored (MQTT note: DISC, REL, STOP). True if it
        was running."""
        self.channel.lost = ()
        if self.accepts(b"+CMQTTDISC=0,60", _NET_MS):
            self.channel.wait(b"+CMQTTDISC:", _MS)
        self.accepts(b"+CMQTTREL=0", _MS)
        running = self.accepts(b"+CMQTTSTOP", _NET_MS)
        if running:
            self.channel.wait(b"+CMQTTSTOP:", _MS)
        return running

    def stop(self, into_psm):
        """Power off; the modem has no PSM, so it never is in PSM (False). Its supply stays on unless it
        answers for too long."""
        self.on = False
        self.accepts(b"+CPOF", _MS)
        deadline = self.port.ticks_ms() + _POWER_DOWN_MS
        while self.channel.wait(b"NORMAL POWER DOWN", _GOODBYE_MS) is None and self.channel.hears():
            if self.port.ticks_ms() >= deadline:
                self.cut_supply()
                break
        return False

    def pdp_define(self):
        """As in `Driver`; the services of the modem open the context by themselves."""
        self.accepts(b'+CGDCONT=1,"IP","%s"' % self.board.apn, _MS)
        user, password = self.login
        # PAP, or none: the login of another access point is nothing to this one.
        self.accepts(b'+CGAUTH=1,1,"%s","%s"' % (password, user) if user else b"+CGAUTH=1,0", _MS)

    def open_service(self, name):
        """Start a service (bytes, `+CMQTTSTART`); it opens the PDP context. Raises `PdpError`."""
        try:
            self.two_stage(name, name + b":")
        except ModemGone:
            raise
        except ModemError as e:
            if e.code == _ALREADY_STARTED:
                raise
            from locator.modem import refusals

            raise PdpError(name, 100 + refusals.ask(self, b"ESM"))

    def _start_service(self):
        try:
            self.open_service(b"+CMQTTSTART")
        except ModemGone:
            raise
        except ModemError:  # left over by a reset of ours, or by a failure; some firmware says ERROR alone
            if not self.mqtt_close():
                raise
            self.open_service(b"+CMQTTSTART")

    def secure(self, ca):
        """Set up TLS context 0: the server is verified against `ca` (PEM). Returns its name in the modem."""
        name = self._provide_ca(ca)
        for text in (
            b'+CSSLCFG="sslversion",0,4',
            b'+CSSLCFG="authmode",0,1',
            b'+CSSLCFG="cacert",0,"%s"' % name,
            b'+CSSLCFG="ignorelocaltime",0,1',
            b'+CSSLCFG="enableSNI",0,1',
        ):
            self.channel.command(text, _MS)
        return name

    def _provide_ca(self, ca):
        """Download `ca` into the modem unless it has it; returns its name there."""
        name = ca_name(ca)
        for line in self.listing(b"+CCERTLIST", b"+CCERTLIST:"):
            if parse.fields(line)[0] == name:
                return name
        self.channel.prompted(b'+CCERTDOWN="%s",%d' % (name, len(ca)), ca, _MS)
        return name

    def two_stage(self, text, prefix):
        """A command whose outcome comes in a line of its own, before, after or instead of OK."""
        self.channel.forget(prefix)
        try:
            self.channel.command(text, _NET_MS)
        except ModemError as e:
            line = self.channel.wait(prefix, SHORT_MS)
            raise e if line is None else ModemError(text, _last(line))
        self._check(prefix)

    def _check(self, prefix):
        line = self.channel.wait(prefix, _NET_MS)
        if line is None or _last(line) != 0:
            raise ModemError(prefix, -1 if line is None else _last(line))


def _last(line):
    return parse.integer(parse.fields(line)[-1])


def _dbm(rsrp):
    """RSRP in dBm from any of the three scales in the field: 0.1 dBm, dBm, or the index of
    TS 36.133 (dBm = index - 141), which alone is positive."""
    if rsrp >= 0:
        return rsrp - 141
    return parse.rounded(rsrp, 10) if rsrp < -200 else rsrp


def _fix(parts):
    """The `Fix` in a reply (AT manual V3.00, CGNSSINFO):
    `<mode>,<GPS>,<GLONASS>,<BeiDou>,<lat>,<N/S>,<lon>,<E/W>,<date>,<UTC>,<alt>,<knots>,<course>,
    <PDOP>,<HDOP>,<VDOP>`"""
    from locator.modem import gnss

    if len(parts) < 16:
        return None
    knots_e1 = gnss.motion(parts[11], 1)
    values = (
        gnss.epoch(parts[8], parts[9]),
        gnss.degrees(parts[4], parts[5]),
        gnss.degrees(parts[6], parts[7]),
        parse.decimal(parts[10], 1),
        None if knots_e1 is None else 1852 * knots_e1,
        gnss.motion(parts[12], 2),
        parse.decimal(parts[14], 1),
        sum(parse.integer(count) or 0 for count in parts[1:4]),
    )
    return None if None in values else gnss.fix(*values)
