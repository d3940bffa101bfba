"""Broker and agent as child processes of the world: started, watched, restarted, ended."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tools.flash.layout import REPOSITORY
from tools.world.services import certificates

if TYPE_CHECKING:
    from tools.world.services.smdp.server import Server as Smdp

BROKER_HOST = "broker.landbridge.example"
UPDATES_HOST = "updates.landbridge.example"
"""The same broker, for devices on the access point for updates."""
BROKER_PORT = 8883
"""As in the configuration of devices."""
AGENT = "agent"
PLATFORM = "platform"
"""The user who may subscribe to what the agent publishes; on loopback its name is its password."""
UP = "landbridge/+/up"
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60

Heard = Callable[[str], None]


class ServiceError(Exception):
    """A service does not do what it must; the message names it and where its log lies."""


class Child:
    """One child process; lines of its standard output go to `heard`, its errors to `log`.

    It ends when its standard input does, so it cannot outlive us whatever happens.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, heard: Heard, **environment: str
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=os.environ | environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # Ctrl-C is for us: we end our children in order.
                start_new_session=True,
            )
        threading.Thread(target=self._listen, args=(heard,), daemon=True).start()

    def _listen(self, heard: Heard) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            heard(line.rstrip("\n"))

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def await_event(self, event: threading.Event) -> None:
        """Wait for what the process is to bring about; `ServiceError` when it does not."""
        for _ in range(START_TIMEOUT_S * 20):
            if event.wait(0.05):
                return
            if not self.alive():
                break
        raise ServiceError(f"the {self.name} did not start; its log is {self.log}")

    def await_end(self) -> None:
        """Wait until the process, which is to die by itself, has done so; `ServiceError` if it does not."""
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise ServiceError(f"the {self.name} was to die and lives; its log is {self.log}") from None

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the process: kindly first, after STOP_TIMEOUT_S by force."""
        assert self._process.stdin
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdin.close()


class Service:
    """A service that runs in a child process of its own, once it is started."""

    _child: Child | None = None

    def alive(self) -> bool:
        """Whether the service runs."""
        return self._child is not None and self._child.alive()

    def await_end(self) -> None:
        """Wait until the service, which is dying, is dead."""
        assert self._child
        self._child.await_end()

    def kill(self) -> None:
        """End the service at once."""
        assert self._child
        self._child.kill()

    def stop(self) -> None:
        """End the service."""
        if self._child:
            self._child.stop()


class Broker(Service):
    """The demo's broker (`tools.world.services.broker`); knows whether the agent listens to it."""

    def __init__(self, folder: Path, port: int, trap: Path | None, hostile: Path | None = None) -> None:
        self.folder = folder
        self.port = port
        self._hostile = hostile
        self.agent_listens = threading.Event()
        self._listening = threading.Event()
        self._trap = trap
        certificates.make(folder, BROKER_HOST, UPDATES_HOST)

    def allow(self, name: str, password: str, publish: list[str], subscribe: list[str]) -> None:
        """Add a user; known to the broker from its next start."""
        file = self.folder / "users.json"
        users = json.loads(file.read_text()) if file.exists() else {}
        users[name] = {"password": password, "publish": publish, "subscribe": subscribe}
        file.touch(mode=0o600)
        file.write_text(json.dumps(users, indent=2))

    def start(self) -> None:
        """Start listening, on the port of the last time if there was one."""
        refuse_taken(self.port)
        self._listening.clear()
        self.agent_listens.clear()
        command = [sys.executable, "-m", "tools.world.services.broker", "--folder", str(self.folder)]
        command += ["--port", str(self.port)]
        command += ["--trap", str(self._trap)] if self._trap else []
        command += ["--hostile", str(self._hostile)] if self._hostile else []
        self._child = Child("broker", command, self.folder / "broker.log", self._heard)
        self._child.await_event(self._listening)

    def _heard(self, line: str) -> None:
        # A broker that is killed leaves half a line.
        match line.split():
            case ["listening", port]:
                self.port = int(port)
                self._listening.set()
            case ["subscribed", _, topic] if topic == UP:
                self.agent_listens.set()


def refuse_taken(port: int) -> None:
    """Say so when another program listens on `port`; 0 is always free."""
    with socket.socket() as probe:
        # As the broker's own socket: connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServiceError(f"port {port}: {error.strerror}; name another: make demo PORT=18883") from None


