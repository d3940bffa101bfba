"""The systemd unit as shipped: the agent starts with its environment, and writes only where it may."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from host_tests.support.agent import BROKER_HOST, PASSWORD, WAIT_S
from tools.flash.layout import REPOSITORY

UNIT = REPOSITORY / "deploy" / "landbridge.service"


def settings(root: Path) -> Iterator[tuple[str, str]]:
    """(key, value) of each line, the paths moved to `root`."""
    for line in UNIT.read_text().splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            yield key, value.replace("/var/lib/", f"{root}/var/lib/").replace("/etc/", f"{root}/etc/")


def assigned(lines: list[str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines)


def test_the_agent_runs_with_the_environment_of_its_systemd_unit(installation, tmp_path):
    root = tmp_path / "root"
    given = list(settings(root))
    one = dict(given)
    state = root / "var" / "lib" / one["StateDirectory"]
    state.mkdir(parents=True)
    etc = root / "etc" / "landbridge"
    etc.mkdir(parents=True)
    (etc / "environment").write_text(f"LANDBRIDGE_BROKER_PASSWORD={PASSWORD}\n")
    file = one["EnvironmentFile"].removeprefix("-")
    environment = assigned([value for key, value in given if key == "Environment"])
    environment |= assigned(Path(file).read_text().splitlines())
    environment |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PYTHONPATH": os.pathsep.join(sys.path)}
    Path(environment["LANDBRIDGE_CONFIG"]).write_text(
        f'[broker]\nhost = "localhost"\nport = {installation.broker.port}\nusername = "agent"\n'
        f'ca_file = "{installation.broker.folder / "ca.pem"}"\n[devices]\nbroker_host = "{BROKER_HOST}"\n'
    )
    before = sorted(etc.iterdir())
    command = [sys.executable, "-m", "landbridge"]
    assert one["ExecStart"].endswith("/landbridge run") and one["WorkingDirectory"] == str(state)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(environment["NOTIFY_SOCKET"])
        systemd.settimeout(WAIT_S)
        agent = subprocess.Popen([*command, "run"], env=environment, cwd=state)
        try:
            assert systemd.recv(100) == b"READY=1"
            added = [*command, "--data", str(state), "devices", "add", "lb-0009"]
            subprocess.run(added, env=environment, check=True, capture_output=True)
        finally:
            agent.terminate()
            assert agent.wait(WAIT_S) == 0
    assert {"landbridge.sqlite3", "landbridge.sqlite3.key", "devices"} <= {
        each.name for each in state.iterdir()
    }
    assert sorted(etc.iterdir()) == before
