"""Shared by the tests of the bench: simulated modems as its port, in virtual time, and their faults."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from host_tests.support.simulated_modem import HOST, ModemUnderTest
from tools.bench.ports import Recorder
from tools.bench.run import Outcome, Result, Run
from tools.bench.transcript import Mask, Request, Transcript

PASSWORD = "secret"


class FaultyPort:
    """A port that does something else once a command with `at` in it is sent for the `count`th time."""

    def __init__(
        self, port: ModemUnderTest, at: bytes, do: Callable[[ModemUnderTest], None], count: int = 1
    ) -> None:
        self._port = port
        self._at = at
        self._do = do
        self._count = count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def uart_write(self, data: bytes) -> None:
        """Inject the fault, or pass on."""
        if self._at in bytes(data):
            self._count -= 1
            if self._count == 0:
                self._do(self._port)
        self._port.uart_write(data)


class Instead(FaultyPort):
    """A port that answers or does so, `count` times, in place of the modem: it does not see the command."""

    def __init__(
        self, port: ModemUnderTest, at: bytes, do: bytes | Callable[[ModemUnderTest], None], count: int = 1
    ) -> None:
        super().__init__(
            port, at, (lambda line: line.output.extend(do)) if isinstance(do, bytes) else do, count
        )

    def uart_write(self, data: bytes) -> None:
        """Answer, or pass on."""
        if self._count and self._at in bytes(data):
            self._count -= 1
            self._do(self._port)
        else:
            self._port.uart_write(data)


class Hung(FaultyPort):
    """From that command on nothing is heard any more."""

    def __init__(self, port: ModemUnderTest, at: bytes, count: int = 1) -> None:
        super().__init__(port, at, lambda line: None, count)

    def uart_readinto(self, buffer: bytearray, timeout_ms: int) -> int:
        """Silence."""
        got: int = self._port.uart_readinto(buffer, timeout_ms)
        return 0 if self._count <= 0 else got


class Quiet:
    """A watch that only remembers, and interrupts on request."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.notes: list[str] = []

    def changed(self, result: Result) -> None:
        """A step began or ended."""
        self.seen.append((result.step, result.state))

    def note(self, text: str) -> None:
        """What goes on."""
        self.notes.append(text)


def request(modem: str, ca: bytes = b"", repeat: int = 1, key: bool = False) -> Request:
    """A run with a broker if there is a `ca`."""
    broker = (f"{HOST}:8883", "lb-1", "*" * len(PASSWORD), ca.decode()) if ca else ("", "", "", "")
    return Request(modem, "/dev/test", 115_200, "2026-01-05T06:00:00+00:00", repeat, *broker, key=key)


def run(port: Any, wanted: Request, password: str = PASSWORD) -> tuple[Outcome, str]:
    """A whole run; what came of it, and its transcript."""
    file = io.StringIO()
    mask = Mask([password])
    written = Transcript(file, wanted, mask)
    outcome = Run(Recorder(port, written), wanted, password, mask, Quiet(), written.mark).go()
    written.flush()
    return outcome, file.getvalue()
