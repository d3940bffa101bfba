"""Reports of the registration state: +CREG, +CGREG, +CEREG, requested or unsolicited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.tasks import Work
from tools.modem.network.bands import BANDS

if TYPE_CHECKING:
    from tools.modem.unit import Unit

CONNECTION_MS = 5
LINES = ("+CREG", "+CGREG", "+CEREG")
NOT_SEARCHING, HOME, SEARCHING, DENIED, UNKNOWN, ROAMING = range(6)
"""<stat> of TS 27.007 10.1."""


class Reports:
    """`level` is <n> of each line; a change is reported when it is not 0."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.level = dict.fromkeys(LINES, 0)
        self._reported = dict.fromkeys(LINES, "")
        self.reports_connection = False
        """After AT+QCSCON=1."""
        self.reports_mode = False
        """After AT+CNSMOD=1."""
        self._connected = False
        self._mode = 0

    def reset(self) -> None:
        """As after a boot."""
        self.level = dict.fromkeys(LINES, 0)
        self._reported = dict.fromkeys(LINES, "")
        self.reports_connection = self.reports_mode = self._connected = False
        self._mode = 0

    def connection(self, connected: bool) -> None:
        """The radio connection may have begun or ended."""
        if self.reports_connection and connected != self._connected:
            self._unit.tasks.start(self._report_connection())

    def _report_connection(self) -> Work:
        """A little later: between two procedures of one connection there is no gap."""
        yield self._unit.env.timeout(CONNECTION_MS)
        connected = self._unit.radio.bearer.connected()
        if connected != self._connected:
            self._connected = connected
            self._unit.at.urc(f"+QCSCON: {int(connected)}")

    def system_mode(self) -> int:
        """<stat> of +CNSMOD: 0 no service, 2 GPRS, 8 LTE."""
        cell = self._unit.radio.cell if self._unit.radio.registered() else None
        return 0 if cell is None else 2 if cell.rat == "gsm" else 8

    def set_level(self, name: str, level: int) -> None:
        """AT+C..REG=<n>: from now on report what changes."""
        self.level[name] = level
        self._reported[name] = self._fields(name, level, read=False)

    def changed(self) -> None:
        """The state may be another: report it where asked for."""
        for name, level in self.level.items():
            fields = self._fields(name, level, read=False)
            if level and fields != self._reported[name]:
                self._unit.at.urc(f"{name}: {fields}")
            self._reported[name] = fields
        mode = self.system_mode()
        if mode != self._mode and self.reports_mode:
            self._unit.at.urc(f"+CNSMOD: {mode}")
        self._mode = mode

    def read(self, name: str) -> str:
        """The answer to AT+C..REG?"""
        level = self.level[name]
        return f"{name}: {level},{self._fields(name, level, read=True)}"

    def _fields(self, name: str, level: int, read: bool) -> str:
        """<stat> and, from level 2 on, place, technology, cause and timers of PSM."""
        radio = self._unit.radio
        stat = radio.shown() if self._serves(name) else NOT_SEARCHING
        if level < 2 or radio.cell is None or stat == NOT_SEARCHING:
            return str(stat) + self._cause(name, stat, level)
        cell = radio.cell
        width = 4 if cell.rat == "gsm" else 7
        place = f'{stat},"{cell.tac:04X}","{cell.cell_id:0{width}X}",{BANDS[cell.rat].act}'
        if self._cause(name, stat, level):
            return place + f",0,{radio.cause}"
        return place + self._psm(name, level)

    def _serves(self, name: str) -> bool:
        """+CEREG speaks for LTE, +CGREG and +CREG for GSM; on LTE Cat-4 all three do."""
        cell = self._unit.radio.cell
        if cell is None or not self._unit.radio.registered():
            return True
        if cell.rat == "gsm":
            return name != "+CEREG"
        return name == "+CEREG" or cell.rat == "lte" or self._unit.has("creg-follows")

    def _cause(self, name: str, stat: int, level: int) -> str:
        """The cause of the last refusal, after an empty field."""
        with_cause = self._unit.dialect.reports_cause and name == "+CEREG" and stat == DENIED and level >= 2
        return f",,,,0,{self._unit.radio.cause}" if with_cause and self._unit.radio.cause else ""

    def _psm(self, name: str, level: int) -> str:
        if level != 4 or name != "+CEREG" or not self._unit.radio.bearer.psm_granted():
            return ""
        psm = self._unit.nv.psm
        return f',,,"{psm.active}","{psm.tau}"'
