"""A NATS of our own by `landbridge setup`: its devices come and go by the agent's word, over TLS."""

import asyncio
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nats
import pytest
from landbridge import config_file
from landbridge.core.clock import Clock
from landbridge.db.database import open_database
from landbridge.operations.setup import answers
from landbridge.points.queries import points

from host_tests.support.agent import WAIT_S, wait_until
from host_tests.support.set_up import HOST, SetUp, code_of, command, ports
from tools.verify.harness.nats_server import binary
from tools.verify.harness.ports import free_port
from tools.verify.kill.devices import Device

pytestmark = pytest.mark.slow
SERVER = binary()


@pytest.fixture
def setup(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> SetUp:
    if SERVER is None:
        pytest.skip("NATS is not installed")
    monkeypatch.setenv("LANDBRIDGE_CONFIG", "")
    made = SetUp(tmp_path / "agent")
    said = made.set_up("--host", HOST, "--broker", "nats", "--database", postgres, *made.first_ports)
    assert said.code == 0 and "as the user platform; its password is in" in said.out, said
    return made


class Running:
    """What the written units start, without systemd."""

    def __init__(self, setup: SetUp) -> None:
        self._folder = setup.folder
        self._processes: list[subprocess.Popen[bytes]] = []
        made = config_file.load_file_only(setup.folder / "landbridge.toml")
        self._ports = {
            "landbridge-broker.service": (setup.port, setup.agent_port),
            "landbridge.service": (made.watch.port, made.web.port),
        }

    def start(self, unit: str) -> None:
        text = (self._folder / "systemd" / unit).read_text()
        (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
        program, *words = shlex.split(line.removeprefix("ExecStart="))
        if unit == "landbridge.service":
            assert Path(program).name == "landbridge" and words == ["run", "--source", "nats"]
            words = ["-m", "landbridge", "--data", str(self._folder), *words]
            program = sys.executable
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with (self._folder / f"{unit}.log").open("wb") as log:
            self._processes.append(
                subprocess.Popen([program, *words], env=environment, stdout=log, stderr=log)
            )
        for port in self._ports[unit]:
            wait_until(partial(_listens, port), f"{unit} listens")

    def close(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def running(setup: SetUp) -> Iterator[Running]:
    started = Running(setup)
    started.start("landbridge-broker.service")
    started.start("landbridge.service")
    yield started
    started.close()


def tracker(setup: SetUp, name: str) -> Device:
    """The firmware's own journal and session, with the files that were written for its flash."""
    flash = setup.folder.parent / f"flash-{name}"
    flash.mkdir()
    return Device(flash, name, setup.device(name), setup.port, setup.folder / "tls" / "ca.pem")


def delivered(device: Device) -> None:
    """It sends what it has until the agent has acknowledged all of it."""

    def done() -> bool:
        device.report()
        return not device.waiting()

    wait_until(done, "the agent acknowledges")


def admitted(setup: SetUp, name: str) -> None:
    """It is let in; on a busy machine the server may have to ask the agent more than once."""
    password = setup.device(name)["broker_password"]
    wait_until(lambda: code_of(setup.connected(name, password)) == 0, f"{name} is let in")


def test_a_device_comes_reports_and_is_refused_when_it_is_retired(setup, running):
    setup.run("devices", "add", "lb-0001")
    setup.run("devices", "add", "lb-0002")
    password = setup.device("lb-0001")["broker_password"]
    device = tracker(setup, "lb-0001")
    for second in range(3):
        device.keep(Clock().now_s() - second)
    delivered(device)
    database = open_database(config_file.load_file_only(setup.folder / "landbridge.toml").store.database)
    with database.reading() as connection:
        assert len(points.track(connection, "lb-0001")) == 3
    database.close()
    said = setup.run("broker", "check", "--device", "lb-0001")
    assert "lb-0001 may connect" in said.out and "WRONG" not in said.out
    for user, wrong in (("lb-0001", "guessed"), ("lb-0002", password), ("", ""), ("lb-0003", password)):
        assert code_of(setup.connected(user, wrong)) != 0, user
    admitted(setup, "lb-0001")
    setup.run("devices", "retire", "lb-0001", "--yes")
    assert code_of(setup.connected("lb-0001", password)) != 0
    admitted(setup, "lb-0002")
    assert "lb-0001" not in setup.run("devices", "list").out


def test_a_platform_receives_its_tenant_s_messages_over_nats(setup, running):
    setup.run("devices", "add", "lb-0001")
    device = tracker(setup, "lb-0001")
    device.keep(Clock().now_s())
    text = (setup.folder / "nats" / "landbridge.conf").read_text()
    password = text.partition('user: "platform", password: "')[2].partition('"')[0]

    async def heard() -> str:
        address = f"nats://platform:{password}@127.0.0.1:{setup.agent_port}"
        client = await nats.connect(address)
        try:
            subscription = await client.subscribe("landbridge.out.operator.>")
            await client.flush()
            await asyncio.to_thread(delivered, device)
            return str((await subscription.next_msg(timeout=WAIT_S)).subject)
        finally:
            await client.close()

    assert asyncio.run(heard()).startswith("landbridge.out.operator.lb-0001.")


def test_devices_of_a_page_or_a_file_need_no_further_step(setup, running, tmp_path):
    (tmp_path / "fleet.csv").write_text("device\n" + "".join(f"many-{number}\n" for number in range(20)))
    setup.run("devices", "import", str(tmp_path / "fleet.csv"))
    device = tracker(setup, "many-19")
    device.keep(Clock().now_s())
    delivered(device)
    setup.run("devices", "retire", "many-19", "--yes")
    admitted(setup, "many-18")


def test_the_server_takes_the_configuration_and_a_repeat_keeps_its_passwords(setup):
    conf = setup.folder / "nats" / "landbridge.conf"
    assert SERVER
    subprocess.run([SERVER, "-t", "-c", str(conf)], check=True, capture_output=True)
    before = setup.files()
    made = config_file.load_file_only(setup.folder / "landbridge.toml")
    assert (
        made.nats.password == made.broker.password
        and made.nats.password in before["nats/landbridge.conf"].decode()
    )
    assert made.broker.users == "" and conf.stat().st_mode & 0o777 == 0o600
    again = setup.set_up("--no-check")
    assert again.out == "nothing has changed\n" and setup.files() == before
    assert {path.name for path in (setup.folder / "systemd").iterdir()} == {
        "landbridge.service",
        "landbridge-broker.service",
    }


def test_an_edited_address_of_a_cluster_stays_until_another_port_is_given(setup):
    file = setup.folder / "landbridge.toml"
    single, cluster = f"nats://localhost:{setup.agent_port}", "nats://n1:4222,nats://n2:4222"
    edited = file.read_text().replace(single, cluster)
    assert cluster in edited
    file.write_text(edited)
    for _ in range(2):
        assert setup.set_up("--no-check").code == 0 and file.read_text() == edited
    port = free_port()
    setup.set_up("--agent-port", str(port), "--no-check")
    assert config_file.load_file_only(file).nats.url == f"nats://localhost:{port}"


def test_a_change_to_nats_takes_no_port_and_no_password_of_mosquitto_with_it():
    before = {"host": HOST, "port": 18_883, "agent_port": 8884, "password": "p", "plugin": "x.so"}
    found = answers.gathered(None, before, {"broker": "nats"}, False)
    assert (found.port, found.agent_port, found.password, found.plugin) == (18_883, 4222, "", "")
    assert answers.gathered(None, before, {"web_port": 1024}, False).password == "p"


def test_nats_needs_a_database_on_a_server(tmp_path, monkeypatch):
    monkeypatch.setenv("LANDBRIDGE_CONFIG", "")
    if SERVER is None:
        pytest.skip("NATS is not installed")
    folder = tmp_path / "agent"
    said = command("--data", str(folder), "setup", "--host", HOST, "--broker", "nats", *ports())
    assert said.code == 2 and "need a database on a server: --database postgresql://" in said.err, said
    assert not folder.exists()
