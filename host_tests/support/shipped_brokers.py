"""Brokers that run with the settings that are shipped; paths, ports and the agent's name put in."""

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from landbridge import config_file

from host_tests.support.agent import PASSWORD, Installation
from tools.verify.harness.nats_server import binary
from tools.verify.harness.ports import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
OTHER = "lb-unknown"
"""A second device that the bench's broker knows."""


def put_in(text: str, ours: Mapping[str, str]) -> str:
    """`text` with each of these in place of what is shipped."""
    for theirs, mine in ours.items():
        assert theirs in text, theirs
        text = text.replace(theirs, mine)
    return text


class Shipped:
    """Mosquitto, in place of the bench's own: the agent's port stays, and asks for its certificate."""

    def __init__(self, installation: Installation, environment: pytest.MonkeyPatch) -> None:
        installation.broker.kill()
        folder = installation.broker.folder
        self.devices_port = free_port()
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
            + ["-subj", "/CN=landbridge-agent"]
            + ["-keyout", folder / "agent.key", "-out", folder / "agent.pem"],
            check=True,
            capture_output=True,
        )
        environment.setenv("LANDBRIDGE_BROKER_CERT_FILE", str(folder / "agent.pem"))
        environment.setenv("LANDBRIDGE_BROKER_CERT_KEY_FILE", str(folder / "agent.key"))
        environment.setenv("LANDBRIDGE_DEVICES_BROKER_PORT", str(self.devices_port))
        installation.config = config_file.load()
        self.conf = folder / "mosquitto.conf"
        self.acl = folder / "shipped.acl"
        text = put_in(
            (DEPLOY / "mosquitto" / "landbridge.conf").read_text(),
            {
                "listener 8883": f"listener {self.devices_port} 127.0.0.1",
                "listener 8884": f"listener {installation.broker.port} 127.0.0.1",
                "/etc/mosquitto/certs": str(folder),
                "/etc/mosquitto/landbridge.passwords": str(folder / "passwords"),
                "/etc/mosquitto/landbridge.acl": str(self.acl),
                "/var/lib/mosquitto/": f"{folder}/",
            },
        )
        acl = (DEPLOY / "mosquitto" / "landbridge.acl").read_text()
        self.acl.write_text(acl.replace("landbridge-agent", "agent"))
        self.conf.write_text(f"user root\n{text}log_dest stderr\nlog_type all\n")
        installation.broker.start()


class ShippedNats:
    """NATS, in a folder that has a certificate; `issuer` is the agents' key."""

    def __init__(self, folder: Path, issuer: str) -> None:
        self._folder = folder
        self.port, self.devices_port, watch = free_port(), free_port(), free_port()
        text = put_in(
            (DEPLOY / "nats" / "landbridge.conf").read_text(),
            {
                '"127.0.0.1:4222"': f'"127.0.0.1:{self.port}"',
                "127.0.0.1:8222": f"127.0.0.1:{watch}",
                "port: 8883": f'host: "127.0.0.1", port: {self.devices_port}',
                "/var/lib/nats": str(folder / "store"),
                "/etc/nats/": f"{folder}/",
                "max_file_store: 100GB": "max_file_store: 1GB",
            },
        )
        (folder / "nats.conf").write_text(text)
        passwords = {f"LANDBRIDGE_{name}_PASSWORD": PASSWORD for name in ("AGENT", "PLATFORM")}
        self._environment = os.environ | passwords | {"LANDBRIDGE_ISSUER": issuer}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it is ready."""
        program = binary()
        assert program
        with (self._folder / "nats.log").open("wb") as log:
            command = [program, "-c", str(self._folder / "nats.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        end = time.monotonic() + 30
        while "Server is ready" not in self.log():
            assert self._process.poll() is None and time.monotonic() < end, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        return (self._folder / "nats.log").read_text()

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
