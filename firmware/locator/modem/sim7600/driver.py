"""SIMCom SIM7600: LTE Cat-4; GNSS while the radio is on; MQTT with TLS in the modem.

Commands and time-outs: SIM7500_SIM7600 AT manual V3.00, MQTT and GNSS application notes V3.00.
"""

from micropython import const

from locator.modem import parse, plausible_cell
from locator.modem.driver import Driver

_MS = const(9000)
_POWER_DOWN_MS = const(10000)
_GOODBYE_MS = const(3000)  # some firmware goes without one: then it does not answer any more


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
        # PAP, or none: the login of another access point is not for this one.
        self.accepts(b'+CGAUTH=1,1,"%s","%s"' % (password, user) if user else b"+CGAUTH=1,0", _MS)


def _dbm(rsrp):
    """RSRP in dBm from any of the three scales in the field: 0.1 dBm, dBm, or the index of
    TS 36.133 (dBm = index - 141), which alone is positive."""
    if rsrp >= 0:
        return rsrp - 141
    return parse.rounded(rsrp, 10) if rsrp < -200 else rsrp
