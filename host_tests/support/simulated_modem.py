"""Shared by the tests of the simulated modem: a modem in virtual time, and Mosquitto with TLS."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import simpy

from tools.modem import Modem
from tools.modem.card.card import Card
from tools.modem.link.mqtt import LockStepNetwork, Network
from tools.modem.network.air import Cell, Fix, Rat, Sky, StaticAir
from tools.modem.registry import Dialect
from tools.modem.scenario import Event
from tools.modem.unit import UrcOrder
from tools.verify.harness.port import ModemPort
from tools.verify.harness.ports import free_port
from tools.world.services import certificates

HOST = "broker.landbridge.example"
START_UTC_S = 1_767_592_800

RATS: dict[Dialect, tuple[Rat, ...]] = {"bg95": ("emtc", "nbiot", "gsm"), "sim7600": ("lte",)}


class TestAir(StaticAir):
    """The quiet yard, with everything that a test wants to be otherwise."""

    __test__ = False

    def __init__(self, env: simpy.Environment, dialect: Dialect) -> None:
        super().__init__(RATS[dialect])
        self.env = env
        self.audible: list[Cell] = self._cells
        self.causes: dict[str, int] = {}
        self.barred = False
        self.blocked = False
        self.speed_kmh = 0.0
        self.away = 0.0
        """Degrees north of the yard."""
        self.fixes: list[Fix] = []
        self.registrations: list[str] = []
        self.traffic: list[str] = []

    def cells(self) -> list[Cell]:
        return self.audible

    def attach_cause(self, imsi: str, plmn: str) -> int:
        return self.causes.get(plmn, 0)

    def data_open(self, imsi: str, plmn: str) -> bool:
        return not self.barred

    def registered(self, imsi: str, plmn: str) -> None:
        self.registrations.append(plmn)

    def sent(self, plmn: str) -> None:
        self.traffic.append(plmn)

    def sky(self) -> Sky:
        yard = super().sky()
        place = replace(yard, lat=yard.lat + self.away, blocked=self.blocked)
        return replace(place, speed_kmh=self.speed_kmh, heading_deg=271.5)

    def utc_s(self) -> float:
        return START_UTC_S + self.env.now / 1000

    def fix_given(self, fix: Fix) -> None:
        self.fixes.append(fix)


@dataclass
class ModemUnderTest(ModemPort):
    """A simulated modem in virtual time. It is also the firmware's port, as far as the drivers use it."""

    dialect: Dialect
    network: Network = field(default_factory=lambda: LockStepNetwork({}))
    seed: int = 1
    urc_order: UrcOrder = "after"
    card: Card = field(default_factory=Card)
    variants: Sequence[str] = ()
    scenario: Sequence[Event] = ()
    has_lines: bool = False
    simulated: Modem = field(init=False)

    def __post_init__(self) -> None:
        self.env = simpy.Environment(initial_time=0)
        self.air = TestAir(self.env, self.dialect)
        self.states: list[tuple[int, str, str]] = []
        self.lines: list[tuple[int, str, str]] = []
        self.output = bytearray()
        self.simulated = Modem(
            self.env,
            self.dialect,
            self.air,
            self.network,
            random.Random(f"{self.seed}/modem"),
            lambda part, state: self.states.append((self.now(), part, state)),
            self.card,
            self.urc_order,
            self.variants,
            self.scenario,
        )
        self.simulated.on_output = self.output.extend
        self.simulated.on_line = lambda direction, text: self.lines.append((self.now(), direction, text))

    # By hand

    def now(self) -> int:
        return int(self.env.now)

    def run(self, ms: int) -> None:
        self.env.run(until=self.env.now + ms)

    def boot(self) -> None:
        """Power on by the key; returns when the modem listens."""
        self.output.clear()
        self.simulated.rail(True)
        self.press()
        self.until("RDY", 20_000)

    def press(self, ms: int = 700) -> None:
        self.simulated.key(True)
        self.run(ms)
        self.simulated.key(False)

    def until(self, text: str, limit_ms: int = 200_000) -> str:
        """Run until a line with `text` has come since the last call; what came before it is dropped."""
        deadline = self.env.now + limit_ms
        while True:
            at = self.output.find(text.encode())
            end = self.output.find(b"\r", at + len(text)) if at >= 0 else -1
            if end >= 0:
                begin = self.output.rfind(b"\n", 0, at) + 1
                line = bytes(self.output[begin:end]).decode("latin-1")
                del self.output[: end + 2]
                return line
            assert self.env.now < deadline, f"no {text!r} within {limit_ms} ms: {bytes(self.output)!r}"
            self.run(50)

    def send(self, command: str, final: str | None = None, limit_ms: int = 200_000) -> list[str]:
        """Send a command; the lines of its answer, the final result last."""
        self.output.clear()
        self.simulated.receive(command.encode() + b"\r")
        deadline = self.env.now + limit_ms
        while True:
            lines = [line for line in self.output.decode("latin-1").split("\r\n") if line.strip()]
            for i, line in enumerate(lines):
                if line == final or (final is None and _is_final(line)):
                    return [line for line in lines[: i + 1] if not line.startswith("AT")]
            assert self.env.now < deadline, f"no answer to {command}: {lines}"
            self.run(5)

    def until_registered(self, limit_ms: int = 200_000) -> None:
        deadline = self.env.now + limit_ms
        while not any(line[-2:] in (",1", ",5") or ",5," in line for line in self._registrations()):
            assert self.env.now < deadline
            self.run(1_000)

    def _registrations(self) -> list[str]:
        return self.send("AT+CEREG?")[-2:-1] + self.send("AT+CREG?")[-2:-1]

    def ask(self, command: str, data: bytes, final: str = "OK") -> None:
        """A command that asks for data at its prompt."""
        self.output.clear()
        self.simulated.receive(command.encode() + b"\r")
        while b">" not in self.output and b"CONNECT" not in self.output:
            assert b"ERROR" not in self.output, bytes(self.output)
            self.run(5)
        self.simulated.receive(data)
        self.until(final)

    def time_in(self, part: str) -> dict[str, int]:
        """Milliseconds by state of a part."""
        times_ms: dict[str, int] = {}
        changes = [(ms, state) for ms, name, state in self.states if name == part]
        for (ms, state), (end, _) in zip(changes, [*changes[1:], (self.now(), "")], strict=True):
            times_ms[state] = times_ms.get(state, 0) + end - ms
        return times_ms


