"""APDUs to an application of the card, by the modem command that supports them.

Three interfaces, from the best on: AT+CCHO and AT+CGLA (TS 27.007 8.43 to 8.46); AT+CSIM on a logical
channel; AT+CSIM on the basic channel. The manuals of the BG95 have none of them, that of the SIM7600 has
AT+CSIM, so they are tried. ISO/IEC 7816-4 has the status words.
"""

from binascii import hexlify, unhexlify

from micropython import const

from locator.esim import DAMAGED, NO_CHANNEL, CardError
from locator.modem import parse

UNKNOWN = const(0)
CGLA = const(1)
CSIM_CHANNEL = const(2)
CSIM_BASIC = const(3)
NONE = const(4)
"""There is no such application, or no interface to it."""

_MS = const(9000)
_BLOCK = const(120)  # what public clients use
_LARGE_BLOCK = const(255)  # a SIM7600 takes lines of 559 characters
_TEXT_BYTES = const(552)  # AT+CGLA, a session of 16 digits, 261 bytes
_PART = const(32)
_MOST_PIECES = const(16)  # of an answer, of 256 bytes
_TRIES = const(10)  # a card is not ready for some seconds after a REFRESH (openpilot)
_PAUSE_MS = const(250)
_CHANNELS = const(3)

_OK = const(0x9000)
_NOT_FOUND = const(0x6A82)
_NO_CLASS = const(0x6E00)
_USIM = b"00A4040C07A0000000871002"


