"""A device on a flash image, boot by boot, and the real agent without a broker, for `updatecut`."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import landbridge.app  # noqa: F401 - registers the hooks between features
from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.features.updates import queries as releases
from landbridge.features.updates import releases as built
from landbridge.features.updates.coding import REPORT_KEY, UPDATE_KEY
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.queries import dead_letters
from landbridge.ingest.session import Received
from landbridge.points.queries import points
from landbridge.protocol import downlink, envelope
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import decode

from tools.flash.layout import ENTRY, VERIFY_ON_DEVICE, lay_out

SCRIPT = VERIFY_ON_DEVICE / "updatecut.py"
MICROPYTHON = Path(sys.executable).with_name("micropython")
DEVICE = "lb-0001"
KEY = bytes(range(32))
BOARD = "SIM"
MODEM = "bg95"
"""Whose driver a release has; an ideal one stands in for it."""
NOW_S = 845_500_000
BOOT_S = 60.0
"""A boot that takes so long, on the host's clock, is a hang."""
WATCHED = "watchdog armed"
HELLO, UPLINK, RTC, SLEEP = 1, 2, 3, 4
POWER_ON, WATCHDOG, DEEP_SLEEP = 1, 3, 4
SETTINGS = """{"device": "%s", "key": "%s", "broker_host": "broker.landbridge.example", "broker_port": 8883,
"broker_password": "", "apn": "iot", "interval_s": 3600}"""


def command(*arguments: str) -> str:
    """Do something to an image in MicroPython; returns what it printed."""
    run = [str(MICROPYTHON), "-X", "heapsize=16M", str(SCRIPT), *arguments]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout


class Agent:
    """The agent's pipeline on a database in `folder`; replies go to the caller."""

    def __init__(self, folder: Path) -> None:
        self.time_s = NOW_S
        self.answers = 1 << 30
        """The number of uplinks that are still answered."""
        self.lie: list[object] | None = None
        """A release to send in place of what the agent has pending."""
        self.report: list[object] = []
        """The last report of the device on its releases, as on the wire."""
        self._replies: list[bytes] = []
        path = folder / "agent.sqlite3"
        # The migrations take longer than all the rest: once is enough.
        self.database = Database(path) if path.exists() else open_database(path)
        self._keyring = Keyring(path)
        stub: Any = self  # clock, session and sender at once
        self._pipeline = Pipeline(self.database, self._keyring, stub, stub, stub)

    def now_s(self) -> int:
        """As a clock: the time in epoch seconds."""
        return self.time_s

    def add_device(self) -> None:
        """Make the device known."""
        with self.database.writing() as connection:
            devices.add(connection, DEVICE, self._keyring.wrap(KEY, True), self.time_s)

    def roll_out(self, folder: Path) -> None:
        """Take the release in `folder` and roll it out."""
        release = built.read(folder)
        with self.database.writing() as connection:
            columns: dict[str, Any] = {"version": release.version, "mpy": release.mpy}
            columns |= {"file_list": release.file_list, "added_s": self.time_s}
            releases.add(connection, release.board, release.sequence, release.files, **columns)
            stands: dict[str, Any] = {"canaries": 1, "stage_s": 0, "stage": 0, "stage_began_s": self.time_s}
            releases.add_rollout(connection, release.board, release.sequence, **stands, forgiven=0)

    def halt(self, sequence: int) -> None:
        """Offer a release no more."""
        with self.database.writing() as connection:
            releases.change_rollout(connection, BOARD, sequence, halted="by hand")

    def ask(self, uplink: bytes) -> bytes:
        """The reply to an uplink, empty if there is none."""
        if self.answers <= 0:
            return b""
        self.answers -= 1
        self._pipeline.process_all([Received(f"landbridge/{DEVICE}/up", uplink, 0, 1, 1)])
        number, text = envelope.open_envelope(KEY, DEVICE, "up", uplink)
        try:
            said = decode(text)
        except WireError:  # a damaged release may say anything; the agent has dead-lettered it
            return b""
        self.report = said.reports.get(REPORT_KEY, self.report)
        if self.lie is None:
            return self._replies.pop() if self._replies else b""
        stored = [point.seq for point in said.points]
        reply = downlink.encode_downlink(number, stored, self.time_s, [{UPDATE_KEY: self.lie}])
        return envelope.seal(KEY, DEVICE, "down", number, reply)

    def acknowledge(self, received: Received) -> bool:
        """As a session: there is no agent to notify."""
        return True

    def reply(self, topic: str, payload: bytes) -> None:
        """As a session: keep it for `ask`."""
        self._replies.append(payload)

    def wake(self) -> None:
        """As a sender: no receiver."""

    def running(self) -> tuple[int, bool, str | None]:
        """(sequence that the device reported, on trial, how the newest offer ended)"""
        with self.database.reading() as connection:
            row = releases.by_device(connection)[0]
        return row.running or 0, bool(row.on_trial), row.ended

    def uplinks(self) -> int:
        """Uplinks accepted so far."""
        with self.database.reading() as connection:
            return points.counts(connection, DEVICE).uplinks

    def missing(self) -> int:
        """Records below the highest that never came."""
        with self.database.reading() as connection:
            return points.counts(connection, DEVICE).missing

    def dead_letters(self) -> int:
        """Messages and reports that were refused."""
        with self.database.reading() as connection:
            return len(dead_letters.every(connection))