def switched_on(dialect: Dialect) -> ModemUnderTest:
    """A modem a second after its start."""
    modem = ModemUnderTest(dialect)
    modem.boot()
    modem.run(1_000)
    return modem


def _is_final(line: str) -> bool:
    return line in ("OK", "ERROR") or line.startswith("+CME ERROR")


@dataclass
class Mosquitto:
    """Debian's broker on loopback with TLS and one user, lb-1 / secret."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def ca(self) -> bytes:
        return (self.folder / "ca.pem").read_bytes()

    def network(self, reply: bool = False) -> LockStepNetwork:
        """Time stands still; `reply`: whether published messages are answered."""
        return LockStepNetwork({HOST: ("127.0.0.1", self.port)}, reply_expected=lambda: reply)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(120)


def start_mosquitto(folder: Path) -> Mosquitto:
    """Start it on a free port and wait until it listens."""
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
    assert program, "Mosquitto is missing: apt-get install mosquitto"
    certificates.make(folder, HOST)
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "lb-1", "secret"], check=True)
    passwords.chmod(0o644)
    for _ in range(5):
        port = free_port()
        (folder / "mosquitto.conf").write_text(
            f"listener {port} 127.0.0.1\ncertfile {folder}/broker.pem\nkeyfile {folder}/broker.key\n"
            f"password_file {passwords}\nallow_anonymous false\nuser root\n"
        )
        process = subprocess.Popen(
            [program, "-c", str(folder / "mosquitto.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if _listens(port, process):
            return Mosquitto(folder, port, process)
    raise AssertionError("Mosquitto does not start")


def _listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    for _ in range(2_400):
        if process.poll() is not None:
            return False
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    process.kill()
    return False
