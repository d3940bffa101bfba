"""The inside of one modem: its parts, and what they share."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import simpy

from tools.modem.air import Air
from tools.modem.card import Card
from tools.modem.clock import Clock
from tools.modem.dialect import Dialect
from tools.modem.engine import Engine
from tools.modem.gnss import Gnss
from tools.modem.mqtt import Network
from tools.modem.nv import Nv
from tools.modem.pdp import Pdp
from tools.modem.power import Power
from tools.modem.radio import Radio
from tools.modem.tasks import Tasks

if TYPE_CHECKING:
    from tools.modem.broker import Broker
    from tools.modem.sim7600_mqtt import Service

UrcOrder = Literal["after", "before"]


class Unit:
    """`tasks` end with the power. `brokers` are the MQTT clients by number; `volatile` holds what the
    dialect keeps in RAM."""

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
        output: Callable[[bytes], None],
        seen: Callable[[str, str], None],
    ) -> None:
        self.env = env
        self.dialect = dialect
        self.air = air
        self.network = network
        self.rng = rng
        self.card = card
        self.urc_order = urc_order
        self.nv = Nv(zone_update=dialect.zone_updates[0])
        self.tasks = Tasks(env)
        self.volatile: dict[str, str] = {}
        self.brokers: dict[int, Broker] = {}
        self.mqtt_service: Service | None = None
        self.at = Engine(self, output, seen)
        self.clock = Clock(self)
        self.radio = Radio(self)
        self.pdp = Pdp(self)
        self.gnss = Gnss(self)
        self.power = Power(self)
        self._meter = meter
        self._told = {"modem": "off", "gnss": "off"}

    def pause(self, least_ms: float, most_ms: float) -> simpy.Event:
        """A time-out somewhere between the two."""
        return self.env.timeout(round(self.rng.uniform(least_ms, most_ms)))

    def spread(self, median_ms: float, sigma: float = 0.35) -> int:
        """A duration with log-normal scatter."""
        return round(median_ms * self.rng.lognormvariate(0, sigma))

    def charge(self) -> None:
        """Tell the meter what has changed."""
        for part, state in (("modem", self.power.consumption()), ("gnss", self.gnss.consumption())):
            if self._told[part] != state:
                self._told[part] = state
                self._meter(part, state)

    def forget(self) -> None:
        """The RAM is gone: everything that runs ends, connections are cut without a goodbye."""
        self.tasks.stop()
        self.radio.off()
        self.gnss.off()
        self.pdp.off()
        for broker in self.brokers.values():
            broker.cut()
        self.brokers.clear()
        self.mqtt_service = None
        self.volatile.clear()
