"""Parts for tests of the agent: Mosquitto with TLS and ACLs, an agent, devices, platforms."""

import json
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cbor2
import paho.mqtt.client as mqtt
import pytest
from landbridge import app as service
from landbridge import config_file
from landbridge.core.clock import CLOCK_FILE_VARIABLE, EPOCH, Clock
from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices.enrol import enrol
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.queries import dead_letters
from landbridge.ingest.queries.device_rows import lock_rows, write
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint
from landbridge.protocol import envelope
from landbridge.protocol.point import Point
from landbridge.web import process
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import Connection

from host_tests.support.make_vectors import fix
from host_tests.support.uplink_encoder import encode_uplink
from tools.verify.harness.mosquitto import Mosquitto
from tools.world.services import certificates

BROKER_HOST = "broker.landbridge.example"
DEVICE = "lb-0001"
WAIT_S = 120
PASSWORD = "right"
NOW_S = 845_500_000
"""What the clock of the bench says, in epoch seconds: some days after the points were taken."""


def pages_as_soon_as_others(environment: pytest.MonkeyPatch) -> None:
    """The pages' process yields to all others: on a machine that is busy with tests it would hardly run."""
    command = (sys.executable, "-m", "host_tests.support.pages_in_haste")
    environment.setattr(process, "COMMAND", command)
    environment.setattr(process, "PATIENCE_S", WAIT_S)


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for `condition` and return what it gave; fail with `what` after WAIT_S."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {WAIT_S} s: {what}")


def point(seq: int, **changes: int) -> Point:
    """A fix near Chongqing, its time rising with `seq`; `changes` in record units."""
    return Point(**fix(seq, **changes))


def set_clock(file: Path, now_s: int) -> None:
    """Let the clock `file` say `now_s`, epoch seconds."""
    microseconds = (int(EPOCH.timestamp()) + now_s) * 1_000_000
    # In place: a reader never sees half of it.
    with file.open("r+b" if file.exists() else "wb") as clock:
        clock.write(struct.pack("<Q", microseconds))


def acknowledged(reply: dict[int, Any]) -> list[tuple[int, int]]:
    """The ranges in a reply."""
    flat = reply[2]
    return list(zip(flat[::2], flat[1::2], strict=True))


def heard(
    connection: Connection,
    device: str,
    now_s: int,
    next_session_s: int | None = None,
    status: Mapping[str, object] = MappingProxyType({}),
    identity: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """A message of `device` came in, under the next number."""
    row = lock_rows(connection, [device])[device]
    window = row.window
    window.add(window.top + 1)
    row.accept(window, row.epoch, now_s)
    row.keep_report(next_session_s, status, identity)
    write(connection, [row])


class Client:
    """A paho client that keeps what it gets; connects and subscribes when made."""

    def __init__(self, broker: Mosquitto, user: str, password: str, subscribe: str, qos: int) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self._ready = threading.Event()
        self._subscribe = (subscribe, qos)
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, user)
        self.client.username_pw_set(user, password)
        self.client.tls_set(str(broker.folder / "ca.pem"))
        self.client.reconnect_delay_set(0.1, 1)  # type: ignore[arg-type]
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = lambda _c, _d, m: self.messages.append((m.topic, bytes(m.payload)))
        self.client.connect("localhost", broker.port)
        self.client.loop_start()
        assert self._ready.wait(WAIT_S)

    def _on_connect(self, *_: Any) -> None:
        self.client.subscribe(*self._subscribe)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Device(Client):
    """A locator reduced to its link: sends uplinks, opens replies."""

    def __init__(self, broker: Mosquitto, key: bytes, device: str = DEVICE) -> None:
        self.device, self.key = device, key
        self.next_number = 0
        password = envelope.broker_password(key, device)
        super().__init__(broker, device, password, f"landbridge/{device}/down", 0)

    def seal(self, points: list[Point], **parts: Any) -> bytes:
        """The envelope of an uplink under the next number."""
        self.next_number += 1
        text = encode_uplink(points, **parts)
        return envelope.seal(self.key, self.device, "up", self.next_number, text)

    def publish(self, payload: bytes) -> None:
        self.client.publish(f"landbridge/{self.device}/up", payload, qos=1)

    def exchange(self, payload: bytes) -> dict[int, Any]:
        """Publish and return the reply to it."""
        number, _ = envelope.open_envelope(self.key, self.device, "up", payload)
        before = len(self.replies(number))
        self.publish(payload)
        wait_until(lambda: len(self.replies(number)) > before, "a reply")
        return self.replies(number)[-1]

    def send(self, points: list[Point], **parts: Any) -> dict[int, Any]:
        """Seal, publish, and return the reply."""
        return self.exchange(self.seal(points, **parts))

    def replies(self, answered: int | None = None) -> list[dict[int, Any]]:
        """The replies so far, opened; with `answered` only those to that uplink."""
        opened = [envelope.open_envelope(self.key, self.device, "down", data) for _, data in self.messages]
        replies = [cbor2.loads(text) for _, text in opened]
        return [reply for reply in replies if answered in (None, reply[1])]


