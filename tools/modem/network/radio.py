"""The modem's radio: its function, where it is registered, and which part uses the receiver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.engine.tasks import Tasks, Work
from tools.modem.network.air import Cell
from tools.modem.network.bearer import Bearer
from tools.modem.network.registration import HOME, NOT_SEARCHING, ROAMING, SEARCHING, UNKNOWN, Reports
from tools.modem.network.search import Search, Waits

if TYPE_CHECKING:
    from tools.modem.unit import Unit

FULL = 1
CHECK_MS = 10_000
"""How often a modem that is registered looks whether the network is still there."""


class Radio:
    """`cell` is the one camped on, `home` the PLMN registered with; `cause` the last refusal."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._tasks = Tasks(unit.env)
        self.bearer = Bearer(unit)
        self.reports = Reports(unit)
        self.home: str | None = None
        self.function = 0
        self.stat = NOT_SEARCHING
        self.cause = 0
        self.cell: Cell | None = None
        self.searching = False
        self.deregistered = False
        """By AT+COPS=2: no network is looked for until AT+COPS=0 or 1."""
        self.lent = False
        """The shared receiver belongs to GNSS."""
        self._listening = False
        self._search = Search(unit, self)

    # Power and function

    def boot(self) -> None:
        """Full function, as after each boot; nothing is searched before the SIM is there."""
        self.function = FULL

    def start(self) -> None:
        """The SIM is there: find the network, unless the function is another by now."""
        if self.function == FULL and self._unit.slot.usable() and not self.deregistered:
            self._restart()

    def set_function(self, function: int) -> Work:
        """AT+CFUN=0, 1, 4 or, without radio like 4, another."""
        if function == self.function:
            return
        if function == FULL:
            yield self._unit.pause(200, 800)
            self.function = FULL
            if self._unit.power.sim_ready:
                self.start()
            return
        yield self._unit.pause(500, 2_500 if self.home else 1_000)
        self.deregister()
        self._unit.pdp.detach(by_network=False)
        self.function = function
        self._unit.charge()

    def off(self) -> None:
        """The power is gone, or in PSM the radio; the registration is another matter."""
        self._idle()
        self.function = 0
        self.lent = self.deregistered = self._listening = False
        self._search.reset()
        self.cause = 0
        self.stat = NOT_SEARCHING
        self.reports.reset()

    def forget_registration(self) -> None:
        """The network will have to be asked again."""
        self.home = None

    def forget_card(self) -> None:
        """Another card may come: what networks said of this one is nothing to it."""
        self._search.reset()
        self.cause = 0

    def deregister(self) -> None:
        """Detach and stay so."""
        self._idle()
        self.home = None
        self.set(NOT_SEARCHING)

    def select(self) -> None:
        """The choice of operator has changed: search again."""
        self.deregistered = False
        if self.function == FULL and self._unit.slot.usable():
            self.home = None
            self._unit.pdp.detach(by_network=False)
            self._restart()
            self.set(SEARCHING)

    def search_again(self) -> None:
        """Kinds of network or bands have changed: the last network is not the first to be found any more."""
        self._unit.nv.last = None
        if self._unit.power.sim_ready and not self.deregistered:
            self.select()

    def lend(self) -> None:
        """GNSS takes the receiver as soon as no connection holds it."""
        self.lent = True
        self._tasks.stop()
        self.bearer.abandon()
        self.searching = False
        self.cell = None
        self._unit.charge()
        self.reports.changed()

    def listen(self, on: bool) -> None:
        """A scan for operators has the receiver; it ends with the power too."""
        self._listening = on
        self._unit.charge()

    def take_back(self) -> None:
        """GNSS is through."""
        if self.lent:
            self.lent = False
            self.start()

    def heard(self) -> list[Cell]:
        """The cells on the bands that the settings allow, strongest first."""
        return self._search.heard()

    def still_there(self) -> Waits:
        """Look for the best cell of the network now; False when there is none."""
        return self._search.reselect()

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
        return not (self.bearer.connected() or self.searching or self._listening)

    def consumption(self) -> str:
        """The meter's state of the radio, and of the baseband with it."""
        if self.bearer.transmitting:
            return "tx-gsm" if self.bearer.rat == "gsm" else "tx"
        if self.bearer.connected():
            return "connected"
        return "search" if self.searching or self._listening else "idle"

    # Life

    def set(self, stat: int) -> None:
        """The state of registration is another."""
        self.stat = stat
        self._unit.charge()
        self.reports.changed()

    def enter(self, cell: Cell) -> None:
        """Registered, with this cell."""
        self.cell, self.home = cell, cell.plmn
        self.cause = 0
        self.searching = False
        self.set(HOME if self._unit.slot.imsi.startswith(cell.plmn) else ROAMING)

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
        here = bool(self.home) and (yield from self._search.resume())
        while True:
            if not here:
                yield from self._search.run()
            yield from self._stay()
            here = False

    def _stay(self) -> Work:
        """Until the network is lost."""
        while True:
            yield self._unit.env.timeout(CHECK_MS)
            if not (yield from self._search.reselect()):
                self.home = self.cell = None
                return
