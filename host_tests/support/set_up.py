"""An installation as `landbridge setup` makes it, with its Mosquitto, in a folder of its own."""

import io
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from landbridge import cli
from paho.mqtt.enums import CallbackAPIVersion

from host_tests.support.agent import wait_until
from tools.verify.harness.ports import free_port

HOST = "mqtt.landbridge.example"


class Said(NamedTuple):
    """What a command has printed, and its exit code."""

    code: object
    out: str
    err: str


def command(*arguments: str) -> Said:
    """Run `landbridge` in this process."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            cli.app(arguments)
        except SystemExit as ended:
            code = ended.code or 0
    return Said(code, out.getvalue(), err.getvalue())


def ports() -> list[str]:
    """Options that name four free ports in place of the usual ones."""
    names = ("--port", "--agent-port", "--web-port", "--watch-port")
    return [word for name in names for word in (name, str(free_port()))]


class SetUp:
    """The folder and the broker in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first_ports = ports()
        self.port, self.agent_port = int(self.first_ports[1]), int(self.first_ports[3])
        self._process: subprocess.Popen[bytes] | None = None

    def set_up(self, *more: str) -> Said:
        """Run the set-up."""
        return command("--data", str(self.folder), "setup", *more)

    def first(self) -> Said:
        """Run it for the first time."""
        return self.set_up("--host", HOST, *self.first_ports)

    def run(self, *arguments: str) -> Said:
        """Run a command that has to succeed."""
        said = command("--data", str(self.folder), *arguments)
        assert said.code == 0, said
        return said

    def files(self) -> dict[str, bytes]:
        """All that is written, but for what the database and the broker write."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and "sqlite3-" not in path.name and path.parent.name != "data"
        }

    def start(self) -> None:
        """Start Mosquitto and wait until it listens."""
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program, "Mosquitto is missing"
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-v", "-c", str(self.folder / "mosquitto" / "landbridge.conf")], stderr=log
            )
        wait_until(self._listens, "Mosquitto listens")

    def stop(self) -> None:
        """End Mosquitto."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.agent_port)) == 0

    def device(self, name: str) -> dict[str, Any]:
        """What is for its flash."""
        found: dict[str, Any] = json.loads((self.folder / "devices" / name / "device.json").read_text())
        return found

    def connected(self, user: str, password: str) -> mqtt.Client:
        """A client at the devices' port that has got an answer; `connected_as` is its code."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, user, reconnect_on_failure=False)
        client.username_pw_set(user, password)
        context = ssl.create_default_context(cafile=str(self.folder / "tls" / "ca.pem"))
        client.tls_set_context(context)
        codes: list[int] = []
        client.on_connect = lambda _c, _d, _f, reason, _p: codes.append(reason.value)
        client.connect("localhost", self.port)
        client.loop_start()
        wait_until(lambda: codes, "an answer to the connection")
        client.user_data_set(codes)
        return client


def code_of(client: mqtt.Client) -> int:
    """The answer to its connection; 0: it is in."""
    codes: list[int] = client.user_data_get()
    return codes[0]


def is_in(client: mqtt.Client) -> bool:
    """Whether it is still connected, a moment later."""
    time.sleep(0.2)
    return client.is_connected()
