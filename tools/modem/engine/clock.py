"""The modem's clock, and how networks set it (NITZ)."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.modem.unit import Unit

NITZ_FRACTION = 0.85
"""Networks that send the time [C]."""

ZONES = {"460": 32, "401": 20, "250": 12, "257": 12, "260": 4, "262": 4, "204": 4, "428": 32, "434": 20}
ZONES |= {"400": 16, "282": 16, "286": 12}
"""Quarter hours east of Greenwich by MCC, winter time; Russia: Moscow."""


class Clock:
    """Keeps time while the supply is there; before it has been set it counts from the dialect's day."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.zone = 0
        """Quarter hours."""
        self.known = False
        """Whether GNSS may rely on it: it has the time from the network or from a fix."""
        self.is_set = False
        self.reports = 0
        """AT+CTZR"""
        self._offset_s = 0.0
        self.lose()

    def lose(self) -> None:
        """The supply is gone."""
        self.known = self.is_set = False
        self.zone = 0
        unset = datetime.fromisoformat(self._unit.dialect.unset_clock).replace(tzinfo=UTC)
        self._offset_s = unset.timestamp() - self._unit.air.utc_s()

    def set(self, unix_s: float, zone: int) -> None:
        """From now on it is `unix_s` UTC."""
        self._offset_s = unix_s - self._unit.air.utc_s()
        self.zone = zone
        self.known = self.is_set = True

    def take_network_time(self, plmn: str) -> None:
        """Set the clock if AT+CTZU allows it and the network `plmn` sends the time, in whole seconds."""
        if self._unit.nv.zone_update and sends_time(plmn):
            self.set(float(int(self._unit.air.utc_s())), ZONES.get(plmn[:3], 0))
            self._report()

    def _report(self) -> None:
        """+CTZV or +CTZE, where asked for."""
        if self.reports == 2:
            self._unit.at.urc(f'+CTZE: "{self.zone:+03d}",0,"{self.local():%Y/%m/%d,%H:%M:%S}"')
        elif self.reports:
            self._unit.at.urc(self._unit.dialect.zone_line.format(zone=self.zone, local=self.local()))

    def utc(self) -> datetime:
        """The clock's time in UTC."""
        return datetime.fromtimestamp(self._unit.air.utc_s() + self._offset_s, UTC)

    def local(self) -> datetime:
        """The clock's time in its zone."""
        return self.utc() + timedelta(minutes=15 * self.zone)


def sends_time(plmn: str) -> bool:
    """Whether this network sends NITZ: a property of the network, the same in every trip."""
    return random.Random(f"nitz/{plmn}").random() < NITZ_FRACTION
