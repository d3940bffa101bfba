"""The load of the agent's benchmark: a fleet in a database, its uplinks, a broker that holds them."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cbor2
import paho.mqtt.client as mqtt
from landbridge.core.clock import Clock
from landbridge.db.database import open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.points.queries import writes
from landbridge.points.rows import StoredPoint
from landbridge.protocol import envelope
from landbridge.protocol.point import Point
from paho.mqtt.enums import CallbackAPIVersion

from tools.verify.benchmarks.wire.benchmark import encode
from tools.verify.benchmarks.wire.tracks import Sample, tracks

FIXES = 16
"""In an uplink."""
_WINDOW = 500
_DEADLINE_S = 120.0


class Message(NamedTuple):
    """An uplink on its way."""

    topic: str
    payload: bytes


def names(count: int) -> list[str]:
    """Of the devices of the fleet."""
    return [f"lb-{number:06}" for number in range(1, count + 1)]


def key_of(device: str) -> bytes:
    """Its key: always the same, so that each database knows the same fleet."""
    return random.Random(device).randbytes(32)


def add_fleet(place: str, key_file: str, fleet: Sequence[str]) -> None:
    """Add devices to a database, which is made if need be."""
    database, keyring, now_s = open_database(place), Keyring(place, key_file), Clock().now_s()
    with database.writing() as connection:
        devices.add_all(connection, ((each, keyring.wrap(key_of(each), first=True)) for each in fleet), now_s)
    database.close()


def fill(place: str, count: int, apart: int) -> None:
    """Put this many points of other devices into the database of a fleet, spread over `apart` of them."""
    database, now_s = open_database(place), Clock().now_s()
    others = [f"lb-x{number:05}" for number in range(apart)]
    each = count // apart
    with database.writing() as connection:
        devices.add_all(connection, ((device, b"") for device in others), now_s)
        for device in others:
            stored = [
                StoredPoint(
                    device, _plain(seq, now_s), now_s - 9_000_000 + 60 * seq, False, 0, now_s, None, None
                )
                for seq in range(1, each + 1)
            ]
            writes.insert_all(connection, stored)
    database.close()


def _plain(seq: int, now_s: int) -> Point:
    place = (50_00000 + 37 * seq, 20_00000 + 53 * seq, 75, 60, 45, 5, 9)
    return Point(
        seq, now_s - 9_000_000 + 60 * seq, 1, 3, 0, 1, *place, 180, -10, 26001, 9311, seq // 9, 95, 0
    )


def uplinks(fleet: Sequence[str], each: int, seed: int, first: int = 0) -> list[Message]:
    """`each` uplinks of every device from its number `first` on, as a device writes them: those of one device
    far apart."""
    trips = list(tracks(seed).values())
    now_s = Clock().now_s()
    made = []
    for number in range(first, first + each):
        for place, device in enumerate(fleet):
            trip = trips[place % len(trips)]
            begin = number * FIXES % (len(trip) - FIXES + 1)
            batch = [_recent(sample, now_s) for sample in trip[begin : begin + FIXES]]
            made.append(_uplink(device, number, batch, now_s))
    return made


def _recent(sample: Sample, now_s: int) -> Sample:
    return sample._replace(time_s=sample.time_s % 1_000_000 + now_s - 1_100_000)


def _uplink(device: str, number: int, batch: Sequence[Sample], now_s: int) -> Message:
    item = cbor2.loads(encode(batch, number * FIXES + 1))
    counts = dict.fromkeys(range(5, 11), 1)
    status = {0: 3600, 1: -50, 2: FIXES, 3: 0, 4: "1.0"} | counts | {11: (number + 1) * FIXES + 1}
    item |= {2: status, 4: now_s + 14_400, 5: [1, 1_000_000, now_s - 1_000_000]}
    encrypted = envelope.seal(key_of(device), device, "up", number, cbor2.dumps(item))
    return Message(f"landbridge/{device}/up", encrypted)


class Feeder:
    """Publishes to the broker as one client, at QoS 1."""

    def __init__(self, port: int) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "feeder")
        self._client.max_inflight_messages_set(_WINDOW)
        self._client.max_queued_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish and wait until the broker has all."""
        last = None
        for message in messages:
            last = self._client.publish(message.topic, message.payload, qos=1)
        if last is not None:
            last.wait_for_publish(_DEADLINE_S)
            assert last.is_published(), "the broker does not take the messages"

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


def leave_session(port: int, client_id: str) -> None:
    """Have the broker keep what comes for this client."""
    subscribed = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False)
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("landbridge/+/up", 1)
    assert subscribed.wait(_DEADLINE_S)
    client.disconnect()
    client.loop_stop()


def settings(folder: Path, port: int, database: str, more: str = "") -> dict[str, str]:
    """The environment of an agent that works in `folder`."""
    file = folder / "landbridge.toml"
    file.write_text(
        f'[broker]\nhost = "127.0.0.1"\nport = {port}\ntls = false\n[store]\ndatabase = "{database}"\n'
        f'key_file = "{folder / "keys"}"\n{more}'
    )
    return os.environ | {"LANDBRIDGE_CONFIG": str(file)}
