"""The world's influences on the device in one wake, taken from the trip's notes."""

from __future__ import annotations

from dataclasses import dataclass

from tools.modem.network.air import Fix
from tools.world.device.battery import KINDS, USUAL
from tools.world.device.rtc import Rtc
from tools.world.radio.traffic import Traffic
from tools.world.trip import SeenCell, Sense, Trip

LEAST_MV = 3_000
"""A weaker battery is left alone: the device goes back to sleep (firmware/locator/wake.py)."""
SAGGING_MV = 3_250
"""A battery that gave less under the load of a connection may give way in the next one: a fix is kept before
(firmware/locator/scheduler/budget.py); of LiFePO4 so much less: `LOWER_MV`."""
LOWER_MV = 300
BOOT_MS = 3_000
"""A device has looked at its sensors within this time of its reset."""
RECOUNT_S = 60
"""After a jolt the sensors are looked at a second time, so much later by the device's clock."""
RECOUNT_LATE_MS = 50


@dataclass(frozen=True)
class Wake:
    """Times are ms since the trip began; a wake begins with its first look at the sensors."""

    start_ms: int
    end_ms: int
    power_on_ms: int
    """The last power-on, at the latest that of this wake."""
    boot: int
    """How many power-ons there have been."""
    power_on: bool
    """This wake is the first one after a power-on."""
    senses: list[Sense]
    """All looks at the sensors; motion counts are those since the last one."""
    felt: list[Sense]
    """With what the wake begins: one look, or after a jolt a second one a minute later; none where the
    battery is left alone, or gives way before. What follows weighs the battery under load."""
    cells: list[SeenCell]
    fixes: list[Fix]
    searched: bool
    """GNSS was on."""
    connected: bool
    """The modem opened a connection, so it was registered."""
    opened: bool
    """A door was opened just before, which wakes the device."""
    sagged: bool
    """The battery has given way, or sagged under load, and no connection has shown since that it holds."""
    gained_s: float
    """The gain of the device's clock since the power-on, or since the last wake with a fix."""


class Wakes:
    """Follows `trip`; `traffic` counts the connections of its modem."""

    def __init__(self, trip: Trip, traffic: Traffic) -> None:
        self._trip = trip
        self._traffic = traffic
        lower_mv = LOWER_MV if trip.battery.kind.nominal_v < KINDS[USUAL].nominal_v else 0
        self._sagging_mv = SAGGING_MV - lower_mv
        self._senses = self._cells = self._fixes = self._connections = 0
        self._boot = self._power_on_ms = self._ahead_ms = 0
        self._brown_outs, self._boots = -1, True
        """The second: a start after a power failure, of which the firmware knows nothing yet."""
        self._sagged = False
        self._gnss_j = 0.0

    def next(self) -> Wake:
        """The wake that has just ended."""
        trip, given = self._trip, self._trip.given
        senses = given.senses[self._senses :]
        start_ms = senses[0].ms if senses else int(trip.env.now)
        # A power failure ends its wake: what comes after it is another boot.
        failed = sum(each.ms < start_ms for each in trip.brown_outs)
        ahead_ms = trip.rtc.clock_ms(int(trip.env.now)) - int(trip.env.now)
        if failed > self._brown_outs:
            self._boots, self._power_on_ms, self._ahead_ms = True, start_ms, ahead_ms
            self._sagged = failed > 0
        works = bool(senses) and senses[0].battery_mv >= LEAST_MV
        power_on = self._boots and works
        if power_on:
            self._boot, self._boots = self._boot + 1, False
        gnss_j = trip.meter.joules_by_part()["gnss"]
        wake = Wake(
            start_ms=start_ms,
            end_ms=int(trip.env.now),
            power_on_ms=self._power_on_ms,
            boot=self._boot,
            power_on=power_on,
            senses=senses,
            felt=_felt(senses, trip.rtc) if works else [],
            cells=given.cells[self._cells :],
            fixes=given.fixes[self._fixes :],
            searched=gnss_j > self._gnss_j,
            connected=self._traffic.connections > self._connections,
            opened=any(0 <= start_ms - each.start_ms <= BOOT_MS for each in trip.doors.openings),
            sagged=self._sagged,
            gained_s=(ahead_ms - self._ahead_ms) / 1_000,
        )
        if wake.fixes:
            self._ahead_ms = given.ahead_ms
        self._senses, self._cells, self._fixes = len(given.senses), len(given.cells), len(given.fixes)
        self._connections, self._brown_outs = self._traffic.connections, failed
        self._gnss_j = gnss_j
        loaded_mv = [each.battery_mv for each in senses if each.loaded]
        if loaded_mv:
            self._sagged = min(loaded_mv) < self._sagging_mv
        return wake


def _felt(senses: list[Sense], rtc: Rtc) -> list[Sense]:
    if len(senses) < 2:
        return senses
    due_ms = rtc.due_ms(senses[0].ms, 1_000 * RECOUNT_S)
    again = not senses[1].loaded and 0 <= senses[1].ms - due_ms <= RECOUNT_LATE_MS
    return senses[: 2 if again else 1]
