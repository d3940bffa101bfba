"""Faults of the line between host and modem: a wrapper with the modem's own interface.

A fault waits for a command line and then strikes. Those of a single answer end with the next command, the
others as the table says. What is random (bytes, places) comes from `rng`: a seed gives the same line.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import simpy

FaultKind = Literal[
    "split",
    "interleaved",
    "torn",
    "garbage",
    "nul",
    "long line",
    "refused",
    "lost OK",
    "late OK",
    "doubled final",
    "ended call",
    "chatter",
    "lost outcome",
    "silence",
    "echo",
    "babble",
    "baud",
    "hang",
    "hang later",
    "reboot",
    "reboot later",
]
"""split: each byte a burst of its own. interleaved: unsolicited lines between any two lines; torn: one within
each line. garbage: such bytes around or within each line; nul: around it. long line: 10 KB before the
answer. refused: ERROR instead of it. lost OK, late OK: the final result, 12 s late. doubled final: an OK
after each. ended call: RING and NO CARRIER in front of the answer. chatter: unsolicited lines of any modem
between any two lines, also those of a boot and of the end of a connection. lost outcome: the line
that follows OK. silence: nothing for 20 s, and the command is not heard. echo: until it is turned off.
babble: a line every 50 ms; baud: garbled both ways; both until the modem boots. hang: dead to UART and key
until the supply is cut. reboot: in place of an answer. later: 1.5 s after the command, so after its OK.
"""
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

SILENCE_MS = 20_000
LATE_MS = 12_000
BABBLE_MS = 50
LATER_MS = 1_500
LONG_LINE = 10_240
_UNSOLICITED = (b"\r\n+CREG: 2\r\n", b"\r\n+CEREG: 2\r\n", b"\r\n+CPIN: READY\r\n")
_CHATTER = (
    "MISSED_CALL: 10:15AM 00491234567890", "VOICE CALL: END: 000000", "Call Ready", "SMS Ready", "SMS DONE",
    "PB DONE", "*ATREADY: 1", "APP RDY", "+QIND: SMS DONE", "+QUSIM: 1", '+CLIP: "+49123456789",145',
    '+CMTI: "SM",3', "BUSY", "NO ANSWER", "+CGEV: ME PDN ACT 1", "+QMTSTAT: 0,1", '+QIURC: "pdpdeact",1',
    "+CMQTTCONNLOST: 0,1",
)  # fmt: skip
_FINALS = (b"OK", b"ERROR", b"+CME ERROR", b"+CMS ERROR", b"SEND OK", b"SEND FAIL", b"NO CARRIER")
_UNTIL_BOOT = ("echo", "babble", "baud")


@dataclass(frozen=True)
class Fault:
    """Strikes at the `nth` command line that is `command`, or at any if that is empty."""

    kind: FaultKind
    command: str = ""
    nth: int = 1


class Uart(Protocol):
    """What of `tools.modem.Modem` the wrapper needs, and offers in its turn."""

    on_output: Callable[[bytes], None]
    on_line: Callable[[str, str], None]

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""

    def rail(self, on: bool) -> None:
        """Supply."""

    def key(self, pressed: bool) -> None:
        """Power key."""

    def reset(self, pressed: bool) -> None:
        """Reset line."""

    def status(self) -> bool:
        """STATUS."""

    def dtr(self, level: bool) -> None:
        """DTR."""

    def restart(self) -> None:
        """A reset by itself."""


class FaultyLine:
    """`modem` with faults. `struck` counts them; each is passed to `on_line` as ("!", kind)."""

    def __init__(self, env: simpy.Environment, modem: Uart, rng: random.Random) -> None:
        self.on_output: Callable[[bytes], None] = lambda data: None
        self.on_line: Callable[[str, str], None] = lambda direction, text: None
        self.struck = 0
        self._env = env
        self._modem = modem
        self._rng = rng
        self._waiting: list[list[Any]] = []  # [fault, how many times yet]
        self._active: FaultKind | None = None
        self._command = b""
        self._typed = b""
        self._used = False
        self._era = 0  # counts power cycles: each one discards what is under way on the line
        self._free_ms = 0.0
        modem.on_output = self._from_modem
        modem.on_line = self._seen

    def arm(self, fault: Fault) -> None:
        """Let `fault` wait for its command."""
        self._waiting.append([fault, fault.nth])

    # The modem's interface

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        line = self._line_of(data)
        if line is not None:
            self._begin(line)
        if self._active == "echo":
            self._emit(data)
            if line == b"ATE0":
                self._active = None
        if self._active == "baud":
            data = self._garbled(data)
        if self._active == "refused" and not self._used:
            self._used = True
            self._emit(b"\r\nERROR\r\n")
        elif self._active not in ("silence", "hang"):
            self._modem.receive(data)

    def rail(self, on: bool) -> None:
        """Supply on or cut; a cut ends every fault."""
        if not on:
            self._end_era()
        self._modem.rail(on)

    def key(self, pressed: bool) -> None:
        """The power key; a modem that hangs does not feel it."""
        if self._active != "hang":
            self._modem.key(pressed)

    def reset(self, pressed: bool) -> None:
        """The reset line; a modem that hangs feels it, and every fault ends when it acts."""
        self._modem.reset(pressed)
        if not pressed and not self._modem.status():
            self._end_era()

    def status(self) -> bool:
        """STATUS."""
        return self._modem.status()

    def dtr(self, level: bool) -> None:
        """The DTR line."""
        self._modem.dtr(level)

    def restart(self) -> None:
        """A reset by itself."""
        self._modem.restart()

    # Striking

    def _line_of(self, data: bytes) -> bytes | None:
        """The command line that `data` completes."""
        if data[:2].upper() == b"AT":
            self._typed = b""  # what stood before was a payload
        self._typed = (self._typed + data)[-600:]
        if not data.endswith((b"\r", b"\r\n")):
            return None
        line, self._typed = self._typed.rstrip(), b""
        line = line[max(line.rfind(b"\r"), line.rfind(b"\n")) + 1 :]
        return line if line.upper().startswith(b"AT") else None

    def _begin(self, line: bytes) -> None:
        if self._active in ("silence", "hang"):
            return  # no receiver
        if self._active not in _UNTIL_BOOT:
            self._active = None  # it was for the last command only
        for waiting in self._waiting:
            fault: Fault = waiting[0]
            if fault.command in ("", line.decode("latin-1")):
                waiting[1] -= 1
                if not waiting[1]:
                    self._waiting.remove(waiting)
                    self._strike(fault, line)
                    return

    def _strike(self, fault: Fault, line: bytes) -> None:
        self.struck += 1
        self.on_line("!", fault.kind)
        self._active, self._used, self._command = fault.kind, False, line
        if fault.kind == "silence":
            self._env.process(self._over_after(SILENCE_MS, self._era))
        elif fault.kind == "babble":
            self._env.process(self._babble(self._era))
        elif fault.kind == "long line":
            self._emit(b"\r\n" + b"x" * LONG_LINE + b"\r\n")
        elif fault.kind == "reboot":
            self._modem.restart()
        elif fault.kind in ("hang later", "reboot later"):
            self._active = None
            self._env.process(self._later(fault.kind, self._era))

    def _over_after(self, ms: int, era: int) -> Any:
        yield self._env.timeout(ms)
        if self._era == era:
            self._active = None

    def _later(self, kind: FaultKind, era: int) -> Any:
        yield self._env.timeout(LATER_MS)
        if self._era == era and kind == "hang later":
            self._active = "hang"
        elif self._era == era:
            self._modem.restart()

    def _babble(self, era: int) -> Any:
        while self._era == era and self._active == "babble":
            self._emit(self._rng.choice(_UNSOLICITED))
            yield self._env.timeout(BABBLE_MS)

    def _end_era(self) -> None:
        self._era += 1
        self._active = None
        self._typed = b""
        self._free_ms = 0

    # From the modem

    def _seen(self, direction: str, text: str) -> None:
        self.on_line(direction, text)

    def _from_modem(self, data: bytes) -> None:
        if self._active in _UNTIL_BOOT and data.strip() == b"RDY":
            self._end_era()
        handler = _ALTER.get(self._active or "")
        if self._active in ("silence", "hang"):
            return
        if handler is None:
            self._emit(data)
        else:
            handler(self, data)

    def _split(self, data: bytes) -> None:
        for i in range(len(data)):
            self._emit(data[i : i + 1], 1)

    def _interleaved(self, data: bytes) -> None:
        self._emit(self._rng.choice(_UNSOLICITED) + data + self._rng.choice(_UNSOLICITED))

    def _torn(self, data: bytes) -> None:
        at = self._rng.randrange(len(data) + 1)
        self._emit(data[:at] + self._rng.choice(_UNSOLICITED) + data[at:])

    def _garbage(self, data: bytes) -> None:
        noise = self._noise()
        at = self._rng.choice((0, len(data), self._rng.randrange(len(data) + 1)))
        self._emit(data[:at] + noise + data[at:])

    def _nul(self, data: bytes) -> None:
        self._emit(bytes(self._rng.randint(1, 3)) + data.replace(b"\n", b"\n\x00"))

    def _baud(self, data: bytes) -> None:
        self._emit(self._garbled(data))

    def _final_result(self, data: bytes) -> None:
        """Loses or holds back the first final result."""
        if self._used or not data.strip().startswith(_FINALS):
            self._emit(data)
            return
        self._used = True
        if self._active == "late OK":
            self._emit(data, LATE_MS)

    def _doubled(self, data: bytes) -> None:
        self._emit(data + b"\r\nOK\r\n" if data.strip().startswith(_FINALS) else data)

    def _ended_call(self, data: bytes) -> None:
        self._emit(data if self._used else b"\r\nRING\r\n\r\nNO CARRIER\r\n" + data)
        self._used = True

    def _chatter(self, data: bytes) -> None:
        before, after = (f"\r\n{self._rng.choice(_CHATTER)}\r\n".encode() for _ in range(2))
        self._emit(before + data + after)

    def _outcome(self, data: bytes) -> None:
        """Loses the lines that begin as the command did, once its final result has been seen."""
        if data.strip().startswith(_FINALS):
            self._used = True
        name = self._command[2:].split(b"=")[0].rstrip(b"?")
        if not (self._used and name and data.strip().startswith(name + b":")):
            self._emit(data)

    def _noise(self) -> bytes:
        return self._rng.randbytes(self._rng.randint(1, 12))

    def _garbled(self, data: bytes) -> bytes:
        """As read at another baud rate: other bytes, another number of them, no line ends."""
        count = max(1, len(data) * self._rng.choice((2, 4)) // 4)
        return bytes(self._rng.choice((0x00, 0x80, 0xF8, 0xFE, 0xE6, 0x18)) for _ in range(count))

    def _emit(self, data: bytes, delay_ms: float = 0) -> None:
        """Put `data` on the line after what is on it already, `delay_ms` later than it might be."""
        now_ms = self._env.now
        self._free_ms = max(now_ms, self._free_ms) + delay_ms
        if self._free_ms <= now_ms:
            self.on_output(data)
        else:
            self._env.process(self._deliver(data, self._free_ms - now_ms, self._era))

    def _deliver(self, data: bytes, delay_ms: float, era: int) -> Any:
        yield self._env.timeout(delay_ms)
        if era == self._era:
            self.on_output(data)


_ALTER: dict[str, Callable[[FaultyLine, bytes], None]] = {
    "split": FaultyLine._split,
    "interleaved": FaultyLine._interleaved,
    "torn": FaultyLine._torn,
    "garbage": FaultyLine._garbage,
    "nul": FaultyLine._nul,
    "baud": FaultyLine._baud,
    "lost OK": FaultyLine._final_result,
    "late OK": FaultyLine._final_result,
    "doubled final": FaultyLine._doubled,
    "ended call": FaultyLine._ended_call,
    "chatter": FaultyLine._chatter,
    "lost outcome": FaultyLine._outcome,
}
