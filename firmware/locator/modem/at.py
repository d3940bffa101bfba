"""The AT line discipline: one command at a time, lines in, unsolicited lines kept apart from replies.

Bytes come in bursts into one buffer; lines are put together in a second one. Reading a line
allocates nothing. Three kinds of match are kept apart: the reply that was asked for (by prefix),
the final results, and unsolicited lines (by prefix, kept in a short queue until asked for). A line that
announces raw bytes is followed at once by reading them, by count, into `inbox`: a payload may
contain anything, also `OK`.

An answer names no command. So before each command what has come by then is dropped, and after a final result
that may have been one too many (an error; OK without the line that was asked for) the modem is first asked
something that nothing else asks: what comes before that answer belongs to the commands before.
"""

from micropython import const

from locator.modem import ConnectionLost, ModemError, ModemGone, ModemRestarted, ModemSilent, parse

_RX_BYTES = const(512)
_LINE_BYTES = const(560)  # an APDU of 255 bytes and a status word in hexadecimal digits
_QUEUE = const(12)
_INBOX_BYTES = const(1536)
_MAX_RAW = const(10240)
_PROBE_MS = const(300)
_PROBE_TRIES = const(3)
_LATE_TRIES = const(20)
_PROMPT = const(-1)
_STALE_MS = const(1000)
_BOOT_LINES_MS = const(2000)  # some firmware sends RDY twice; no modem boots again within this time


_FINALS_BAD = (b"ERROR", b"+CME ERROR", b"+CMS ERROR", b"SEND FAIL")
_DATA_FINALS = _FINALS_BAD + (b"NO CARRIER",)
# Lines about calls, and of SIMCom's boot: no answers, and nothing waits for them.
_CHATTER = (
    b"NO CARRIER", b"NO ANSWER", b"NO DIALTONE", b"BUSY", b"+CLIP:", b"MISSED_CALL:", b"VOICE CALL:",
    b"Call Ready", b"SMS Ready",
)  # fmt: skip
# Rings and messages, as TS 27.007 and 27.005 announce them: counted, and nothing else.
_RINGS = (b"RING", b"+CRING:")
_SHOWN = (b"+CMT:", b"+CDS:")  # the text is the next line
_MESSAGES = (b"+CMTI:", b"+CDSI:") + _SHOWN


