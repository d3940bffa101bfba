"""What the world did to the device in one wake, cut out of the trip's notes."""

from __future__ import annotations

from dataclasses import dataclass

from tools.modem.air import Fix
from tools.world.traffic import Traffic
from tools.world.trip import SeenCell, Sense, Trip

BOOT_MS = 3_000
"""A device has looked at its sensors within this time of its reset."""
RECOUNT_S = 60
"""After a jolt the sensors are looked at a second time, so much later."""
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
    """With what the wake begins: one look, or after a jolt a second one a minute later. What follows
    weighs the battery under load."""
    cells: list[SeenCell]
    fixes: list[Fix]
    connected: bool
    """The modem opened a connection, so it was registered."""
    opened: bool
    """A door was opened just before, which wakes the device."""


class Wakes:
    """Follows `trip`; `traffic` counts the connections of its modem."""

    def __init__(self, trip: Trip, traffic: Traffic) -> None:
        self._trip = trip
        self._traffic = traffic
        self._senses = self._cells = self._fixes = self._connections = self._brown_outs = 0
        self._boot = self._power_on_ms = 0

    def next(self) -> Wake:
        """The wake that has just ended."""
        trip, given = self._trip, self._trip.given
        senses = given.senses[self._senses :]
        start_ms = senses[0].ms if senses else int(trip.env.now)
        # A power failure ends its wake: what comes after it is another boot.
        failed = sum(each.ms < start_ms for each in trip.brown_outs)
        power_on = self._boot == 0 or failed > self._brown_outs
        if power_on:
            self._boot, self._power_on_ms = self._boot + 1, start_ms
        wake = Wake(
            start_ms=start_ms,
            end_ms=int(trip.env.now),
            power_on_ms=self._power_on_ms,
            boot=self._boot,
            power_on=power_on,
            senses=senses,
            felt=_felt(senses),
            cells=given.cells[self._cells :],
            fixes=given.fixes[self._fixes :],
            connected=self._traffic.connections > self._connections,
            opened=any(0 <= start_ms - each.start_ms <= BOOT_MS for each in trip.doors.openings),
        )
        self._senses, self._cells, self._fixes = len(given.senses), len(given.cells), len(given.fixes)
        self._connections, self._brown_outs = self._traffic.connections, failed
        return wake


def _felt(senses: list[Sense]) -> list[Sense]:
    second = len(senses) > 1 and 0 <= senses[1].ms - senses[0].ms - 1_000 * RECOUNT_S <= RECOUNT_LATE_MS
    return senses[: 2 if second else 1]
