"""Records the simulated modem's requests to operators as they happen, independently of the firmware.

An attach here is one search for service that asks a network, however many it asks until one takes the
card or the radio goes off; each network asked, be it for an attach or for a new tracking area, is a try
of its own. The modem begins some attaches by itself: when service is lost, and when it wakes in PSM
for T3412.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tools.modem.network.air import Cell
from tools.modem.observer import Observer
from tools.world.stage import Stage

NARROW = ("emtc", "nbiot")
"""Kinds of network whose operators count attaches by the dozen."""


PUBLISH = 3
"""Kind of MQTT packet."""


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
    """Begun because our wake has switched the radio on or started a search."""
    own_attaches: list[int] = field(default_factory=list)
    """Begun by the modem itself."""
    tries: list[Try] = field(default_factory=list)
    contexts: list[int] = field(default_factory=list)
    """PDP contexts asked for, granted or not."""
    resets: list[int] = field(default_factory=list)
    """The supply cut, a reset by command, a second power-on in one wake: a goodbye before sleep is none."""
    messages: list[int] = field(default_factory=list)
    """MQTT messages sent by the device, through the modem's client or its sockets."""
    passed: list[Passed] = field(default_factory=list)

    def follow(self, stage: Stage) -> None:
        """Watch the modem and the network of a stage, before its trip begins."""
        stage.modem.watched_by(_Watcher(stage, self))
        stage.network.before_publish = lambda: self.messages.append(int(stage.trip.env.now))


class _Watcher(Observer):
    """Writes into `watch`."""

    def __init__(self, stage: Stage, watch: Watch) -> None:
        self._stage = stage
        self._watch = watch
        self._begun: list[int] | None = None
        """Where this search is to be counted as soon as it asks a network."""
        self._unread = bytearray()
        """Bytes of MQTT packets on a socket that are not complete yet."""
        self._last_wake = 0
        """In which the modem was turned on, 0: while the device slept."""

    def searches(self, lost: bool) -> None:
        by_itself = lost or self._asleep()
        self._begun = self._watch.own_attaches if by_itself else self._watch.attaches

    def asks(self, cell: Cell, attach: bool) -> None:
        if attach and self._begun is not None:
            self._begun.append(self._now())
            self._begun = None
        self._watch.tries.append(Try(self._now(), attach, cell.plmn, cell.rat, 0, accepted=False))

    def refused(self, cell: Cell, cause: int) -> None:
        self._watch.tries[-1] = self._watch.tries[-1]._replace(cause=cause)

    def accepted(self, cell: Cell) -> None:
        self._watch.tries[-1] = self._watch.tries[-1]._replace(accepted=True)

    def requests(self) -> None:
        self._watch.contexts.append(self._now())

    def passed(self, size: int) -> None:
        self._watch.passed.append(Passed(self._now(), size))

    def sends(self, data: bytes, first: bool) -> None:
        if first:
            self._unread.clear()
        self._unread += data
        for packet in _packets(self._unread):
            if packet >> 4 == PUBLISH:
                self._watch.messages.append(self._now())

    def cut(self) -> None:
        self._watch.resets.append(self._now())

    def restarted(self) -> None:
        self._watch.resets.append(self._now())

    def turned_on(self) -> None:
        wake = 0 if self._asleep() else self._stage.device.counters.wakes
        if wake and wake == self._last_wake:
            self._watch.resets.append(self._now())
        self._last_wake = wake

    def _now(self) -> int:
        return int(self._stage.trip.env.now)

    def _asleep(self) -> bool:
        return self._stage.trip.meter.state_of("esp32") == "sleep"


def _packets(unread: bytearray) -> Iterator[int]:
    """The first byte of each whole MQTT packet (MQTT 3.1.1, 2.2), which is taken out of `unread`."""
    while len(unread) >= 2:
        length, at = 0, 1
        while at < len(unread) and at <= 4:
            length |= (unread[at] & 0x7F) << 7 * (at - 1)
            at += 1
            if unread[at - 1] < 0x80:
                break
        else:
            return
        if len(unread) < at + length:
            return
        yield unread[0]
        del unread[: at + length]
