"""The radio connection: the duration of a transfer, the end of the connection, and PSM after it."""

from __future__ import annotations

import random
from collections.abc import Generator
from copy import copy
from typing import TYPE_CHECKING, Any

import simpy

from tools.modem.engine.tasks import Work
from tools.modem.network import bands, timers
from tools.modem.network.air import Rat
from tools.modem.network.bands import BANDS

if TYPE_CHECKING:
    from tools.modem.unit import Unit

SIGNALLING_TX = 0.15
"""Share of a signalling procedure in which the modem sends [C]."""
EXCHANGES = 5
"""The number of transfers that share the failure probability of an upload."""
TX_MS_A_TRIP = 30
"""Headers and acknowledgements of one round trip [C]."""


class Bearer:
    """`signalling` while attaching; connected until the network releases. `rat` is the kind of network
    that was last sent to."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.signalling = False
        self.transmitting = False
        self.rat: Rat | None = None
        self.psm_at_once = False
        """After AT+QCFG="psm/enter",1."""
        self._connected = False
        self._turn = 0
        self._networks = networks_of(unit.rng)

    def connected(self) -> bool:
        """Whether the radio is busy with the network."""
        return self._connected or self.signalling

    def drop(self) -> None:
        """No connection any more, without a word."""
        self._turn += 1
        self.signalling = self.transmitting = self._connected = self.psm_at_once = False

    def abandon(self) -> None:
        """The procedure under way ends in the middle; a connection stays until it is released."""
        self.signalling = self.transmitting = False

    def signal(self, rat: Rat, duration_ms: int) -> Work:
        """An attach or a tracking area update of this length, with a network of this kind."""
        self.signalling = True
        yield from self._transmit(rat, round(duration_ms * SIGNALLING_TX))
        yield self._unit.env.timeout(round(duration_ms * (1 - SIGNALLING_TX)))
        self.signalling = False
        self._unit.charge()

    def exchange(self, up: int, down: int, trips: int = 1) -> Generator[simpy.Event, Any, bool]:
        """Pass these bytes in these round trips; False when they do not get through."""
        radio, unit = self._unit.radio, self._unit
        cell = radio.cell
        if not radio.registered() or cell is None:
            return False
        unit.observer.passed(up + down)
        band, slow = BANDS[cell.rat], bands.slowness(cell)
        if not self._connected:
            self.signalling = True
            unit.charge()
            yield unit.env.timeout(unit.spread(band.setup_ms * slow))
            self.signalling = False
        self._connected = True
        self._turn += 1
        send_ms = 1_000 * 8 * up / band.up_bps + TX_MS_A_TRIP * trips
        yield from self._transmit(cell.rat, round(send_ms * slow))
        wait_ms = trips * band.trip_ms + 1_000 * 8 * down / band.down_bps
        yield unit.env.timeout(unit.spread(wait_ms * slow, 0.2))
        self.linger(self.tail_ms(cell.plmn))
        lost = unit.rng.random() < bands.failure(cell) / EXCHANGES
        if not (yield from radio.still_there()) or not unit.air.data_open(unit.slot.imsi, cell.plmn) or lost:
            return False
        unit.air.sent(cell.plmn)
        return True

    def tail_ms(self, plmn: str) -> int:
        """After so long without traffic this network ends the connection."""
        return bands.tail_ms(self._networks, plmn)

    def linger(self, tail_ms: int) -> None:
        """The connection ends so long from now, unless there is traffic before."""
        self._connected = tail_ms > 0
        self._turn += 1
        self._unit.charge()
        self._unit.tasks.start(self._release(tail_ms, self._turn))

    def _release(self, tail_ms: int, turn: int) -> Work:
        if tail_ms:
            yield self._unit.env.timeout(tail_ms)
        if turn != self._turn:
            return
        self._connected = False
        self._unit.charge()
        yield from self._to_psm(turn)

    def consider_psm(self) -> None:
        """Something that kept the modem from PSM is over."""
        if not self.connected():
            self._turn += 1
            self._unit.tasks.start(self._to_psm(self._turn))

    def psm_granted(self) -> tuple[int, int] | None:
        """(T3412, T3324) in seconds; GSM networks do not grant PSM [C], the others as asked."""
        radio, psm = self._unit.radio, self._unit.nv.psm
        if not self._unit.dialect.has_psm or not psm.on or not radio.registered():
            return None
        if radio.cell is None or radio.cell.rat == "gsm":
            return None
        tau_s, active_s = timers.tau_s(psm.tau), timers.active_s(psm.active)
        if not tau_s or active_s is None:
            return None
        least_s = int(self._unit.nv.settings.get("psm/threshold", "20").split(",")[0])
        return (tau_s, active_s) if tau_s >= least_s else None

    def announce_psm(self) -> None:
        """Report what the network has granted, after AT+QCFG="psm/urc",1."""
        granted = self.psm_granted()
        if granted and self._unit.nv.settings.get("psm/urc") == "1":
            self._unit.at.urc(f"+QPSMTIMER: {granted[0]},{granted[1]}")
        self.announce_edrx()

    def edrx_granted(self) -> str:
        """<AcT>,"<asked for>","<granted>","<paging window>"; "" without eDRX. Networks grant what is
        asked for [C]."""
        cell, nv = self._unit.radio.cell, self._unit.nv
        act = {"emtc": 4, "nbiot": 5}.get(cell.rat, 0) if cell and self._unit.radio.registered() else 0
        if act not in nv.edrx:
            return ""
        return f'{act},"{nv.edrx[act]}","{nv.edrx[act]}","{nv.settings.get(f"ptw/{act}", "0011")}"'

    def announce_edrx(self) -> None:
        """Report what the network has granted, after AT+CEDRXS=2."""
        if self._unit.nv.settings.get("edrx/report") == "1" and self.edrx_granted():
            self._unit.at.urc(f"+CEDRXP: {self.edrx_granted()}")

    def _to_psm(self, turn: int) -> Work:
        """Wait for T3324, then sleep, unless something has happened. A running GNSS defers it."""
        granted = self.psm_granted()
        if granted is None or self._unit.gnss.on:
            return
        if not self.psm_at_once:
            yield self._unit.env.timeout(1_000 * granted[1])
        if turn == self._turn and not self.connected() and self.psm_granted() and not self._unit.gnss.on:
            self._unit.power.enter_psm(granted[0])

    def _transmit(self, rat: Rat, duration_ms: int) -> Work:
        self.transmitting, self.rat = True, rat
        self._unit.charge()
        yield self._unit.env.timeout(duration_ms)
        self.transmitting = False
        self._unit.charge()


def networks_of(rng: random.Random) -> int:
    """How the networks of a trip are configured (`bands.tail_ms`), by the chance of its modem before anything
    was drawn of it; of a copy, so that nothing else is drawn otherwise."""
    return copy(rng).getrandbits(32)
