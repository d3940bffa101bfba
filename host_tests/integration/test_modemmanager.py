"""ModemManager of Debian, a client that strangers wrote, on the simulated modem: with its simtech and its
quectel plugin up to `registered`, and a data call. Its clock is the host's, the modem's runs faster."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from tools.flash.layout import REPOSITORY

PROGRAMS = {"ModemManager": "modemmanager", "dbus-daemon": "dbus", "gdbus": "libglib2.0-bin"}
PATH = os.environ["PATH"] + ":/usr/sbin:/usr/bin"
MISSING = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=PATH)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"missing: {' '.join(MISSING)}; apt-get install them")

PLUGINS = {"bg95": "quectel", "sim7600": "simtech"}
IMEI = {"bg95": "864475041234565", "sim7600": "861477060123453"}
SPEED = 20
LIMIT_S = 120
ROOT = "/org/freedesktop/ModemManager1"
NAME = "org.freedesktop.ModemManager1"
ENABLED, REGISTERED, CONNECTED = 6, 8, 11
ROAMING = 5


class Manager:
    """ModemManager on a bus of its own, and the simulated modem on an abstract socket."""

    def __init__(self, dialect: str, folder: Path) -> None:
        self._running: list[subprocess.Popen[str]] = []
        self._folder = folder
        self._environment = {**os.environ, "PATH": PATH}
        self.log = folder / "modemmanager.log"
        self.modem = ""
        socket = f"abstract:port-{dialect}-{os.getpid()}"
        simulator = [sys.executable, "-m", "tools.modem", "--dialect", dialect, "--unix", socket]
        self._start([*simulator, "--speed", str(SPEED)], "modem.log", first_line=True)
        bus = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"]
        self._environment["DBUS_SESSION_BUS_ADDRESS"] = self._start(bus, "bus.log", first_line=True)
        options = ("session", "enable", "no-udev", "no-qrtr", "no-suspend-resume")
        self._start(["ModemManager", "--debug", *(f"--test-{o}" for o in options)], self.log.name)
        self.until(lambda: NAME in self.call("/org/freedesktop/DBus", "org.freedesktop.DBus.ListNames"))
        profile = ("t1", PLUGINS[dialect], f"['{socket}']")
        self.call(ROOT, f"{NAME}.Test.SetProfile", *profile)
        self.until(self._found)

    def call(self, path: str, method: str, *arguments: str, limit_s: int = 60) -> str:
        """The answer as gdbus prints it, "" when there is none."""
        to = "org.freedesktop.DBus" if path == "/org/freedesktop/DBus" else NAME
        line = ["gdbus", "call", "--session", "--timeout", str(limit_s), "--dest", to]
        done = subprocess.run(
            [*line, "--object-path", path, "--method", method, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    def get(self, interface: str, name: str, path: str = "") -> str:
        """A property as gdbus prints it, without the brackets around it."""
        answer = self.call(path or self.modem, "org.freedesktop.DBus.Properties.Get", interface, name)
        return answer.strip().removeprefix("(<").removesuffix(">,)")

    def state(self) -> int:
        """MMModemState."""
        return int(self.get(f"{NAME}.Modem", "State") or 0)

    def enabled(self) -> bool:
        """Whether it is; if not, ask for it. ModemManager gives up on a machine that is busy otherwise."""
        if self.state() < ENABLED:
            self.call(self.modem, f"{NAME}.Modem.Enable", "true")
        return self.state() >= ENABLED

    def bearer(self) -> str:
        """A data call, "" when none has come about."""
        return self.call(self.modem, f"{NAME}.Modem.Simple.Connect", "{'apn': <'iot'>}", limit_s=LIMIT_S)

    def until(self, done: Callable[[], bool]) -> None:
        """Wait for it."""
        deadline = time.monotonic() + LIMIT_S
        while not done():
            assert time.monotonic() < deadline, self.transcript()
            time.sleep(0.3)

    def transcript(self) -> str:
        """The end of what was said on the line."""
        lines = re.findall(r"\[abstract:[^\]]*\] (?:-->|<--) .*", self.log.read_text(errors="replace"))
        return "\n".join(lines[-40:])

    def stop(self) -> None:
        """End all that was started, the last first."""
        for process in reversed(self._running):
            process.terminate()
            process.wait(LIMIT_S)
            if process.stdout:
                process.stdout.close()

    def _found(self) -> bool:
        objects = self.call(ROOT, "org.freedesktop.DBus.ObjectManager.GetManagedObjects")
        match = re.search(rf"'({ROOT}/Modem/\d+)'", objects)
        self.modem = match.group(1) if match else ""
        return bool(match)

    def _start(self, command: list[str], log: str, first_line: bool = False) -> str:
        output: IO[str]
        with (self._folder / log).open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=self._environment,
                stdout=subprocess.PIPE if first_line else output,
                stderr=output if first_line else subprocess.STDOUT,
                text=True,
            )
        self._running.append(process)
        return process.stdout.readline().strip() if first_line and process.stdout else ""


@pytest.fixture(params=PLUGINS, scope="module")
def dialect(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def manager(dialect, tmp_path_factory) -> Iterator[Manager]:
    """The modem found, enabled and registered."""
    manager = Manager(dialect, tmp_path_factory.mktemp("modemmanager"))
    try:
        manager.until(manager.enabled)
        manager.until(lambda: manager.state() >= REGISTERED)
        yield manager
    finally:
        manager.stop()


def test_registration_and_operator(manager, dialect):
    modem, network = f"{NAME}.Modem", f"{NAME}.Modem.Modem3gpp"
    assert manager.get(modem, "Plugin") == f"'{PLUGINS[dialect]}'"
    assert manager.get(modem, "EquipmentIdentifier") == f"'{IMEI[dialect]}'"
    assert manager.get(network, "Imei") == f"'{IMEI[dialect]}'"
    assert "BG95" in manager.get(modem, "Model") or "SIM7600" in manager.get(modem, "Model")
    assert manager.get(network, "RegistrationState") == f"uint32 {ROAMING}"


def test_operator_and_signal(manager):
    network = f"{NAME}.Modem.Modem3gpp"
    manager.until(lambda: re.fullmatch(r"'2620[123]'", manager.get(network, "OperatorCode")) is not None)
    manager.until(lambda: manager.get(network, "OperatorName") not in ("", "''"))

    def quality() -> int:
        found = re.search(r"uint32 (\d+)", manager.get(f"{NAME}.Modem", "SignalQuality"))
        return int(found.group(1)) if found else 0

    manager.until(lambda: quality() > 20)


def test_the_card(manager):
    sim = manager.get(f"{NAME}.Modem", "Sim").removeprefix("objectpath ").strip("'")
    assert manager.get(f"{NAME}.Sim", "Imsi", sim) == "'204046612345678'"
    assert manager.get(f"{NAME}.Sim", "SimIdentifier", sim) == "'8931440400012345678'"


def test_a_data_call(manager):
    manager.until(lambda: "/Bearer/" in manager.bearer())
    manager.until(lambda: manager.state() == CONNECTED)
    manager.call(manager.modem, f"{NAME}.Modem.Simple.Disconnect", "/", limit_s=LIMIT_S)
    manager.until(lambda: manager.state() == REGISTERED)
