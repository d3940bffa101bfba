"""A Mosquitto of our own on loopback: TLS, a password for each user, each device confined to its topics."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tools.verify.harness.ports import free_port

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
_START_S = 120
TENANT = "tenant-"


class Mosquitto:
    """In `folder`, with a certificate that is there already; `users` are names and passwords. Without `tls`
    anyone may do anything, and nothing is logged: for benchmarks."""

    def __init__(self, folder: Path, users: dict[str, str], tls: bool = True) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        if not tls:
            (folder / "mosquitto.conf").write_text(
                f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\nset_tcp_nodelay true\n"
                "max_inflight_messages 1000\nmax_queued_messages 0\n"
            )
            return
        passwords = folder / "passwords"
        passwords.touch()
        for user, password in users.items():
            command = [_tool("mosquitto_passwd"), "-b", str(passwords), user, password]
            subprocess.run(command, check=True, capture_output=True)
        tenants = [user for user in users if user.startswith(TENANT)]
        (folder / "acl").write_text(
            "user agent\ntopic readwrite landbridge/#\n"
            "user platform\ntopic read landbridge/out/#\n"
            + "".join(
                f"user {each}\ntopic read landbridge/out/{each.removeprefix(TENANT)}/#\n" for each in tenants
            )
            + "pattern write landbridge/%u/up\npattern read landbridge/%u/down\n"
        )
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\n"
            f"certfile {folder / 'broker.pem'}\nkeyfile {folder / 'broker.key'}\n"
            f"password_file {passwords}\nacl_file {folder / 'acl'}\n"
            f"allow_anonymous false\nset_tcp_nodelay true\nuser root\n"
            "log_dest stderr\nlog_type all\n"
        )

    def start(self) -> None:
        """Start and wait until it listens."""
        command = [_tool("mosquitto"), "-c", str(self.folder / "mosquitto.conf")]
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + _START_S
        while not self._listens():
            assert time.monotonic() < end, f"Mosquitto does not listen; see {log.name}"
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut would: all sessions are gone."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def log(self) -> str:
        """Its output so far."""
        return (self.folder / "mosquitto.log").read_text()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _tool(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    assert found, f"{name} is missing: install Mosquitto"
    return found
