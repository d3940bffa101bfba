"""One run: identify the modem, read its settings, perform the steps, restore the settings."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from locator.modem import (
    ConnectionLost,
    ModemError,
    ModemRestarted,
    ModemSilent,
    PdpError,
    TlsError,
    refusals,
)

from tools.bench import DRIVERS, BenchError, Channel
from tools.bench.keep import HUSH_MS, Keeper, Restored, form, refusal, shown
from tools.bench.kinds import KINDS
from tools.bench.ports import Recorder, hush
from tools.bench.settings import unkept
from tools.bench.steps import STEPS
from tools.bench.transcript import Mask, Request
from tools.bench.work import Bench, Found, StepFailed

HUNG_MS = 5_000
BUSY_MS = 200_000
"""How long a command broken off by Ctrl-C may still run: a scan."""
COMMAND_MS = 9_000
RECOVERY_TRIES = 10
CONNACK = {"connect": 0, "+CMQTTCONNECT": 26}
"""The code of an attempt to connect to which the broker's return code is added."""
REFUSED = (
    "it does not speak MQTT 3.1.1",
    "it does not accept --user as client id",
    "it is not available",
    "wrong --user or --password",
    "--user is not allowed",
)
"""By that return code, from 1 on (MQTT 3.1.1, table 3.1)."""
NEED_KEY = ("park", "resume")
"""Steps after which only the power key restarts the modem."""


@dataclass
class Phase:
    """A part of a step, in the milliseconds of the transcript."""

    name: str
    begin_ms: int
    end_ms: int = 0


@dataclass
class Result:
    """The result of a step. `state`: running, ok, failed, hangs, skipped, interrupted; `words` say why."""

    step: str
    round: int
    state: str = "running"
    begin_ms: int = 0
    end_ms: int = 0
    words: str = ""
    found: Found = field(default_factory=dict)
    phases: list[Phase] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end_ms - self.begin_ms) / 1000


class Watch(Protocol):
    """Is notified of the progress of the run."""

    def changed(self, result: Result) -> None:
        """A step began or ended."""

    def note(self, text: str) -> None:
        """The present phase of the step."""


@dataclass
class Outcome:
    """Everything there is to report. `unkept`: commands sent whose effect cannot be restored."""

    results: list[Result] = field(default_factory=list)
    restored: Restored = field(default_factory=Restored)
    unkept: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def bad(self) -> Result | None:
        """The first step that did not do what it is for."""
        return next((one for one in self.results if one.state in ("failed", "hangs")), None)

    @property
    def as_found(self) -> bool:
        """The modem is in the state in which it was found."""
        return self.restored.complete and not self.unkept


def identify(port: Recorder) -> str:
    """The kind of modem. Raises BenchError when it is none that there is a driver for."""
    at = Channel(port)
    try:
        words = form(port).words
        if not words:
            port.uart_write(b"ATV1\r")
        hush(port, HUSH_MS)
        said = [b" ".join(at.command(text, COMMAND_MS)).decode("latin-1") for text in (b"+CGMM", b"I")]
        if not words:
            port.uart_write(b"ATV0\r")
            hush(port, HUSH_MS)
    except ModemError as error:
        asked = shown(error.what)
        raise BenchError(f"it answers AT, but not {asked}: an unknown modem, or one that hangs") from error
    model = said[0].strip() or said[1].strip()
    for kind in DRIVERS:
        if kind.upper() in " ".join(said).upper():
            return kind
    raise BenchError(f"it is a {model[:60]}; there are drivers for {' and '.join(DRIVERS)}: name its BOARD")


def words_of(error: Any) -> str:
    """What a `ModemError` means, and where to look."""
    what = error.what.decode("latin-1") if isinstance(error.what, bytes) else error.what
    number = f" ({error.code})" if error.code != -1 else ""
    if isinstance(error, ConnectionLost):
        return f"the connection to the broker has ended: {what.rstrip(':')}{number}"
    if isinstance(error, TlsError):
        return (
            f"TLS with the broker failed{number}: is --ca its authority, and its certificate for this host?"
        )
    if isinstance(error, PdpError):
        esm = refusals.esm(error.code)
        cause = f", ESM cause {esm} of TS 24.301" if esm else ""
        return f"no data connection{cause}: check --apn and the card's contract"
    connack = error.code - CONNACK.get(what.partition("=")[0].rstrip(":"), error.code)
    if 0 < connack <= len(REFUSED):
        return f"the broker has refused the connection: {REFUSED[connack - 1]}"
    return f"{what.rstrip(':')} failed{number}" if what.endswith(":") else f"{shown(what)} {refusal(error)}"


