"""Quectel BG95: LTE-M, NB-IoT and GSM; GNSS shares the radio; MQTT with TLS in the modem.

Commands and time-outs: BG95 AT manual V2.0, MQTT manual V1.1; BG96 GNSS, SSL, FILE manuals.
"""

from micropython import const

from locator.modem import ModemError, PdpError, TlsError, parse, plausible_cell
from locator.modem.driver import SHORT_MS, SIM_MS, Driver, ca_name

_PDP_MS = const(150000)
_OPEN_MS = const(150000)
_ANSWER_MS = const(25000)  # pkt_timeout 5 s, 3 repeats
_POWER_DOWN_MS = const(65000)
_PSM_MS = const(25000)  # networks release the connection up to 20 s after the last traffic
_PSM_STEP_MS = const(2500)
_PSM_TRIES = const(2)
_FOUND_AGAIN_MS = const(12000)
_ALREADY_ON = const(504)
_NOT_FIXED = const(516)
_OPEN_FAILED = const(-1)
_NO_PDP = const(3)


class Modem(Driver):
    KIND = "bg95"
    REPLY_MS = SHORT_MS  # the manual says 300 ms
    KEY_MS = 700
    RESET_MS = 2500  # 2 to 3.8 s (hardware design)
    # No manual describes the SIM toolkit: this is what a related modem has.
    TOOLKIT = (b"+QSTKGI=37", b"+QSTKGI:", b"+QSTKRSP=37,0,%d", b"+QSTKRSP=254")
    QUIET_MS = 1500
    BOOT_MS = 8500
    # PSM: periodic TAU 30 h, longer than any pause between reports (a day and its spread), so that the modem
    # never wakes by itself; active time 2 min, so that it does not go to sleep by itself in mid-wake,
    # while GNSS searches: `stop` sends it there at once.
    SETUP = (b"+CMEE=1", b"+CEREG=4", b'+CPSMS=1,,,"01000011","00100010"')
    # Local time (CTZU) is what CCLK means everywhere else; the applets of multi-IMSI cards work through the
    # toolkit (QSTK).
    CONFIGURE = (
        b'+QURCCFG="urcport","uart1"', b'+QCFG="nwscanmode",0', b'+QCFG="nwscanseq",020103,1',
        b'+QCFG="iotopmode",2,1', b'+QCFG="band",F,400A0E189F,A0E189F,1', b'+QCFG="psm/urc",1',
        b"+QGPSXTRA=1", b"+CTZU=3", b"+QSTK=1",
    )  # fmt: skip
    UNSOLICITED = (
        b"+CFUN:", b"+CPIN:", b"+QUSIM:", b"+QIND:", b"+CREG:", b"+CGREG:", b"+CEREG:",
        b"+QPSMTIMER:", b"+QMT", b"+QIURC:", b"POWERED DOWN", b"NORMAL POWER DOWN", b"PSM POWER DOWN",
        b"POWER DOWN",
    )  # fmt: skip
    RESTART = (b"RDY",)
    SIGNS = (b"APP RDY",)
    NEIGHBOURS = (b'+QENG="neighbourcell"', b"+QENG:")
    PING_UNANSWERED = (b"+QMTSTAT:", 2)  # MQTT manual V1.1
    ICCID = b"+QCCID"
    # 0: CS alone, 1: PS alone, 2: both; at once, and kept.
    SERVICES = (b'+QCFG="servicedomain"', b"+QCFG:", b'+QCFG="servicedomain",%d,1', (1,), (2, 0))

    def __init__(self, port, at, board):
        super().__init__(port, at, board)
        at.raw_prefix = b"+QMTRECV:"
        at.raw_commas = 4
        self._message = 0

    def cell(self):
        """The serving `Cell`, None without service."""
        lines = self.listing(b'+QENG="servingcell"', b"+QENG:")
        parts = parse.fields(lines[0]) if lines else []
        if len(parts) < 13:
            return None
        lte = parts[2] != b"GSM"
        at = (4, 6, 12, 13) if lte else (3, 6, 5, 10)
        if len(parts) <= at[3]:
            return None
        mcc, mnc = parse.integer(parts[at[0]]), parse.integer(parts[at[0] + 1])
        cell, tac = parse.integer(parts[at[1]], 16), parse.integer(parts[at[2]], 16)
        level = parse.integer(parts[at[3]])
        if None in (mcc, mnc, cell, tac, level):
            return None
        return plausible_cell(1000 * mcc + mnc, tac, cell, level, not lte)

    def prefer(self, region, again):
        """Search as plan.regions says, None: everything. At once, and kept."""
        for text in self.part("search").commands(region, again):
            self.accepts(text)

    def give_up_context(self, limit_ms):
        """End the PDP context and whatever runs over it."""
        self.accepts(b"+QIDEACT=1", limit_ms)

    def gnss_start(self, radio_off):
        """Give the radio to GNSS. Registration waits until `gnss_stop`."""
        if radio_off:
            self.radio_off()
        self._first(0)
        try:
            self.channel.command(b"+QGPS=1", SIM_MS)
        except ModemError as e:
            if e.code != _ALREADY_ON:
                raise

    def gnss_poll(self):
        """A `Fix`, or None while there is none."""
        try:
            lines = self.channel.command(b"+QGPSLOC=2", SIM_MS, b"+QGPSLOC:")
        except ModemError as e:
            if e.code < 0:
                raise
            # The usual answer, once a second: whatever follows it has come by the next time.
            self.channel.unsure = e.code != _NOT_FIXED
            return None
        return _fix(parse.fields(lines[0])) if lines else None

    def gnss_stop(self):
        """Give the radio back to the network."""
        try:
            self.accepts(b"+QGPSEND")  # refused when it is off already
        finally:
            self._first(1)

    def _first(self, whom):
        """Whom the radio serves first, 0: GNSS, 1: the network; for now, where the firmware can do that."""
        text = b'+QGPSCFG="priority",%d' % whom
        if not self.accepts(text + b",0"):
            self.accepts(text)

    def mqtt_open(self, host, port, device, password, ca):
        """Activate the PDP context and connect with TLS, the broker verified against `ca` (PEM)."""
        self.permit(host, port)
        self.pdp_open()
        self.channel.lost = ()
        if self.listing(b"+QMTOPEN?", b"+QMTOPEN:"):  # left over by a reset of ours, or by a failure
            if self.accepts(b"+QMTCLOSE=0"):
                self.channel.wait(b"+QMTCLOSE:", _ANSWER_MS)
        self.channel.forget(b"+QMT")
        self.channel.inbox_n = 0
        self.secure(ca)
        for text in (
            b'"version",0,4', b'"pdpcid",0,1', b'"ssl",0,1,1', b'"keepalive",0,120', b'"session",0,1',
            b'"timeout",0,5,3,0', b'"recv/mode",0,0,1',
        ):  # fmt: skip
            self.channel.command(b"+QMTCFG=" + text, SHORT_MS)
        self.channel.command(b'+QMTOPEN=0,"%s",%d' % (host, port), SIM_MS)
        code = self._outcome(b"+QMTOPEN:", _OPEN_MS)[-1]
        if code == _NO_PDP:
            raise PdpError("open")
        if code == _OPEN_FAILED:
            if self.part("context").reaches(self, host, port):
                raise TlsError("open", code)
        if code != 0:
            raise ModemError("open", code)
        self.channel.command(b'+QMTCONN=0,"%s","%s","%s"' % (device, device, password), SIM_MS)
        if self._final(b"+QMTCONN:", 1)[1:3] != [0, 0]:
            raise ModemError("connect")
        self.channel.connected((b"+QMTSTAT:", b'+QIURC: "pdpdeact"'))

    def mqtt_subscribe(self, topic):
        """Subscribe to `topic` (bytes) at QoS 0."""
        self.channel.command(b'+QMTSUB=0,1,"%s",0' % topic, SIM_MS)
        result = self._final(b"+QMTSUB:", 2)
        if result[2:3] != [0] or result[3:4] == [128]:
            raise ModemError("subscribe")

    def _final(self, prefix, at):
        """The outcome whose integer at place `at` is not 1, "sent again": that is still under way."""
        deadline = self.port.ticks_ms() + _ANSWER_MS
        while True:
            result = self._outcome(prefix, deadline - self.port.ticks_ms())
            if result[at : at + 1] != [1]:
                return result

    def mqtt_publish(self, topic, data):
        """Publish `data` (bytes-like) at QoS 1 and wait for the broker's PUBACK."""
        self._message = self._message % 65535 + 1
        text = b'+QMTPUB=0,%d,1,0,"%s",%d' % (self._message, topic, len(data))
        self.channel.prompted(text, data, _ANSWER_MS)
        deadline = self.port.ticks_ms() + _ANSWER_MS
        while True:
            result = self._outcome(b"+QMTPUB:", deadline - self.port.ticks_ms())
            if result[1:2] != [self._message] or result[2:3] == [1]:
                continue  # an older message, or "sent again": still under way
            if result[2:3] != [0]:
                raise ModemError("publish")
            return

    def mqtt_receive(self, timeout_ms):
        """The next message received, as bytes; None at the time-out."""
        line = self.channel.wait(b"+QMTRECV:", timeout_ms)
        if line is None:
            return None
        return self.take_inbox(parse.integer(parse.fields(line)[-1]))

    def mqtt_close(self):
        """Disconnect from the broker; the modem's refusal is no failure."""
        self.channel.lost = ()
        if self.accepts(b"+QMTDISC=0"):
            self.channel.wait(b"+QMTDISC:", _ANSWER_MS)

    def stop(self, into_psm):
        """Power off, or with `into_psm` into PSM, which keeps the registration. True when in PSM.

        The supply stays on unless the modem does not go: its clock runs on, so that the next search
        for satellites is a short one.
        """
        self.on = False
        if into_psm and self.accepts(b'+QCFG="psm/enter",1') and self._falls_asleep():
            return True
        self.accepts(b"+QPOWD=1")
        if not self._power_down():
            self.cut_supply()
        return False

    def _falls_asleep(self):
        """Whether the modem falls silent when the network lets go of it. The board sleeps meanwhile: it would
        take almost as much as the modem. It hears no last line then, so it looks again after each step."""
        deadline = self.port.ticks_ms() + _PSM_MS
        while self.port.ticks_ms() < deadline:
            self.port.sleep_ms(_PSM_STEP_MS)
            if self.port.modem_status() is False or not self.channel.hears(_PSM_TRIES):
                return True
        return False

    def _power_down(self):
        """Whether the modem says that it goes, or has gone by its STATUS."""
        step_ms = _POWER_DOWN_MS if self.port.modem_status() is None else SHORT_MS
        deadline = self.port.ticks_ms() + _POWER_DOWN_MS
        while self.port.ticks_ms() < deadline:
            line = self.channel.wait(b"", min(step_ms, deadline - self.port.ticks_ms()))
            if (line and line.endswith(b"DOWN")) or self.port.modem_status() is False:
                return True
        return False

    def psm_granted(self):
        """Whether the network has granted PSM: +CEREG level 4 then shows both timers (manual 6.3)."""
        for line in self.listing(b"+CEREG?", b"+CEREG:"):
            parts = parse.fields(line)
            if len(parts) > 8 and parts[7] and parts[8] and not parts[7].startswith(b"111"):  # 111: timer off
                return True
        return False

    def pdp_open(self):
        """Activate the PDP context unless it is. Raises `PdpError` when the network refuses it, or has since
        the start: it is asked twice at most."""
        for line in self.channel.command(b"+QIACT?", _PDP_MS, b"+QIACT:"):
            if parse.fields(line)[:2] == [b"1", b"1"]:
                return
        if not self._refused:
            self.pdp_define()
            self.serves(_FOUND_AGAIN_MS)  # GNSS had the radio
            try:
                self.channel.command(b"+QIACT=1", _PDP_MS)
            except ModemError as e:
                self._refused = self.part("context").refused(self, e)
        if self._refused:
            raise self._refused

    def pdp_define(self):
        """As in `Driver`."""
        user, password = self.login
        settings = (self.board.apn, user, password, 3 if user else 0)  # PAP or CHAP, as the network likes
        self.accepts(b'+QICSGP=1,1,"%s","%s","%s",%d' % settings)

    def secure(self, ca):
        """Set up TLS context 1: the server is verified against `ca` (PEM)."""
        name = self._provide_ca(ca)
        for text in (
            b'"sslversion",1,3', b'"ciphersuite",1,0XFFFF', b'"seclevel",1,1', b'"cacert",1,"%s"' % name,
            b'"ignorelocaltime",1,1',
        ):  # fmt: skip
            self.channel.command(b"+QSSLCFG=" + text, SHORT_MS)
        self.accepts(b'+QSSLCFG="sni",1,1')  # newer firmware only

    def _provide_ca(self, ca):
        """Upload `ca` unless the modem has it; returns its name there."""
        name = ca_name(ca)
        listed = b'%s",%d' % (name, len(ca))  # an upload that broke off is shorter
        for line in self.listing(b'+QFLST="%s"' % name, b"+QFLST:"):
            if line.endswith(listed):  # some firmware puts UFS: in front
                return name
        self.accepts(b'+QFDEL="%s"' % name)
        text = b'+QFUPL="%s",%d,60' % (name, len(ca))
        self.channel.prompted(text, ca, 60000, b"CONNECT")
        return name


def _fix(parts):
    """The `Fix` in a reply (GNSS manual of the BG96, QGPSLOC):
    `<UTC>,<lat>,<lon>,<HDOP>,<alt>,<fix>,<COG>,<km/h>,<knots>,<date>,<satellites>`"""
    from locator.modem import gnss

    if len(parts) != 11:
        return None
    digits = ((1, 5), (2, 5), (4, 1), (7, 4), (6, 2), (3, 1))
    values = [(gnss.motion if at in (6, 7) else parse.decimal)(parts[at], digit) for at, digit in digits]
    values = [gnss.epoch(parts[9], parts[0])] + values + [parse.integer(parts[10])]
    return None if None in values else gnss.fix(*values)
