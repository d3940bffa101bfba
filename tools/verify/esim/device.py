"""A whole device that switches profiles: the real wake on a simulated modem with an eUICC, an agent at its
other end, in virtual time. The power fails, the device or the modem is reset at any operation.
"""

from __future__ import annotations

import json
import random
import types
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import simpy
from locator import state as st
from locator import wake
from locator.codec import checked
from locator.esim import files, iccid_bytes, memory
from locator.hal import DEEPSLEEP_RESET, POWER_ON, WAKE_TIMER, WATCHDOG_RESET
from locator.journal import copy, rtc, snapshots
from locator.scheduler import budget, profile

from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import Profile
from tools.modem.network.air import Cell, Rat, VirtualAir
from tools.modem.registry import Dialect
from tools.verify.harness.echo import EchoNetwork
from tools.verify.harness.port import RATS, VirtualPort

small_agent: Any = import_module("tools.verify.on_device.agent")

Kind = Literal["power", "reset", "modem", ""]
"""The fault: a power cut of the whole board, a reset of the device, a restart of the modem."""

ROAMING, CIS, EUROPE = 1, 2, 3
ICCIDS = ("8931440400012345678", "8970101000000000012", "8949030000000000001")
IMSIS = ("204046612345678", "250011234567890", "262011234567890")
PAUSE_S = 2_400
"""Between two wakes; each has a report to make."""
START_S = 100
NEVER = 1 << 30
CONFIG = {
    "device": small_agent.DEVICE,
    "key": small_agent.KEY.hex(),
    "broker_host": "broker.example",
    "broker_port": 8883,
    "broker_password": "",
    "apn": "none",
}


class Cut(BaseException):
    """The power has failed, or the device was reset. No handler of the firmware catches it."""


@dataclass
class World:
    """What networks do with a card: the EMM cause by IMSI, and those whose data does not pass. `rats`: the
    kinds of network that are there."""

    rats: tuple[Rat, ...]
    causes: dict[str, int] = field(default_factory=dict)
    barred: set[str] = field(default_factory=set)


class _Air(VirtualAir):
    """The quiet yard, where not every card is welcome."""

    def __init__(self, env: simpy.Environment, world: World) -> None:
        super().__init__(env, get_args(Rat), 946_684_800 + small_agent.EPOCH_S)
        self._world = world

    def cells(self) -> list[Cell]:
        """See `World`."""
        return [each for each in super().cells() if each.rat in self._world.rats]

    def attach_cause(self, imsi: str, plmn: str) -> int:
        """See `World`."""
        return self._world.causes.get(imsi, 0)

    def data_open(self, imsi: str, plmn: str) -> bool:
        """See `World`."""
        return imsi not in self._world.barred


class Port(VirtualPort):
    """The port of all boots of a `Machine`, which counts its operations."""

    def __init__(
        self, machine: Machine, dialect: Dialect, seed: str, folder: Path, variants: tuple[str, ...]
    ) -> None:
        super().__init__(
            dialect,
            seed,
            machine.card,
            lambda env: _Air(env, machine.world),
            EchoNetwork(machine.agent.ask),
            variants,
        )
        self._machine = machine
        self.data_dir = self.config_dir = str(folder)
        self.rtc_memory = b""
        self.reset_cause, self.wake_reason = POWER_ON, WAKE_TIMER
        self._rng = random.Random(f"{seed}/port")
        self._since_ms = 0

    def begin(self, cause: int) -> None:
        """A boot, for this reason."""
        self.reset_cause = cause
        self.output.clear()
        if cause == POWER_ON:
            self.rtc_memory, self._since_ms = b"", self.ticks_ms()

    def clock_s(self) -> int:
        """Since power-on."""
        return START_S + (self.ticks_ms() - self._since_ms) // 1000

    def senses(self) -> tuple[int, ...]:
        """A good battery, no motion."""
        return 3600, 150, 0, 0, 0, 0, 0

    def random(self, count: int) -> bytes:
        """From the seed."""
        return self._rng.randbytes(count)

    def uart_write(self, data: bytes) -> None:
        """To the modem: an operation."""
        self._machine.operation(_shown(bytes(data)))
        super().uart_write(data)

    def rtc_write(self, data: bytes) -> None:
        """An operation."""
        self._machine.operation("RTC memory")
        self.rtc_memory = bytes(data)


def _shown(data: bytes) -> str:
    """The begin of a command."""
    return data[:40].decode("latin-1").strip() if data.startswith(b"AT") else "payload"


class Agent(small_agent.Agent):  # type: ignore[misc]
    """Tells the policy until it is reported. `reports` are those of the card."""

    def __init__(self) -> None:
        super().__init__()
        self.policy: list[Any] | None = None
        self.reports: list[Any] = []
        self.revision = 0

    def pending(self, pull: Any) -> dict[int, Any]:
        """The policy besides."""
        pending: dict[int, Any] = super().pending(pull)
        if self.policy and self.policy[0] != self.revision:
            pending[10] = [self.policy[0], small_agent.encoded(self.policy)]
        return pending

    def noted(self, report: list[Any]) -> None:
        """The device has reported what its card is."""
        self.reports.append(report)
        self.revision = report[0]


