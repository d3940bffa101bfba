"""A NATS server of our own on loopback, with JetStream and an MQTT port: started, stopped, killed."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

from tools.verify.harness.ports import free_port

_PATH = "/usr/sbin:/usr/bin:/usr/local/bin"
_START_S = 120.0


def binary() -> str | None:
    """The program; None if it is not installed."""
    return shutil.which("nats-server") or shutil.which("nats-server", path=_PATH)


class NatsServer:
    """In `folder`; anyone may do anything."""

    def __init__(self, folder: Path) -> None:
        found = binary()
        if found is None:
            raise FileNotFoundError("NATS is not installed: apt-get install nats-server")
        self._binary = found
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.mqtt_port = free_port(), free_port()
        (folder / "nats.conf").write_text(
            f'server_name: "landbridge"\nlisten: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{folder / "store"}" }}\n'
            f'mqtt {{ host: "127.0.0.1", port: {self.mqtt_port} }}\n'
        )

    @property
    def url(self) -> str:
        """Return the value for [nats] url."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until it listens."""
        with (self._folder / "nats.log").open("ab") as log:
            command = [self._binary, "-c", str(self._folder / "nats.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + _START_S
        while not (_listens(self.port) and _listens(self.mqtt_port)):
            assert time.monotonic() < end, f"NATS does not listen; see {log.name}"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
