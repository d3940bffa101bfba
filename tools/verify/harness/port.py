"""The firmware's port on a simulated modem in virtual time, plain or guarded against endless waiting."""

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
"""More reads than these without time passing are an endless loop."""
RATS: dict[Dialect, tuple[Rat, ...]] = {"bg95": ("emtc", "gsm"), "sim7600": ("lte",)}


class Hang(BaseException):
    """The code under test waits beyond every deadline. No firmware handler may catch it."""


class ModemPort:
    """The part of `locator.hal` that the drivers use: UART and pins lead to `simulated`, a modem or a line to
    one."""

    env: simpy.Environment
    simulated: Modem | FaultyLine
    output: bytearray
    """Input from the modem that is not read yet."""
    has_lines = False
    """The board has pins for STATUS and the reset line."""

    def ticks_ms(self) -> int:
        """Milliseconds since the start."""
        return int(self.env.now)

    def sleep_ms(self, ms: int) -> None:
        """Time passes."""
        if ms > 0:  # SimPy knows no time that does not pass
            self.env.run(until=self.env.now + ms)

    def uart_write(self, data: bytes) -> None:
        """To the modem."""
        self.simulated.receive(bytes(data))

    def uart_readinto(self, buffer: bytearray, timeout_ms: int) -> int:
        """The received bytes, at the latest after `timeout_ms`."""
        deadline = self.env.now + timeout_ms
        while not self.output and self.env.peek() <= deadline:
            self._step()
        if not self.output and self.env.now < deadline:
            self.env.run(until=deadline)
        count = min(len(buffer), len(self.output))
        buffer[:count] = self.output[:count]
        del self.output[:count]
        return count

    def modem_rail(self, on: bool) -> None:
        """Supply of the modem."""
        self.simulated.rail(on)

    def modem_key(self, pressed: bool) -> None:
        """Its power key."""
        self.simulated.key(pressed)

    def modem_reset(self, pressed: bool) -> bool:
        """Its reset line; whether there is one."""
        if self.has_lines:
            self.simulated.reset(pressed)
        return self.has_lines

    def modem_status(self) -> bool | None:
        """Its STATUS; None: no such line."""
        return self.simulated.status() if self.has_lines else None

    def modem_dtr(self, level: bool) -> None:
        """Its DTR: high lets it sleep."""
        self.simulated.dtr(level)

    def _step(self) -> None:
        self.env.step()


class VirtualPort(ModemPort):
    """A port of the firmware on a line with faults, which leads to `modem`. `limit_ms`: the moment at which
    `Hang` is raised."""

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
        self.output = bytearray()
        self.modem = Modem(
            self.env,
            dialect,
            air(self.env) if air else VirtualAir(self.env, RATS[dialect], START_UTC_S),
            network or EchoNetwork(),
            random.Random(f"{seed}/modem"),
            self.charge,
            card,
            variants=variants,
        )
        self.simulated = self.line = FaultyLine(self.env, self.modem, random.Random(f"{seed}/faults"))
        self.line.on_output = self.output.extend
        self.line.on_line = lambda direction, text: self.lines.append((direction, text))
        self._reads = 0
        self._read_ms = 0.0

    def sleep_ms(self, ms: int) -> None:
        """Time passes, up to the limit."""
        super().sleep_ms(ms)
        self._guard()

    def charge(self, part: str, state: str) -> None:
        """No meter."""

    def feed(self) -> None:
        """No watchdog."""

    def show(self, registered: bool, fixed: bool) -> None:
        """No lamp."""

    def uart_readinto(self, buffer: bytearray, timeout_ms: int) -> int:
        """The received bytes, at the latest after `timeout_ms`. Raises Hang at the limit and in endless
        loops."""
        self._count_reads()
        count = super().uart_readinto(buffer, timeout_ms)
        self._guard()
        return count

    def deepsleep(self, ms: int) -> None:
        """Let the device be off: input from the modem meanwhile is lost."""
        self.sleep_ms(ms)
        self.output.clear()

    def _count_reads(self) -> None:
        if self.env.now != self._read_ms:
            self._read_ms, self._reads = self.env.now, 0
        self._reads += 1
        if self._reads > READS_AT_ONCE:
            raise Hang

    def _step(self) -> None:
        super()._step()
        self._guard()

    def _guard(self) -> None:
        if self.env.now > self.limit_ms:
            raise Hang
