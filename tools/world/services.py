"""Broker and agent as child processes beside the world: started, watched, restarted, ended."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

BROKER_HOST = "broker.landbridge.example"
AGENT = "agent"
UP = "landbridge/+/up"
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 10


class ServiceError(Exception):
    """A service did not start; the message names it and where its log lies."""


class Child:
    """One child process; each line of its standard output goes to `heard`, its log to a file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        heard: Callable[[str], None],
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **(environment or {})},
                # Ctrl-C is for us: we end our children in order.
                start_new_session=True,
            )
        threading.Thread(target=self._listen, args=(heard,), daemon=True).start()

    def _listen(self, heard: Callable[[str], None]) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            heard(line.rstrip("\n"))

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process: kindly first, after STOP_TIMEOUT_S by force."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Broker:
    """The demo's broker (`tools.world.broker`); knows whether the agent listens to it."""

    def __init__(self, folder: Path, port: int, trap: Path | None) -> None:
        self.folder = folder
        self.port = port
        self._trap = ["--trap", str(trap)] if trap else []
        self._listening = threading.Event()
        self._agent_listens = threading.Event()
        self._child: Child | None = None

    def allow(self, name: str, password: str, publish: list[str], subscribe: list[str]) -> None:
        """Add a user; before `start`."""
        file = self.folder / "users.json"
        users = json.loads(file.read_text()) if file.exists() else {}
        users[name] = {"password": password, "publish": publish, "subscribe": subscribe}
        file.touch(mode=0o600)
        file.write_text(json.dumps(users, indent=2))

    def start(self) -> None:
        """Start listening, on the port of the last time if there was one."""
        self._listening.clear()
        command = [sys.executable, "-m", "tools.world.broker", "--folder", str(self.folder)]
        command += ["--port", str(self.port), *self._trap]
        self._child = Child("broker", command, self.folder / "broker.log", self._heard)
        _await(self._listening, self._child)

    def _heard(self, line: str) -> None:
        word, *rest = line.split()
        if word == "listening":
            self.port = int(rest[0])
            self._listening.set()
        if word == "subscribed" and rest == [AGENT, UP]:
            self._agent_listens.set()

    def await_agent(self, agent: Child) -> None:
        """Wait until the agent has subscribed."""
        _await(self._agent_listens, agent)

    def forget_agent(self) -> None:
        """Whatever was subscribed is not any more."""
        self._agent_listens.clear()

    def alive(self) -> bool:
        """Whether the broker runs."""
        return self._child is not None and self._child.alive()

    def stop(self) -> None:
        """End the broker."""
        if self._child:
            self._child.stop()


def _await(event: threading.Event, child: Child) -> None:
    for _ in range(START_TIMEOUT_S * 10):
        if event.wait(0.1):
            return
        if not child.alive():
            break
    raise ServiceError(f"the {child.name} did not start; its log is {child.log}")