class Platform(Client):
    """Someone who listens to what the agent passes on."""

    def __init__(self, broker: Mosquitto, user: str = "platform") -> None:
        super().__init__(broker, user, PASSWORD, "landbridge/out/#", 1)

    def on(self, leaf: str) -> list[Any]:
        """What came on the topics that end with `leaf`."""
        return [json.loads(data) for topic, data in list(self.messages) if topic.endswith(leaf)]

    def features(self) -> list[dict[str, Any]]:
        """All features of all tracks that came."""
        return [feature for track in self.on("/track") for feature in track["features"]]


class Installation:
    """Broker, database with one device, and an agent in this process or in one of its own."""

    def __init__(self, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._database: Database | None = None
        environment.setenv("LANDBRIDGE_CONFIG", str(self._write_settings()))
        set_clock(folder / "clock", NOW_S)
        environment.setenv(CLOCK_FILE_VARIABLE, str(folder / "clock"))
        self.config = config_file.load()
        database = open_database(self.config.store.database)
        keyring = Keyring(database.place, self.config.store.key_file)
        enrol(self.config, database, keyring, Clock(), DEVICE, "bench")
        database.close()
        settings = json.loads((folder / "devices" / DEVICE / "device.json").read_text())
        self.key = bytes.fromhex(settings["key"])
        users = {
            "agent": PASSWORD,
            "platform": PASSWORD,
            "tenant-acme": PASSWORD,
            DEVICE: settings["broker_password"],
        }
        users["lb-unknown"] = envelope.broker_password(bytes(32), "lb-unknown")
        self.broker = Mosquitto(folder / "broker", users)
        environment.setenv("LANDBRIDGE_BROKER_PORT", str(self.broker.port))
        self.config = config_file.load()
        self.broker.start()
        self.clients: list[Client] = []
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def database(self) -> Database:
        """The agent's database, opened once more."""
        if self._database is None:
            self._database = open_database(self.config.store.database)
        return self._database

    def stored(self) -> list[StoredPoint]:
        with self.database().reading() as connection:
            return points.track(connection, DEVICE)

    def counts(self) -> points.Counts:
        with self.database().reading() as connection:
            return points.counts(connection, DEVICE)

    def dead_letters(self) -> list[str]:
        """The reasons."""
        with self.database().reading() as connection:
            return [row.reason for row in dead_letters.every(connection)]

    def device(self, key: bytes | None = None, name: str = DEVICE) -> Device:
        self.clients.append(device := Device(self.broker, key or self.key, name))
        return device

    def platform(self, user: str = "platform") -> Platform:
        self.clients.append(platform := Platform(self.broker, user))
        return platform

    def start(self, pipeline: service.MakePipeline = Pipeline) -> None:
        """Start the agent in this process; messages that come earlier than it wait for it."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=service.run, args=(self.config, self._stop, pipeline))
        before = self.subscriptions()
        self._thread.start()
        wait_until(lambda: self.subscriptions() > before, "the agent listens")

    def stop(self) -> None:
        """End the agent in this process."""
        if self._thread and self._stop:
            self._stop.set()
            self._thread.join()
            self._thread = None

    def spawn(self, die_at: str = "") -> subprocess.Popen[bytes]:
        """Start the agent in a process of its own, to be killed or to kill itself at a step."""
        command = [sys.executable, "-m", "host_tests.support.agent_that_dies", die_at]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        before = self.subscriptions()
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log, env=environment)
        wait_until(lambda: self.subscriptions() > before, "the agent listens")
        return self._process

    def close(self) -> None:
        for client in self.clients:
            client.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self.stop()
        self.broker.kill()
        if self._database:
            self._database.close()

    def subscriptions(self) -> int:
        """How often the agent has subscribed so far."""
        return self.broker.log().count("agent 1 landbridge/+/up")

    def _write_settings(self) -> Path:
        ca = self.folder / "broker" / "ca.pem"
        certificates.make(ca.parent, BROKER_HOST)
        file = self.folder / "landbridge.toml"
        file.write_text(
            f'[broker]\nhost = "localhost"\nca_file = "{ca}"\nusername = "agent"\n'
            f'password = "{PASSWORD}"\n[store]\ndatabase = "{self.folder / "landbridge.sqlite3"}"\n'
            f'[devices]\ndirectory = "{self.folder / "devices"}"\nbroker_host = "{BROKER_HOST}"\n'
        )
        file.chmod(0o600)  # a password is in it
        return file
