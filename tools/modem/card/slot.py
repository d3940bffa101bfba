"""The card in its slot: present or not, locked by a PIN, and whether a change is noticed (hot swap)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.modem.card.uicc import Uicc
from tools.modem.engine.errors import PIN_NEEDED, PUK_NEEDED, SIM_BUSY, SIM_FAILURE, SIM_MISSING, Refused
from tools.modem.engine.tasks import Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

_CARD_LINES = ("+QUSIM: 1", "+QIND: SMS DONE", "SMS DONE", "PB DONE")
"""Boot lines that only a working card brings about."""
INSERTED_MS = (800, 2_000)
"""From the contact of a card to the end of its start [C]."""
POLL_MS = 25_000
"""Between two looks of a card's applet at the location status."""


class Slot:
    """`present`: there is a card. `imsi` and `iccid`: what the modem has read of it when it was started, by
    which it goes on until it is started again. `uicc`: its contacts."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self.present = True
        self.imsi = self.iccid = ""
        self.uicc = Uicc(unit.card)
        self._refreshing = False
        self._noticed = False
        self._read = False
        self._unlocked = False
        self._stuck = False

    def off(self) -> None:
        """The power is gone."""
        self._read = self._unlocked = self._stuck = self._refreshing = False

    def fault(self) -> int | None:
        """The +CME code that refuses all that needs the card; None when it is ready."""
        unit = self._unit
        if unit.power.sim_ready and not self._read:
            return SIM_MISSING if not self.present else SIM_FAILURE
        if not unit.power.sim_ready or self._stuck:
            return SIM_BUSY
        if unit.radio.function == 0:
            return SIM_FAILURE
        if self.locked():
            return PUK_NEEDED if unit.card.pin_tries == 0 else PIN_NEEDED
        return None

    def need_card(self) -> None:
        """Raises Refused when there is no card, or not yet; a locked one will do."""
        fault = self.fault()
        if fault not in (None, PIN_NEEDED, PUK_NEEDED):
            raise Refused(fault)

    def need(self) -> None:
        """Raises Refused with `fault`."""
        fault = self.fault()
        if fault is not None:
            raise Refused(fault)

    def locked(self) -> bool:
        """Whether the card waits for its PIN."""
        return self._unit.card.pin is not None and not self._unlocked

    def state(self) -> str:
        """As in +CPIN: when the card answers."""
        if not self._read:
            return "NOT INSERTED"
        if not self.locked():
            return "READY"
        return "SIM PUK" if self._unit.card.pin_tries == 0 else "SIM PIN"

    def boot(self) -> None:
        """Power on: from now on settings of the hot swap hold."""
        settings = self._unit.boot_settings
        self._noticed = settings.get("hot swap", "0") == "1"
        broken = self._noticed and self._unit.has("sim-detect-open")
        self._read = self.present and not broken
        self._start(cold=True)
        if self._unit.card.polls and self.toolkit():
            self._unit.tasks.start(self._poll())

    def _start(self, cold: bool) -> None:
        """The card is reset and read."""
        card = self._unit.card
        card.reset(cold)
        self.uicc.reset()
        if (self.imsi, self.iccid) != (card.imsi, card.iccid):
            self.imsi, self.iccid = card.imsi, card.iccid
            self._unit.radio.forget_card()

    def toolkit(self) -> bool:
        """Whether the modem does what the card asks of it; a setting that holds from the next boot on."""
        return self._unit.boot_settings.get("stk", "0") != "0"

    def lines(self, lines: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
        """The lines of a boot, or of AT+CFUN=1, as this card has them."""
        state = self.state()
        if state == "READY":
            return lines
        kept = [(ms, text) for ms, text in lines if text not in _CARD_LINES]
        return tuple((ms, f"+CPIN: {state}" if text.startswith("+CPIN") else text) for ms, text in kept)

    def unlock(self) -> None:
        """The PIN was right: the network may be looked for."""
        self._unlocked = True
        self._unit.radio.start()

    def trust(self) -> None:
        """The PIN has just been given: it is not asked for before the next boot."""
        self._unlocked = True

    def usable(self) -> bool:
        """Whether the radio may use the card."""
        return self._read and not self.locked()

    # What the card asks for

    def obey(self) -> None:
        """The card may want a REFRESH."""
        wait_ms = self._unit.card.refresh_ms
        if wait_ms is not None and not self._refreshing:
            self._refreshing = True
            self._unit.tasks.start(self._refresh(wait_ms))

    def restart(self) -> None:
        """AT+CFUN=1 after 0: the card is started again."""
        self._refreshing = False
        self._start(cold=False)

    def _refresh(self, wait_ms: int) -> Work:
        """UICC reset, as the card has asked."""
        unit = self._unit
        yield unit.env.timeout(wait_ms)
        if unit.card.refresh_ms is None:
            return  # reset meanwhile
        self._read = self._unlocked = False
        unit.radio.deregister()
        unit.pdp.detach(by_network=False)
        unit.at.urc("+CPIN: NOT READY")
        yield unit.pause(*INSERTED_MS)
        self._refreshing = False
        self._read = self.present
        self._start(cold=False)
        for line in self.lines(tuple((0, line) for line in unit.dialect.radio_on_lines)):
            unit.at.urc(line[1])
        unit.radio.start()

    def _poll(self) -> Work:
        """The applet's looks."""
        unit, since_ms = self._unit, self._unit.env.now
        while True:
            yield unit.env.timeout(POLL_MS)
            radio = unit.radio
            if radio.function != 1 or not self.usable():
                since_ms = unit.env.now
                continue
            if radio.registered():
                since_ms = unit.env.now
            plmn = radio.cell.plmn if radio.cell else ""
            unit.card.status(plmn[:3], radio.registered(), unit.env.now - since_ms)
            self.obey()

    # From outside

    def remove(self) -> None:
        """Remove the card."""
        if not self.present:
            return
        self.present = False
        if self._unit.power.sim_ready and (self._noticed or self._unit.radio.home):
            self._unit.tasks.start(self._gone())

    def insert(self) -> None:
        """Insert a card."""
        self.present = True
        if self._noticed and self._unit.power.sim_ready and not self._read:
            self._unit.tasks.start(self._come())

    def stick(self) -> None:
        """The card is busy until the modem is started again."""
        self._stuck = True

    def _gone(self) -> Work:
        unit = self._unit
        yield unit.pause(100, 400)
        self._read = self._unlocked = False
        unit.radio.deregister()
        unit.radio.forget_card()
        unit.pdp.detach(by_network=False)
        if self._noticed:
            self._report(0)
            unit.at.urc("+CPIN: NOT READY")

    def _come(self) -> Work:
        unit = self._unit
        self._report(1)
        yield unit.pause(*INSERTED_MS)
        self._read = self.present
        if self._read:
            self._start(cold=True)
            unit.at.urc(f"+CPIN: {self.state()}")
            unit.radio.start()

    def _report(self, inserted: int) -> None:
        if self._unit.nv.settings.get("simstat") == "1":
            self._unit.at.urc(f"+QSIMSTAT: 1,{inserted}")
        elif self._unit.dialect.card_lines[inserted]:
            self._unit.at.urc(self._unit.dialect.card_lines[inserted])
