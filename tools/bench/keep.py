"""The modem's settings before the bench, and how they are restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from locator.modem import ModemError, ModemSilent

from tools.bench import DRIVERS, Channel, Silent
from tools.bench.ports import Port, hush
from tools.bench.settings import SETTINGS, Setting, Value, split

ANSWER_MS = 9_000
SLOW_MS = 180_000
"""Selecting an operator, ending a PDP context."""
GNSS_PAUSE_MS = 5_000
FOUND_MS = 60_000
NETWORK_POLL_MS = 3_000
PROBE_MS = 500
HUSH_MS = 100


@dataclass
class Form:
    """How the modem writes: with echo, with words for results."""

    echo: bool = False
    words: bool = True


@dataclass
class Restored:
    """The result of restoring the settings: names of those that were put back with the values put back, and
    of those that were not; `complete` when the modem is as it was found."""

    back: dict[str, str] = field(default_factory=dict)
    not_back: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Nothing is otherwise than it was."""
        return not self.not_back


def form(port: Port) -> Form:
    """How the modem writes now. Raises ModemSilent when it does not answer."""
    for _ in range(3):
        port.uart_write(b"AT\r")
        got, buffer, deadline = b"", bytearray(256), port.ticks_ms() + PROBE_MS
        while port.ticks_ms() < deadline and not got.endswith((b"OK\r\n", b"0\r")):
            count = port.uart_readinto(buffer, max(1, deadline - port.ticks_ms()))
            got += buffer[:count]
        if b"OK" in got or got.endswith(b"0\r"):
            return Form(b"AT\r" in got, b"OK" in got)
    raise Silent(b"")


class Keeper:
    """Reads the settings at once; `restore` brings them back, with a channel of its own."""

    def __init__(self, port: Port, modem: str, found: Form) -> None:
        self._port = port
        self._modem = modem
        self._settings = SETTINGS[modem]
        self._form = found
        self._at: Any = Channel(port)
        self._found = {setting.name: self._read(setting) for setting in self._settings}
        self._await_operator()

    def apn(self) -> str:
        """The access point of the first PDP context, empty when there is none."""
        contexts = [split(line) for line in self._found["PDP contexts"] or ()]
        return next((parts[2] for parts in contexts if parts[0] == "1" and len(parts) > 2), "")

    def restore(
        self, patience_ms: int, wake: Callable[[], None] | None, hang_up: bool, note: Callable[[str], None]
    ) -> Restored:
        """Put back what differs, then look again. `patience_ms` is granted to a command still under way,
        then `wake` is tried; `hang_up` ends a connection to the broker that was broken off."""
        result = Restored()
        self._at = Channel(self._port)
        if not self._awake(patience_ms) and not self._woken(wake):
            for name, value in self._found.items():
                if value is not None:
                    result.not_back[name] = "the modem does not answer"
            return result
        try:
            if hang_up:
                DRIVERS[self._modem](self._port, self._at, None).mqtt_close()
            self._restore(result, note)
        except ModemError as error:
            result.not_back["the rest"] = f"the modem stopped answering at {shown(error.what)}"
        return result

    def _await_operator(self) -> None:
        """A manually selected operator is not reported before the modem has found it."""
        setting = next(one for one in self._settings if one.name == "operator selection")
        deadline = self._port.ticks_ms() + FOUND_MS
        while self._found[setting.name] == ("1",) and self._port.ticks_ms() < deadline:
            self._port.sleep_ms(PROBE_MS)
            self._found[setting.name] = self._read(setting)

    def _restore(self, result: Restored, note: Callable[[str], None]) -> None:
        refusals = {}
        for setting in self._settings:
            was, now = self._found[setting.name], self._read(setting)
            if was is None or now == was:
                continue
            if setting.restore(was, now or ()):
                note(f"putting back {setting.name}")
                refusals[setting.name] = self._put_back(setting, was, now or ())
        note("checking the settings again")
        for setting in self._settings:
            was, now = self._found[setting.name], self._read(setting)
            if was is None:
                continue
            if now != was:
                result.not_back[setting.name] = refusals.get(setting.name) or _difference(setting, was, now)
            elif setting.name in refusals:
                result.back[setting.name] = "as it was" if setting.secret or not was else ",".join(was)
        self._restore_form(result)

    def _put_back(self, setting: Setting, was: Value, now: Value) -> str:
        """The last refusal in words, empty when there was none."""
        deadline = self._port.ticks_ms() + FOUND_MS
        while True:
            refused = self._do(setting.restore(was, now))
            if not setting.needs_network or self._port.ticks_ms() >= deadline:
                return refused
            self._port.sleep_ms(NETWORK_POLL_MS)
            now = self._read(setting) or ()
            if now == was:
                return ""

    def _do(self, commands: list[str]) -> str:
        refused = ""
        for command in commands:
            try:
                self._at.command(command.encode(), SLOW_MS)
                if command == "+CGPS=0":
                    self._at.wait(b"+CGPS:", GNSS_PAUSE_MS + ANSWER_MS)
            except ModemSilent:
                raise
            except ModemError as error:
                refused = f"AT{command} {refusal(error)}"
        return refused

    def _restore_form(self, result: Restored) -> None:
        """Words and echo come last: from then on answers look as they did."""
        echo, words = int(self._form.echo), int(self._form.words)
        self._at.command(b"E%d" % echo, ANSWER_MS)
        result.back["echo"] = str(echo)
        if not words:
            self._port.uart_write(b"ATV0\r")
            result.back["words"] = "0"

    def _read(self, setting: Setting) -> Value | None:
        """None when the modem does not know such a setting."""
        try:
            lines = self._at.command(setting.read.encode(), ANSWER_MS, setting.prefix.encode())
        except ModemSilent:
            raise
        except ModemError:
            return () if setting.refused_is_none else None
        try:
            return setting.keep([line.decode("latin-1") for line in lines])
        except IndexError:
            return None

    def _woken(self, wake: Callable[[], None] | None) -> bool:
        if wake is None:
            return False
        try:
            wake()
        except ModemError:
            return False
        return self._awake(PROBE_MS)

    def _awake(self, patience_ms: int) -> bool:
        """Send AT until OK: a command broken off may still run, or want its data."""
        deadline = self._port.ticks_ms() + patience_ms
        self._port.modem_dtr(False)
        hush(self._port, HUSH_MS)
        while True:
            try:
                self._at.command(b"", PROBE_MS)
                hush(self._port, PROBE_MS)  # each AT that had to wait is answered too
                self._at = Channel(self._port)
                return True
            except ModemSilent:
                if self._port.ticks_ms() >= deadline:
                    return False
            except ModemError:
                continue


def _difference(setting: Setting, was: Value, now: Value | None) -> str:
    if setting.secret:
        return "it is not what it was"
    return f"it was {','.join(was) or 'empty'}, it is {','.join(now or ()) or 'empty'}"


def refusal(error: ModemError) -> str:
    """The refusal of a command, with its code if it has one."""
    return "was refused" if error.code == -1 else f"was refused ({error.code})"


def shown(what: Any) -> str:
    """The subject of a ModemError: a command without AT, or the prefix of a line that did not come."""
    text = what.decode("latin-1") if isinstance(what, bytes | bytearray) else str(what)
    if text.startswith("+") and text.endswith(":"):
        return f"the line {text}"
    return f"AT{text}" if text[:1] in ("", "+", "E", "&", "I") else text
