"""The simulated modem: AT engine, power, radio, GNSS and a real MQTT/TLS client on SimPy time.

`env.now` counts milliseconds. The modem knows its surroundings only through `air.Air`, the network through
`mqtt.Network`, and reports its consumption through `meter`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence

import simpy

from tools.modem.card.card import Card
from tools.modem.card.uicc import Uicc
from tools.modem.dialect import Dialect as Model
from tools.modem.link.mqtt import Network
from tools.modem.network.air import Air
from tools.modem.network.pdp import AccessPoint
from tools.modem.observer import Observer
from tools.modem.registry import DIALECTS, Dialect
from tools.modem.scenario import Event
from tools.modem.script import Script, ScriptedAir
from tools.modem.unit import Unit, UrcOrder
from tools.modem.variants import adapt


class Modem:
    """One modem with its card.

    `network` makes and awaits the MQTT links. `meter(part, state)` is called at each change: part "modem"
    is off, boot, psm, sleep, search, idle, connected, tx or tx-gsm; part "gnss" off, search or track.
    `urc_order` says whether the outcome of a two-stage SIM7600 command comes before or after its OK.
    `variants` are names of `variants.VARIANTS`, `scenario` what will happen (`scenario.load`).
    `on_output` gets the bytes to the host; `on_line(">" or "<", text)` each line, payloads as
    `<n bytes>`, ">" being from the host to the modem.
    """

    def __init__(
        self,
        env: simpy.Environment,
        dialect: Dialect,
        air: Air,
        network: Network,
        rng: random.Random,
        meter: Callable[[str, str], None],
        card: Card | None = None,
        urc_order: UrcOrder = "after",
        variants: Collection[str] = (),
        scenario: Sequence[Event] = (),
    ) -> None:
        self.on_output: Callable[[bytes], None] = lambda data: None
        self.on_line: Callable[[str, str], None] = lambda direction, text: None
        scripted = ScriptedAir(air) if scenario else None
        script = Script(scenario, scripted)
        for order in ("before", "mixed"):
            if f"urc-{order}" in variants:
                urc_order = order
        self.unit = Unit(
            env,
            adapt(DIALECTS[dialect], variants),
            scripted or air,
            network,
            rng,
            meter,
            card or Card(),
            urc_order,
            frozenset(variants),
            script,
            output=self._output,
            seen=self._seen,
        )
        script.start(self.unit)

    def receive(self, data: bytes) -> None:
        """Bytes from the host."""
        heard = self.unit.power.heard(data)
        if heard:
            self.unit.at.receive(heard)

    @property
    def dialect(self) -> Model:
        """Its kind of modem, with the variants."""
        return self.unit.dialect

    @property
    def baud(self) -> int:
        """The baud rate that the modem is set to; 0: it takes any."""
        return self.unit.baud

    def swap_card(self, card: Card) -> None:
        """Put in another card; the modem reads it at its next start."""
        self.unit.card = card
        self.unit.slot.uicc = Uicc(card)

    def fed_by(self, supply: Callable[[], int]) -> None:
        """What the modem measures of its supply is what `supply` gives, in mV under load."""
        self.unit.supply = supply

    def rail(self, on: bool) -> None:
        """Supply on or cut; a cut loses what is in RAM and keeps files, settings and the card."""
        self.unit.power.rail(on)

    def key(self, pressed: bool) -> None:
        """The power key; a pulse of 500 ms or more turns the modem on or off, or wakes it."""
        self.unit.power.key(pressed)

    def reset(self, pressed: bool) -> None:
        """The reset line, pressed: low at the modem."""
        self.unit.power.reset(pressed)

    def status(self) -> bool:
        """The STATUS output; True is high: the modem is on."""
        return self.unit.power.status()

    def dtr(self, level: bool) -> None:
        """The DTR line; high lets the modem sleep after AT+QSCLK=1 or AT+CSCLK=1."""
        self.unit.power.dtr(level)

    def watched_by(self, observer: Observer) -> None:
        """From now on notify it, in place of the previous observer."""
        self.unit.observer = observer

    def knows(self, points: Mapping[str, Mapping[str, AccessPoint]]) -> None:
        """The access points that operators know, by IMSI; see `Pdp`."""
        self.unit.pdp.points = points

    def restart(self) -> None:
        """A reset by itself, as after a dip of the supply."""
        self.unit.power.restart()

    def _output(self, data: bytes) -> None:
        self.on_output(data)

    def _seen(self, direction: str, text: str) -> None:
        self.on_line(direction, text)
