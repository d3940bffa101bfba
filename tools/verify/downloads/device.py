"""A whole device that downloads a profile: the real wake on a simulated modem with a strict eUICC, the real
agent and a scripted SM-DP+ at its other end, in virtual time. UART and light sleep take the time and power
that they take in the simulated world. Power, modem or an answer are lost at any operation.
"""

from __future__ import annotations

import gc
import os
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from locator.codec import checked
from locator.esim import download

from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import Profile
from tools.modem.network.air import Rat
from tools.modem.observer import Observer
from tools.modem.registry import Dialect
from tools.verify.downloads.agent import MATCH, Agent
from tools.verify.esim.device import ROAMING, Cut, Machine, Port
from tools.verify.harness.port import RATS
from tools.world.device.lockstep import LIGHT_SLEEP_MS
from tools.world.device.meter import Meter
from tools.world.device.uart import wire_ms
from tools.world.services.smdp.profiles import Offered, offered
from tools.world.services.smdp.server import Server

FIRST, LOCAL = "8986011234567890123", "8997101234567890123"
IMSIS = ("460011234567890", "401011234567890")
APDUS = ("AT+CSIM=", "AT+CGLA=")
BEGIN = "BF36"
"""The first segment of a package has it."""
PIECE = "piece"


def server_of_process() -> Server:
    """An SM-DP+, which runs as long as this process; one that was forked has another than its parent."""
    return _server(os.getpid())


@cache
def _server(_process: int) -> Server:
    return Server().__enter__()


@cache
def _freeze() -> None:
    """The firmware collects often: what this process has loaded is not looked through any more."""
    gc.collect()
    gc.freeze()


def local(size: int) -> Offered:
    """The profile that is wanted."""
    return offered(LOCAL, IMSIS[1], size, "Steppe", "Kazmobile")


class Reading(NamedTuple):
    """What has been counted so far, or between two moments; `air_bytes` with the overhead of MQTT, TLS, TCP
    and IP, `sealed_kb` as the agent's."""

    apdus: int
    at_lines: int
    uplinks: int
    sealed_bytes: int
    sealed_kb: int
    air_bytes: int
    ms: int
    joules: float


class Card(Euicc):
    """`begun`: loads that it has begun; `installed`: profiles that came so."""

    begun = installed = 0

    def es10(self, request: bytes) -> bytes:
        """See `Euicc`."""
        self.begun += request[:2].hex().upper() == BEGIN
        return super().es10(request)

    def add(self, profile: Profile) -> None:
        """See `Euicc`."""
        self.installed += profile.iccid == LOCAL
        super().add(profile)


class Radio(Observer):
    """Counts what goes over the air."""

    bytes_passed = 0

    def passed(self, size: int) -> None:
        """See `Observer`."""
        self.bytes_passed += size


class _Port(Port):
    """`deaf`: what the modem says is lost."""

    deaf = False
    meter: Meter | None = None

    def uart_write(self, data: bytes) -> None:
        """It takes its time."""
        self._pass_ms(wire_ms(len(data)))
        super().uart_write(data)

    def uart_readinto(self, buffer: bytearray, timeout_ms: int) -> int:
        """It takes its time."""
        count = super().uart_readinto(buffer, timeout_ms)
        self._pass_ms(wire_ms(count))
        return count

    def sleep_ms(self, ms: int) -> None:
        """In light sleep, when it is long enough."""
        self.charge("esp32", "light" if ms >= LIGHT_SLEEP_MS else "wait")
        super().sleep_ms(ms)
        self.charge("esp32", "wait")

    def heard(self, data: bytes) -> None:
        """From the modem."""
        if not self.deaf:
            self.output.extend(data)

    def _pass_ms(self, ms: int) -> None:
        if ms:
            self.env.run(until=self.env.now + ms)

    def charge(self, part: str, state: str) -> None:
        """To the meter."""
        if self.meter:
            self.meter.state(part, state)


