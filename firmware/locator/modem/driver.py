"""The common part of the drivers: power, registration, clock, identity. The verbs of a wake:

start, prefer, gnss_start, gnss_poll, gnss_stop, attach, listen, serves, cell, network_time, identity,
card_gone, secure, mqtt_open, mqtt_subscribe, mqtt_publish, mqtt_receive, mqtt_close, psm_granted,
clear_forbidden, cycle_radio, radio_on, radio_off, stop. All raise `ModemError` and its kinds; all have a
deadline.
"""

from binascii import crc32

from micropython import const

from locator.modem import (
    AS_IT_IS,
    DENIED,
    NO_SERVICE,
    REGISTERED,
    ModemError,
    ModemGone,
    ModemSilent,
    NotAllowed,
    parse,
    part,
)

SHORT_MS = const(1000)
SIM_MS = const(10000)  # for commands without a limit in a manual; +CNMP takes as long
_SYNC_TRIES = const(25)
_COPS_MS = const(180000)
_CFUN_MS = const(15000)
_POLL_MS = const(1000)
_NO_SIGNAL = const(99)
_SERVED = (1, 5)  # <stat>: home, roaming
_REFUSED = const(3)
_CARD_TRIES = const(10)
_BUSY_TRIES = const(25)
_SIM_BUSY = const(14)  # +CME ERROR
_IMEI_DIGITS = (14, 16)  # without its check digit, or with the software version (TS 23.003, 6.2)
_ICCID_DIGITS = (18, 20)  # in ten bytes, filled with F (TS 31.102, 4.2)
_IMSI_DIGITS = (14, 15)  # TS 23.003, 2.2


def ca_name(ca):
    """Name of a certificate file in the modem: another certificate is another file."""
    return b"%08x.pem" % crc32(ca)


# An MNC has three digits there, and in North America and most of the Caribbean (ITU-T E.212). Canada's need
# no zero before them.
_LONG_MNC = (365, 366, 708, 722, 732, 750)

# Verbs that a wake needs at one time only, by the module of a modem's folder that has them as functions. Each
# folder has these modules, and `socket` and `ntp`; others, such as `assistance`, only where they are needed.
_PARTS = {
    "gnss_start": "gnss",
    "gnss_poll": "gnss",
    "gnss_stop": "gnss",
    "mqtt_open": "mqtt",
    "mqtt_subscribe": "mqtt",
    "mqtt_publish": "mqtt",
    "mqtt_receive": "mqtt",
    "mqtt_close": "mqtt",
    "secure": "mqtt",
}