class Run:
    """`mark(ms, name)` is called when a phase begins."""

    def __init__(
        self,
        port: Recorder,
        request: Request,
        password: str,
        mask: Mask,
        watch: Watch,
        mark: Callable[[int, str], None],
    ) -> None:
        self._port = port
        self._request = request
        self._watch = watch
        self._mark = mark
        self._current = Result("", 0)
        self._at: Any = Channel(port)
        self._board = types.SimpleNamespace(MODEM=request.modem, apn=request.apn.encode())
        driver = DRIVERS[request.modem](port, self._at, self._board)
        self._bench = Bench(
            request.modem, driver, self._at, port, request, password, mask, self._phase, watch.note
        )

    def go(self) -> Outcome:
        """All rounds; whatever happens, the settings are put back at the end."""
        outcome = Outcome()
        keeper = self._keeper()
        self._board.apn = self._board.apn or keeper.apn().encode()
        try:
            self._rounds(outcome)
        except KeyboardInterrupt:
            outcome.interrupted = True
            self._end("interrupted", "by Ctrl-C")
        finally:
            self._mark(self._port.ticks_ms(), "restore")
            self._watch.note("putting the settings back")
            hung = any(one.state == "hangs" for one in outcome.results)
            down = self._current.step in NEED_KEY
            outcome.restored = self._restore(keeper, HUNG_MS if hung or down else BUSY_MS)
            commands = [data.decode("latin-1") for data in self._port.commands if data.startswith(b"AT")]
            outcome.unkept = unkept(self._request.modem, commands)
        return outcome

    def _keeper(self) -> Keeper:
        self._mark(self._port.ticks_ms(), "settings")
        self._watch.note("reading the settings")
        try:
            found = form(self._port)
            if not found.words:
                self._port.uart_write(b"ATV1\r")
                hush(self._port, HUSH_MS)
            return Keeper(self._port, self._request.modem, found)
        except ModemError as error:
            raise BenchError(f"hangs at step settings: no answer to {shown(error.what)}") from error

    def _restore(self, keeper: Keeper, patience_ms: int) -> Restored:
        hang_up = self._current.step in ("mqtt", "resume") and self._current.state != "ok"
        wake = self._bench.start if self._request.key else None
        try:
            return keeper.restore(patience_ms, wake, hang_up, self._watch.note)
        except KeyboardInterrupt:
            return Restored(not_back={"the settings": "stopped by a second Ctrl-C"})
        except BenchError as error:
            return Restored(not_back={"the settings": str(error)})

    def _rounds(self, outcome: Outcome) -> None:
        for number in range(1, self._request.repeat + 1):
            for step in STEPS:
                result = Result(step, number)
                outcome.results.append(result)
                result.words = self._skip(step)
                if result.words:
                    result.state = "skipped"
                    self._watch.changed(result)
                    continue
                self._do(result)
                if result.state == "hangs":
                    return

    def _skip(self, step: str) -> str:
        """Why a step cannot be done; empty when it can."""
        if step == "mqtt" and not self._request.broker:
            return "no --broker given"
        if step == "edrx" and not KINDS[self._request.modem].has_edrx:
            return "this modem has no eDRX"
        if step == "switch" and not self._request.switch:
            return "no --switch given"
        if step in NEED_KEY and not self._request.key:
            return "no --key given"
        return ""

    def _do(self, result: Result) -> None:
        self._current = result
        result.begin_ms = self._port.ticks_ms()
        self._watch.changed(result)
        self._phase("")
        try:
            result.found = STEPS[result.step](self._bench)
            self._end("ok", "")
        except StepFailed as failure:
            self._end("failed", str(failure))
        except ModemSilent as error:
            self._silent(result, f"no answer to {shown(error.what)}")
        except ModemRestarted:
            self._end("failed", "the modem has restarted unexpectedly")
            self._start_again(result)
        except BenchError as error:
            self._end("hangs", str(error))
        except ModemError as error:
            self._end("failed", words_of(error))

    def _silent(self, result: Result, words: str) -> None:
        """A command was not answered in time: the modem hangs, or has restarted without a word."""
        if not self._answers():
            self._end("hangs", words)
            return
        self._end("failed", f"{words}, but it answers again: has the modem restarted?")
        self._start_again(result)

    def _answers(self) -> bool:
        try:
            return bool(self._at.hears(RECOVERY_TRIES))
        except ModemError:
            return True
        except BenchError:
            return False

    def _start_again(self, result: Result) -> None:
        try:
            self._bench.start()
        except ModemError:
            result.state, result.words = "hangs", "the modem has restarted and no longer answers"

    def _phase(self, name: str) -> None:
        now_ms, result = self._port.ticks_ms(), self._current
        if result.phases:
            result.phases[-1].end_ms = now_ms
        result.phases.append(Phase(name, now_ms))
        self._mark(now_ms, f"{result.round}/{result.step}/{name}".rstrip("/"))

    def _end(self, state: str, words: str) -> None:
        result = self._current
        if result.state != "running":
            return
        # The command that was refused may be the one with the password.
        result.state, result.words = state, self._bench.mask.text(words)
        result.end_ms = self._port.ticks_ms()
        if result.phases:
            result.phases[-1].end_ms = result.end_ms
        self._mark(result.end_ms, f"{result.round}/end")
        self._watch.changed(result)
