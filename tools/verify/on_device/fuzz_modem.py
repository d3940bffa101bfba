"""Targets of `fuzz.py` in what a modem says: verbs of both drivers, the line discipline, the pure parsers."""

from locator.codec import cbor, record
from locator.modem import ModemError, gnss, parse, refusals
from locator.modem.at import Channel

UART_BYTES = 2048
"""What is not read beyond that is lost, as on a UART."""

VERB_MS = 600_000
"""No verb takes longer, whatever comes."""

LINES = (
    b"\r\nOK\r\n",
    b"\r\nERROR\r\n",
    b"\r\n+CME ERROR: 516\r\n",
    b"AT+CSQ\r\r\n+CSQ: 17,99\r\n\r\nOK\r\n",
    b"\r\n> ",
    b"\r\nCONNECT\r\n",
    b"\r\nRDY\r\n",
    b'\r\n+COPS: 1,2,"26202",7\r\n\r\nOK\r\n',
    b'\r\n+CEREG: 4,5,"4E31","B0DD811",8,,,"00000010","00100001"\r\n\r\nOK\r\n',
    b'\r\n+CEREG: 4,3,"0","0",8,0,11\r\n\r\nOK\r\n',
    b'\r\n+CREG: 0,1\r\n\r\nOK\r\n\r\n+CEREG: 5,"1A2D","01A2D001",8\r\n',
    b'\r\n+CCLK: "26/06/02,01:47:33+32"\r\n\r\nOK\r\n',
    b'\r\n+QENG: "servingcell","NOCONN","eMTC","FDD",310,410,B0DD811,152,5110,12,3,3,5003,-88,-11,-62,'
    b"11,41\r\n\r\nOK\r\n",
    b'\r\n+QENG: "servingcell","NOCONN","GSM",460,01,1A2D,52C1,27,45,900,-70,1\r\n\r\nOK\r\n',
    b"\r\n+CPSI: LTE,Online,228-02,0x9CA4,20964868,46,EUTRAN-BAND20,6200,3,3,-178,-1089,-742,8\r\n\r\nOK\r\n",
    b"\r\n+CPSI: GSM,Online,460-00,0x182d,12401,27 EGSM 900,-64,2110,42-42\r\n\r\nOK\r\n",
    b"\r\n+QGPSLOC: 061951.0,31.50722,117.11929,0.7,62.2,2,0.0,0.0,0.0,110526,09\r\n\r\nOK\r\n",
    b"\r\n+CGNSSINFO: 2,09,05,00,3113.330650,N,12121.262554,E,131126,091918.0,32.9,0.0,255.0,1.1,0.8,0.7"
    b"\r\n\r\nOK\r\n",
    b"\r\n864475041234565\r\n\r\nOK\r\n",
    b'\r\n+QCFG: "servicedomain",2\r\n\r\nOK\r\n',
    b"\r\n+CEMODE: 1\r\n\r\nOK\r\n",
    b'\r\nRING\r\n\r\n+CMTI: "SM",0\r\n\r\n+CMT: ,24\r\n07911326040000F0\r\n',
    b"\r\n+ICCID: 8949227002805216770F\r\n\r\nOK\r\n",
    b"\r\n+QCCID: 8949227002805216770F\r\n\r\nOK\r\n",
    b'\r\n+QIACT: 1,1,1,"10.7.157.1"\r\n\r\nOK\r\n',
    b'\r\n+QFLST: "UFS:0d9256ba.pem",1354\r\n\r\nOK\r\n',
    b'\r\n+CCERTLIST: "0d9256ba.pem"\r\n\r\nOK\r\n',
    b"\r\nOK\r\n\r\n+QMTOPEN: 0,0\r\n",
    b"\r\nOK\r\n\r\n+QMTCONN: 0,0,0\r\n\r\n+QMTSUB: 0,1,0,1\r\n",
    b"\r\n> \r\nOK\r\n\r\n+QMTPUB: 0,1,1\r\n\r\n+QMTPUB: 0,1,0\r\n",
    b'\r\n+QMTRECV: 0,0,"a/down",7,"\x00OK\r\n\x1a>"\r\n',
    b"\r\nOK\r\n\r\n+CMQTTSTART: 0\r\n",
    b"\r\n+CMQTTCONNECT: 0,32\r\n\r\nERROR\r\n",
    b">\r\nOK\r\n\r\n+CMQTTPUB: 0,0\r\n\r\n+CMQTTSUB: 0,0\r\n",
    b"\r\n+CMQTTRXSTART: 0,6,5\r\n\r\n+CMQTTRXTOPIC: 0,6\r\na/down\r\n+CMQTTRXPAYLOAD: 0,5\r\nOK\r\n>"
    b"\r\n+CMQTTRXEND: 0\r\n",
    b"\r\nNORMAL POWER DOWN\r\n\r\nPOWERED DOWN\r\n",
    b"\r\n+CBC: 0,70,3900\r\n\r\nOK\r\n\r\n+CBC: 3.591V\r\n",
)
"""Answers of both modems, from their manuals."""
FIELDS = (b'"26/06/02,01:47:33+32"', b"3113.343286,N", b"-12.345")


