"""The objects that every step of the bench uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from locator.modem import DENIED, REGISTERED, ModemError, ModemSilent

from tools.bench import replies
from tools.bench.kinds import KINDS, Kind
from tools.bench.ports import Recorder
from tools.bench.transcript import Mask, Request

Found = dict[str, Any]

COMMAND_MS = 9_000
SURVEY_S = 90
"""For each network; those that refuse are through much sooner."""
ATTACH_S = 300
"""A first attach is not timed out before five minutes (Telefonica requirement 016)."""


class StepFailed(Exception):
    """The step has not done what it is for; the text is one line."""


@dataclass
class Bench:
    """The objects that a step uses. `phase(name)` announces a part of the step, `note(text)` what goes on."""

    modem: str
    driver: Any
    at: Any
    port: Recorder
    request: Request
    password: str
    mask: Mask
    phase: Callable[[str], None]
    note: Callable[[str], None]

    @property
    def kind(self) -> Kind:
        """The modem's own words."""
        return KINDS[self.modem]

    def start(self) -> None:
        """Start the driver. It may have the modem go into PSM when it is left alone, and send unsolicited
        lines on its UART: not where we are when on its USB."""
        self.driver.start(False, True)
        if self.kind.parks_alone and not self.request.key:
            self.ask("+CPSMS=0")
        if self.request.urc_port:
            self.ask(f'+QURCCFG="urcport","{self.request.urc_port}"')

    def ask(self, command: str, prefix: str | None = None, limit_ms: int = 0) -> list[str]:
        """The lines of an answer; none when the command is refused."""
        try:
            lines = self.at.command(
                command.encode(), limit_ms or COMMAND_MS, prefix.encode() if prefix else None
            )
        except ModemSilent:
            raise
        except ModemError:
            return []
        return [line.decode("latin-1") for line in lines]

    def first(self, command: str, prefix: str | None = None) -> str:
        """The first line of an answer, empty when there is none."""
        return (self.ask(command, prefix) or [""])[0]

    def bare(self, command: str) -> str:
        """The first line of an answer that comes without a name, or under that of its command: what comes
        unasked has another one."""
        for line in self.ask(command):
            name, _, value = line.partition(":")
            if name == command:
                return value.strip(' "')
            if not line.startswith(("+", "*")):
                return line
        return ""


@contextmanager
def ending(end: Callable[[], None]) -> Iterator[None]:
    """Call `end` however it went, unless the modem does not answer any more."""
    try:
        yield
    except ModemSilent:
        raise
    except ModemError:
        end()
        raise
    end()


def tried(bench: Bench, plmn: int, begin: int | None = None) -> Found:
    """An attach in numbers, with the cell that serves afterwards."""
    begin = bench.port.ticks_ms() if begin is None else begin
    limit_s = SURVEY_S if plmn else ATTACH_S
    result, cause = bench.driver.attach(limit_s, limit_s, plmn)
    words = {REGISTERED: "registered", DENIED: "denied"}.get(result, "no service")
    found: Found = {"plmn": plmn, "result": words, "seconds": since(bench, begin)}
    if cause:
        found["cause"] = replies.cause(cause)
    cell = bench.driver.cell()
    if cell:
        found |= {"plmn": cell.plmn, "tac": cell.tac, "cell": cell.cell, "rsrp_dbm": cell.rsrp}
    return found | bench.kind.read_serving(bench.first(*bench.kind.serving))


def since(bench: Bench, begin: int) -> float:
    return round((bench.port.ticks_ms() - begin) / 1000, 2)
