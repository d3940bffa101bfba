"""Finding a network and registering: scan, attach, refusals and their causes, following the cells.

What the modem does on a cause is TS 24.301 5.5.1.2.5 as far as a tracker meets it.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import simpy

from tools.modem.engine.tasks import Work
from tools.modem.network import bands
from tools.modem.network.air import Cell, Rat
from tools.modem.network.bands import BANDS
from tools.modem.network.registration import DENIED, SEARCHING

if TYPE_CHECKING:
    from tools.modem.network.radio import Radio
    from tools.modem.unit import Unit

FORBIDDEN_PLMN = (11, 14)
FORBIDDEN_AREA = (12, 13, 15)
SIM_INVALID = (3, 6, 7, 8)
ILLEGAL_UE = 3
"""The keys of the card are not those of the identity that asks."""

RESUME_MS = (700, 2_000)
"""To find the network again when the modem is still registered."""
T3346_S = (900, 1_800)
"""How long a congested network wants to be left alone: a property of the network [C]."""
CONGESTED = 22
RESCAN_MS = (10_000, 20_000, 40_000, 60_000)
BACK_OFF_MS = 720_000
"""T3402, after `ATTEMPTS` failures that name no culprit."""
ATTEMPTS = 5
ATTACH_TIMEOUT_MS = 15_000
"""T3410."""

Waits = Generator[simpy.Event, Any, bool]


class Search:
    """Works on `radio`. What it has learned from refusals is forgotten with the power."""

    def __init__(self, unit: Unit, radio: Radio) -> None:
        self._unit = unit
        self._radio = radio
        self._area: tuple[str, int] | None = None
        self._sim_invalid = False
        self._areas_forbidden: set[tuple[str, int]] = set()
        self._congested: dict[str, float] = {}
        """T3346: until when a network must not be asked."""
        self._failures = 0
        self._lost = False
        """The network has gone since it was looked for last."""
        self._fresh = False
        """The radio has been off since then."""

    def reset(self) -> None:
        """The power is gone."""
        self._lost, self._fresh = False, True
        self._sim_invalid = False
        self._areas_forbidden.clear()
        self._congested.clear()
        self._failures = 0

    def resume(self) -> Waits:
        """Registered before PSM or before GNSS had the receiver: find the network, report where."""
        fresh, self._fresh = self._fresh, False
        self._radio.searching = True
        self._radio.set(SEARCHING)
        yield self._unit.pause(*RESUME_MS)
        self._radio.searching = False
        cell = self._same_network()
        there = cell is not None and (yield from self._update_area(cell))
        if not there:
            self._radio.home = None
            self._lost = not fresh  # but for GNSS, which had the receiver, it would have been noticed
        return there

    def run(self) -> Work:
        """Until registered."""
        self._unit.observer.searches(self._lost)
        self._lost = self._fresh = False
        if not self._sim_invalid:  # else it stays denied, and nothing is searched
            self._radio.searching = True
            self._radio.set(SEARCHING)
        if (yield from self._try_last()):
            return
        rounds = 0
        while True:
            for rat in self._scan_order():
                yield self._unit.env.timeout(self._unit.spread(self._scan_ms(rat), 0.5))
                if (yield from self._try_all(rat)):
                    return
            wait_ms = RESCAN_MS[min(rounds, len(RESCAN_MS) - 1)]
            rounds += 1
            if self._failures >= ATTEMPTS:
                self._failures, wait_ms = 0, BACK_OFF_MS
            self._radio.searching = not self._sim_invalid and wait_ms != BACK_OFF_MS
            self._unit.charge()
            yield self._unit.env.timeout(wait_ms)
            self._radio.searching = not self._sim_invalid
            self._unit.charge()

    def _scan_ms(self, rat: Rat) -> float:
        """The time goes into bands."""
        return BANDS[rat].scan_ms * self._unit.dialect.bands_fraction(self._unit.nv.settings, rat)

    def _try_last(self) -> Waits:
        last = self._unit.nv.last
        if last is None:
            return False
        yield self._unit.pause(*BANDS[last[1]].known_ms)
        for cell in self._candidates():
            if (cell.plmn, cell.rat) == last:
                return (yield from self._attach(cell))
        return False

    def _try_all(self, rat: Rat) -> Waits:
        heard = [cell for cell in self.heard() if cell.rat == rat]
        if heard and self._radio.cell is None:
            self._radio.cell = heard[0]  # limited service
        for cell in self._candidates():
            if cell.rat == rat and (yield from self._attach(cell)):
                return True
        return False

    def heard(self) -> list[Cell]:
        """The cells on the bands that the settings allow, strongest first."""
        hears, settings = self._unit.dialect.hears, self._unit.nv.settings
        return [cell for cell in self._unit.air.cells() if hears(settings, cell)]

    def _candidates(self) -> Iterator[Cell]:
        """The strongest cell of each network and kind that the rules allow."""
        seen: set[tuple[str, Rat]] = set()
        manual, only = self._unit.nv.operator, self._unit.nv.operator_rat
        allowed = self._scan_order()
        for cell in self.heard():
            if self._sim_invalid:
                return
            if self._congested.get(cell.plmn, 0) > self._unit.env.now or (only and cell.rat != only):
                continue
            key = (cell.plmn, cell.rat)
            if key in seen or cell.rat not in allowed or manual not in (None, cell.plmn):
                continue
            if (cell.plmn, cell.tac) in self._areas_forbidden and not manual:
                continue
            if cell.plmn in self._unit.card.forbidden and not manual:
                continue
            seen.add(key)
            yield cell

    def _attach(self, cell: Cell) -> Waits:
        unit, slow = self._unit, bands.slowness(cell)
        unit.observer.asks(cell, attach=True)
        self._radio.cell = cell
        if self._radio.stat != DENIED:
            self._radio.set(SEARCHING)
        yield from self._radio.bearer.signal(cell.rat, unit.spread(BANDS[cell.rat].attach_ms * slow))
        if unit.rng.random() < bands.failure(cell) or not self._audible(cell):
            yield unit.env.timeout(ATTACH_TIMEOUT_MS)
            self._failures += 1
            return False
        cause = unit.air.attach_cause(unit.slot.imsi, cell.plmn)
        if unit.slot.imsi != unit.card.imsi:
            cause = ILLEGAL_UE
        if cause:
            self._refused(cell, cause)
            return False
        self._accepted(cell)
        return True

    def _refused(self, cell: Cell, cause: int) -> None:
        self._unit.observer.refused(cell, cause)
        self._radio.cause = cause
        if cause in FORBIDDEN_PLMN:
            self._unit.card.forbid(cell.plmn)
        elif cause in FORBIDDEN_AREA:
            self._areas_forbidden.add((cell.plmn, cell.tac))
        elif cause in SIM_INVALID:
            self._sim_invalid = True
            self._radio.searching = False
        elif cause == CONGESTED:
            seconds = random.Random(f"t3346/{cell.plmn}").randint(*T3346_S)
            self._congested[cell.plmn] = self._unit.env.now + 1_000 * seconds
        else:
            self._failures += 1
        self._radio.set(DENIED)

    def _accepted(self, cell: Cell) -> None:
        unit = self._unit
        unit.observer.accepted(cell)
        unit.air.registered(unit.slot.imsi, cell.plmn)
        unit.pdp.detach(by_network=True)  # what was active before has another address now
        unit.card.allow(cell.plmn)
        unit.nv.last = (cell.plmn, cell.rat)
        self._failures = 0
        self._enter(cell)
        self._radio.bearer.linger(self._radio.bearer.tail_ms(cell.plmn))
        self._radio.bearer.announce_psm()
        unit.tasks.start(self._hear_time(cell.plmn))

    def _hear_time(self, plmn: str) -> Work:
        yield self._unit.pause(300, 1_500)
        if self._radio.home == plmn:
            self._unit.clock.take_network_time(plmn)

    def reselect(self) -> Waits:
        """Camp on the best cell of the network; False when it is gone."""
        best = self._same_network()
        if best is None:
            self._lost = True
            return False
        if (best.plmn, best.tac) != self._area and not self._radio.bearer.connected():
            there = yield from self._update_area(best)
            self._lost = not there
            return there
        if self._radio.cell != best:
            self._enter(best)
        return True

    def _update_area(self, cell: Cell) -> Waits:
        """Tracking area update; the network may refuse it like an attach."""
        self._unit.observer.asks(cell, attach=False)
        usual_ms = BANDS[cell.rat].attach_ms * bands.slowness(cell) / 3
        yield from self._radio.bearer.signal(cell.rat, self._unit.spread(usual_ms))
        cause = self._unit.air.attach_cause(self._unit.slot.imsi, cell.plmn)
        if cause:
            self._radio.home = None
            self._refused(cell, cause)
            return False
        self._unit.observer.accepted(cell)
        self._enter(cell)
        self._radio.bearer.announce_psm()
        self._radio.bearer.linger(0)
        return True

    def _enter(self, cell: Cell) -> None:
        self._area = (cell.plmn, cell.tac)
        self._radio.enter(cell)

    def _same_network(self) -> Cell | None:
        last = self._unit.nv.last
        for cell in self._unit.air.cells():
            if last == (cell.plmn, cell.rat) and cell.plmn == self._radio.home:
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
