"""An agent of its own to which the points of a trip are delivered, and a platform that listens to it."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
import paho.mqtt.client as mqtt
from landbridge.db.database import Database, open_database
from landbridge.events.queries import events, outbox
from landbridge.features.devices import queries as devices
from landbridge.features.trips import queries as trips
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint
from landbridge.protocol import envelope
from landbridge.protocol.point import Point
from landbridge.tracking import queries as tracking
from locator.codec import record
from paho.mqtt.enums import CallbackAPIVersion

from tools.verify.harness import uplink
from tools.verify.harness.uplink import DeviceClock
from tools.world.services.clock import VirtualClock
from tools.world.services.processes import PLATFORM, Agent, Broker, ServiceError, Services
from tools.world.stage import CONTAINER, DESTINATION, DEVICE, ROUTE, ROUTE_FILE

MOST_RECORDS = 40
"""An uplink, so that no envelope is too long."""
WAIT_S = 120
_2000_S = 946_684_800
_TERMINAL = {"type": "Point", "coordinates": [6.735, 51.455]}
_RADIUS_M = 15_000


@dataclass
class Outcome:
    """The state of an agent after the points, and that of a platform that has read all messages."""

    events: dict[str, Any]
    """Current events by id, without the time of their arrival."""
    points: list[tuple[Any, ...]]
    """Sequence, time, quality flags, trip."""
    trips: list[tuple[Any, ...]]
    position: tuple[Any, ...]
    believed: set[str]
    retracted: int


def encode(taken: Sequence[Point], clock: DeviceClock | None) -> bytes:
    """The uplink as the device's code writes it."""
    records = [[getattr(point, name) or 0 for name in record.FIELDS.split()] for point in taken]
    return uplink.encode(records, clock)


@dataclass
class LateAgent:
    """Broker and agent in `folder`, with the device on its trip from `begin_s` on; it is `now_s` when points
    come (seconds since 2000)."""

    folder: Path
    begin_s: int
    now_s: int
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    _number: int = 0
    _replies: dict[int, Any] = field(default_factory=dict)

    def __enter__(self) -> LateAgent:
        self.folder = self.folder.absolute()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._clock = VirtualClock(self.folder / "clock", self.begin_s + _2000_S)
        broker = Broker(self.folder / "broker", 0, None)
        agent = Agent(self.folder / "agent", broker, self._clock.path, None)
        self._services = Services(broker, agent)
        agent.do("devices", "add", DEVICE)
        agent.do("routes", "add", ROUTE, str(ROUTE_FILE))
        agent.do(
            "trips", "start", DEVICE, "--container", CONTAINER, "--route", ROUTE, "--destination", DESTINATION
        )
        terminal = self.folder / "terminal.geojson"
        terminal.write_text(json.dumps(_TERMINAL))
        agent.do("geofences", "add", DESTINATION, str(terminal), "--radius", str(_RADIUS_M))
        settings = json.loads((agent.folder / "devices" / DEVICE / "device.json").read_text())
        self._key = bytes.fromhex(settings["key"])
        password, own = settings["broker_password"], f"landbridge/{DEVICE}/"
        broker.allow(DEVICE, password, [own + "up"], [own + "down"])
        broker.allow(PLATFORM, PLATFORM, [], ["landbridge/out/#"])
        self._clock.set_ms((self.now_s - self.begin_s) * 1000)
        self._services.start()
        self._database = open_database(agent.database)
        self._platform = self._client(PLATFORM, PLATFORM, "landbridge/out/#", self._received)
        self._device = self._client(DEVICE, password, own + "down", self._answered)
        return self

    def __exit__(self, *_: object) -> None:
        for client in (self._device, self._platform):
            client.disconnect()
            client.loop_stop()
        self._database.close()
        self._services.stop()
        self._clock.close()

    def deliver(self, taken: Sequence[Point], clock: DeviceClock | None = None) -> None:
        """One uplink, until it is answered."""
        self._number += 1
        number = self._number
        encrypted = envelope.seal(self._key, DEVICE, "up", number, encode(taken, clock))
        self._device.publish(f"landbridge/{DEVICE}/up", encrypted, qos=1)
        self._await(lambda: number in self._replies, f"an answer to uplink {number}")

    def await_tracking(self) -> None:
        """Wait until the tracking of the trip is done and its events are published."""

        def is_done() -> bool:
            with self._database.reading() as connection:
                return tracking.next_marked(connection) is None and not outbox.head(connection, 1)

        self._await(is_done, "tracking is done and its events are published")

    def outcome(self) -> Outcome:
        """Return the outcome."""
        database: Database = self._database
        with database.reading() as connection:
            current = events.inferred_from(connection, DEVICE, (0, 0))
            track = points.track(connection, DEVICE)
            ends = [(row.trip, row.ended_s, row.by_arrival) for row in trips.every(connection)]
            device = devices.find(connection, DEVICE)
        assert device is not None
        published = [json.loads(payload) for topic, payload in list(self.messages) if "/event/" in topic]
        believed: set[str] = set()
        for content in published:
            if content["type"] == "retraction":
                believed.discard(content["retracts"])
            elif not content["type"].startswith("alarm"):  # raised and cleared as the points come
                believed.add(content["id"])
        return Outcome(
            {each.id: dict(each.content) | {"received": None} for each in current},
            sorted((each.point.seq, each.at_s, each.flags, each.trip) for each in track),
            ends,
            (device.position_seq, device.position_at_s),
            believed,
            sum(content["type"] == "retraction" for content in published),
        )

    def _client(
        self, user: str, password: str, topic: str, heard: Callable[[str, bytes], None]
    ) -> mqtt.Client:
        ready = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, user)
        client.username_pw_set(user, password)
        client.tls_set(str(self._services.broker.folder / "ca.pem"))
        client.on_connect = lambda *_: _subscribe(client, topic)
        client.on_subscribe = lambda *_: ready.set()
        client.on_message = lambda _client, _user, message: heard(message.topic, bytes(message.payload))
        client.connect("localhost", self._services.broker.port)
        client.loop_start()
        if not ready.wait(WAIT_S):
            raise ServiceError(f"{user} cannot subscribe; the broker's log is {self._services.broker.folder}")
        return client

    def _received(self, topic: str, payload: bytes) -> None:
        self.messages.append((topic, payload))

    def _answered(self, _: str, payload: bytes) -> None:
        reply = cbor2.loads(envelope.open_envelope(self._key, DEVICE, "down", payload)[1])
        self._replies[reply[1]] = reply

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + WAIT_S
        while not condition():
            self._services.check()
            if time.monotonic() > end:
                raise ServiceError(f"not within {WAIT_S} s: {what}; the logs are in {self.folder}")
            time.sleep(0.02)


def _subscribe(client: mqtt.Client, topic: str) -> None:
    client.subscribe(topic, qos=1)


def clocks(track: Sequence[StoredPoint], now_s: int) -> dict[int, DeviceClock]:
    """The device's clock of each power-on of which there are points without a time of their own."""
    offsets = {
        each.point.boot: each.at_s - each.point.time
        for each in track
        if each.point.quality == 0 and each.at_s is not None
    }
    return {boot: (boot, now_s - offset, offset) for boot, offset in offsets.items()}
