"""The firmware's port on a simulated modem in virtual time, with a guard against endless waiting."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import simpy

from tools.modem import Modem
from tools.modem.card.card import Card
from tools.modem.faults import FaultyLine
from tools.modem.link.mqtt import Network
from tools.modem.network.air import Air, Rat, VirtualAir
from tools.modem.registry import Dialect
from tools.verify.harness.echo import EchoNetwork

START_UTC_S = 1_767_592_800
FOR_EVER_MS = 1 << 62
READS_AT_ONCE = 100_000
"""So many reads without time passing are an endless loop."""
RATS: dict[Dialect, tuple[Rat, ...]] = {"bg95": ("emtc", "gsm"), "sim7600": ("lte",)}


class Hang(BaseException):
    """The code under test waits beyond every deadline. No firmware handler may catch it."""


class VirtualPort:
    """What of `locator.hal` the drivers use. `limit_ms`: the moment at which `Hang` is raised. `device`: the
    modem itself, at the other end of its serial line."""

    def __init__(
        self,
        dialect: Dialect,
        seed: str,
        card: Card | None = None,
        air: Callable[[simpy.Environment], Air] | None = None,
        network: Network | None = None,
        variants: Sequence[str] = (),
    ) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.dialect = dialect
        self.lines: list[tuple[str, str]] = []
        self.limit_ms = FOR_EVER_MS
        modem = Modem(
            self.env,
            dialect,
            air(self.env) if air else VirtualAir(self.env, RATS[dialect], START_UTC_S),
            network or EchoNetwork(),
            random.Random(f"{seed}/modem"),
            lambda part, state: None,
            card,
            variants=variants,
        )
        self.device = modem
        self.modem = FaultyLine(self.env, modem, random.Random(f"{seed}/faults"))
        self.modem.on_output = self._came
        self.modem.on_line = lambda direction, text: self.lines.append((direction, text))
        self._rx = bytearray()
        self._reads = 0
        self._read_ms = 0.0

    def ticks_ms(self) -> int:
        """Milliseconds since the start."""
        return int(self.env.now)

    def sleep_ms(self, ms: int) -> None:
        """Time passes."""
        self._pass(ms)

    def feed(self) -> None:
        """No watchdog."""

    def show(self, registered: bool, fixed: bool) -> None:
        """No lamp."""

    def uart_write(self, data: bytes) -> None:
        """To the modem."""
        self.modem.receive(bytes(data))

    def uart_readinto(self, buffer: bytearray, timeout_ms: int) -> int:
        """What has come, at the latest after `timeout_ms`."""
        self._count_reads()
        deadline = self.env.now + timeout_ms
        while not self._rx and self.env.peek() <= deadline:
            self.env.step()
            self._guard()
        if not self._rx and self.env.now < deadline:
            self._pass(int(deadline - self.env.now))
        count = min(len(buffer), len(self._rx))
        buffer[:count] = self._rx[:count]
        del self._rx[:count]
        return count

    def modem_rail(self, on: bool) -> None:
        """Supply of the modem."""
        self.modem.rail(on)

    def modem_key(self, pressed: bool) -> None:
        """Its power key."""
        self.modem.key(pressed)

    def modem_reset(self, pressed: bool) -> bool:
        """No such line."""
        return False

    def modem_status(self) -> bool | None:
        """No such line."""
        return None

    def modem_dtr(self, level: bool) -> None:
        """Its DTR."""
        self.modem.dtr(level)

    def deepsleep(self, ms: int) -> None:
        """The device is off: what the modem says meanwhile is not heard."""
        self._pass(ms)
        self._rx.clear()

    def _count_reads(self) -> None:
        if self.env.now != self._read_ms:
            self._read_ms, self._reads = self.env.now, 0
        self._reads += 1
        if self._reads > READS_AT_ONCE:
            raise Hang

    def _pass(self, ms: int) -> None:
        if ms > 0:  # SimPy knows no time that does not pass
            self.env.run(until=self.env.now + ms)
        self._guard()

    def _guard(self) -> None:
        if self.env.now > self.limit_ms:
            raise Hang

    def _came(self, data: bytes) -> None:
        self._rx += data
