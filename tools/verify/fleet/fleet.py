"""A fleet from nothing: set-up, hundreds of devices from a file, trips over HTTP, a simulated day.

`python -m tools.verify.fleet.fleet [--devices N] [--firmware N]` begins with an empty folder and does what an
operator does: `landbridge setup` with a Mosquitto of its own over TLS, `landbridge devices import` with the
users at the broker, a trip for each over the HTTP API. Then the devices send for a simulated day: most
are the firmware's own journal and session, some the whole firmware with a simulated modem. One is retired,
and the broker refuses it. Prints the figures last, writes out/fleet.json, and exits with 1 when a record is
missing, the devices take too long to add, or anything else is not as it must be.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from landbridge.db.database import open_database
from landbridge.features.trips.container import check_digit
from landbridge.operations.setup.brokers import program
from landbridge.points.queries import points
from sqlalchemy import text

from tools.options import whole
from tools.verify.fleet.trackers import Firmware, Tracker, refused
from tools.verify.harness.ports import free_port
from tools.verify.kill.killtest import until
from tools.world.services.clock import VirtualClock
from tools.world.services.processes import Child
from tools.world.trip import START_UTC_S

OUT = Path("out/fleet.json")
FOLDER = Path("out/fleet").absolute()
HOST = "mqtt.fleet.landbridge.example"
MOST_IMPORT_S = 30.0
_START_S = 60.0
_DAY_S, _SLICE_S, _PART_S = 86_400, 900, 21_600
_AT_ONCE = 32


@dataclass
class Found:
    """The printed figures."""

    devices: int = 0
    import_s: float = 0.0
    """To add the devices with their users at the broker."""
    broker_users: int = 0
    trips: int = 0
    records: int = 0
    records_of_firmware: int = 0
    stored: int = 0
    missing: int = 0
    dead_letters: int = 0
    retired_refused: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    def short(self, devices: int, firmware: int) -> list[str]:
        """In words, what is not as it must be."""
        wanted = {
            "devices": devices,
            "broker_users": devices,
            "trips": devices,
            "missing": 0,
            "dead_letters": 0,
            "retired_refused": 1,
            "stored": self.records,
        }
        short = self.failures + [
            f"{name} {getattr(self, name)}, not {value}"
            for name, value in wanted.items()
            if getattr(self, name) != value
        ]
        short += [f"{self.import_s} s for the devices"] if self.import_s > MOST_IMPORT_S else []
        short += [] if self.records_of_firmware > firmware else ["the firmware recorded hardly anything"]
        return short


class Fleet:
    """The installation in `folder`."""

    def __init__(self, folder: Path, count: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder, self.data = folder, folder / "agent"
        self.names = [f"lb-{number:04}" for number in range(1, count + 1)]
        self.port, self.agent_port, self.web_port, self.watch_port = (free_port() for _ in range(4))
        self.clock = VirtualClock(folder / "clock", START_UTC_S)
        os.environ |= {"LANDBRIDGE_CLOCK_FILE": str(self.clock.path)}
        self.token = ""

    def set_up(self) -> None:
        """As docs/start/operator.md does it, with ports that are free here."""
        ports = {"--port": self.port, "--agent-port": self.agent_port}
        ports |= {"--web-port": self.web_port, "--watch-port": self.watch_port}
        given = [str(each) for pair in ports.items() for each in pair]
        self.do("setup", "--host", HOST, *given)
        self.token = self.do("tokens", "add", "fleet", "--role", "admin").strip()

    def do(self, *arguments: str) -> str:
        """Run a command of `landbridge`; return what it prints."""
        command = [sys.executable, "-m", "landbridge", "--data", str(self.data), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"landbridge {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def broker(self) -> Iterator[None]:
        """Mosquitto while it lasts, with the configuration that was written."""
        conf = self.data / "mosquitto" / "landbridge.conf"
        child = Child("broker", [program("mosquitto"), "-c", str(conf)], self.folder / "broker.log", _nothing)
        try:
            self._await(child, self.port)
            yield
        finally:
            child.stop()

    @contextmanager
    def agent(self) -> Iterator[None]:
        """The agent and its pages while it lasts."""
        command = [sys.executable, "-m", "landbridge", "--data", str(self.data), "run"]
        child = Child("agent", command, self.folder / "agent.log", _nothing)
        try:
            self._await(child, self.watch_port)
            self._await(child, self.web_port)
            yield
        finally:
            child.stop()

    def add_devices(self) -> None:
        """From a file, with a tag each."""
        rows = (f"{name},{'cold' if number % 2 else 'warm'}\n" for number, name in enumerate(self.names))
        (self.folder / "devices.csv").write_text("device,tags\n" + "".join(rows))
        self.do("devices", "import", str(self.folder / "devices.csv"))

    def broker_users(self) -> int:
        """How many devices have a user, by the broker's own file."""
        stored = json.loads((self.data / "mosquitto" / "dynamic-security.json").read_text())
        return len({each["username"] for each in stored["clients"]} & {*self.names})

    def start_trips(self) -> int:
        """Over HTTP, one for each device; return how many have started."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web_port, timeout=_START_S)
        head = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        started = 0
        for number, name in enumerate(self.names):
            ten = f"CSQU{number:06}"
            body = {
                "device": name,
                "container": f"{ten}{check_digit(ten)}",
                "route": "chongqing-duisburg",
                "destination": "Duisburg",
            }
            while True:
                connection.request("POST", "/v1/trips", json.dumps(body), head)
                answer = connection.getresponse()
                said = answer.read()
                if answer.status != 429:
                    break
                connection.close()  # the agent would, meanwhile
                time.sleep(int(answer.headers["retry-after"]))  # as a platform does that asks in a hurry
            if answer.status != 201:
                raise SystemExit(f"POST /v1/trips: {answer.status} {said.decode(errors='replace')[:300]}")
            started += 1
        connection.close()
        return started

    def device_files(self, name: str) -> Path:
        """The folder for its flash."""
        return self.data / "devices" / name

    def _await(self, child: Child, port: int) -> None:
        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        if not until(lambda: listens() or not child.alive(), _START_S) or not child.alive():
            raise SystemExit(f"{child.name} does not listen on port {port}; its log is {child.log}")


def _nothing(_line: str) -> None:
    """The output of a child process is in its log."""


def a_day(fleet: Fleet, trackers: list[Tracker], firmware: list[Firmware]) -> None:
    """Let everybody send for a day: trackers four times, the firmware as it likes."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for begin_s in range(0, _DAY_S, _PART_S):
            end_s = begin_s + _PART_S
            for until_s in range(begin_s + _SLICE_S, end_s + 1, _SLICE_S):
                for each in firmware:
                    each.run(until_s)
            fleet.clock.set_ms(end_s * 1_000)
            for done in [pool.submit(each.day, begin_s, end_s) for each in trackers]:
                done.result()
        for hour in range(1, 25):
            for each in firmware:
                if each.oracle.pending():
                    each.run(_DAY_S + hour * 3_600)


