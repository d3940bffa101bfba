"""The test rig of the agent's benchmark: a broker that holds messages, databases, agents as processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from landbridge.config import Nats
from landbridge.db.database import Database, open_database
from landbridge.db.leases import Leases
from landbridge.ingest import nats_source
from sqlalchemy import text

from tools.verify.benchmarks.agent import load
from tools.verify.benchmarks.agent.bare import CLIENT
from tools.verify.harness.mosquitto import Mosquitto
from tools.verify.harness.nats_server import NatsServer
from tools.verify.harness.postgres import Postgres

PARTITIONS = 8
AS_MANY_TIMES = 3
"""Passes over the fleet for agents on NATS: they begin up to a second apart."""
_POLL_S = 0.1
"""To count costs the database a millisecond and more."""


class Took(NamedTuple):
    """The resources that an agent needed for all messages."""

    seconds: float
    """From the first to the last."""
    cpu_s: float
    """Processor time in that, of all threads."""
    started_s: float
    """From its start to the first."""
    told_s: float
    most_mb: float


class Rig:
    """One broker, and what it is given again and again."""

    def __init__(self, folder: Path, fleet: Sequence[str], each: int, seed: int) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.fleet = fleet
        self._each, self._seed = each, seed
        self.messages = load.uplinks(fleet, each, seed)
        self._broker = Mosquitto(folder, {}, tls=False)
        self._broker.start()

    def close(self) -> None:
        """End the broker."""
        self._broker.kill()

    def fresh(self, name: str, fleet: Sequence[str] = ()) -> str:
        """A SQLite database that knows the fleet, and nothing else."""
        place = self._emptied(name)
        load.add_fleet(place, self._keys, fleet or self.fleet)
        return place

    def renewed(self, server: Postgres, fleet: Sequence[str] = ()) -> str:
        """The same on PostgreSQL."""
        server.empty()
        load.add_fleet(server.url, self._keys, fleet or self.fleet)
        return server.url

    def bare(self) -> Took:
        """The bare loop on a file of its own."""
        self._fill(self.messages)
        arguments = (str(self._broker.port), str(len(self.messages)), self._emptied("bare"))
        took = self._run("tools.verify.benchmarks.agent.bare", *arguments)
        return Took(**took, started_s=0, told_s=0, most_mb=0)

    def agent(self, place: str, turn: int = 0) -> Took:
        """The agent on a database that knows the fleet, and has had `turn` rounds of messages before."""
        messages = self.messages
        if turn:
            messages = load.uplinks(self.fleet, self._each, self._seed, turn * self._each)
        self._fill(messages)
        environment = load.settings(self._folder, self._broker.port, place)
        count = str(len(messages))
        return Took(**self._run("tools.verify.benchmarks.agent.timed", count, environment=environment))

    def agents(self, count: int, server: Postgres, broker: NatsServer) -> float:
        """Messages a second that this many agents with NATS store.

        The stream is full before they start, and they get its partitions when all of them are there: how long
        Python takes to start, or an agent to give back what is more than its share, is not in it.
        """
        fleet = load.names(AS_MANY_TIMES * len(self.fleet))
        place, messages = self.renewed(server, fleet), load.uplinks(fleet, self._each, self._seed)
        more = f'[nats]\nurl = "{broker.url}"\npartitions = {PARTITIONS}\n'
        environment = load.settings(self._folder, broker.mqtt_port, place, more)
        asyncio.run(nats_source.make_stream(Nats(url=broker.url, partitions=PARTITIONS)))
        feeder = load.Feeder(broker.mqtt_port)
        feeder.publish(messages)
        feeder.close()
        command = [sys.executable, "-m", "landbridge", "run", "--source", "nats"]
        database, running = open_database(place), []
        try:
            with Leases(database, "agents") as present, Leases(database, "partitions") as held_back:
                for partition in range(PARTITIONS):
                    assert held_back.take(partition), "another agent is at work on the database"
                with open(self._folder / "log", "ab") as log:
                    running += [subprocess.Popen(command, stderr=log, env=environment) for _ in range(count)]
                while present.holders() < count:
                    assert all(each.poll() is None for each in running), "an agent has ended: see the log"
                    time.sleep(_POLL_S)
            return self._time(database, running, len(messages))
        finally:
            for each in running:
                each.terminate()
            for each in running:
                each.wait()
            database.close()

    def _time(self, database: Database, running: Sequence[subprocess.Popen[bytes]], count: int) -> float:
        """Messages a second, from the first look that finds some to the last of them."""
        since, before, stored = 0.0, 0, 0
        while stored < count:
            time.sleep(_POLL_S)
            assert all(each.poll() is None for each in running), "an agent has ended: see the log"
            with database.reading() as connection:
                stored = connection.execute(text("SELECT count(*) FROM uplinks")).scalar_one()
            if stored and not since:
                since, before = time.perf_counter(), stored
        return (stored - before) / (time.perf_counter() - since)

    @property
    def _keys(self) -> str:
        return str(self._folder / "keys")

    def _fill(self, messages: Sequence[load.Message]) -> None:
        load.leave_session(self._broker.port, CLIENT)
        feeder = load.Feeder(self._broker.port)
        feeder.publish(messages)
        feeder.close()

    def _emptied(self, name: str) -> str:
        for file in self._folder.glob(f"{name}.sqlite3*"):
            file.unlink()
        return str(self._folder / f"{name}.sqlite3")

    def _run(self, module: str, *arguments: str, environment: dict[str, str] | None = None) -> Any:
        command = [sys.executable, "-m", module, *arguments]
        with open(self._folder / "log", "ab") as log:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, env=environment, check=True)
        return json.loads(done.stdout)
