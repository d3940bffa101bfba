"""The modem alone, in real time, on a pty, a TCP port, a UNIX socket or a serial adapter on the network.

Every connection gets a modem of its own, one that has booted already; a pty is one connection.
Only through the adapter the host can press its power key. Else this program does: `BACK_MS` after the
modem has been switched off, and when one in PSM is spoken to.
"""

from __future__ import annotations

import os
import random
import selectors
import socket
import termios
import time
import tty
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import simpy

from tools.modem import Modem
from tools.modem.card.card import Card
from tools.modem.link.mqtt import RealTimeNetwork
from tools.modem.network.air import StaticAir
from tools.modem.registry import DIALECTS, Dialect
from tools.modem.scenario import Event

PULSE_MS = 700
BACK_MS = 5_000
BOOTED_MS = 20_000
"""Longer than any modem takes from the power key to its last boot line."""
LONGEST_WAIT_S = 1.0
CHUNK = 4_096

_SPEEDS = {getattr(termios, f"B{rate}"): rate for rate in (9_600, 19_200, 38_400, 57_600, 115_200, 230_400)}

Kind = Literal["tcp", "unix", "rfc2217"]
Filter = Callable[[bytes], bytes]


class Powered:
    """A modem, and a `finger` on its power key unless the host has its own."""

    finger = True

    def __init__(
        self,
        env: simpy.Environment,
        dialect: Dialect,
        variants: Collection[str],
        scenario: Sequence[Event],
        card: Card,
    ) -> None:
        self._env = env
        self._state = "off"
        self._plugged = True
        rng = random.Random()
        network = RealTimeNetwork()
        air = StaticAir(DIALECTS[dialect].technologies)
        meter = self._meter
        self.modem = Modem(env, dialect, air, network, rng, meter, card, variants=variants, scenario=scenario)
        self.modem.rail(True)
        env.process(self._keep_on())

    def receive(self, data: bytes) -> None:
        """Take bytes from the host. Bytes to a modem in PSM press its power key, if this program has it."""
        if self._state == "psm" and self.finger:
            self._env.process(self._press())
        self.modem.receive(data)

    def unplug(self) -> None:
        """Disconnect the power, and never press the key again."""
        self._plugged = False
        self.modem.rail(False)

    def _meter(self, part: str, state: str) -> None:
        if part == "modem":
            self._state = state

    def _keep_on(self) -> Any:
        while self._plugged:
            if self._state == "off" and self.finger:
                yield from self._press()
            yield self._env.timeout(BACK_MS)

    def _press(self) -> Any:
        self.modem.key(True)
        yield self._env.timeout(PULSE_MS)
        self.modem.key(False)


class Server:
    """Modems on the host's clock, or on one that runs `speed` times as fast; `serve` never returns."""

    def __init__(
        self,
        dialect: Dialect,
        speed: float = 1,
        variants: Collection[str] = (),
        scenario: Sequence[Event] = (),
        card: Callable[[], Card] = Card,
    ) -> None:
        self._dialect = dialect
        self._card = card
        self._variants = frozenset(variants)
        self._scenario = scenario
        self._speed = speed
        self._env = simpy.Environment(initial_time=0)
        self._began_s = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._spare = self._powered()

    def pty(self) -> str:
        """Open a pseudo terminal; returns the path of the device to open."""
        ours, theirs = os.openpty()
        tty.setraw(theirs)  # stays open here, so that the last program to leave does not close the line
        powered = self._next()

        def clear(data: bytes) -> bytes:
            """What passes while the terminal's rate is not the modem's is garbage."""
            rate = _SPEEDS.get(termios.tcgetattr(theirs)[4], 0)
            wrong = powered.modem.baud not in (0, rate)
            return bytes(byte ^ 0x80 | 0x55 for byte in data) if wrong else data

        through = clear if "strict-baud" in self._variants else _same
        self._connect(ours, powered, through, through)
        return os.ttyname(theirs)

    def listen(self, kind: Kind, address: Any) -> str:
        """Listen; returns the address as text: the first modem can answer then. Raises OSError."""
        if kind == "unix":
            _remove_stale(address)
        family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        if kind == "tcp":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
        self._env.run(until=BOOTED_MS)
        self._began_s -= BOOTED_MS / 1_000 / self._speed
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener, kind))
        name = listener.getsockname()
        return str(address) if kind == "unix" else f"{name[0]}:{name[1]}"

    def serve(self) -> None:
        """Let time pass and bytes flow, until interrupted."""
        while True:
            self._catch_up()
            due_s = (self._env.peek() - self._now_ms()) / 1_000 / self._speed
            for key, _ in self._selector.select(max(0.0, min(due_s, LONGEST_WAIT_S))):
                self._catch_up()
                key.data()

    def _powered(self) -> Powered:
        return Powered(self._env, self._dialect, self._variants, self._scenario, self._card())

    def _now_ms(self) -> int:
        return int((time.monotonic() - self._began_s) * 1_000 * self._speed)

    def _catch_up(self) -> None:
        now_ms = self._now_ms()
        while self._env.peek() <= now_ms:
            self._env.step()
        if self._env.now < now_ms:
            self._env.run(until=now_ms)

    def _accept(self, listener: socket.socket, kind: Kind) -> None:
        connection, _ = listener.accept()
        line, powered = connection.detach(), self._next()
        if kind != "rfc2217":
            self._connect(line, powered, _same, _same)
            return
        from tools.modem.alone.rfc2217 import Adapter  # needs pyserial, which is of the bench

        powered.finger = False
        adapter = Adapter(powered.modem, lambda data: _write(line, data))
        self._connect(line, powered, adapter.from_network, adapter.to_network)

    def _next(self) -> Powered:
        """The modem of the next connection."""
        powered, self._spare = self._spare, self._powered()
        if self._scenario:  # it begins with the connection
            powered.unplug()
            powered = self._powered()
        return powered

    def _connect(self, line: int, powered: Powered, heard: Filter, said: Filter) -> None:
        """Wire a modem to `line`: it hears what `heard` makes of what comes there, and there goes what `said`
        makes of what it says."""
        powered.modem.on_output = lambda data: _write(line, said(data))
        self._selector.register(line, selectors.EVENT_READ, lambda: self._read(line, powered, heard))

    def _read(self, line: int, powered: Powered, heard: Filter) -> None:
        try:
            data = os.read(line, CHUNK)
        except OSError:
            data = b""
        if data:
            powered.receive(heard(data))
            return
        self._selector.unregister(line)
        powered.modem.on_output = lambda data: None
        powered.unplug()
        os.close(line)


def _same(data: bytes) -> bytes:
    return data


def _remove_stale(path: str) -> None:
    """Remove a socket file on which no process listens any more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            if not path.startswith("\0"):
                os.unlink(path)
        except OSError:
            return


def _write(line: int, data: bytes) -> None:
    """To a host that does not read, or has gone, the bytes are lost, as on a UART."""
    os.set_blocking(line, False)
    try:
        os.write(line, data)
    except OSError:
        return
    finally:
        os.set_blocking(line, True)
