"""The AT engine: bytes to commands, commands to lines; one command at a time (V.250).

Lines go out whole, so an unsolicited line comes between two others, never inside one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import simpy

from tools.modem.engine.datamode import GUARD_MS, Call, LineMode
from tools.modem.engine.errors import Refused, final_result
from tools.modem.engine.nv import Format
from tools.modem.engine.request import Request, split_line
from tools.modem.engine.tasks import Tasks, Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

ANSWER_MS = (4, 25)
"""From the end of a command to its first answer [C]."""
_NUMBERS = {"OK": "0", "NO CARRIER": "3", "ERROR": "4"}

Outcome = Generator[simpy.Event, Any, int]
"""Work that ends with an error code, 0 for success."""


class Engine:
    """Talks to the host of `unit`."""

    def __init__(self, unit: Unit, output: Callable[[bytes], None], seen: Callable[[str, str], None]) -> None:
        self.format = Format()
        self._unit = unit
        self._output = output
        self._seen = seen
        self._tasks = Tasks(unit.env)
        self._input = bytearray()
        self._echoed = 0
        self._busy = False
        self._abort: simpy.Event | None = None
        self._wanted: Callable[[], bool] | None = None
        self._came: simpy.Event | None = None
        self._held: list[Callable[[], None]] = []
        self._after: list[Work] = []
        self._last_ms: float = 0
        self.escaped = False
        self._good = "OK"
        self._mode: LineMode | None = None
        self._next_mode: LineMode | None = None
        self.call: Call | None = None
        """The data call, also while AT commands are taken in between (ATO goes back to it)."""
        self._incoming = bytearray()
        """Input of a connection in transparent mode, not yet passed to the host."""

    def reset(self) -> None:
        """As after a boot: nothing pending, defaults."""
        self._tasks.stop()
        self.format = self._unit.nv.profile.at_boot(2 if self._unit.has("cmee-text") else 0)
        self._input.clear()
        self._echoed = 0
        self._busy = False
        self._abort = self._wanted = self._came = None
        self._mode = self._next_mode = self.call = None
        self._held.clear()
        self._after.clear()
        self._incoming.clear()

    # What a command may do

    def info(self, text: str, payload: bytes | None = None) -> None:
        """The information text of the command that runs, one line or more; `payload` is in a line
        of its own below it, as it is."""
        end = self._end()
        if payload is not None:
            self._send(
                f"{end}{text}{end}".encode("latin-1", "replace") + payload + end.encode("latin-1", "replace")
            )
            self._seen("<", f"{text} <{len(payload)} bytes>")
            return
        lines = text.split("\n")
        body = "".join(line + end for line in lines)
        self._send(_bytes(end + body if self.format.verbose else body))
        for line in lines:
            self._seen("<", line)

    def urc(self, text: str, payload: bytes | None = None, tail: str = "") -> None:
        """An unsolicited line; `payload` and `tail` follow `text` as they are. Held back in data mode."""
        if self._unit.urcs_elsewhere():
            return
        if self._mode or (self._wanted and not self._unit.has("urc-in-data")):
            self._held.append(lambda: self._urc(text, payload, tail))
        else:
            self._urc(text, payload, tail)

    def finish(self, text: str) -> None:
        """The final result of the command that runs, in place of OK."""
        self._good = text

    def go_online(self, mode: LineMode) -> None:
        """Send all bytes to `mode` after the final result of the running command."""
        self._next_mode = mode

    def leave(self, final: str) -> None:
        """Back from `mode`: commands again, after a final result."""
        self._mode = None
        self._final(final)
        self._release_held()

    def hang_up(self, final: str = "NO CARRIER") -> None:
        """The data call, if there is one, is over; the host is notified if it is in data mode."""
        if self.call is not None:
            self.call = None
            self._incoming.clear()
            if self._mode is not None:
                self.leave(final)

    def raw(self, data: bytes) -> None:
        """Bytes of a connection in transparent mode; those that come while commands are taken wait."""
        self._incoming += data
        self._release_incoming()

    def _release_incoming(self) -> None:
        if self._mode is not None and self._mode is self.call and self._incoming:
            self._send(bytes(self._incoming))
            self._incoming.clear()

    def after(self, work: Work) -> None:
        """Start `work` after the final result of the command that runs."""
        self._after.append(work)

    def two_stage(self, head: str, work: Outcome) -> Work:
        """A command whose outcome is a line of its own: `head`, then the error code.

        It comes after OK, or before it; if before and a failure, ERROR follows in OK's place.
        """
        if self._unit.next_order() == "after":
            self.after(self._report(head, work))
            return
        code = yield from work
        self.urc(f"{head}{code}")
        if code:
            raise Refused

    def data(
        self, count: int, prompt: str, limit_ms: int | None = None, escape: bool = False
    ) -> Generator[simpy.Event, Any, bytes]:
        """Ask for exactly `count` bytes; b"" when they have not come within `limit_ms`, or when with
        `escape` the host has sent `+++` after a silence: then `escaped` is True."""
        self.escaped = False
        self._want(lambda: len(self._input) >= count or (escape and self.escaped), prompt)
        yield from self._await_data(limit_ms)
        complete = len(self._input) >= count and not (escape and self.escaped)
        taken = bytes(self._input[:count]) if complete else b""
        del self._input[:count]
        self._end_data(len(taken))
        return taken

    def text_data(self, prompt: str) -> Generator[simpy.Event, Any, bytes | None]:
        """Ask for bytes up to Ctrl-Z; None when ESC has come instead."""
        self._want(lambda: b"\x1a" in self._input or b"\x1b" in self._input, prompt)
        yield from self._await_data(None)
        at = next(i for i, byte in enumerate(self._input) if byte in b"\x1a\x1b")
        taken = bytes(self._input[:at]) if self._input[at] == 0x1A else None
        del self._input[: at + 1]
        self._end_data(at)
        return taken

    def abortable(self, limit_ms: int) -> Generator[simpy.Event, Any, bool]:
        """Wait; False as soon as the host sends anything."""
        self._drop_line_feed()
        self._abort = self._unit.env.event()
        if self._input:
            self._abort.succeed()
        waited = self._unit.env.timeout(limit_ms)
        result = yield waited | self._abort
        self._abort = None
        self._input.clear()
        return waited in result

    # Bytes in

    def receive(self, data: bytes) -> None:
        """Bytes from the host. Those that come while a command runs wait for its end."""
        if self._mode:
            self._mode.receive(data)
            return
        self.escaped = data == b"+++" and self._unit.env.now - self._last_ms >= GUARD_MS
        self._last_ms = self._unit.env.now
        self._input += data
        if self._abort and not self._abort.triggered:
            self._abort.succeed()
        elif self._wanted and self._came and not self._came.triggered:
            if self._wanted():
                self._came.succeed()
        elif not self._busy:
            self._next_command()

    def _next_command(self) -> None:
        """Take one line from the input, if there is one, and run it."""
        while not self._busy and self._input:
            self._drop_line_feed()
            end = self._input.find(self.format.cr)
            taken = bytes(self._input if end < 0 else self._input[: end + 1])
            if self.format.echo:
                self._send(taken[self._echoed :])
            self._echoed = len(taken)
            if end < 0:
                return
            del self._input[: end + 1]
            self._echoed = 0
            self._command(_cleaned(taken))

    def _command(self, line: str) -> None:
        at = line.upper().find("AT")
        if at < 0:  # no command: noise (V.250 5.2.1)
            return
        self._seen(">", line[at:])
        self._unit.script.heard(line[at:])
        self._busy = True
        self._tasks.start(self._run(line[at + 2 :]))

    def _run(self, line: str) -> Work:
        yield self._unit.pause(*ANSWER_MS)
        self._good = "OK"
        try:
            if len(line) > self._unit.dialect.longest_line:
                raise Refused
            for request in split_line(line):
                yield from self._handle(request)
            final = self._good
        except Refused as refusal:
            words = self.format.cmee and self._unit.has("cme-words")
            final = final_result(refusal, 2 if words else self.format.cmee)
        self._final(final)
        if final.startswith("+CME") and self._unit.has("double-final"):
            self._final("OK")
        self._mode, self._next_mode = self._next_mode, None
        after, self._after = self._after, []
        for work in after:
            self._unit.tasks.start(work)
        self._busy = False
        if self._mode:
            self._release_incoming()
            self._drop_line_feed()
            rest = bytes(self._input)
            self._input.clear()
            self._mode.receive(rest)
        else:
            self._next_command()

    def _handle(self, request: Request) -> Work:
        table = self._unit.dialect.commands
        handler = table.get(request.key)
        if handler is None:
            name = request.key.rstrip("=?")
            if not request.key.endswith("=?") or not {name, name + "?", name + "="} & table.keys():
                raise Refused
        elif isinstance(handler, str):
            if handler:
                self.info(handler)
        else:
            work = handler(self._unit, request)
            if work is not None:
                yield from work

    def _report(self, head: str, work: Outcome) -> Work:
        code = yield from work
        self.urc(f"{head}{code}")

    # Data mode

    def _want(self, wanted: Callable[[], bool], prompt: str) -> None:
        self._drop_line_feed()
        self._send(_bytes(prompt))
        self._seen("<", prompt.strip())
        self._wanted = wanted
        self._came = self._unit.env.event()
        if wanted():
            self._came.succeed()

    def _drop_line_feed(self) -> None:
        """Of a host that ends lines with CR LF: it belongs to the command, not to its data."""
        if self._input[:1] == b"\n":
            del self._input[0]

    def _await_data(self, limit_ms: int | None) -> Work:
        assert self._came
        if limit_ms is None:
            yield self._came
        else:
            yield self._came | self._unit.env.timeout(limit_ms)

    def _end_data(self, count: int) -> None:
        self._seen(">", f"<{count} bytes>")
        self._wanted = self._came = None
        self._release_held()

    def _release_held(self) -> None:
        held, self._held = self._held, []
        for send in held:
            send()

    # Bytes out

    def _final(self, text: str) -> None:
        if self.format.quiet:
            return
        if self.format.verbose:
            self._send(_bytes(f"{self._end()}{text}{self._end()}"))
        else:
            number = "1" if text.startswith("CONNECT") else _NUMBERS.get(text, text)
            self._send(_bytes(f"{number}{chr(self.format.cr)}"))
        self._seen("<", text)

    def _urc(self, text: str, payload: bytes | None, tail: str) -> None:
        end = self._end()
        if payload is None:
            self._send(_bytes(f"{end}{text}{end}"))
            self._seen("<", text)
        else:
            self._send(
                f"{end}{text}".encode("latin-1", "replace")
                + payload
                + f"{tail}{end}".encode("latin-1", "replace")
            )
            self._seen("<", f"{text}<{len(payload)} bytes>{tail}".replace("\r\n", " "))

    def _end(self) -> str:
        return chr(self.format.cr) + chr(self.format.lf)

    def _send(self, data: bytes) -> None:
        self._output(data)


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def _cleaned(line: bytes) -> str:
    """The line without its end, line feeds and what a backspace has taken away (V.250 5.2.2)."""
    kept: list[str] = []
    for char in line[:-1].decode("latin-1"):
        if char == "\b":
            del kept[-1:]
        elif char >= " ":
            kept.append(char)
    return "".join(kept)