class Port:
    """The port of a modem that answers every command with the next piece of `data`."""

    def __init__(self):
        self.data = b""
        self.pieces = 1
        self.limit_ms = 0
        self._rx = b""
        self._now = 0

    def ticks_ms(self):
        return self._now

    def sleep_ms(self, ms):
        self._now += ms

    def uart_write(self, data):
        size = 1 + len(self.data) // self.pieces
        self._rx = (self._rx + self.data[:size])[:UART_BYTES]
        self.data = self.data[size:]

    def uart_readinto(self, buf, timeout_ms):
        n = min(len(buf), 61, len(self._rx))
        buf[:n] = self._rx[:n]
        self._rx = self._rx[n:]
        self._now += 1 if n else timeout_ms
        if self._now > self.limit_ms:
            raise AssertionError("hangs")
        return n

    def modem_rail(self, on):
        self._rx = b""

    def modem_key(self, pressed):
        pass

    def modem_reset(self, pressed):
        return False

    def modem_status(self):
        return None


class Board:
    apn = b"iot"


class Verbs:
    """All verbs of a driver, one after the other, each fed with some bytes."""

    ours = (ModemError,)
    seeds = LINES

    def __init__(self, kind):
        self._port = Port()
        self._at = Channel(self._port)
        self._at.booting = False
        self._driver = kind(self._port, self._at, Board())
        self._next = 0
        self._sizes = self._buffers()

    def feed(self, data):
        """The next verb."""
        verbs = self._verbs()
        name, args = verbs[self._next % len(verbs)]
        self._next += 1
        self._port.data, self._port.pieces = data, 1 + self._next % 4
        self._port.limit_ms = self._port.ticks_ms() + VERB_MS
        try:
            got = self._call(name, args)
            if name == "gnss_poll" and got:
                _into_record(got, None)
            elif name == "cell" and got:
                _into_record(None, got)
            elif name == "identity":
                cbor.Writer(bytearray(2000)).text("".join(got))
        finally:
            self._check()

    def _verbs(self):
        return _VERBS

    def _call(self, name, args):
        return getattr(self._driver, name)(*args)

    def _check(self):
        at = self._at
        if self._buffers() != self._sizes or len(at._queue) > 12 or at.inbox_n > len(at.inbox):
            raise AssertionError("a buffer has grown")

    def _buffers(self):
        return len(self._at._rx), len(self._at._line), len(self._at.inbox)


_VERBS = (
    ("attach", (2, 2, 0)),
    ("cell", ()),
    ("network_time", ()),
    ("identity", ()),
    ("serves", (2000,)),
    ("supply_mv", ()),
    ("psm_granted", ()),
    ("gnss_start", (True,)),
    ("gnss_poll", ()),
    ("gnss_stop", ()),
    ("mqtt_open", (b"h", 1, b"d", b"p", b"ca")),
    ("mqtt_subscribe", (b"a/down",)),
    ("mqtt_publish", (b"a/up", b"x")),
    ("mqtt_receive", (1000,)),
    ("mqtt_close", ()),
    ("listen", (2, False)),
    ("clear_forbidden", ()),
    ("stop", (False,)),
    ("start", (True, True)),
)


def driver_of(modem):
    """The class of its driver; a process needs one of them in its heap."""
    if modem == "bg95":
        from locator.modem.bg95.driver import Modem as Bg95

        return Bg95
    from locator.modem.sim7600.driver import Modem as Sim7600

    return Sim7600


class ChannelTarget:
    """The line discipline by itself: waits, commands and prompts on whatever comes."""

    ours = (ModemError,)
    seeds = LINES

    def __init__(self):
        self._verbs = Verbs(driver_of("bg95"))
        self._next = 0

    def feed(self, data):
        """A command, a prompt or a wait, by turns."""
        at, port = self._verbs._at, self._verbs._port
        self._next += 1
        port.data, port.pieces = data, 1
        port.limit_ms = port.ticks_ms() + VERB_MS
        try:
            if self._next % 3 == 0:
                at.command(b"+CSQ", 300, b"+CSQ:" if self._next % 2 else None)
            elif self._next % 3 == 1:
                at.prompted(b"+X=1", b"data", 300)
            else:
                port.uart_write(b"")
                at.wait(b"+QMTRECV:", 300)
                at.inbox_n = 0
        finally:
            self._verbs._check()


class ParseTarget:
    """The pure parsers, which raise on no input."""

    ours = ()
    seeds = tuple([line.strip() for line in LINES + FIELDS])

    def feed(self, data):
        """All of them, on a line as long as the channel gives it at most."""
        data = data[:400]
        parts = parse.fields(data)
        parse.registration(data, True)
        parse.registration(data, False)
        parse.network_clock(data)
        refusals.cause(data, b"EMM")
        refusals.cause(data, b"ESM")
        parse.last_integer(data)
        parse.supply_mv(data)
        for part in parts[:20]:
            parse.integer(part)
            parse.integer(part, 16)
            parse.decimal(part, 5)
            gnss.degrees(part, b"N")
            gnss.epoch(part, part)


def _into_record(fix, cell):
    """As `locator.wake` does: a fix or a cell that cannot be written down ends the wake."""
    place = (0,) * 7
    if fix:
        place = (fix.lat, fix.lon, fix.alt, fix.speed, fix.heading, fix.hdop, fix.sats)
    heard = (cell.plmn, cell.tac, cell.cell, -cell.rsrp) if cell else (0,) * 4
    head = (record.FIX, record.TIME_GNSS, 0, 1, fix.time if fix else 0, 1)
    record.pack_into(bytearray(record.SIZE), head + place + (180, 0) + heard + (0,))