class Channel:
    """`port` gives the UART. A driver sets `unsolicited` (prefixes that may come at any time), `restart`
    (prefixes that only a booting modem sends) and `signs` (those of a late boot line, or of a card that
    starts again) to tuples of bytes, and says how inbound payloads are announced: by a line beginning with
    `raw_prefix`, whose last field is their length and which ends at its `raw_commas`th comma (0: at its
    line end). While connected `lost` are the prefixes that announce the end of the connection."""

    unsolicited: tuple = ()
    restart: tuple = ()
    signs: tuple = ()
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
        self._late = False  # a command was not answered in time: its answer may still come
        self.unsure = False  # an answer to an earlier command may still come
        self.booting = True  # boot lines and echo are expected: they are no restart
        self._is_echoed = self._is_echo_off = False  # the last command; an answer has come without echo since
        self._boot_ms = -_BOOT_LINES_MS  # when the last boot line has come

    def command(self, text, timeout_ms, prefix=None, take=None):
        """Send `AT` + `text` (bytes) and wait for the final result.

        Returns the information lines as a list of bytes: those that begin with `prefix` (without
        it and the blanks after it), or without a `prefix` all that are not unsolicited. Raises
        `ModemError` with the CME code on a bad result, `ModemSilent` at the deadline. For a reply whose one
        line may be longer than any buffer `take` is given each piece of it that a closing parenthesis ends
        (bytes, without the parenthesis).
        """
        self._send(text)
        lines = self._reply(text, timeout_ms, prefix, take)
        self._is_echo_off = self._is_echo_off or not self._is_echoed
        return lines

    def hears(self, tries=_PROBE_TRIES):
        """Whether the modem answers `AT`. Late answers to earlier commands are dropped. A profile stored in
        the modem may have it answer in digits or not at all (V.250 6.2): from the second try on this is
        undone."""
        for turn in range(tries):
            self._port.uart_write(b"ATQ0V1\r" if turn else b"AT\r")
            try:
                self._reply(b"", _PROBE_MS, None)
            except ModemSilent:
                continue
            except (ConnectionLost, ModemRestarted):
                raise
            except ModemError:
                pass
            if self._late:
                from locator.modem.recovery import drain

                drain(self, _PROBE_MS)
                self._late = False
            return True
        return False

    def prompted(self, text, data, timeout_ms, prompt=b">"):
        """Send a command that asks for `data` (bytes-like) at its prompt; wait for the final result."""
        finals = _FINALS_BAD if prompt == b">" else _DATA_FINALS
        self._send(text)
        self._await_prompt(text, prompt, timeout_ms, finals)
        self._port.uart_write(data)
        return self._reply(text, timeout_ms, None, None, finals)

    def _await_prompt(self, text, prompt, timeout_ms, finals):
        """After its prompt a modem takes all input as data: so an error counts only if no prompt follows."""
        deadline = self._port.ticks_ms() + timeout_ms
        refusal = None
        while True:
            got = self._next_line(deadline, prompt == b">")
            if got == _PROMPT or (got and self._begins(prompt)):
                return
            if refusal and not got:
                raise refusal
            try:
                self._sort(text, got, None, finals)
            except (ConnectionLost, ModemGone):
                raise
            except ModemError as error:
                refusal = error
                deadline = self._port.ticks_ms() + _PROBE_MS

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
            before = self.unsure
            self._keep_unsolicited()
            if self.unsure and not before:  # the sign of a restart: the awaited line would never come
                self.unsure = not self._catch_up()

    def forget(self, prefix):
        """Drop queued lines with `prefix`, so that the next `wait` sees only later ones."""
        self._queue = [line for line in self._queue if not line.startswith(prefix)]

    def connected(self, lost):
        """Let lines that begin with one of `lost` announce the end of the connection; earlier ones belong to
        a previous connection."""
        for end in lost:
            self.forget(end)
        self.lost = lost

    def _check_lost(self, i):
        """Raise `ConnectionLost` if that line of the queue announces it."""
        for end in self.lost:
            if self._queue[i].startswith(end):
                raise ConnectionLost(end, parse.last_integer(self._queue.pop(i)))

    def _send(self, text):
        """Drop an answer to an earlier command, which must not be taken for that of this one."""
        self._is_echo_off = self._is_echo_off and not self.booting
        if self.unsure and not self._catch_up():
            self._late = True
        if self._late and not self.hears(_LATE_TRIES):
            raise ModemSilent(text)
        self.unsure = False
        self._drop_stale()
        self._is_echoed = self.booting
        size = len(text)
        if self._n or size > _LINE_BYTES - 3:
            self._port.uart_write(b"AT" + text + b"\r")
            return
        # No line has begun: its buffer has room for a long command.
        self._line[:2] = b"AT"
        self._line[2 : size + 2] = text
        self._line[size + 2] = 13
        self._port.uart_write(memoryview(self._line)[: size + 3])

    def _catch_up(self):
        """Whether the modem has answered a command that is used for nothing else: then all earlier ones are
        answered. If an echo that was off is on again, the modem has restarted silently."""
        self._port.uart_write(b"AT+CMEE?\r")
        deadline = self._port.ticks_ms() + _STALE_MS
        answered = False
        while self._next_line(deadline, False):
            if self._is_echo_off and self._begins(b"AT+CMEE?"):
                raise ModemRestarted(b"echo")
            if self._begins(b"+CMEE:"):
                answered = True
            elif answered and self._begins(b"OK"):
                return True
            else:
                self._keep_unsolicited()
        return False

    def _drop_stale(self):
        """Drop input from before a command: it is not its answer."""
        deadline = self._port.ticks_ms() + _STALE_MS
        while self._port.ticks_ms() < deadline:
            if self._at == self._end:
                self._at = 0
                self._end = self._port.uart_readinto(self._rx, 0)
                if not self._end:
                    return
            elif not self._n and self._rx[self._at] in b"\r\n\0":
                self._at += 1
            elif self._next_line(self._port.ticks_ms() + _PROBE_MS, False):
                self._keep_unsolicited()

    def _reply(self, text, timeout_ms, prefix, take=None, finals=_FINALS_BAD):
        deadline = self._port.ticks_ms() + timeout_ms
        self._piecewise = take is not None
        lines: list = []
        while True:
            got = self._next_line(deadline, False)
            line = self._sort(text, got, prefix, finals)
            if line == b"OK" or line == b"SEND OK":
                self.unsure = self.unsure or not (lines or prefix is take is None)
                return lines
            if line is None:
                continue
            if take:
                take(line)
            elif len(lines) < _QUEUE:
                lines.append(line)

    def _sort(self, text, got, prefix, finals):
        """Classify the line just read: return OK or an information line, None for anything else."""
        if not got:
            self._late = True
            raise ModemSilent(text)
        if self._begins(b"AT"):  # echo
            self._is_echoed = True
            return None
        if self._is_any(finals):
            self.unsure = True
            for i in range(len(self._queue)):
                self._check_lost(i)
            raise ModemError(text, _code(bytes(self._line[: self._length])))
        line = bytes(memoryview(self._line)[:got])
        if line == b"OK" or line == b"SEND OK":
            return line
        if prefix is not None and line.startswith(prefix):
            return line[len(prefix) :].strip()
        if self._keep_unsolicited() or prefix is not None:
            return None
        return line

    def _keep_unsolicited(self):
        """Whether the line does not answer a command; it is queued if something may wait for it."""
        if self._is_any(self.restart):
            self._boot_line()
        elif self._is_any(self.signs):
            self.unsure = self.unsure or not self.booting
        elif self._is_any(_RINGS):
            self.uninvited[0] += 1
        elif self._is_any(_MESSAGES):
            self.uninvited[1] += 1
            if self._is_any(_SHOWN):
                self._next_line(self._port.ticks_ms() + 1000, False)
        elif self._is_any(self.unsolicited):
            self._keep(bytes(self._line[: self._length]))
        else:
            return self._is_any(_CHATTER)
        return True

    def _boot_line(self):
        """Handle a line that begins a boot: a restart, unless it is expected or follows another one."""
        now = self._port.ticks_ms()
        if now - self._boot_ms >= _BOOT_LINES_MS:
            self._boot_ms = now
            if not self.booting:
                raise ModemRestarted(self.restart[0])
            self._keep(self.restart[0])  # under one name, whichever it was

    def _keep(self, line):
        """Queue a line; if there is no room, drop the oldest of its kind, else the oldest."""
        if len(self._queue) >= _QUEUE:
            kind = line[: line.find(b":") + 1]
            alike = [i for i, kept in enumerate(self._queue) if kept.startswith(kind)]
            del self._queue[alike[0] if alike else 0]
        self._queue.append(line)

    def _is_any(self, prefixes):
        for prefix in prefixes:
            if self._begins(prefix):
                return True
        return False

    def _begins(self, prefix):
        return self._length >= len(prefix) and self._line.startswith(prefix)

    def _next_line(self, deadline, prompt):
        """Read up to the next line end: its length, 0 at the deadline, or _PROMPT (no line end).

        A line longer than the buffer is cut. A partial line stays for the next call.
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
                if byte != 32 or self._n:  # the blank after a prompt
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
        """True when the comma just read is the one after which a payload begins."""
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


def _code(line):
    """The code of an error line, -1 when it has none; some firmware says it in words whatever was set."""
    code = parse.last_integer(line)
    if code < 0 and line.startswith(b"+CME"):
        from locator.modem import cme_texts

        code = cme_texts.code(line)
    return code