def policy(revision: int, desired: int, rows: list[list[int]]) -> list[Any]:
    """As in a reply: three profiles, roaming is the fallback."""
    profiles = [[iccid_bytes(iccid), f"apn{i}", "", ""] for i, iccid in enumerate(ICCIDS)]
    return [revision, desired, ROAMING, profiles, rows]


class Machine:
    """One device in `folder`, its card at the profile `enabled`. `kind` happens at the operation `at`;
    `torn`: a file that is written then is left half-way."""

    port_of: ClassVar[type[Port]] = Port

    def __init__(
        self,
        folder: Path,
        dialect: Dialect,
        enabled: int,
        seed: str = "1",
        quirks: frozenset[str] = frozenset(),
        variants: tuple[str, ...] = (),
    ) -> None:
        self.card = self._card(enabled, quirks)
        self.world = World(RATS[dialect])
        self.agent = self._agent(folder)
        self.tries: list[int] = []
        self.at, self.kind, self.torn = NEVER, "", False
        self.operations: list[str] = []
        self._dead = False
        self._next = POWER_ON
        (folder / "device.json").write_text(json.dumps(CONFIG))
        (folder / "ca.pem").write_text("none")
        self.port = self.port_of(self, dialect, seed, folder, variants)
        self._board = types.SimpleNamespace(MODEM=dialect, NAME="SIM", apn=b"")

    def _card(self, enabled: int, quirks: frozenset[str]) -> Euicc:
        profiles = [Profile(*pair) for pair in zip(ICCIDS, IMSIS, strict=True)]
        profiles.insert(0, profiles.pop(enabled - 1))
        return Euicc(profiles, quirks=quirks)

    def _agent(self, folder: Path) -> Any:
        return Agent()

    @property
    def used(self) -> str:
        """The IMSI of the profile that is enabled."""
        return self.card.imsi

    def set_policy(self, desired: int, rows: list[list[int]], used: int) -> None:
        """The device has this policy already, and uses the profile `used`."""
        folder = self.port.data_dir
        policy_sent = policy(1, desired, rows)
        files.write(folder + files.POLICY, policy_sent)
        kept = memory.Memory(folder)
        kept.follow(policy_sent)
        kept.p[profile.PROFILE] = used
        kept.save()
        state = st.new()
        state[st.PROFILE_DUE] = profile.KNOWN | st.PROFILE_ASK
        self.port.rtc_memory = rtc.pack(st.kept(state))
        copy.keep(folder, self.port.rtc_memory, state)
        self.agent.revision = 1
        self._next = DEEPSLEEP_RESET

    def stage(self) -> int:
        """Of the switch, as in flash."""
        return int(memory.Memory(self.port.data_dir).p[profile.STAGE])

    def operation(self, what: str) -> bool:
        """One more. Raises `Cut`; True: half of it is done first."""
        if self._dead:
            raise Cut
        self.operations.append(what)
        if len(self.operations) != self.at:
            return False
        if self.kind == "modem":
            self.port.modem.restart()
            return False
        self._dead = True
        if not self.torn:
            raise Cut
        return True

    def wake(self) -> bool:
        """One wake and the sleep after it; whether the agent has answered in it."""
        uplinks = self.agent.uplinks
        self._dead = False
        self.port.begin(self._next)
        self._want_report()
        with _Watched(self):
            try:
                wake.run(self.port, self._board)
                self._next = DEEPSLEEP_RESET
            except Cut:
                self._next = POWER_ON if self.kind == "power" else WATCHDOG_RESET
                if self.kind == "power":
                    self.port.modem_rail(False)
        self.port.deepsleep(1_000 * PAUSE_S)
        self.agent.time_s = small_agent.EPOCH_S + self.port.ticks_ms() // 1_000
        return bool(self.agent.uplinks > uplinks)

    def _want_report(self) -> None:
        """Make the device report in its next wake, whatever its plan is."""
        state = rtc.unpack(self.port.rtc_memory, st.SIZE)
        if state is not None:
            state[st.URGENT] = 1
            self.port.rtc_memory = rtc.pack(state, rtc.log_of(self.port.rtc_memory, st.SIZE))


class _Watched:
    """While a wake runs its files and its tries are ours to see."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._kept: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> None:
        machine = self._machine

        def write(path: str, body: bytes) -> None:
            if machine.operation(path.rpartition("/")[2]):
                Path(path + ".new").write_bytes(body[: len(body) // 2])
                raise Cut
            _WRITE(path, body)

        def keep(it: Any, *what: Any) -> None:
            if machine.operation("copy of the state"):
                raise Cut
            _KEEP(it, *what)

        def begin_attempt(state: Any, now: int, phase: int) -> None:
            machine.tries.append(machine.port.ticks_ms() // 1000)
            _BEGIN_ATTEMPT(state, now, phase)

        for module, name, ours in (
            (checked, "write", write),
            (snapshots.Snapshots, "_keep", keep),
            (budget, "begin_attempt", begin_attempt),
        ):
            self._kept.append((module, name, getattr(module, name)))
            setattr(module, name, ours)

    def __exit__(self, *_: object) -> None:
        for module, name, was in self._kept:
            setattr(module, name, was)


_WRITE: Any = checked.write
_KEEP: Any = snapshots.Snapshots._keep
_BEGIN_ATTEMPT: Any = budget.begin_attempt
