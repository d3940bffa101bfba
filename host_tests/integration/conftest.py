"""Fixtures of tests with other processes: a broker, an agent, a PostgreSQL server."""

import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import pytest
from landbridge.db.database import Database, open_database
from landbridge.features.devices import queries as devices
from landbridge.features.integrations import deliveries

from host_tests.support.agent import DEVICE, Device, Installation, Platform
from host_tests.support.downloads import DownloadingAgent
from host_tests.support.fleet import Fleet, Receiver
from host_tests.support.set_up import command
from host_tests.support.simulated_modem import ModemUnderTest, Mosquitto, start_mosquitto, switched_on
from host_tests.support.stored import NOW_S
from tools.flash import layout
from tools.verify.harness.postgres import Postgres, binaries
from tools.world.services.processes import Agent, ServiceError
from tools.world.services.smdp.server import Server

_built = functools.cache(layout.application)


def _application(
    firmware: Path = layout.FIRMWARE, met_by: Sequence[str] = (), modem: str | None = None
) -> dict[str, bytes]:
    if firmware == layout.FIRMWARE:
        return dict(_built(firmware, tuple(met_by), modem))
    return _built.__wrapped__(firmware, met_by, modem)


@pytest.fixture(autouse=True, scope="module")
def application_built_once() -> Iterator[None]:
    """Each trip of the simulated world lays the same application out: two seconds of compiling."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "application", _application)
        yield


def _do(agent: Agent, *arguments: str) -> str:
    with mock.patch.dict(os.environ, agent.environment):
        said = command(*arguments)
    if said.code:
        raise ServiceError(f"landbridge {' '.join(arguments)}: {said.err.strip()}")
    return said.out


@pytest.fixture(autouse=True, scope="module")
def commands_in_this_process() -> Iterator[None]:
    """An operator of the simulated world gives some; the most of each would be to load the agent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Agent, "do", _do)
        yield


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A broker that runs, a device, and no agent yet."""
    made = Installation(tmp_path, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def platform(installation: Installation) -> Platform:
    """A platform; named before `device`, it is there before the agent."""
    return installation.platform()


@pytest.fixture
def device(installation: Installation) -> Device:
    """The device, with an agent that runs."""
    installation.start()
    return installation.device()


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server that runs, with a template of a database."""
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    started = Postgres()
    try:
        started.start()
        open_database(started.url).close()
        started.keep_as_template()
        yield started
    finally:
        started.close()


@pytest.fixture
def postgres(server: Postgres) -> str:
    """What [store] database takes: a database with all tables, nothing in them."""
    server.renew()
    return server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database on either engine."""
    on_server = request.param == "postgresql"
    return request.getfixturevalue("postgres") if on_server else str(tmp_path / "landbridge.sqlite3")


@pytest.fixture
def database(place: str) -> Iterator[Database]:
    """A database with one device, on either engine."""
    opened = open_database(place)
    with opened.writing() as connection:
        devices.add(connection, DEVICE, b"wrapped", NOW_S)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """Mosquitto, to which simulated modems connect."""
    mosquitto = start_mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield mosquitto
    mosquitto.stop()


@pytest.fixture(params=["bg95", "sim7600"])
def modem(request: pytest.FixtureRequest) -> ModemUnderTest:
    """A simulated modem of either kind, a second after its start."""
    return switched_on(request.param)


@pytest.fixture
def bg95() -> ModemUnderTest:
    """A simulated BG95, a second after its start."""
    return switched_on("bg95")


@pytest.fixture
def smdp() -> Iterator[Server]:
    """A server that has profiles to download: a scripted SM-DP+."""
    with Server() as started:
        yield started


@pytest.fixture
def agent(tmp_path: Path, smdp: Server) -> Iterator[DownloadingAgent]:
    """An agent without a broker, which downloads from `smdp`."""
    made = DownloadingAgent(tmp_path, smdp)
    yield made
    made.database.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes what integrations send."""
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Two devices; whatever fails is tried again at once."""
    monkeypatch.setattr(deliveries, "POLL_S", 0.02)
    monkeypatch.setattr(deliveries, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(deliveries, "LONGEST_WAIT_S", 0.2)
    monkeypatch.setattr(deliveries, "FIRST_RETRY_S", 0)
    made = Fleet(tmp_path)
    yield made
    made.database.close()
