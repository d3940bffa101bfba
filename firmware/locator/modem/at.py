"""The AT line discipline: one command at a time, lines in, unsolicited lines told apart from replies.

Bytes come in bursts into one buffer; lines are put together in a second one. Reading a line
allocates nothing. Three kinds of match are kept apart: the reply that was asked for (by prefix),
the final results, and unsolicited lines (by prefix, kept in a short queue until asked for). A line that
announces raw bytes is followed at once by reading them, by count, into `inbox`: a payload may
contain anything, also `OK`.
"""

from micropython import const

from locator.modem import ConnectionLost, ModemError, ModemRestarted, ModemSilent, parse

_RX_BYTES = const(512)
_LINE_BYTES = const(560)  # an APDU of 255 bytes and a status word in hexadecimal digits
_QUEUE = const(12)
_INBOX_BYTES = const(1536)
_MAX_RAW = const(10240)
_PROBE_MS = const(300)
_PROBE_TRIES = const(3)
_LATE_TRIES = const(20)
_PROMPT = const(-1)


_FINALS_BAD = (b"ERROR", b"+CME ERROR", b"+CMS ERROR", b"NO CARRIER", b"SEND FAIL")
# Rings and messages, as TS 27.007 and 27.005 announce them: counted, and nothing else.
_UNINVITED = (b"RING", b"+CRING:", b"+CMTI:", b"+CDSI:", b"+CMT:", b"+CDS:")
_MESSAGES = const(2)  # from here on
_SHOWN = const(4)  # from here on the text is the next line


