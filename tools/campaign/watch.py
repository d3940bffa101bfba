"""What the simulated modem does to the operators, written down as it happens: never what the firmware says.

An attach here is one search for service that asks a network, however many it asks until one takes the
card or the radio goes off; each network asked, be it for an attach or for a new tracking area, is a try
of its own. The modem begins some attaches by itself: when service is lost, and when it wakes in PSM
for T3412.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import simpy

from tools.modem.air import Cell
from tools.modem.search import Search, Waits
from tools.modem.tasks import Work
from tools.world.stage import Stage

NARROW = ("emtc", "nbiot")
"""Kinds of network whose operators count attaches by the dozen."""


class Try(NamedTuple):
    """A network asked, for an `attach` or for a new tracking area; `cause` 0: taken or not answered."""

    ms: int
    attach: bool
    plmn: str
    rat: str
    cause: int
    accepted: bool


class Passed(NamedTuple):
    """Bytes that went over the radio, both ways, headers and handshakes included."""

    ms: int
    size: int


@dataclass
class Watch:
    """Times are ms since the trip began."""

    attaches: list[int] = field(default_factory=list)
    """Begun because our wake has switched the radio on or told it to search."""
    own_attaches: list[int] = field(default_factory=list)
    """Begun by the modem itself."""
    tries: list[Try] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)
    """The supply cut, a reset by command, a second power-on in one wake: a goodbye before sleep is none."""
    messages: list[int] = field(default_factory=list)
    """MQTT messages sent by the device."""
    passed: list[Passed] = field(default_factory=list)

    def follow(self, stage: Stage) -> None:
        """Watch the modem and the network of a stage, before its trip begins."""
        unit = stage.modem._unit
        unit.radio._search = _WatchedSearch(unit, unit.radio, self, lambda: _asleep(stage))
        bearer, power, network = unit.radio.bearer, unit.power, stage.network
        bearer.exchange = self._counted(bearer.exchange, unit.env)  # type: ignore[method-assign]
        network.before_publish = lambda: self.messages.append(int(unit.env.now))
        cut, restart, turn_on = power.rail, power.restart, power._turn_on
        last_wake = 0

        def rail(on: bool) -> None:
            if power._rail and not on:
                self.resets.append(int(unit.env.now))
            cut(on)

        def restarted() -> None:
            self.resets.append(int(unit.env.now))
            restart()

        def turned_on() -> None:
            nonlocal last_wake
            wake = stage.device.counters.wakes
            if wake == last_wake and not _asleep(stage):
                self.resets.append(int(unit.env.now))
            last_wake = 0 if _asleep(stage) else wake
            turn_on()

        power.rail = rail  # type: ignore[method-assign]
        power.restart = restarted  # type: ignore[method-assign]
        power._turn_on = turned_on  # type: ignore[method-assign]

    def _counted(
        self, exchange: Callable[..., Generator[simpy.Event, Any, bool]], env: simpy.Environment
    ) -> Callable[..., Generator[simpy.Event, Any, bool]]:
        def counted(up: int, down: int, trips: int = 1) -> Generator[simpy.Event, Any, bool]:
            self.passed.append(Passed(int(env.now), up + down))
            return exchange(up, down, trips)

        return counted


def _asleep(stage: Stage) -> bool:
    return stage.trip.meter.state_of("esp32") == "sleep"


class _WatchedSearch(Search):
    """Tells a `Watch` what it does."""

    def __init__(self, unit: Any, radio: Any, watch: Watch, asleep: Callable[[], bool]) -> None:
        super().__init__(unit, radio)
        self._watch = watch
        self._asleep = asleep
        self._lost = False
        self._woken = False
        """The radio has been off since the network was looked for last."""
        self._begun: list[int] | None = None
        """Where this search is to be counted as soon as it asks a network."""
        self._cause = 0

    def reset(self) -> None:
        super().reset()
        self._lost, self._woken = False, True

    def resume(self) -> Waits:
        woken, self._woken = self._woken, False
        there = yield from super().resume()
        self._lost = not there and not woken  # gone while GNSS had the receiver
        return there

    def run(self) -> Work:
        by_itself = self._lost or self._asleep()
        self._begun = self._watch.own_attaches if by_itself else self._watch.attaches
        self._lost = self._woken = False
        yield from super().run()

    def reselect(self) -> Waits:
        there = yield from super().reselect()
        self._lost = not there
        return there

    def _attach(self, cell: Cell) -> Waits:
        if self._begun is not None:
            self._begun.append(int(self._unit.env.now))
            self._begun = None
        return (yield from self._tried(cell, True, super()._attach(cell)))

    def _update_area(self, cell: Cell) -> Waits:
        return (yield from self._tried(cell, False, super()._update_area(cell)))

    def _refused(self, cell: Cell, cause: int) -> None:
        self._cause = cause
        super()._refused(cell, cause)

    def _tried(self, cell: Cell, attach: bool, work: Waits) -> Waits:
        began, self._cause = int(self._unit.env.now), 0
        accepted = False
        try:
            accepted = yield from work
        finally:
            self._watch.tries.append(Try(began, attach, cell.plmn, cell.rat, self._cause, accepted))
        return accepted
