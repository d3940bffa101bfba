"""A modem that answers from a table, for tests of drivers on both runtimes."""

from locator.modem.at import Channel
from locator.modem.bg95.driver import Modem as Bg95
from locator.modem.sim7600.driver import Modem as Sim7600

OK = b"\r\nOK\r\n"


class Board:
    apn = b"iot"


class Table:
    """The port of a driver, and the modem at it.

    `closed_until` are bytes that lead out of a mode in which nothing is answered. `answers` maps a
    command (without AT and CR) or its beginning to bytes, or to a list of bytes that are given one after
    the other, the last for ever. Anything else is answered with OK. `data` collects what was sent after
    a prompt. Silence (None) answers nothing. `sent` has the commands, but not the question by which the
    channel catches up.
    """

    def __init__(self):
        self.answers = {}
        self.now = 0
        self.sent = []
        self.data = b""
        self.rx = b""
        self.piece = 64
        self.pins = []
        self.closed_until = b""
        self.has_reset = False
        self.status = None  # of a board without the line

    def ticks_ms(self):
        return self.now

    def sleep_ms(self, ms):
        self.now += ms

    def feed(self):
        pass

    def modem_rail(self, on):
        self.pins.append(("rail", on))

    def modem_key(self, pressed):
        self.pins.append(("key", pressed))

    def modem_reset(self, pressed):
        if self.has_reset:
            self.pins.append(("reset", pressed, self.now))
        return self.has_reset

    def modem_status(self):
        return self.status

    def modem_dtr(self, level):
        self.pins.append(("dtr", level))

    def uart_write(self, data):
        data = bytes(data)
        if self.closed_until:
            if data == self.closed_until:
                self.closed_until = b""
            return
        if not (data.startswith(b"AT") and data.endswith(b"\r")):
            self.data += data
            self.rx += self._answer(b"data")
            return
        command = data[2:-1]
        if command != b"+CMEE?":  # the channel's own question
            self.sent.append(command)
        self.rx += self._answer(command)

    def uart_readinto(self, buf, timeout_ms):
        if not self.rx:
            self.now += timeout_ms
            return 0
        n = min(len(buf), self.piece, len(self.rx))
        buf[:n] = self.rx[:n]
        self.rx = self.rx[n:]
        self.now += 1
        return n

    def _answer(self, command):
        best = None
        for key in self.answers:
            if command.startswith(key) and (best is None or len(key) > len(best)):
                best = key
        if best is None:
            return OK
        answer = self.answers[best]
        if type(answer) is list:
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return answer or b""


def line(text):
    """One information line and OK."""
    return b"\r\n" + text + b"\r\n" + OK


def plug(driver, port):
    """Put another port in place of the driver's."""
    driver.port = driver.channel._port = port


def bg95():
    """A BG95's driver that is on, and its table."""
    return _driver(Bg95)


def sim7600():
    """A SIM7600's driver that is on, and its table."""
    return _driver(Sim7600)


def _driver(kind):
    table = Table()
    channel = Channel(table)
    channel.booting = False
    driver = kind(table, channel, Board())
    driver.on = True
    table.answers[b"+CPIN?"] = line(b"+CPIN: READY")
    table.answers[b"+CMEE?"] = line(b"+CMEE: 1")
    return driver, table
