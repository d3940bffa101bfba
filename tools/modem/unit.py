"""The inside of one modem: its parts, and the state that they share."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import simpy

from tools.modem.card.card import Card
from tools.modem.card.slot import Slot
from tools.modem.dialect import Dialect
from tools.modem.engine.at import Engine
from tools.modem.engine.clock import Clock
from tools.modem.engine.nv import Nv
from tools.modem.engine.power import Power
from tools.modem.engine.tasks import Tasks, Work
from tools.modem.gnss.receiver import Gnss
from tools.modem.link.mqtt import Network
from tools.modem.link.sockets import Sockets
from tools.modem.network.air import Air
from tools.modem.network.pdp import Pdp
from tools.modem.network.radio import Radio
from tools.modem.observer import Observer
from tools.modem.script import Script

if TYPE_CHECKING:
    from tools.modem.link.broker import Broker

UrcOrder = Literal["after", "before", "mixed"]

SUPPLY_MV = 3_800
SAG_MV = 120
"""While the transmitter runs [C]."""
TEMPERATURE_C = 25


class Unit:
    """`tasks` end with the power. `brokers` are the MQTT clients by number; `volatile` holds what the
    dialect keeps in RAM. `supply_mv` and `temperature_c` are what the modem measures of itself. `observer`
    is notified of what goes on."""

    def __init__(
        self,
        env: simpy.Environment,
        dialect: Dialect,
        air: Air,
        network: Network,
        rng: random.Random,
        meter: Callable[[str, str], None],
        card: Card,
        urc_order: UrcOrder,
        variants: frozenset[str],
        script: Script,
        output: Callable[[bytes], None],
        seen: Callable[[str, str], None],
    ) -> None:
        self.env = env
        self.dialect = dialect
        self.air = air
        self.network = network
        self.rng = rng
        self.card = card
        self._urc_order = urc_order
        self._variants = variants
        self.script = script
        self.boot_settings: dict[str, str] = {}
        """The settings as they were at the last boot: some take effect only then."""
        self.hosts = "all"
        """Which hosts the network leads to: "all", "no-tls" those without TLS, "none"."""
        self.supply_mv = SUPPLY_MV
        self.supply: Callable[[], int] | None = None
        """The supply under load now, in mV, where something feeds the modem that can sag."""
        self.temperature_c = TEMPERATURE_C
        self.nv = Nv(zone_update=dialect.zone_updates[0])
        self.observer = Observer()
        self.tasks = Tasks(env)
        self.volatile: dict[str, str] = {}
        self.parts: dict[type, Any] = {}
        """The state of a dialect in RAM in addition to `volatile`, by its class."""
        self.brokers: dict[int, Broker] = {}
        self.at = Engine(self, output, seen)
        self.baud = self.nv.baud
        self.slot = Slot(self)
        self.sockets = Sockets(self)
        self.clock = Clock(self)
        self.radio = Radio(self)
        self.pdp = Pdp(self)
        self.gnss = Gnss(self)
        self.power = Power(self)
        self._meter = meter
        self._reported = {"modem": "off", "gnss": "off"}

    def pause(self, least_ms: float, most_ms: float) -> simpy.Event:
        """A time-out somewhere between the two."""
        return self.env.timeout(round(self.rng.uniform(least_ms, most_ms)))

    def spread(self, median_ms: float, sigma: float = 0.35) -> int:
        """A duration with log-normal scatter."""
        return round(median_ms * self.rng.lognormvariate(0, sigma))

    def has(self, variant: str) -> bool:
        """Whether the firmware is of this kind (`variants.VARIANTS`)."""
        return variant in self._variants

    def next_order(self) -> UrcOrder:
        """Whether the outcome of the running two-stage command comes after OK or before it."""
        if self._urc_order != "mixed":
            return self._urc_order
        return "before" if self.rng.random() < 0.5 else "after"

    def urcs_elsewhere(self) -> bool:
        """Whether unsolicited lines go to another port than this one."""
        return self.has("urc-on-usb") and self.nv.settings.get("urcport") != "uart1"

    def repeat(self, name: str, period_ms: int, report: Callable[[], None]) -> None:
        """Call `report` in this interval from now on, in place of what `name` did before; 0: no more."""
        turn = str(int(self.volatile.get(f"repeat/{name}", "0")) + 1)
        self.volatile[f"repeat/{name}"] = turn
        if period_ms:
            self.tasks.start(self._repeat(name, turn, period_ms, report))

    def _repeat(self, name: str, turn: str, period_ms: int, report: Callable[[], None]) -> Work:
        while True:
            yield self.env.timeout(period_ms)
            if self.volatile.get(f"repeat/{name}") != turn:
                return
            report()

    def barred(self, uses_tls: bool) -> bool:
        """Whether somewhere beyond the network connections of this kind are dropped."""
        return self.hosts == "none" or (uses_tls and self.hosts == "no-tls")

    def millivolts(self) -> int:
        """The supply now; it sags while the modem transmits."""
        if self.supply:
            return self.supply()
        return self.supply_mv - (SAG_MV if self.radio.bearer.transmitting else 0)

    def charge(self) -> None:
        """Report to the meter what has changed."""
        for part, state in (("modem", self.power.consumption()), ("gnss", self.gnss.consumption())):
            if self._reported[part] != state:
                self._reported[part] = state
                self._meter(part, state)
        self.radio.reports.connection(self.radio.bearer.connected())

    def forget(self) -> None:
        """The RAM is gone: everything that runs ends, connections are cut without a notice."""
        self.tasks.stop()
        self.radio.off()
        self.gnss.off()
        self.pdp.off()
        self.sockets.off()
        self.slot.off()
        self.baud = self.nv.baud
        self.clock.reports = 0
        for broker in self.brokers.values():
            broker.cut()
        self.brokers.clear()
        self.parts.clear()
        self.volatile.clear()