class Agent(Service):
    """The real agent, with a folder for its settings and its database."""

    def __init__(
        self, folder: Path, broker: Broker, clock_file: Path, trap: Path | None, smdp: Smdp | None = None
    ) -> None:
        self.folder = folder
        self.database = folder / "landbridge.sqlite3"
        self._broker = broker
        self._trap = trap
        folder.mkdir(parents=True, exist_ok=True)
        password = secrets.token_hex(16)
        broker.allow(AGENT, password, ["landbridge/#"], ["landbridge/#"])
        certificate = broker.folder / "ca.pem"
        settings = f"""
[broker]
host = "localhost"
ca_file = "{certificate}"
username = "{AGENT}"
password = "{password}"
# amqtt holds up a reconnect by 5 s for each message that a session has kept.
clean_session = true

[store]
database = "{self.database}"

[devices]
directory = "{folder / "devices"}"
broker_host = "{BROKER_HOST}"
ca_file = "{certificate}"
"""
        if smdp:
            (folder / "ci.pem").write_text(smdp.ca_pem)
            settings += f"""
[esim]
servers = "{smdp.address}"
test_ci_file = "{folder / "ci.pem"}"
"""
        file = folder / "landbridge.toml"
        file.touch(mode=0o600)
        file.write_text(settings)
        self.environment = {"LANDBRIDGE_CONFIG": str(file), "LANDBRIDGE_CLOCK_FILE": str(clock_file)}

    def do(self, *arguments: str) -> str:
        """Run one `landbridge` command to its end; returns what it printed."""
        command = [str(Path(sys.executable).with_name("landbridge")), *arguments]
        environment = os.environ | self.environment
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if result.returncode:
            raise ServiceError(f"landbridge {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout

    def show(self, device: str) -> None:
        """Serve the agent's pages, and print the link to that of `device`, until Ctrl-C."""
        command = [str(Path(sys.executable).with_name("landbridge")), "web", device]
        with suppress(KeyboardInterrupt):
            subprocess.run(command, check=False, env=os.environ | self.environment)

    @contextmanager
    def pages(self, device: str) -> Iterator[str]:
        """The link to the page of `device`, served meanwhile."""
        program = str(Path(sys.executable).with_name("landbridge"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [program, "web", device, "--port", str(port)]
        environment = os.environ | self.environment
        with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, env=environment) as serving:
            assert serving.stdout
            try:
                link = serving.stdout.readline().strip()
                _await_listener(port)
                yield link
            finally:
                serving.send_signal(signal.SIGINT)

    def start(self) -> None:
        """Start the agent and wait until it has subscribed; the broker must run."""
        environment = self.environment | {"LANDBRIDGE_BROKER_PORT": str(self._broker.port)}
        self._broker.agent_listens.clear()
        command = [sys.executable, "-m", "tools.world.services.agent"]
        command += ["--trap", str(self._trap)] if self._trap else []
        log = self.folder / "agent.log"
        self._child = Child("agent", command, log, lambda line: None, **environment)
        self.await_subscription()

    def await_subscription(self) -> None:
        """Wait until the broker has the agent's subscription."""
        assert self._child
        self._child.await_event(self._broker.agent_listens)


def _await_listener(port: int) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise ServiceError(f"no process listens on port {port}")


class Services:
    """Broker and agent together, as the simulated modem meets them."""

    def __init__(self, broker: Broker, agent: Agent) -> None:
        self.broker = broker
        self.agent = agent
        self.reply_awaited: Callable[[], bool] = lambda: True
        """Whether the device is left the time to hear an answer."""

    def reachable(self) -> bool:
        """Whether a connection to the broker can succeed."""
        return self.broker.alive()

    def reply_expected(self) -> bool:
        """Whether the agent can answer what is published now."""
        return self.alive() and self.reply_awaited()

    def alive(self) -> bool:
        """Whether both run."""
        return self.broker.alive() and self.agent.alive()

    def start(self) -> None:
        """Start what does not run, and wait until the agent listens to the broker."""
        if not self.broker.alive():
            self.broker.start()
        if not self.agent.alive():
            self.agent.start()
        self.agent.await_subscription()

    def await_end(self, name: str) -> None:
        """Wait until the "agent" or the "broker", which is dying, is dead."""
        service = self.agent if name == AGENT else self.broker
        service.await_end()

    def check(self) -> None:
        """Raise `ServiceError` when one of them has ended by itself."""
        for name, service, log in (
            ("broker", self.broker, self.broker.folder / "broker.log"),
            ("agent", self.agent, self.agent.folder / "agent.log"),
        ):
            if not service.alive():
                raise ServiceError(f"the {name} has died; its log is {log}")

    def stop(self) -> None:
        """End both."""
        self.agent.stop()
        self.broker.stop()
