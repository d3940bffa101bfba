"""Finding a network and registering: scan, attach, refusals and their causes, leaving coverage.

What the modem does on a cause is TS 24.301 5.5.1.2.5 as far as a locator meets it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import simpy

from tools.modem import bands
from tools.modem.air import Cell, Rat
from tools.modem.bands import BANDS
from tools.modem.bearer import Bearer
from tools.modem.registration import Reports
from tools.modem.tasks import Tasks, Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

FULL = 1
NOT_SEARCHING, HOME, SEARCHING, DENIED, UNKNOWN, ROAMING = range(6)

FORBIDDEN_PLMN = (11, 14)
FORBIDDEN_AREA = (12, 13, 15)
SIM_INVALID = (3, 6, 7, 8)

RESUME_MS = (700, 2_000)
"""To find the network again when the modem is still registered."""
CHECK_MS = 10_000
RESCAN_MS = (10_000, 20_000, 40_000, 60_000)
BACK_OFF_MS = 720_000
"""T3402, after `ATTEMPTS` failures that name no culprit."""
ATTEMPTS = 5
ATTACH_TIMEOUT_MS = 15_000
"""T3410."""

Tried = Generator[simpy.Event, Any, bool]


class Radio:
    """`cell` is the one camped on, `home` the PLMN registered with; `cause` the last refusal."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._tasks = Tasks(unit.env)
        self.bearer = Bearer(unit)
        self.reports = Reports(unit)
        self.home: str | None = None
        self._area: tuple[str, int] | None = None
        self.function = 0
        self.stat = NOT_SEARCHING
        self.cause = 0
        self.cell: Cell | None = None
        self.searching = False
        self.lent = False
        """The shared receiver belongs to GNSS."""
        self._sim_invalid = False
        self._areas_forbidden: set[tuple[str, int]] = set()
        self._failures = 0

    # Power and function

    def boot(self) -> None:
        """Full function, as after each boot; nothing is searched before the SIM is there."""
        self.function = FULL

    def start(self) -> None:
        """The SIM is there: find the network, unless the function is another by now."""
        if self.function == FULL:
            self._restart()

    def set_function(self, function: int) -> Work:
        """AT+CFUN=0, 1 or 4."""
        if function == self.function:
            return
        if function == FULL:
            yield self._unit.pause(200, 800)
            self.function = FULL
            if self._unit.power.sim_ready:
                self._restart()
            return
        yield self._unit.pause(500, 2_500 if self.home else 1_000)
        self.deregister()
        self.function = function
        self._unit.charge()

    def off(self) -> None:
        """The power is gone, or in PSM the radio; the registration is another matter."""
        self._idle()
        self.function = 0
        self.lent = False
        self._sim_invalid = False
        self._areas_forbidden.clear()
        self._failures = 0
        self.cause = 0
        self.stat = NOT_SEARCHING
        self.reports.reset()

    def forget_registration(self) -> None:
        """The network will have to be asked again."""
        self.home = None

    def deregister(self) -> None:
        """Detach and stay so."""
        self._idle()
        self.home = None
        self._set(NOT_SEARCHING)

    def select(self) -> None:
        """The choice of operator has changed: search again."""
        if self.function == FULL:
            self.home = None
            self._restart()
            self._set(SEARCHING)

    def lend(self) -> None:
        """GNSS takes the receiver as soon as no connection holds it."""
        self.lent = True
        self._tasks.stop()
        self.searching = self.bearer.signalling = False
        self.cell = None
        self._unit.charge()
        self.reports.changed()

    def take_back(self) -> None:
        """GNSS is through."""
        if self.lent:
            self.lent = False
            if self.function == FULL:
                self._restart()

    # What others ask

    def registered(self) -> bool:
        """Whether there is service now."""
        return self.shown() in (HOME, ROAMING)

    def shown(self) -> int:
        """The registration state as it is reported."""
        return UNKNOWN if self.lent and self.home else self.stat

    def receiver_free(self) -> bool:
        """Whether GNSS can receive."""
        if not self._unit.dialect.shared_receiver:
            return True
        return not (self.bearer.connected() or self.searching)

    def consumption(self) -> str:
        """The meter's state of the radio, and of the baseband with it."""
        if self.bearer.transmitting:
            return "tx"
        if self.bearer.connected():
            return "connected"
        return "search" if self.searching else "idle"

    # Life

    def _restart(self) -> None:
        self._idle()
        if not self.lent:
            self._tasks.start(self._live())

    def _idle(self) -> None:
        self._tasks.stop()
        self.bearer.drop()
        self.searching = False
        self.cell = None

    def _live(self) -> Work:
        here = bool(self.home) and (yield from self._resume())
        while True:
            if not here:
                yield from self._search()
            yield from self._stay()
            here = False

    def _resume(self) -> Tried:
        """Registered before PSM or before GNSS had the receiver: find the network, report where."""
        self.searching = True
        self._unit.charge()
        yield self._unit.pause(*RESUME_MS)
        self.searching = False
        cell = self._same_network()
        if cell is None:
            self.home = None
            return False
        return (yield from self._update_area(cell))

    def _search(self) -> Work:
        """Until registered."""
        self.searching = True
        self._set(SEARCHING)
        if (yield from self._try_last()):
            return
        rounds = 0
        while True:
            for rat in self._scan_order():
                yield self._unit.env.timeout(self._unit.spread(BANDS[rat].scan_ms, 0.5))
                if (yield from self._try_all(rat)):
                    return
            wait_ms = RESCAN_MS[min(rounds, len(RESCAN_MS) - 1)]
            rounds += 1
            if self._failures >= ATTEMPTS:
                self._failures, wait_ms = 0, BACK_OFF_MS
            self.searching = not self._sim_invalid and wait_ms != BACK_OFF_MS
            self._unit.charge()
            yield self._unit.env.timeout(wait_ms)
            self.searching = not self._sim_invalid
            self._unit.charge()

    def _try_last(self) -> Tried:
        last = self._unit.nv.last
        if last is None:
            return False
        yield self._unit.pause(*BANDS[last[1]].known_ms)
        for cell in self._candidates():
            if (cell.plmn, cell.rat) == last:
                return (yield from self._attach(cell))
        return False

    def _try_all(self, rat: Rat) -> Tried:
        heard = [cell for cell in self._unit.air.cells() if cell.rat == rat]
        if heard and self.cell is None:
            self.cell = heard[0]  # limited service
        for cell in self._candidates():
            if cell.rat == rat and (yield from self._attach(cell)):
                return True
        return False

    def _candidates(self) -> Iterator[Cell]:
        """The strongest cell of each network and kind that the rules allow."""
        if self._sim_invalid:
            return
        seen: set[tuple[str, Rat]] = set()
        manual = self._unit.nv.operator
        allowed = self._scan_order()
        for cell in self._unit.air.cells():
            key = (cell.plmn, cell.rat)
            if key in seen or cell.rat not in allowed or manual not in (None, cell.plmn):
                continue
            if (cell.plmn, cell.tac) in self._areas_forbidden and not manual:
                continue
            if cell.plmn in self._unit.card.forbidden and not manual:
                continue
            seen.add(key)
            yield cell

    def _attach(self, cell: Cell) -> Tried:
        unit, slow = self._unit, bands.slowness(cell)
        self.cell = cell
        if self.stat != DENIED:
            self._set(SEARCHING)
        yield from self.bearer.signal(unit.spread(BANDS[cell.rat].attach_ms * slow))
        if unit.rng.random() < bands.failure(cell) or not self._audible(cell):
            yield unit.env.timeout(ATTACH_TIMEOUT_MS)
            self._failures += 1
            return False
        cause = unit.air.attach_cause(unit.card.imsi, cell.plmn)
        if cause:
            self._refused(cell, cause)
            return False
        self._accepted(cell)
        return True

    def _refused(self, cell: Cell, cause: int) -> None:
        self.cause = cause
        if cause in FORBIDDEN_PLMN:
            self._unit.card.forbid(cell.plmn)
        elif cause in FORBIDDEN_AREA:
            self._areas_forbidden.add((cell.plmn, cell.tac))
        elif cause in SIM_INVALID:
            self._sim_invalid = True
            self.searching = False
        else:
            self._failures += 1
        self._set(DENIED)

    def _accepted(self, cell: Cell) -> None:
        unit = self._unit
        unit.air.registered(unit.card.imsi, cell.plmn)
        unit.card.allow(cell.plmn)
        unit.nv.last = (cell.plmn, cell.rat)
        self._failures = self.cause = 0
        self._enter(cell)
        self.bearer.linger(bands.tail_ms(cell.plmn))
        self.bearer.announce_psm()
        unit.tasks.start(self._hear_time(cell.plmn))

    def _hear_time(self, plmn: str) -> Work:
        yield self._unit.pause(300, 1_500)
        if self.home == plmn:
            self._unit.clock.take_network_time(plmn)

    def _enter(self, cell: Cell) -> None:
        self.cell, self.home, self._area = cell, cell.plmn, (cell.plmn, cell.tac)
        self.searching = False
        self._set(HOME if self._unit.card.imsi.startswith(cell.plmn) else ROAMING)

    def _stay(self) -> Work:
        """Until the network is lost."""
        while True:
            yield self._unit.env.timeout(CHECK_MS)
            if not (yield from self.reselect()):
                self.home = self.cell = None
                return

    def reselect(self) -> Tried:
        """Camp on the best cell of the network; False when it is gone."""
        best = self._same_network()
        if best is None:
            return False
        if (best.plmn, best.tac) != self._area and not self.bearer.connected():
            return (yield from self._update_area(best))
        if self.cell != best:
            self._enter(best)
        return True

    def _update_area(self, cell: Cell) -> Tried:
        """Tracking area update; the network may refuse it like an attach."""
        yield from self.bearer.signal(self._unit.spread(BANDS[cell.rat].attach_ms * bands.slowness(cell) / 3))
        cause = self._unit.air.attach_cause(self._unit.card.imsi, cell.plmn)
        if cause:
            self.home = None
            self._refused(cell, cause)
            return False
        self._enter(cell)
        self.bearer.announce_psm()
        self.bearer.linger(0)
        return True

    def _same_network(self) -> Cell | None:
        last = self._unit.nv.last
        for cell in self._unit.air.cells():
            if last == (cell.plmn, cell.rat) and cell.plmn == self.home:
                return cell
        return None

    def _audible(self, cell: Cell) -> bool:
        """Whether the network still is there; on the move another of its cells may have taken over."""
        return any((other.plmn, other.rat) == (cell.plmn, cell.rat) for other in self._unit.air.cells())

    def _scan_order(self) -> list[Rat]:
        """The kinds allowed by the settings, that of the last registration first."""
        rats = self._unit.dialect.rats(self._unit.nv.settings)
        last = self._unit.nv.last
        return sorted(rats, key=lambda rat: last is None or rat != last[1])

    def _set(self, stat: int) -> None:
        self.stat = stat
        self._unit.charge()
        self.reports.changed()
