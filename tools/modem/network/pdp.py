"""PDP contexts: defined in flash, active in RAM, and how their end is reported (+CGEV)."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import simpy

from tools.modem.engine.nv import Context

if TYPE_CHECKING:
    from tools.modem.unit import Unit

UNKNOWN_APN, AUTHENTICATION, NOT_SUBSCRIBED, RESOURCES = 27, 29, 33, 26
"""ESM causes (TS 24.301)."""
CME = {UNKNOWN_APN: 132, AUTHENTICATION: 149, NOT_SUBSCRIBED: 133, RESOURCES: 134}
"""+CME codes by ESM cause [C]; all others are 148."""


@dataclass(frozen=True)
class AccessPoint:
    """`hosts`: (name, port) that the operator allows, None: anywhere; `cause`: the ESM cause with
    which it is refused, 0: it is not."""

    hosts: frozenset[tuple[str, int]] | None = None
    cause: int = 0


class Pdp:
    """`address`: cid -> IP address of the contexts that are active. `refusal`: the ESM cause with which
    the network refuses every context, 0: none. `login`: user and password that it demands, None: any
    will do. `cause`: why it has refused the last context, 0: it has not. `points`: by IMSI the access
    points that its operator knows; an IMSI that is not there has any."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.address: dict[int, str] = {}
        self.refusal = self.cause = 0
        self.login: tuple[str, str] | None = None
        self.points: Mapping[str, Mapping[str, AccessPoint]] = {}
        self._apn: dict[int, str] = {}
        """By cid, of the contexts that were activated."""
        self.reports = False
        """After AT+CGEREP=1 or 2: report events."""

    def off(self) -> None:
        """None is active."""
        self.address.clear()
        self.reports = False

    def activate(self, cid: int) -> Generator[simpy.Event, Any, bool]:
        """Ask the network; a card whose data are barred gets its context all the same."""
        radio, unit = self._unit.radio, self._unit
        if not radio.registered() or radio.cell is None:
            yield unit.pause(100, 400)
            return False
        unit.observer.requests()
        yield from radio.bearer.exchange(120, 120)
        if not radio.registered():
            return False
        self._apn[cid] = self._defined(cid).apn
        self.cause = self.refusal or self._refused(cid) or (0 if self._may_log_in(cid) else AUTHENTICATION)
        if self.cause:
            unit.observer.refuses(self._apn[cid], self.cause)
            return False
        self.address[cid] = (
            f"10.{unit.rng.randint(0, 255)}.{unit.rng.randint(0, 255)}.{unit.rng.randint(2, 250)}"
        )
        return True

    def carries(self, cid: int, size: int) -> None:
        """So many bytes go over a context."""
        self._unit.observer.carries(self._apn.get(cid, ""), size)

    def leads(self, cid: int, host: str, port: int) -> bool:
        """Whether a name may be asked for, and a connection made, over a context."""
        apn = self._apn.get(cid, "")
        self._unit.observer.reaches(apn, host, port)
        point = self.points.get(self._unit.card.imsi, {}).get(apn, AccessPoint())
        return point.hosts is None or (host, port) in point.hosts

    def _refused(self, cid: int) -> int:
        known = self.points.get(self._unit.card.imsi)
        if known is None:
            return 0
        point = known.get(self._apn[cid])
        return UNKNOWN_APN if point is None else point.cause

    def _defined(self, cid: int) -> Context:
        return self._unit.nv.contexts.get(cid, Context("IP", ""))

    def _may_log_in(self, cid: int) -> bool:
        context = self._defined(cid)
        return self.login is None or (context.auth > 0 and self.login == (context.user, context.password))

    def deactivate(self, cid: int) -> Generator[simpy.Event, Any, None]:
        """Give it up."""
        yield self._unit.pause(100, 600)
        address = self.address.pop(cid, None)
        self._unit.sockets.free(cid)
        if address:
            self._report(f'ME DEACT "IP","{address}",{cid}')

    def drop(self, cid: int, reported: bool) -> None:
        """The network ends a context in use; if not `reported`, everything sent over it is lost."""
        address = self.address.pop(cid, None)
        if address and not reported:
            self._unit.sockets.deafen(cid)
            for broker in self._unit.brokers.values():
                broker.deafen()
        elif address:
            self._report(f'NW DEACT "IP","{address}",{cid}')
            self._lost(cid)

    def detach(self, by_network: bool) -> None:
        """No longer attached, or attached again: all contexts are gone."""
        gone = sorted(self.address)
        self.address.clear()
        if gone:
            self._report("NW DETACH" if by_network else "ME DETACH")
        for cid in gone:
            self._lost(cid)

    def _lost(self, cid: int) -> None:
        self._unit.at.hang_up()
        self._unit.sockets.lose(cid)
        self._unit.dialect.context_lost(self._unit, cid)

    def _report(self, event: str) -> None:
        if self.reports:
            self._unit.at.urc(f"+CGEV: {event}")
