"""Quectel BG95: LTE-M, NB-IoT and GSM; GNSS shares the radio; MQTT with TLS in the modem.

Commands and time-outs: BG95 AT manual V2.0, MQTT manual V1.1; BG96 GNSS, SSL, FILE manuals.
"""

from micropython import const

from locator.modem import ModemError, parse, plausible_cell
from locator.modem.driver import SHORT_MS, Driver

_PDP_MS = const(150000)
_POWER_DOWN_MS = const(65000)
_PSM_MS = const(25000)  # networks release the connection up to 20 s after the last traffic
_PSM_STEP_MS = const(2500)
_PSM_TRIES = const(2)
_FOUND_AGAIN_MS = const(12000)


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
        self.message = 0

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
        """Search as scheduler/regions.py says, None: everything. Immediate and lasting."""
        for text in self.part("search").commands(region, again):
            self.accepts(text)

    def give_up_context(self, limit_ms):
        """End the PDP context and whatever runs over it."""
        self.accepts(b"+QIDEACT=1", limit_ms)

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
