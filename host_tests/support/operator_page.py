"""An operator who follows docs/start/operator.md: its commands, what the units start, and a tracker."""

import json
import os
import shlex
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

from landbridge.core.clock import Clock

from host_tests.support import copies, docs
from host_tests.support.agent import wait_until
from tools.verify.harness.ports import free_port
from tools.verify.kill.devices import Device

OPERATOR = docs.DOCS / "start" / "operator.md"
_UNITS = ("landbridge-broker.service", "landbridge.service")


def shell(folder: Path, script: str) -> str:
    """Run a script in `folder`; return what it prints."""
    environment = _environment()
    with TemporaryDirectory() as programs:
        environment |= copies.command(Path(programs))
        environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
        done = _done(folder, script, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _done(folder: Path, script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-e"],
        input=script,
        cwd=folder,
        env=environment,
        pass_fds=[copies.original().fileno()],
        text=True,
        capture_output=True,
        check=False,
    )


def _environment() -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


class Operator:
    """Works in `folder`; ports that are free here stand in for those of the page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {name: free_port() for name in ("port", "agent_port", "web_port", "watch_port")}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def do_it(self) -> Path:
        """Do all steps. The broker runs afterwards, the agent does not."""
        answers = "".join(f"{name} = {port}\n" for name, port in self._ports.items())
        # As after an earlier set-up: the ports of the page may be taken here.
        (self._folder / "answers.toml").write_text(answers)
        set_up, check, *others, look, many, other = docs.blocks(OPERATOR.read_text(), "sh")
        link = shell(self._folder, set_up).partition("shown only once: ")[2].split()[0]
        assert link.startswith(f"http://127.0.0.1:{self._ports['web_port']}/invitation#"), link
        for unit in _UNITS:
            self._start(unit)
        assert "WRONG" not in shell(self._folder, check)
        for block in others:
            shell(self._folder, block)
        self._switch_on("lb-0001")
        wait_until(lambda: " N, " in shell(self._folder, look), "the tracker has a position")
        token = shell(self._folder, "landbridge tokens add newcomer").strip()
        assert "CSQU3054383" in self._asked("/v1/devices/lb-0001", token)
        shell(self._folder, many + other)
        self._end(_UNITS[1])
        return self._folder

    def stop(self) -> None:
        """End what runs."""
        for unit in list(self._processes):
            self._end(unit)

    def _start(self, unit: str) -> None:
        """As systemd would: the command of the unit, with its environment."""
        text = (self._folder / "systemd" / unit).read_text()
        environment = _environment() | dict(
            line.removeprefix("Environment=").split("=", 1)
            for line in text.splitlines()
            if line.startswith("Environment=")
        )
        (command,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
        with (self._folder / f"{unit}.log").open("wb") as log:
            self._processes[unit] = subprocess.Popen(
                shlex.split(command.removeprefix("ExecStart=")), env=environment, stdout=log, stderr=log
            )
        if unit == _UNITS[0]:
            wait_until(lambda: self._listens("agent_port"), "the broker listens")
        else:
            wait_until(lambda: self._listens("watch_port") and self._listens("web_port"), "the agent listens")

    def _listens(self, name: str) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._ports[name])) == 0

    def _end(self, unit: str) -> None:
        process = self._processes.pop(unit)
        process.terminate()
        process.wait()

    def _switch_on(self, name: str) -> None:
        """The firmware's own journal and session in the place of the tracker."""
        settings = json.loads((self._folder / "devices" / name / "device.json").read_text())
        flash = self._folder / "flash"
        flash.mkdir()
        ca = self._folder / "tls" / "ca.pem"
        tracker = Device(flash, name, settings, self._ports["port"], ca)
        tracker.keep(Clock().now_s())

        def delivered() -> bool:
            tracker.report()
            return not tracker.waiting()

        wait_until(delivered, "the agent has its record")

    def _asked(self, path: str, token: str) -> str:
        """What the HTTP API says."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._ports['web_port']}{path}")
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=120) as answer:
            text: str = answer.read().decode()
            return text