def compare(fleet: Fleet, trackers: list[Tracker], firmware: list[Firmware], found: Found) -> None:
    """Hold what is stored against what was recorded."""
    database = open_database(fleet.data / "landbridge.sqlite3")
    with database.reading() as connection:
        for tracker in trackers:
            stored = {each.point.seq for each in points.track(connection, tracker.device)}
            found.records += len(tracker.made)
            found.stored += len(stored)
            found.missing += len(tracker.made.keys() - stored)
        for each in firmware:
            counts = each.oracle.count(points.track(connection, each.name))
            found.records += counts.taken
            found.records_of_firmware += counts.taken
            found.stored += counts.stored
            found.missing += counts.lost + counts.in_flash
            found.failures += counts.wrong[:3]
        found.dead_letters = connection.execute(text("SELECT count(*) FROM dead_letters")).scalar_one()
    database.close()


def retire(fleet: Fleet) -> int:
    """Retire the last device; return whether the broker refuses it then."""
    name = fleet.names[-1]
    password = json.loads((fleet.device_files(name) / "device.json").read_text())["broker_password"]
    door = (name, password, fleet.port, fleet.data / "tls" / "ca.pem")
    was_in = not refused(*door)
    fleet.do("devices", "retire", name, "--yes")
    return int(was_in and refused(*door))


def run(folder: Path, count: int, firmware_count: int) -> Found:
    """The whole fleet."""
    began, found = time.monotonic(), Found()
    fleet = Fleet(folder, count)
    fleet.set_up()
    with ExitStack() as running:
        running.enter_context(fleet.broker())
        since = time.monotonic()
        fleet.add_devices()
        found.import_s = round(time.monotonic() - since, 1)
        found.devices, found.broker_users = (
            len(fleet.do("devices", "export").splitlines()) - 1,
            fleet.broker_users(),
        )
        running.enter_context(fleet.agent())
        found.trips = fleet.start_trips()
        firmware = [
            Firmware(name, folder / name, fleet.device_files(name), fleet.port, number, fleet.clock)
            for number, name in enumerate(fleet.names[:firmware_count], 1)
        ]
        trackers = []
        for name in fleet.names[firmware_count:]:
            (folder / name).mkdir()
            settings: dict[str, Any] = json.loads((fleet.device_files(name) / "device.json").read_text())
            trackers.append(Tracker(folder / name, name, settings, fleet.port, fleet.data / "tls" / "ca.pem"))
        try:
            a_day(fleet, trackers, firmware)
        finally:
            for each in firmware:
                each.close()
        compare(fleet, trackers, firmware, found)
        found.retired_refused = retire(fleet)
    found.seconds = round(time.monotonic() - began, 1)
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.fleet.fleet")
    parser.add_argument("--devices", type=whole(1), default=500)
    parser.add_argument("--firmware", type=whole(0), default=10)
    arguments = parser.parse_args()
    found = run(FOLDER, arguments.devices, arguments.firmware)
    short = found.short(arguments.devices, arguments.firmware)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(asdict(found) | {"short": short}, indent=1) + "\n")
    for name, value in asdict(found).items():
        if name != "failures":
            print(f"{name.replace('_', ' ')} {value}")
    for each in short:
        print(f"SHORT: {each}")
    sys.exit(bool(short))


if __name__ == "__main__":
    main()