class Downloader(Machine):
    """`kind` ("power", "reset", "modem", "answer", "rot") happens at the operation `at` of downloads, which
    are `steps`; with `again` at each that comes so long after the begin of a load."""

    port_of: ClassVar[type[Port]] = _Port
    port: _Port
    card: Card

    def __init__(
        self,
        folder: Path,
        dialect: Dialect,
        smdp: Server,
        size: int,
        rat: Rat | None = None,
        quirks: frozenset[str] = frozenset(),
    ) -> None:
        self._smdp = smdp
        self.again = self.is_downloading = False
        self.steps: list[str] = []
        self.taken: list[Reading] = []
        """By each session in which a download went on."""
        self._since_begin = -1
        smdp.functions.orders.clear()
        smdp.order(MATCH, local(size))
        self.digest = sha256(local(size).package).digest()
        super().__init__(folder, dialect, ROAMING, "1", quirks)
        self.world.rats = (rat,) if rat else RATS[dialect]
        self.radio = Radio()
        self.port.modem.watched_by(self.radio)
        self.port.line.on_output = self.port.heard
        self.meter = self.port.meter = Meter(self.port.env, dialect)
        _freeze()

    def _card(self, enabled: int, quirks: frozenset[str]) -> Card:
        return Card([Profile(FIRST, IMSIS[0], "Roaming")], quirks=quirks)

    def _agent(self, folder: Path) -> Agent:
        return Agent(folder, self._smdp, lambda: self.port.ticks_ms() // 1_000)

    def operation(self, what: str) -> bool:
        """One more; see `Machine`."""
        if self._dead:
            raise Cut
        self.operations.append(what)
        self.port.deaf = False
        begun = BEGIN in what
        self._since_begin = 0 if begun else self._since_begin + (self._since_begin >= 0)
        if self.is_downloading:
            self.steps.append(what)
        is_due = (self._since_begin if self.again else len(self.steps)) == self.at
        return is_due and self.is_downloading and self._disturbed()

    def _disturbed(self) -> bool:
        """Whether half of the operation is done first, or it is spoiled."""
        match self.kind:
            case "modem":
                self.port.modem.restart()
            case "answer":
                self.port.deaf = True
            case "power" | "reset":
                self._dead = True
                if not self.torn:
                    raise Cut
                return True
        return self.kind == "rot"

    def wake(self) -> bool:
        """One wake and the sleep after it; whether the agent has answered in it."""
        with _Watched(self):
            return super().wake()

    def reading(self) -> Reading:
        """Up to now."""
        agent = self.agent
        return Reading(
            sum(each.startswith(APDUS) for each in self.operations),
            sum(each.startswith("AT") for each in self.operations),
            agent.uplinks,
            agent.sealed_bytes,
            agent.sealed_kb,
            self.radio.bytes_passed,
            self.port.ticks_ms(),
            self.meter.total_j(),
        )

    def copies(self) -> list[bytes]:
        """Digests of the profile that was wanted, as it is on the card."""
        return [sha256(each.package).digest() for each in self.card.profiles if each.iccid == LOCAL]

    def is_card_good(self) -> bool:
        """Whether its first profile is enabled, and the other is there whole or not at all."""
        iccids = [each.iccid for each in self.card.profiles]
        whole = self.copies() in ([], [self.digest])
        return whole and iccids[:1] == [FIRST] and len(iccids) <= 2 and self.card.enabled.iccid == FIRST


class _Package:
    """The file of the package, to which a piece is written."""

    def __init__(self, machine: Downloader, file: Any) -> None:
        self._machine, self._file = machine, file

    def __enter__(self) -> _Package:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> None:
        """A piece, which may be cut or rot."""
        if not self._machine.operation(PIECE):
            self._file.write(data)
        elif self._machine.kind == "rot":
            self._file.write(data[:-1] + bytes([data[-1] ^ 1]))
        else:
            self._file.write(data[: len(data) // 2])
            raise Cut


class _Watched:
    """While a wake runs, the package in flash is ours to see, and whether a download runs."""

    def __init__(self, machine: Downloader) -> None:
        self._machine = machine

    def __enter__(self) -> None:
        machine = self._machine

        def run(wake: Any, session: Any) -> None:
            before, machine.is_downloading = machine.reading(), True
            try:
                _RUN(wake, session)
            finally:
                machine.is_downloading = False
                pairs: Any = zip(machine.reading(), before, strict=True)
                machine.taken.append(Reading(*(after - since for after, since in pairs)))

        def opened(path: str, mode: str) -> Any:
            file = open(path, mode)
            return _Package(machine, file) if mode == "ab" else file

        def remove(path: str) -> None:
            if machine.is_downloading and machine.operation("remove " + path.rpartition("/")[2]):
                raise Cut
            _REMOVE(path)

        ours: Any = download  # its `open` is Python's
        ours.run, ours.open, checked.remove = run, opened, remove

    def __exit__(self, *_: object) -> None:
        ours: Any = download
        ours.run, checked.remove = _RUN, _REMOVE
        del ours.open


_RUN: Any = download.run
_REMOVE: Any = checked.remove
