"""Kills agent and broker, locks and fills the database: is a point lost, or stored twice?

`python -m tools.verify.kill.killtest [--devices N] [--kills N] [--statements N] [--broker-kills N]
[--engine postgresql]` runs the real agent on a real Mosquitto with devices that are the firmware's own
journal and session. The agent is killed (SIGKILL) at random times, and at each of its first statements.
Writes out/killtest.json, prints the figures last, and exits with 1 when a record is lost, stored twice or
changed, or when storing does not begin again in time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landbridge import config_file
from landbridge.core.clock import Clock
from landbridge.db.database import open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices.enrol import enrol
from locator.codec import record
from sqlalchemy import text

from tools.options import whole
from tools.verify.harness.mosquitto import Mosquitto
from tools.verify.harness.postgres import Postgres
from tools.verify.kill.devices import Device
from tools.world.services import certificates
from tools.world.services.processes import BROKER_HOST, Child

OUT = Path("out/killtest.json")
FOLDER = Path("out/killtest").absolute()
AGAIN_S = 5.0
"""From when the agent is started again until it stores."""
HELD_UP_S = 4.0
_LIVES_S = (0.2, 2.0)
"""Range of its life time after it has stored again."""
_STATEMENT_S = 60.0
_DRAIN_S = 180.0


@dataclass
class Found:
    """The printed figures."""

    agent_kills: int = 0
    kills_at_statements: int = 0
    broker_kills: int = 0
    again_after_a_start_s: float = 0.0
    again_after_a_lock_s: float = 0.0
    again_after_a_full_disk_s: float = 0.0
    again_after_a_dead_server_s: float = 0.0
    """The longest until it stored."""
    late_again: int = 0
    records: int = 0
    lost: int = 0
    stored_twice: int = 0
    changed: int = 0
    dead_letters: int = 0
    failures: list[str] = field(default_factory=list)

    def short(self) -> list[str]:
        """In words, what is not as it must be."""
        bad = ("lost", "stored_twice", "changed", "dead_letters", "late_again")
        return self.failures + [f"{name} {getattr(self, name)}" for name in bad if getattr(self, name)]


class Fleet:
    """Broker, agent and devices in `folder`."""

    device: type[Device] = Device

    def __init__(self, folder: Path, count: int, server: Postgres | None = None) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.folder = folder
        self.server = server
        place = server.url if server else str(folder / "landbridge.sqlite3")
        broker = folder / "broker"
        certificates.make(broker, BROKER_HOST)
        settings = folder / "landbridge.toml"
        settings.write_text(
            f'[broker]\nhost = "localhost"\nca_file = "{broker / "ca.pem"}"\nusername = "agent"\n'
            f'password = "agent"\n[store]\ndatabase = "{place}"\nkey_file = "{folder / "keys"}"\n'
            f'[devices]\ndirectory = "{folder / "devices"}"\nbroker_host = "{BROKER_HOST}"\n'
        )
        os.environ["LANDBRIDGE_CONFIG"] = str(settings)
        names = [f"lb-{number:04}" for number in range(1, count + 1)]
        given = self._enrol(names)
        users = {name: each["broker_password"] for name, each in given.items()}
        self.broker = Mosquitto(broker, users | {"agent": "agent"})
        os.environ["LANDBRIDGE_BROKER_PORT"] = str(self.broker.port)
        self.full = folder / "full"
        self.agent: Child
        self.devices = [
            self.device(folder / "flash" / name, name, given[name], self.broker.port, broker / "ca.pem")
            for name in names
        ]

    def start_agent(self, statement: int = 0) -> None:
        """Start it; it is killed at that statement."""
        command = [sys.executable, "-m", "tools.verify.kill.agent"]
        command += [] if self.server else ["--full", str(self.full)]
        command += ["--statement", str(statement)] if statement else []
        self.agent = Child("agent", command, self.folder / "agent.log", lambda line: None)

    def stored(self) -> int:
        """Points in the database."""
        with self.database.reading() as connection:
            return int(connection.execute(text("SELECT count(*) FROM points")).scalar_one())

    def _enrol(self, names: list[str]) -> dict[str, dict[str, Any]]:
        loaded = config_file.load()
        self.database = open_database(loaded.store.database)
        keyring = Keyring(loaded.store.database, loaded.store.key_file)
        found = {}
        for name in names:
            enrol(loaded, self.database, keyring, Clock(), name, "killtest")
            (self.folder / "flash" / name).mkdir(parents=True)
            found[name] = json.loads((self.folder / "devices" / name / "device.json").read_text())
        return found


def until(condition: Callable[[], bool], within_s: float) -> bool:
    """Wait for `condition`; False when it does not come in time."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