class Driver:
    """`at` is the `Channel`; a subclass gives the constants below and the verbs that differ."""

    KEY_MS = 0  # power key pulse
    QUIET_MS = 0  # after it nothing is sent for so long
    BOOT_MS = 0  # from then to `RDY`, at most
    SETUP: tuple = ()  # commands after each boot, refusals ignored
    CONFIGURE: tuple = ()  # commands whose effect the modem keeps, once after power-on of the device
    UNSOLICITED: tuple = ()
    RESTART: tuple = ()
    SIGNS: tuple = ()  # of a restart, or of something less: the echo shows which
    NEIGHBOURS: tuple = ()  # the command that lists neighbour cells, the prefix of its reply
    ICCID = b""  # the command that reads it
    # Voice and SMS: the question, the prefix of its reply, the change, and its values: off, on; the first
    # of each is what is set.
    SERVICES: tuple = ()
    REPLY_MS = 0  # for commands whose time-out the manual does not list
    KIND = ""  # the name of its folder, as `make` has it
    RESET_MS = 0  # how long its reset line is pressed
    # Of the card's menu: the command, the prefix of its reply, a choice, the end.
    TOOLKIT = (b"", b"", b"", b"")
    FETCHES_ASSISTANCE = False  # whether it fetches predicted orbits from its vendor's server by itself
    PING_UNANSWERED: tuple = ()  # `what` and `code` of the `ConnectionLost` that wants a new PDP context
    login = (b"", b"")  # user and password of the access point
    # (name, port) of the allowed hosts, the broker first; None, on the bench: any host.
    hosts: tuple | None = None
    own_hosts: tuple | None = None  # those of the provisioning
    missed = 0  # EMM cause of a refusal during the deregistration before a scan (survey.scan)
    updates: list = []  # another access point, for releases (esim/access.py)

    def __init__(self, port, at, board):
        self.port = port
        self.channel = at
        self.board = board
        at.unsolicited = self.UNSOLICITED
        at.restart = self.RESTART
        at.signs = self.SIGNS
        self.on: bool | None = False  # None: it has restarted by itself and must be set up again
        self._radio_may_be_off = False  # for GNSS
        self._refused = None  # the `PdpError` of this start: no other attempt is made
        self.lost_supply = False  # cut at the end of a wake, with clock and ephemeris

    def __getattr__(self, verb):
        """Return the verb of a part, which is imported with it and unloaded after the action (wake.py)."""
        if verb not in _PARTS:
            raise AttributeError(verb)
        function = getattr(self.part(_PARTS[verb]), verb)
        return lambda *arguments: function(self, *arguments)

    def part(self, name):
        """Return a module of its folder that is seldom needed."""
        return part(self.KIND, name)

    def start(self, surely_off, configure):
        """Power on and reach `OK`. `surely_off` or STATUS saves the probe; `configure` repeats CONFIGURE."""
        self.channel.booting, self._refused, self._radio_may_be_off = True, None, False
        self.port.modem_rail(True)
        surely_off = surely_off or self.port.modem_status() is False
        try:
            if surely_off or not (self.channel.hears() or self._recovery().escape(self)):
                self.boot()
            else:
                self._radio_may_be_off = True  # a reset may have interrupted a search for satellites
        except ModemSilent:
            self._recovery().cold_boot(self)
        self.accepts(b"E0")
        self.channel.booting = False
        self.on = True
        for text in self.SETUP:
            self.accepts(text)
        if configure:
            for text in self.CONFIGURE:
                self.accepts(text)
            self.pdp_define()  # LTE sends it with the attach: a wrong one may cause a refusal

    def attach(self, limit_s, patience_s, plmn, allowed=0):
        """Wait until registered: `limit_s` when nothing is heard, `patience_s` when there is a cell.

        `plmn` is the only operator allowed, 0 for any, AS_IT_IS if it is selected already, since another
        selection would begin another search; if the network refuses that choice, the driver does not wait.
        `allowed` is the operator that the modem was left with, 0 if it chooses.
        Returns (REGISTERED | NO_SERVICE | DENIED, reject cause, UNNAMED or 0), the cause also where another
        network has taken the card after the one that refused it.
        """
        self.radio_on()
        self.await_card()
        start = self.port.ticks_ms()
        code = self.choose(plmn, allowed)
        over, result, cause = False, NO_SERVICE, 0
        if code:
            from locator.modem import refusals

            over, result, cause = refusals.choice(code)
        while True:
            stat, refused = self._registration()
            if stat in _SERVED:
                return REGISTERED, cause
            if stat == _REFUSED:
                result, cause = DENIED, refused or cause
            limit = limit_s
            if patience_s > limit_s and (stat == _REFUSED or self.signal() != _NO_SIGNAL):
                limit = patience_s
            if over or self.port.ticks_ms() - start >= 1000 * limit:
                return result, cause or (self._why() if result == DENIED else 0)
            self.port.sleep_ms(_POLL_MS)

    def radio_off(self):
        """Switch the radio off until `radio_on`; a refusal is no failure."""
        self._radio_may_be_off = True
        self.accepts(b"+CFUN=4", _CFUN_MS)

    def radio_on(self):
        """Switch the radio on, unless it is on."""
        if self._radio_may_be_off:
            self.channel.command(b"+CFUN=1", _CFUN_MS)
            self._radio_may_be_off = False

    def cell(self):
        """The serving `Cell`, None without service."""
        raise NotImplementedError

    def prefer(self, region, again):
        """Set the search as scheduler.regions says, None: everything that the modem can search; `again`:
        search again even if it is set so. Where this gains nothing the modem is left as it is (SIM7600,
        docs/decisions/2026-11-25-search-order.md)."""

    def listen(self, limit_s, is_kept):
        """Return the serving cell, or None after `limit_s` without one; `is_kept`: the modem stays with its
        operator."""
        from locator.modem.survey import listen

        return listen(self, limit_s, is_kept)

    def serves(self, limit_ms):
        """(True if registered, cause of the refusal or UNNAMED if the network has refused us, else 0); asked
        again up to `limit_ms` while the modem scans for the network that it has left for GNSS."""
        deadline = self.port.ticks_ms() + limit_ms
        while True:
            stat, cause = self._registration()
            if stat in _SERVED:
                return True, 0
            if stat == _REFUSED:
                return False, cause or self._why()
            if self.port.ticks_ms() >= deadline:
                return False, 0
            self.port.sleep_ms(_POLL_MS)

    def pdp_define(self):
        """Set the access point of PDP context 1; a refusal is no failure."""
        raise NotImplementedError

    def permit(self, host, port):
        """Raise `NotAllowed` unless the access point in use allows that host; called before every name and
        connection."""
        if self.hosts is not None and (host, port) not in self.hosts:
            raise NotAllowed(host)

    def use(self, apn, login, hosts):
        """Use another access point, from the next context on."""
        self.board.apn, self.login, self.hosts, self._refused = apn, login, hosts or self.own_hosts, None

    def supply_mv(self):
        """Return the supply as the modem measures it, mV; None if it does not report it."""
        for line in self.listing(b"+CBC", b"+CBC:"):
            return parse.supply_mv(line)
        return None

    def psm_granted(self):
        """Whether `stop` may leave the modem in PSM."""
        return False

    def clear_forbidden(self):
        """Empty the card's list of forbidden networks (EF_FPLMN, TS 31.102): one refusal puts a
        network there permanently. A card that does not allow it is left as it is."""
        self.accepts(b'+CRSM=214,28539,0,0,12,"FFFFFFFFFFFFFFFFFFFFFFFF"')

    def cycle_radio(self):
        """Switch the radio off for 10 s and on again, which ends a registration that stays denied."""
        self._recovery().cycle_radio(self)

    def network_time(self):
        """Return the time that the modem has from the network, epoch seconds UTC, or None."""
        lines = self.channel.command(b"+CCLK?", self.REPLY_MS, b"+CCLK:")
        return parse.network_clock(lines[0]) if lines else None

    def identity(self):
        """Return (IMEI, ICCID, IMSI, firmware revision of the modem) as text."""
        imei = self._number(b"+CGSN", _IMEI_DIGITS)
        imsi = self.imsi()
        iccid = self._number(self.ICCID, _ICCID_DIGITS)
        return imei, iccid, imsi, self.revision()

    def imsi(self):
        """Return the IMSI that the modem uses, "" if it has none."""
        return self._number(b"+CIMI", _IMSI_DIGITS)

    def revision(self):
        """Return the firmware revision of the modem as text, "" if it does not report it."""
        for line in self.channel.command(b"+CGMR", SIM_MS):
            name, _, value = line.rpartition(b":")  # bare, or after its own name; not what comes unasked
            try:
                if name in (b"", b"+CGMR", b"Revision"):
                    return value.strip().decode()
            except ValueError:  # noise on the line
                pass
        self.channel.unsure = True
        return ""

    def card_gone(self):
        """Whether the modem reports that no card is in its slot."""
        return self._recovery().card_gone(self)

    def boot(self):
        """Press the power key until the modem answers. Raises `ModemSilent`."""
        key = (self.port.modem_key, self.KEY_MS)
        # The key toggles: a modem that was on nevertheless is off after the first pulse.
        if not (self.starts_after(*key) or self.starts_after(*key)):
            raise ModemSilent("power on")

    def starts_after(self, press, ms):
        """Whether the modem answers after a pulse of its power key, or of its reset line."""
        self.channel.forget(b"RDY")
        press(True)
        self.port.sleep_ms(ms)
        press(False)
        self.port.sleep_ms(self.QUIET_MS)
        self.channel.wait(b"RDY", self.BOOT_MS)
        return self.channel.hears(_SYNC_TRIES)

    def cut_supply(self):
        """Cut the supply, if the modem does not power off."""
        self._recovery().cut_supply(self)

    def _recovery(self):
        from locator.modem import recovery

        return recovery

    def await_card(self):
        """Wait for the card, which is busy for some seconds after the start and refuses requests (CME 14)."""
        for turn in range(_BUSY_TRIES):
            lines, refusal = self._ask(b"+CPIN?", SIM_MS, b"+CPIN:")
            is_busy = refusal is not None and refusal.code == _SIM_BUSY
            if b"READY" in lines or (turn >= _CARD_TRIES and not is_busy):
                return
            self.port.sleep_ms(_POLL_MS)

    def choose(self, plmn, allowed=0):
        """Select the operator `plmn`, or let the modem choose (0), unless it is so already. Return the CME
        code of a refusal, else 0."""
        if plmn == AS_IT_IS:
            return 0
        lines = self.listing(b"+COPS?", b"+COPS:")
        text = b"+COPS=0"
        if plmn:
            if plmn == allowed and lines and lines[0].startswith(b"1"):
                return 0
            mcc = plmn // 1000
            is_long = (309 < mcc < 361 and mcc != 340) or mcc in _LONG_MNC
            text = b'+COPS=1,2,"%03d%0*d"' % (mcc, 2 + is_long, plmn % 1000)
        elif not lines or lines[0].startswith(b"0"):
            return 0
        _, refusal = self._ask(text, _COPS_MS)
        return refusal.code if refusal else 0

    def _registration(self):
        """(stat, reject cause) from CEREG, CGREG or CREG, whichever is registered."""
        best = (0, 0)
        for text in (b"+CEREG", b"+CGREG", b"+CREG"):
            for line in self.channel.command(text + b"?", self.REPLY_MS, text + b":"):
                got = parse.registration(line, True)
                if got and got[0] in _SERVED:
                    return got
                if got and best[0] != _REFUSED:
                    best = got
        return best

    def _why(self):
        """Return the EMM cause of the last refusal if +CEREG does not have it, UNNAMED if it is not known."""
        from locator.modem import refusals

        return refusals.emm(self)

    def signal(self):
        """Return the signal as in AT+CSQ."""
        lines = self.channel.command(b"+CSQ", self.REPLY_MS, b"+CSQ:")
        return parse.integer(parse.fields(lines[0])[0]) if lines else _NO_SIGNAL

    def _number(self, text, digits):
        """Return the decimal number of so many `digits` (least, most) in the modem's answer, bare or after a
        name, in quotes or filled with F; "" if there is none."""
        for line in self.channel.command(text, SIM_MS):
            number = line.rpartition(b":")[2].strip(b' "').rstrip(b"Ff")
            if number.isdigit() and digits[0] <= len(number) <= digits[1]:
                return number.decode()
        self.channel.unsure = True
        return ""

    def accepts(self, text, timeout_ms=SIM_MS):
        """Send a command whose refusal is no failure; True when it was accepted."""
        return self._ask(text, timeout_ms)[1] is None

    def listing(self, text, prefix, timeout_ms=SIM_MS):
        """Return the lines of a listing; a refused one is empty."""
        return self._ask(text, timeout_ms, prefix)[0]

    def _ask(self, text, timeout_ms, prefix=None):
        """(lines of the answer, the `ModemError` with which the modem refused the command or None)."""
        try:
            return self.channel.command(text, timeout_ms, prefix), None
        except ModemGone:
            raise
        except ModemError as error:
            return [], error

    def take_inbox(self, length):
        """Return the first `length` bytes received, valid until more input; the next message may follow."""
        at = self.channel
        length = min(length or 0, at.inbox_n)
        taken, rest = memoryview(at.inbox)[:length], at.inbox_n - length
        if not rest:  # it stays where it is
            at.inbox_n = 0
            return taken
        data = bytes(taken)
        at.inbox[:rest] = at.inbox[length : at.inbox_n]
        at.inbox_n = rest
        return data

    def outcome(self, prefix, timeout_ms):
        """Return the integers of the unsolicited line that reports the result of a two-stage command."""
        line = self.channel.wait(prefix, timeout_ms)
        if line is None:
            raise ModemSilent(prefix)
        return [parse.integer(field) for field in parse.fields(line)]
