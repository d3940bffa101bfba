"""Pages from the command line: `landbridge web`, `run --only`, `tokens`, `share`."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from landbridge.db.database import open_database
from landbridge.features.users.queries import people, tokens

from host_tests.support.agent import NOW_S, WAIT_S, set_clock, wait_until
from tools.verify.harness.ports import free_port
from tools.world.services import certificates

DEVICE = "lb-0001"


class Command:
    """`landbridge` in a process of its own, with a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        certificates.make(folder, "broker.landbridge.example")
        (folder / "landbridge.toml").write_text('[devices]\nca_file = "ca.pem"\nbroker_host = "b"\n')
        set_clock(folder / "clock", NOW_S)
        given = {"LANDBRIDGE_CLOCK_FILE": str(folder / "clock"), "PYTHONPATH": os.pathsep.join(sys.path)}
        self.environment = os.environ | given

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "landbridge", "--data", str(self.folder), *arguments]
        environment, pipe = self.environment | more, subprocess.PIPE
        return subprocess.Popen(command, text=True, env=environment, stdout=pipe, stderr=pipe)

    def __call__(self, *arguments: str) -> str:
        out, err = (process := self.start(*arguments)).communicate()
        assert process.returncode == 0, err
        return out


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    made = Command(tmp_path_factory.mktemp("command"))
    made("devices", "add", DEVICE)
    made("trips", "start", DEVICE, "--container", "CSQU3054383", "--route", "l", "--destination", "Duisburg")
    return made


def status(url: str) -> int | None:
    """The status of one request; None while the port is closed."""
    try:
        return int(urllib.request.urlopen(url).status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def test_a_person_looks_at_a_database_until_he_has_enough(command: Command):
    port = free_port()
    serving = command.start("web", DEVICE, "--port", str(port))
    assert serving.stdout
    link = serving.stdout.readline().strip()
    base = f"http://127.0.0.1:{port}"
    assert re.fullmatch(rf"{base}/sign-in\?after=/devices/{DEVICE}#[\w-]{{43}}", link)
    assert wait_until(lambda: status(f"{base}/sign-in"), "pages") == 200
    bearer = {"Authorization": f"Bearer {link.partition('#')[2]}"}
    with urllib.request.urlopen(urllib.request.Request(f"{base}/v1/devices", headers=bearer)) as fleet:
        assert b"CSQU3054383" in fleet.read()
    serving.send_signal(signal.SIGINT)
    assert serving.wait(WAIT_S) == 0
    assert command("tokens", "list").splitlines()[1].split()[0] == "this-machine"
    database = open_database(command.folder / "landbridge.sqlite3")
    with database.reading() as connection:
        assert tokens.named(connection, "this-machine") == []
    database.close()


def test_the_pages_can_be_all_that_runs(command: Command):
    port = free_port()
    serving = command.start("run", "--only", "web", LANDBRIDGE_WEB_PORT=str(port))
    made = command("share-links", "add", DEVICE, "--for", "2d").strip()
    path = made.partition("/s/")[2]
    assert wait_until(lambda: status(f"http://127.0.0.1:{port}/s/{path}"), "the link") == 200
    assert command("share-links", "list").split()[-1] == "open"
    command("share-links", "revoke", "1")
    assert status(f"http://127.0.0.1:{port}/s/{path}") == 404
    secret = command("tokens", "add", "anna", "--role", "operator").strip()
    assert len(secret) == 43
    assert command("tokens", "revoke", "anna") == "token anna is revoked\n"
    serving.terminate()
    assert serving.wait(WAIT_S) == 0


def test_the_pages_alone_are_watched_as_the_whole_is(command: Command, tmp_path: Path):
    port, watch = free_port(), free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WAIT_S)
        ports = {"LANDBRIDGE_WEB_PORT": str(port), "LANDBRIDGE_WATCH_PORT": str(watch)}
        serving = command.start("run", "--only", "web", NOTIFY_SOCKET=str(tmp_path / "notify"), **ports)
        assert systemd.recv(100) == b"READY=1"
        asked = (f"{port}/sign-in", f"{watch}/health", f"{watch}/metrics")
        assert [status(f"http://127.0.0.1:{each}") for each in asked] == [200] * 3
        assert systemd.recv(100) == b"WATCHDOG=1"
        # A second command on the same database listens on its own port only.
        mine = free_port()
        looking = command.start("web", "--port", str(mine), LANDBRIDGE_WATCH_PORT=str(watch))
        assert wait_until(lambda: status(f"http://127.0.0.1:{mine}/sign-in"), "pages") == 200
        looking.terminate()
        assert looking.wait(WAIT_S) == 0
        serving.terminate()
        assert serving.wait(WAIT_S) == 0
        said = iter(lambda: systemd.recv(100), b"STOPPING=1")
        assert set(said) <= {b"WATCHDOG=1"}


def test_a_password_is_read_and_only_its_hash_is_kept(command: Command):
    command("users", "add", "berta")
    arguments = [sys.executable, "-m", "landbridge", "--data", str(command.folder), "users", "password"]
    for given, code in (("too short", 2), ("long enough, it is", 0)):
        reported = subprocess.run(
            [*arguments, "berta"],
            input=f"{given}\n",
            text=True,
            env=command.environment,
            capture_output=True,
            check=False,
        )
        assert reported.returncode == code, reported.stderr
    database = open_database(command.folder / "landbridge.sqlite3")
    with database.reading() as connection:
        row = people.named(connection, "berta")
    assert row and row.password.startswith("$argon2id$") and "long enough" not in row.password
    database.close()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("run", "--only", "web"), "no port for the pages: set"),
        (("tokens", "add", "a", "--role", "king"), "no role 'king'; choose from reader, operator, admin"),
        (("tokens", "add", "A b"), "cannot be the name of a token"),
        (("tokens", "revoke", "nobody"), "no token nobody"),
        (("share-links", "revoke", "99"), "no share link 99"),
        (("share-links", "add", DEVICE, "--for", "x"), "is not a duration from 1m to 366d"),
        (("web", "lb-none"), "no device lb-none"),
    ],
)
def test_an_error_of_the_web_command_is_reported_in_one_line(
    command: Command, arguments: tuple[str, ...], said: str
):
    process = command.start(*arguments)
    _, err = process.communicate()
    assert process.returncode == 2
    assert said in err and err.startswith("landbridge: ") and err.count("\n") == 1


def test_a_port_that_is_taken_is_reported(command: Command):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        process = command.start("run", "--only", "web", LANDBRIDGE_WEB_PORT=port)
        _, err = process.communicate()
    assert process.returncode == 2 and f"cannot listen on 127.0.0.1 port {port}" in err