class Transport:
    """A channel to one application, selected by `open`. `interface`: the one that worked before, UNKNOWN: all
    are tried. `text`: a bytearray for commands."""

    def __init__(self, driver, interface=UNKNOWN, text=None):
        self._driver = driver
        self.interface = interface
        self._session = b""
        self._ms = _MS
        self._channel = 1
        self._text = text or bytearray(_TEXT_BYTES)  # late in a wake it may not fit
        self._block = _BLOCK
        self._most = _LARGE_BLOCK

    def open(self, aid):
        """Select the application `aid` (hexadecimal digits, bytes). Raises `CardError`."""
        if self.interface == NONE:
            raise CardError(NO_CHANNEL)
        interfaces = (self.interface,) if self.interface else (CGLA, CSIM_CHANNEL, CSIM_BASIC)
        for _ in range(_TRIES):
            for interface in interfaces:
                if self._open(interface, aid):
                    self.interface = interface
                    return
                if self.interface == NONE:
                    raise CardError(NO_CHANNEL)
            self._driver.port.sleep_ms(_PAUSE_MS)
        raise CardError(NO_CHANNEL)

    def send(self, request):
        """Send an ES10 request (bytes); return the answer. Raises `CardError`."""
        answer: list = []
        self.pieces(request, _MS, answer.append)
        return b"".join(answer)

    def pieces(self, request, last_ms, take):
        """Send an ES10 request in blocks of STORE DATA; `take` gets the answer in pieces, which may take
        `last_ms` after the last block. Large blocks come after one success, until modem or card refuses one
        that begins a request. Raises `CardError`."""
        answer, status, size = b"", _OK, self._block
        request = memoryview(request)
        count = (len(request) + size - 1) // size
        for i in range(count):
            last = i == count - 1
            self._ms = last_ms if last else _MS
            try:
                block = request[i * size : (i + 1) * size]
                answer, status = self._command(0xE2, 0x91 if last else 0x11, i, block)
                if status >> 8 not in (0x90, 0x91, 0x61):
                    raise CardError(status)
            except CardError:
                if i or last or size == _BLOCK:
                    raise
                self._block = self._most = _BLOCK
                return self.pieces(request, last_ms, take)
        self._ms = _MS
        self._block = self._most
        take(answer)
        for _ in range(_MOST_PIECES):
            if status >> 8 != 0x61:
                break
            answer, status = self._fetch(status & 0xFF)
            take(answer)
        if status >> 8 not in (0x90, 0x91):
            raise CardError(status)

    def close(self):
        """Give the channel back. A refusal, as after a switch, is no failure."""
        self._close(self.interface)

    def _close(self, interface):
        if interface == CGLA:
            self._driver.accepts(b"+CCHC=%s" % self._session, _MS)
        elif interface == CSIM_CHANNEL:
            self._driver.accepts(_csim(b"007080%02X00" % self._channel), _MS)
        elif interface == CSIM_BASIC:
            self._driver.accepts(_csim(_USIM), _MS)  # the modem's own

    def _open(self, interface, aid):
        if interface == CGLA:
            return self._open_session(aid)
        if interface == CSIM_CHANNEL:
            data, status = self._csim(b"0070000001")
            if status != _OK or not data:
                return False
            self._channel = data[0]
        else:
            self._channel = 0
        _, status = self._csim(b"%02XA4040010%s" % (self._channel, aid))
        if status >> 8 in (0x90, 0x61):
            return True
        self._close(interface)
        if status == _NOT_FOUND:  # then it is not on the basic channel either
            self.interface = NONE
        return False

    def _open_session(self, aid):
        for session in range(1, _CHANNELS + 1):  # a reset of the device has left them open
            self._driver.accepts(b"+CCHC=%d" % session, _MS)
        for line in self._driver.listing(b'+CCHO="%s"' % aid, None, self._ms):
            session = line[6:].strip() if line.startswith(b"+CCHO:") else line  # some leave the prefix out
            if parse.integer(session, 16) is not None:
                self._session = session
                return True
        return False

    def _fetch(self, length):
        """GET RESPONSE."""
        answer, status = self._apdu(b"C00000%02X" % length)
        if status >> 8 == 0x6C:
            answer, status = self._apdu(b"C00000%02X" % (status & 0xFF))
        return answer, status

    def _command(self, instruction, p1, p2, data):
        head = b"%02X%02X%02X%02X" % (instruction, p1, p2, len(data))
        answer, status = self._apdu(head, data)
        if status == _NO_CLASS and self._channel and self.interface == CGLA:
            self._channel = 0  # the modem knows which channel it is
            answer, status = self._apdu(head, data)
        if status >> 8 == 0x6C:
            return self._apdu(head, data, b"%02X" % (status & 0xFF))
        return answer, status

    def _apdu(self, head, data=b"", tail=b""):
        """(data, status word) of the APDU: its class, the digits `head`, `data` and the digits `tail`. Raises
        `CardError`."""
        count, name = 2 + len(head) + 2 * len(data) + len(tail), b"+CSIM"
        start = b"%d" % count
        if self.interface == CGLA:
            name, start = b"+CGLA", b"%s,%d" % (self._session, count)
        n = self._put(0, b'%s=%s,"%02X%s' % (name, start, 0x80 | self._channel, head))
        for i in range(0, len(data), _PART):
            n = self._put(n, hexlify(data[i : i + _PART]).upper())
        n = self._put(n, tail + b'"')
        return self._answer(memoryview(self._text)[:n], name + b":")

    def _put(self, n, part):
        self._text[n : n + len(part)] = part
        return n + len(part)

    def _csim(self, text):
        try:
            return self._answer(_csim(text), b"+CSIM:")
        except CardError:
            return b"", -1

    def _answer(self, text, prefix):
        for line in self._driver.listing(text, None, self._ms):
            start, end = line.find(b",") + 1, len(line)
            if line.startswith(prefix) and start:
                # Its digits are never copied.
                while start < end and line[start] in b' "':
                    start += 1
                while start < end and line[end - 1] in b' "':
                    end -= 1
                if parse.integer(line[len(prefix) : line.find(b",")]) != end - start or end - start < 4:
                    break
                try:
                    digits = memoryview(line)[start : end - 4]
                    return unhexlify(digits), int(line[end - 4 : end], 16)  # type: ignore[arg-type]  # any buffer
                except ValueError:
                    break
        raise CardError(DAMAGED)


def _csim(text):
    return b'+CSIM=%d,"%s"' % (len(text), text)
