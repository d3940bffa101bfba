"""The agent under floods from anyone on the network: do devices notice?

`python -m tools.verify.flood.flood [--seconds N]` runs the real agent with its pages on a real Mosquitto,
with 1,024 descriptors and a service manager's socket. While 20 devices report, one reader opens 1,100 live
feeds, 1,300 requests stay half-open, 60 people at a time try passwords from 60 addresses, and one device
sends 3,000 uplinks of junk. All of it is on loopback. Prints the figures last, writes out/flood.json, and
exits with 1 when ingest was interrupted, a record is lost, memory or an answer goes beyond its limit, or a
flood did not happen.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from landbridge.core.clock import Clock
from landbridge.features.users import rules as tokens
from paho.mqtt.enums import CallbackAPIVersion

from tools.flash.layout import REPOSITORY
from tools.verify.flood.flooding import Seen, Sizes, flood
from tools.verify.harness.ports import free_port
from tools.verify.kill import killtest
from tools.verify.kill.devices import Device, Link
from tools.world.services.processes import Child

OUT = Path("out/flood.json")
FOLDER = Path("out/flood").absolute()
_SHIPPED = REPOSITORY / "deploy" / "mosquitto" / "landbridge.conf"
DESCRIPTORS = 1_024
MOST_MB = 500
SLOWEST_S = 5.0
_DEVICES, _JUNK, _JUNK_BYTES = 20, 3_000, 200
_SECONDS = 60.0
_START_S = 60.0
_NO_NOTICE_S = 20.0
"""The agent says every 5 s that it is well."""


@dataclass
class Found:
    """The printed figures."""

    ingest_interrupted: int = 0
    """Ends of the agent, connections to the broker that it lost, uplinks without an answer, and times that it
    did not say that it was well."""
    peak_memory_mb: int = 0
    """Peak of agent and pages together."""
    slowest_answer_s: float = 0.0
    """To a device."""
    answers: int = 0
    records: int = 0
    lost: int = 0
    stored_twice: int = 0
    changed: int = 0
    junk_sent: int = 0
    pages_ended: int = 0
    seen: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def short(self) -> list[str]:
        """In words, what is not as it must be."""
        bad = ("ingest_interrupted", "lost", "stored_twice", "changed", "pages_ended")
        short = self.failures + [f"{name} {getattr(self, name)}" for name in bad if getattr(self, name)]
        short += [f"{self.peak_memory_mb} MB"] if self.peak_memory_mb > MOST_MB else []
        return short + ([f"{self.slowest_answer_s} s"] if self.slowest_answer_s > SLOWEST_S else [])


class TimedLink(Link):
    """Waits for a reply as long as a device does, and keeps how long it took."""

    times_faster = 1.0
    answers: list[float] = []
    unanswered: list[float] = []
    """Seconds that were waited, of all links."""
    _since: float | None = None

    def mqtt_publish(self, topic: bytes, data: Any) -> None:
        """From the first that is unanswered on the time counts."""
        super().mqtt_publish(topic, data)
        self._since = self._since or time.monotonic()

    def mqtt_receive(self, timeout_ms: int) -> bytes | None:
        """The next message; None: none was received in time."""
        data = super().mqtt_receive(timeout_ms)
        if self._since is not None:
            (self.unanswered if data is None else self.answers).append(time.monotonic() - self._since)
            self._since = self._since if data is None else None
        return data


class FloodedDevice(Device):
    """The devices whose downlinks are timed."""

    link = TimedLink


class FloodedFleet(killtest.Fleet):
    """With an agent that has pages, few descriptors and a service manager."""

    device = FloodedDevice

    def __init__(self, folder: Path, count: int) -> None:
        super().__init__(folder, count)
        TimedLink.answers, TimedLink.unanswered = [], []
        with (folder / "broker" / "mosquitto.conf").open("a") as settings:
            settings.writelines(_shipped_limits())
        self.port = free_port()
        self.notified: list[tuple[float, str]] = []
        with self.database.writing() as connection:
            self.token = tokens.add(connection, "reader", "reader", "acme", "flood", Clock().now_s())

    @contextmanager
    def watched_agent(self) -> Iterator[None]:
        """The agent meanwhile; its messages to the service manager are kept."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            where = str(self.folder / "notify")
            manager.bind(where)
            threading.Thread(target=self._listen, args=(manager,), daemon=True).start()
            limited = ("sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$0" "$@"')
            command = [*limited, sys.executable, "-m", "tools.verify.kill.agent"]
            given = {"NOTIFY_SOCKET": where, "LANDBRIDGE_WEB_PORT": str(self.port)}
            self.agent = Child("agent", command, self.folder / "agent.log", lambda line: None, **given)
            try:
                if not killtest.until(lambda: "READY=1" in [state for _, state in self.notified], _START_S):
                    raise AssertionError(f"the agent did not start; see {self.folder / 'agent.log'}")
                yield
            finally:
                self.agent.stop()

    def _listen(self, manager: socket.socket) -> None:
        while True:
            try:
                state = manager.recv(1_000).decode()
            except OSError:
                return
            self.notified.append((time.monotonic(), state))

    def peak_mb(self) -> int:
        """The most memory that the agent's processes have had."""
        processes = [self.agent.pid]
        for thread in Path(f"/proc/{self.agent.pid}/task").iterdir():
            processes += map(int, (thread / "children").read_text().split())
        peaks = (Path(f"/proc/{each}/status").read_text() for each in processes)
        return sum(int(re.findall(r"VmHWM:\s+(\d+) kB", each)[0]) for each in peaks) // 1024


def _shipped_limits() -> list[str]:
    """How much the broker that we ship keeps for a client, and has on its way to it."""
    lines = _SHIPPED.read_text().splitlines(keepends=True)
    return [line for line in lines if line.startswith(("max_inflight_messages", "max_queued_"))]


class Junk(threading.Thread):
    """A device that sends `count` uplinks of junk as fast as they go."""

    def __init__(self, fleet: FloodedFleet, device: Device, count: int) -> None:
        super().__init__(name="junk", daemon=True)
        self.sent = 0
        self._topic, self._count = f"landbridge/{device.device}/up", count
        self._connection = device.connection

    def run(self) -> None:
        """Send them."""
        device, password, port, ca = self._connection
        client = mqtt.Client(CallbackAPIVersion.VERSION2, device)
        client.username_pw_set(device, password)
        client.tls_set(str(ca))
        client.connect("localhost", port)
        client.loop_start()
        for _ in range(self._count):
            client.publish(self._topic, os.urandom(_JUNK_BYTES), qos=1).wait_for_publish(_START_S)
            self.sent += 1
        client.disconnect()
        client.loop_stop()


def run(folder: Path, devices: int, seconds: float, sizes: Sizes, junk: int) -> Found:
    """The whole flood."""
    fleet = FloodedFleet(folder, devices + 1)
    junk_device = Junk(fleet, fleet.devices.pop(), junk)
    found = Found()
    fleet.broker.start()
    try:
        with fleet.watched_agent():
            for device in fleet.devices:
                device.start()
            if not killtest.until(lambda: fleet.stored() > 0, _START_S):
                found.failures.append("nothing is stored before the flood")
            junk_device.start()
            seen = _flooded(fleet, seconds, sizes)
            junk_device.join(_START_S)
            for device in fleet.devices:
                device.finish()
            for device in fleet.devices:
                device.join(_START_S)
                found.failures += [device.failure] if device.failure else []
                found.failures += [f"{device.device}: {device.waiting()} wait"] if device.is_alive() else []
            found.peak_memory_mb = fleet.peak_mb() if fleet.agent.alive() else 0
            found.ingest_interrupted += not fleet.agent.alive()
            _count(fleet, found)
    finally:
        fleet.broker.kill()
        fleet.database.close()
    found.junk_sent, found.seen = junk_device.sent, vars(seen)
    found.failures += left_out(seen, sizes)
    found.failures += [f"{found.junk_sent} of {junk} uplinks of junk"] if found.junk_sent < junk else []
    return found


def _flooded(fleet: FloodedFleet, seconds: float, sizes: Sizes) -> Seen:
    """Flood the pages from another process; return the result."""
    receives, sends = multiprocessing.Pipe(duplex=False)
    given = (fleet.port, fleet.token, seconds, sizes, sends)
    process = multiprocessing.get_context("spawn").Process(target=flood, args=given, daemon=True)
    process.start()
    try:
        if not receives.poll(seconds + _START_S):
            raise AssertionError("the flood does not end")
        seen: Seen = receives.recv()
        return seen
    finally:
        process.kill()
        process.join()


def left_out(seen: Seen, sizes: Sizes) -> list[str]:
    """Floods that did not happen."""
    came = (sum(seen.streams.values()), seen.half_open, seen.sign_ins_begun)
    short = [
        f"only {count} of {wanted} {name}"
        for count, wanted, name in zip(came, sizes, Sizes._fields, strict=True)
        if count < wanted
    ]
    return short + (
        [] if seen.streams["200"] and seen.sign_ins["401"] else ["no client was let in or refused"]
    )


def _count(fleet: FloodedFleet, found: Found) -> None:
    """The state of ingest after the flood."""
    times = [at for at, state in fleet.notified if state == "WATCHDOG=1"]
    late = sum(after - before > _NO_NOTICE_S for before, after in pairwise(times))
    lost = fleet.broker.log().count(" as landbridge-agent ") - 1
    found.ingest_interrupted += len(TimedLink.unanswered) + late + lost
    found.answers = len(TimedLink.answers)
    found.slowest_answer_s = round(max([*TimedLink.answers, *TimedLink.unanswered], default=0.0), 2)
    found.pages_ended = (fleet.folder / "agent.log").read_text().count("the pages ")
    kill_test = killtest.KillTest(fleet, random.Random(0))
    kill_test.count()
    for name in ("records", "lost", "stored_twice", "changed"):
        setattr(found, name, getattr(kill_test.found, name))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.verify.flood.flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=_SECONDS)
    found = run(FOLDER, _DEVICES, parser.parse_args().seconds, Sizes(), _JUNK)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(vars(found) | {"short": found.short()}, indent=2) + "\n")
    for line in found.failures:
        print(line, file=sys.stderr)
    for kind, what in found.seen.items():
        print(f"{kind.replace('_', ' ')} {what if not isinstance(what, float) else round(what, 2)}")
    for name, value in vars(found).items():
        if name not in ("failures", "seen"):
            print(f"{name.replace('_', ' ')} {value}")
    print(f"short {len(found.short())}")
    return 1 if found.short() else 0


if __name__ == "__main__":
    sys.exit(main())