@dataclass
class Boot:
    """How one boot went."""

    operations: int = 0
    printed: str = ""
    crashed: bool = False
    """The interpreter itself has crashed, or hangs."""


@dataclass
class Locator:
    """The device: an image, its RTC memory and its clock."""

    image: Path
    clock_s: int = 100
    rtc: bytes = b""
    cause: int = POWER_ON
    boots: list[Boot] = field(default_factory=list)
    stuck: bool = False
    """It hangs, and no watchdog was armed that would reset it: no boot follows any more."""

    def boot(self, agent: Agent, cut_at: int = 0, torn: bool = False) -> Boot:
        """One boot; the power fails at flash operation `cut_at`, which loses the RTC memory too."""
        if self.stuck:
            return self.boots[-1]
        hangs = False
        ours, theirs = socket.socketpair()
        ours.settimeout(BOOT_S)
        run = [str(MICROPYTHON), "-X", "heapsize=16M", str(SCRIPT), "boot", str(self.image)]
        run += [str(theirs.fileno()), str(cut_at), "1" if torn else "0"]
        with subprocess.Popen(
            run, pass_fds=(theirs.fileno(),), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            theirs.close()
            try:
                with ours:
                    slept_s = self._serve(ours, agent)
                output, _ = process.communicate(timeout=BOOT_S)
            except (TimeoutError, subprocess.TimeoutExpired):
                slept_s, hangs = 0, True
                process.kill()
                output, _ = process.communicate()
        printed = output.decode(errors="replace")
        self.stuck = hangs and WATCHED not in printed
        lines = [line.split() for line in printed.splitlines() if line.startswith("operations ")]
        was_cut = "ended cut" in printed
        if was_cut:
            self.rtc, self.cause = b"", POWER_ON
        else:
            self.cause = DEEP_SLEEP if slept_s else WATCHDOG
        self.clock_s = 100 if was_cut else self.clock_s + max(slept_s, 60)
        agent.time_s += max(slept_s, 60)
        boot = Boot(int(lines[-1][1]) if lines else 0, printed, not lines)
        self.boots.append(boot)
        return boot

    def _serve(self, pipe: socket.socket, agent: Agent) -> int:
        """Answer the boot until it ends; seconds it sleeps."""
        slept_s = 0
        while head := _receive(pipe, 3):
            kind, size = struct.unpack("<BH", head)
            payload = _receive(pipe, size)
            answer = b""
            if kind == HELLO:
                answer = struct.pack("<BBI", self.cause, 1, self.clock_s) + self.rtc
            elif kind == UPLINK:
                answer = agent.ask(payload)
            elif kind == RTC:
                self.rtc = payload
            else:
                slept_s = max(1, struct.unpack("<I", payload)[0] // 1000)
            pipe.sendall(struct.pack("<H", len(answer)) + answer)
        return slept_s

    def sizes(self) -> tuple[int, dict[str, int]]:
        """(blocks of flash in use, bytes of each file by its path)"""
        lines = [line.split() for line in command("sizes", str(self.image)).splitlines()]
        used = next(int(words[1]) for words in lines if words[0] == "used")
        return used, {words[1]: int(words[2]) for words in lines if words[0] == "file"}

    def damage(self, file: str, at: int) -> None:
        """Invert the byte at `at` of a file, or remove it if `at` is negative."""
        command("damage", str(self.image), file, str(at))


def _receive(pipe: socket.socket, size: int) -> bytes:
    """`size` bytes; fewer when the other end is gone."""
    data = b""
    while len(data) < size:
        part = pipe.recv(size - len(data))
        if not part:
            return b""
        data += part
    return data


def make_locator(folder: Path, touch: Callable[[Path], None] = lambda flash: None) -> Locator:
    """A device as provisioned, its image in `folder`; `touch` may change what goes on its flash."""
    flash = folder / "flash"
    lay_out(flash, BOARD)
    for name in ("board.mpy", "lockstep.mpy", ENTRY):
        (flash / name).unlink()
    (flash / "config").mkdir()
    (flash / "config" / "device.json").write_text(SETTINGS % (DEVICE, KEY.hex()))
    (flash / "config" / "ca.pem").write_text("none")
    touch(flash)
    image = folder / "flash.img"
    command("make", str(image), str(flash))
    return Locator(image)
