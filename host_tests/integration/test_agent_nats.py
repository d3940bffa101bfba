"""Several agents behind NATS and PostgreSQL: each message is stored once, whichever agent dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from landbridge.db.database import open_database
from landbridge.db.leases import Leases
from landbridge.ingest.partitions import HeldPartitions
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from host_tests.support.agent import WAIT_S, wait_until
from tools.verify.benchmarks.agent import load
from tools.verify.harness.nats_server import NatsServer, binary

PARTITIONS = 4


class Fleet:
    """A NATS server, a database with some devices, agents."""

    def __init__(self, folder: Path, place: str) -> None:
        self.nats = NatsServer(folder / "nats")
        self.nats.start()
        self.place = place
        self.devices = load.names(8)
        self._folder = folder
        self._agents: list[subprocess.Popen[bytes]] = []
        load.add_fleet(place, str(folder / "keys"), self.devices)
        self.database = open_database(place)
        more = f'[nats]\nurl = "{self.nats.url}"\npartitions = {PARTITIONS}\n'
        self._environment = load.settings(folder, self.nats.mqtt_port, place, more)

    def start(self, before: str = "") -> subprocess.Popen[bytes]:
        """One more agent; `before`: Python that runs in it first."""
        code = f"{before}\nfrom landbridge.cli import app\napp(['run', '--source', 'nats'])"
        environment = self._environment | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with (self._folder / f"agent{len(self._agents)}.log").open("wb") as log:
            agent = subprocess.Popen([sys.executable, "-c", code], stderr=log, env=environment)
        self._agents.append(agent)
        return agent

    def held_partitions(self) -> list[int]:
        """How many partitions each of the agents holds."""
        query = (
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
            " WHERE locktype = 'advisory' AND d.datname = current_database() AND classid = :kind GROUP BY pid"
        )
        with self.database.reading() as connection:
            kind = Leases(self.database, "partitions").kind
            return sorted(connection.execute(text(query), {"kind": kind}).scalars())

    def stored(self) -> tuple[int, int]:
        """Points and uplinks in the database."""
        with self.database.reading() as connection:
            query = "SELECT (SELECT count(*) FROM points), (SELECT count(*) FROM uplinks)"
            points, uplinks = connection.execute(text(query)).one()
            return points, uplinks

    def close(self) -> None:
        for agent in self._agents:
            agent.kill()
            agent.wait()
        self.database.close()
        self.nats.kill()


@pytest.fixture
def fleet(tmp_path: Path, postgres: str) -> Iterator[Fleet]:
    if binary() is None:
        pytest.skip("NATS is not installed")
    fleet = Fleet(tmp_path, postgres)
    yield fleet
    fleet.close()


def test_agents_share_the_fleet_and_one_that_is_killed_hands_over(fleet):
    heard: list[str] = []
    platform = mqtt.Client(CallbackAPIVersion.VERSION2, "platform")
    platform.on_message = lambda _client, _data, message: heard.append(message.topic)
    platform.connect("127.0.0.1", fleet.nats.mqtt_port)
    platform.loop_start()
    platform.subscribe([("landbridge/out/#", 1), ("landbridge/+/down", 0)])
    # It dies in the middle of a transaction of its second batch, with messages it has not acknowledged.
    dies = (
        "import os, signal\nfrom landbridge.ingest.pipeline import Pipeline\n"
        "full, batches = Pipeline.answer, []\n"
        "def answer(self, messages, now_s):\n    batches.append(messages)\n"
        "    if len(batches) > 1 and messages:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return full(self, messages, now_s)\nPipeline.answer = answer"
    )
    frail = fleet.start(dies)
    wait_until(lambda: fleet.held_partitions() == [PARTITIONS], "all partitions")
    other = fleet.start()
    wait_until(lambda: fleet.held_partitions() == [PARTITIONS // 2] * 2, "halves")
    messages = load.uplinks(fleet.devices, 6, 1)

    def over(so_far: int) -> bool:
        """Whether each of these has been in a batch of its own."""
        return frail.poll() is not None or fleet.stored() == (so_far * load.FIXES, so_far)

    feeder = load.Feeder(fleet.nats.mqtt_port)
    for begin in range(0, len(messages), 16):
        feeder.publish(batch := messages[begin : begin + 16])
        wait_until(partial(over, begin + len(batch)), "it is stored, or the agent dies")
    feeder.close()
    wait_until(lambda: frail.poll() is not None, "its death")
    assert frail.returncode == -signal.SIGKILL
    wait_until(lambda: fleet.held_partitions() == [PARTITIONS], "the survivor has all of it")
    all_of_it = (len(messages) * load.FIXES, len(messages))
    wait_until(lambda: fleet.stored() == all_of_it, "every point")
    other.send_signal(signal.SIGTERM)
    assert other.wait(WAIT_S) == 0
    assert fleet.stored() == all_of_it
    assert fleet.held_partitions() == []
    tracks = [topic for topic in heard if topic.endswith("/track")]
    assert len(tracks) >= len(messages)
    assert {topic.split("/")[1] for topic in heard if topic.endswith("/down")} == set(fleet.devices)
    platform.disconnect()
    platform.loop_stop()


def test_shares_are_even_and_free_when_an_agent_goes(postgres):
    database = open_database(postgres)
    presences = [Leases(database, "agents") for _ in range(3)]
    agents = [HeldPartitions(database, presence) for presence in presences]
    assert [agent.number for agent in agents] == [0, 1, 2]
    for _ in range(3):
        held = [agent.balance(8) for agent in agents]
    assert sorted(len(each) for each in held) == [2, 3, 3] and set().union(*held) == set(range(8))
    agents[0].close()
    presences[0].close()
    for _ in range(2):
        held = [agent.balance(8) for agent in agents[1:]]
    assert [len(each) for each in held] == [4, 4] and set().union(*held) == set(range(8))
    database.close()


def test_an_agent_that_the_server_has_missed_is_counted_again(postgres):
    database = open_database(postgres)
    with Leases(database, "agents") as presence:
        held_partitions = HeldPartitions(database, presence)
        with database.writing() as connection:
            holders = "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE classid = :kind"
            connection.execute(text(holders), {"kind": presence.kind})
        with pytest.raises(DBAPIError):
            presence.holders()
        assert held_partitions.balance(8) == set(range(8))
        assert presence.held == {held_partitions.number} and presence.holders() == 1
        held_partitions.close()
    database.close()