class Channel:
    """`port` gives the UART. A driver sets `unsolicited` (prefixes that may come at any time) and
    `restart` (prefixes that only a booting modem sends) to tuples of bytes, while connected `lost`
    (those that tell the end of the connection), and says how inbound payloads are announced: by a
    line beginning with `raw_prefix`, whose last field is their length and which ends at its
    `raw_commas`th comma (0: at its line end)."""

    unsolicited: tuple = ()
    restart: tuple = ()
    lost: tuple = ()
    raw_prefix = b""
    raw_commas = 0

    def __init__(self, port):
        self._port = port
        self._rx = bytearray(_RX_BYTES)
        self._at = self._end = 0
        self._line = bytearray(_LINE_BYTES)
        self._n = 0  # bytes so far of the line that is coming
        self._length = 0  # of the line that has come
        self._queue = []
        self._piecewise = False
        self.inbox = bytearray(_INBOX_BYTES)
        self.inbox_n = 0
        self.uninvited = [0, 0]  # rings, messages
        self._late = False  # a command was not answered in time: it may yet be
        self.booting = True  # boot lines are expected: they are no restart

    def command(self, text, timeout_ms, prefix=None, take=None):
        """Send `AT` + `text` (bytes) and wait for the final result.

        Returns the information lines as a list of bytes: those that begin with `prefix` (without
        it and the blanks behind it), or without a `prefix` all that are not unsolicited. Raises
        `ModemError` with the CME code on a bad result, `ModemSilent` at the deadline. For a reply whose one
        line may be longer than any buffer `take` is given each piece of it that a closing parenthesis ends
        (bytes, without the parenthesis).
        """
        self._send(text)
        return self._reply(text, timeout_ms, prefix, take)

    def hears(self, tries=_PROBE_TRIES):
        """Whether the modem answers `AT`. What came late, to questions before, is dropped then."""
        for _ in range(tries):
            self._port.uart_write(b"AT\r")
            try:
                self._reply(b"", _PROBE_MS, None)
            except ModemSilent:
                continue
            except (ConnectionLost, ModemRestarted):
                raise
            except ModemError:
                pass
            if self._late:
                from locator.modem.rescue import drain

                drain(self, _PROBE_MS)
                self._late = False
            return True
        return False

    def prompted(self, text, data, timeout_ms, prompt=b">"):
        """Send a command that asks for `data` (bytes-like) at its prompt; wait for the final result."""
        self._send(text)
        deadline = self._port.ticks_ms() + timeout_ms
        while True:
            got = self._next_line(deadline, prompt == b">")
            if got == _PROMPT or (got and self._begins(prompt)):
                break
            self._sort(text, got, None)
        self._port.uart_write(data)
        return self._reply(text, timeout_ms, None)

    def wait(self, prefix, timeout_ms):
        """The next unsolicited line beginning with `prefix`, without it; None at the deadline. Raises
        `ConnectionLost` when one of `lost` comes first."""
        deadline = self._port.ticks_ms() + timeout_ms
        while True:
            for i, line in enumerate(self._queue):
                if line.startswith(prefix):
                    del self._queue[i]
                    return line[len(prefix) :].strip()
                self._check_lost(i)
            got = self._next_line(deadline, False)
            if not got:
                return None
            self._keep_unsolicited()

    def forget(self, prefix):
        """Drop what is queued with `prefix`, so that the next `wait` sees only what comes later."""
        self._queue = [line for line in self._queue if not line.startswith(prefix)]

    def _check_lost(self, i):
        """Raise `ConnectionLost` if that line of the queue tells it."""
        for end in self.lost:
            if self._queue[i].startswith(end):
                raise ConnectionLost(end, parse.last_integer(self._queue.pop(i)))

    def _send(self, text):
        """A late answer to the command before must not be taken for the one to this."""
        if self._late and not self.hears(_LATE_TRIES):
            raise ModemSilent(text)
        self._port.uart_write(b"AT" + text + b"\r")

    def _reply(self, text, timeout_ms, prefix, take=None):
        deadline = self._port.ticks_ms() + timeout_ms
        self._piecewise = take is not None
        lines: list = []
        while True:
            got = self._next_line(deadline, False)
            line = self._sort(text, got, prefix)
            if line == b"OK" or line == b"SEND OK":
                return lines
            if line is None:
                continue
            if take:
                take(line)
            elif len(lines) < _QUEUE:
                lines.append(line)

    def _sort(self, text, got, prefix):
        """What the line just read is: returns OK or an information line, None for anything else."""
        if not got:
            self._late = True
            raise ModemSilent(text)
        if self._begins(b"AT"):  # echo
            return None
        for final in _FINALS_BAD:
            if self._begins(final):
                for i in range(len(self._queue)):
                    self._check_lost(i)
                raise ModemError(text, parse.last_integer(bytes(self._line[: self._length])))
        line = bytes(self._line[:got])
        if line == b"OK" or line == b"SEND OK":
            return line
        if prefix is not None and line.startswith(prefix):
            return line[len(prefix) :].strip()
        if self._keep_unsolicited() or prefix is not None:
            return None
        return line

    def _keep_unsolicited(self):
        for prefix in self.restart:
            if self._begins(prefix) and not self.booting:
                raise ModemRestarted(prefix)
        for i, prefix in enumerate(_UNINVITED):
            if self._begins(prefix):
                self.uninvited[i >= _MESSAGES] += 1
                if i >= _SHOWN:
                    self._next_line(self._port.ticks_ms() + 1000, False)
                return True
        for prefix in self.unsolicited:
            if self._begins(prefix):
                if len(self._queue) >= _QUEUE:
                    del self._queue[0]
                self._queue.append(bytes(self._line[: self._length]))
                return True
        return False

    def _begins(self, prefix):
        if self._length < len(prefix):
            return False
        for i in range(len(prefix)):
            if self._line[i] != prefix[i]:
                return False
        return True

    def _next_line(self, deadline, prompt):
        """Read up to the next line end: its length, 0 at the deadline, or _PROMPT (no line end).

        A line longer than the buffer is cut. What has come of a line stays for the next call.
        """
        line = self._line
        while True:
            byte = self._byte(deadline)
            if byte < 0:
                return 0
            if byte == 10 or byte == 13:
                if self._n:
                    return self._line_done(deadline)
            elif byte == 44 and self.raw_commas and self._announces_raw():
                return self._line_done(deadline)
            elif byte == 41 and self._piecewise and self._outside_quotes():
                return self._line_done(deadline)
            elif prompt and byte == 62 and self._n == 0:
                return _PROMPT
            elif self._n < len(line) and byte:  # a disturbed line reads as NUL
                if byte != 32 or self._n:  # the blank behind a prompt
                    line[self._n] = byte
                    self._n += 1

    def _outside_quotes(self):
        quotes = 0
        for i in range(self._n):
            quotes += self._line[i] == 34
        return quotes % 2 == 0

    def _line_done(self, deadline):
        self._length = self._n
        self._n = 0
        if self.raw_prefix and self._begins(self.raw_prefix):
            self._take_raw(deadline)
        return self._length

    def _announces_raw(self):
        """True when the comma just read is the one behind which a payload begins."""
        self._length = self._n
        if not self._begins(self.raw_prefix):
            return False
        commas = 1
        for i in range(self._n):
            commas += self._line[i] == 44
        return commas == self.raw_commas

    def _take_raw(self, deadline):
        """Append the bytes that the line announces to `inbox`; what does not fit is dropped."""
        count = 0
        line = self._line
        comma, colon = line.rfind(b",", 0, self._length), line.rfind(b": ", 0, self._length) + 1
        for i in range(max(comma, colon) + 1, self._length):
            if not 48 <= line[i] <= 57:
                return
            count = count * 10 + line[i] - 48
        self._byte(deadline)  # the line feed or quote in front
        for _ in range(min(count, _MAX_RAW)):
            byte = self._byte(deadline)
            if byte < 0:
                return
            if self.inbox_n < _INBOX_BYTES:
                self.inbox[self.inbox_n] = byte
                self.inbox_n += 1

    def _byte(self, deadline):
        if self._at == self._end:
            left = deadline - self._port.ticks_ms()
            if left <= 0:
                return -1
            self._at = 0
            self._end = self._port.uart_readinto(self._rx, left)
            if self._end == 0:
                return -1
        byte = self._rx[self._at]
        self._at += 1
        return byte