class KillTest:
    """Kills, and what comes of it."""

    def __init__(self, fleet: Fleet, rng: random.Random) -> None:
        self.fleet = fleet
        self.found = Found()
        self._rng = rng

    def at_random(self, kills: int, broker_kills: int) -> None:
        """Kill the agent so often, and between them the broker."""
        brokers = set(self._rng.sample(range(kills), min(broker_kills, kills)))
        for turn in range(kills):
            self.again()
            time.sleep(self._rng.uniform(*_LIVES_S))
            if turn in brokers:
                self.fleet.broker.kill()
                self.fleet.broker.start()
                self.found.broker_kills += 1
                time.sleep(self._rng.uniform(*_LIVES_S))
            self.fleet.agent.kill()
            self.found.agent_kills += 1

    def at_each_statement(self, statements: int) -> None:
        """Let the agent die before each of its first statements: those of the first transactions."""
        for statement in range(1, statements + 1):
            self.fleet.start_agent(statement)
            if not until(lambda: not self.fleet.agent.alive(), _STATEMENT_S):
                self.found.failures.append(f"the agent did not come to statement {statement}")
                self.fleet.agent.kill()
            self.found.kills_at_statements += 1

    def held_up(self) -> None:
        """Another program holds the database; then a file finds no more room, a server is dead; then it is as
        before."""
        self.again()
        with self.fleet.database.writing():
            time.sleep(HELD_UP_S)
        self._stores_again("lock")
        if self.fleet.server:
            self.fleet.server.stop("immediate")
            time.sleep(HELD_UP_S)
            self.fleet.server.start()
            self._stores_again("dead_server")
        else:
            self.fleet.full.touch()
            time.sleep(HELD_UP_S)
            self.fleet.full.unlink()
            self._stores_again("full_disk")
        self.fleet.agent.kill()

    def again(self) -> None:
        """Start the agent, and wait until it stores."""
        self.fleet.start_agent()
        self._stores_again("start")

    def _stores_again(self, what: str) -> None:
        since, before = time.monotonic(), self.fleet.stored()
        until(lambda: self.fleet.stored() > before, 10 * AGAIN_S)
        took_s = round(time.monotonic() - since, 2)
        figure = f"again_after_a_{what}_s"
        setattr(self.found, figure, max(getattr(self.found, figure), took_s))
        self.found.late_again += took_s > AGAIN_S

    def drain(self) -> None:
        """No more records; all that there are come in."""
        self.again()
        for device in self.fleet.devices:
            device.finish()
        for device in self.fleet.devices:
            device.join(_DRAIN_S)
            self.found.failures += [device.failure] if device.failure else []
            self.found.failures += [f"{device.device}: {device.waiting()} wait"] if device.is_alive() else []

    def count(self) -> None:
        """Hold what is stored against what was made, field by field."""
        columns = ", ".join(f'"{name}"' for name in record.FIELDS.split())
        query = text(f"SELECT {columns} FROM points WHERE device = :device")
        with self.fleet.database.reading() as connection:
            for device in self.fleet.devices:
                rows = connection.execute(query, {"device": device.device}).all()
                place = record.FIELDS.split().index("seq")
                stored = {row[place]: list(row) for row in rows}
                self.found.records += len(device.made)
                self.found.lost += len(device.made.keys() - stored.keys())
                self.found.stored_twice += len(rows) - len(device.made.keys() & stored.keys())
                self.found.changed += sum(
                    stored[seq] != [*fields[:place], seq, *fields[place + 1 :]]
                    for seq, fields in device.made.items()
                    if seq in stored
                )
            both = text("SELECT (SELECT sum(new_records) FROM uplinks), (SELECT count(*) FROM points)")
            new, there = connection.execute(both).one()
            self.found.stored_twice += abs(int(new) - there)
            dead = connection.execute(text("SELECT count(*) FROM dead_letters"))
            self.found.dead_letters = dead.scalar_one()


def run(
    folder: Path,
    devices: int,
    kills: int,
    statements: int,
    broker_kills: int,
    seed: int,
    server: Postgres | None = None,
) -> KillTest:
    """The whole kill test; on `server`, which runs, or on a file."""
    fleet = Fleet(folder, devices, server)
    kill_test = KillTest(fleet, random.Random(seed))
    fleet.broker.start()
    for device in fleet.devices:
        device.start()
    try:
        kill_test.at_random(kills, broker_kills)
        kill_test.at_each_statement(statements)
        kill_test.held_up()
        kill_test.drain()
        kill_test.count()
    finally:
        fleet.agent.kill()
        fleet.broker.kill()
        fleet.database.close()
    return kill_test


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.kill.killtest", description=__doc__)
    parser.add_argument("--devices", type=whole(1), default=50)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--statements", type=int, default=80)
    parser.add_argument("--broker-kills", type=int, default=20)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=whole(0), default=1)
    arguments = parser.parse_args()
    kills = (arguments.kills, arguments.statements, arguments.broker_kills)
    with ExitStack() as stack:
        server = None
        if arguments.engine == "postgresql":
            server = Postgres()
            stack.callback(server.close)
            server.start()
        found = run(FOLDER, arguments.devices, *kills, arguments.seed, server).found
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(vars(found), indent=2) + "\n")
    for line in found.failures:
        print(line, file=sys.stderr)
    for name, value in vars(found).items():
        if name != "failures":
            print(f"{name.replace('_', ' ')} {value}")
    print(f"short {len(found.short())}")
    return 1 if found.short() else 0


if __name__ == "__main__":
    sys.exit(main())
