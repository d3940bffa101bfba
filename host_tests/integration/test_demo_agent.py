"""The agent in the demo, killed at critical points: repeated uplinks are stored once."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from landbridge.db.database import open_database
from landbridge.events.queries import outbox
from landbridge.protocol import envelope
from landbridge.protocol.point import Point
from paho.mqtt.enums import CallbackAPIVersion

from host_tests.support.uplink_encoder import encode_uplink
from tools.world.oracle import delivered
from tools.world.services.chaos import AFTER_RECEIVE, BEFORE_MQTT_ACK, BEFORE_REPLY, IN_TRANSACTION
from tools.world.services.clock import VirtualClock
from tools.world.services.processes import Agent, Broker, ServiceError, Services
from tools.world.trip import START_UTC_S

WAIT_S = 60
DEVICE = "lb-1"
PLACE = (29_63000, 106_39000, 150, 0, 0, 5, 8)
CELL = (460000, 1, 2, 90)
POINTS = [
    Point(seq, delivered.START_S + 60 * seq, 1, 3, 0, 1, *PLACE, 180, 10, *CELL, 0) for seq in range(1, 6)
]


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    (tmp_path / "trap").mkdir()
    clock = VirtualClock(tmp_path / "clock", START_UTC_S)
    broker = Broker(tmp_path / "broker", 0, tmp_path / "trap")
    agent = Agent(tmp_path / "agent", broker, clock.path, tmp_path / "trap")
    agent.do("devices", "add", DEVICE)
    broker.allow(DEVICE, "right", [f"landbridge/{DEVICE}/up"], [f"landbridge/{DEVICE}/down"])
    services = Services(broker, agent)
    services.start()
    yield services
    services.stop()


class Locator:
    """Sends uplinks and waits for replies, like a device."""

    def __init__(self, services: Services) -> None:
        settings = json.loads((services.agent.folder / "devices" / DEVICE / "device.json").read_text())
        self._key = bytes.fromhex(settings["key"])
        self._broker, self._agent = services.broker, services.agent
        self._number = 0

    def report(self) -> bool:
        """One session with one uplink; True if it was answered before the agent died."""
        self._number += 1
        answered, subscribed = threading.Event(), threading.Event()
        client: Any = mqtt.Client(CallbackAPIVersion.VERSION2, DEVICE)
        client.username_pw_set(DEVICE, "right")
        client.tls_set(str(self._broker.folder / "ca.pem"))
        client.on_connect = lambda *_: client.subscribe(f"landbridge/{DEVICE}/down")
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = lambda *_: answered.set()
        client.connect("localhost", self._broker.port)
        client.loop_start()
        assert subscribed.wait(WAIT_S)
        sealed = envelope.seal(self._key, DEVICE, "up", self._number, encode_uplink(POINTS))
        client.publish(f"landbridge/{DEVICE}/up", sealed, qos=1).wait_for_publish(WAIT_S)
        end = time.monotonic() + WAIT_S
        while not answered.wait(0.05) and self._agent.alive() and time.monotonic() < end:
            pass
        came = answered.wait(0.2)
        client.disconnect()
        client.loop_stop()
        return came


@pytest.mark.parametrize("point", [AFTER_RECEIVE, IN_TRANSACTION, BEFORE_MQTT_ACK, BEFORE_REPLY])
def test_killed_at_a_point_it_loses_nothing(services, tmp_path, point):
    locator = Locator(services)
    (tmp_path / "trap" / "armed").write_text(point)
    assert not locator.report()
    assert (tmp_path / "trap" / "sprung").exists()
    assert not services.agent.alive()
    services.start()
    assert locator.report()
    services.stop()
    had = delivered.read(services.agent.database, DEVICE)
    assert [each.point for each in had.points] == POINTS
    assert had.duplicates_stored == 0
    assert had.dead_letters == 0


def test_repeated_events_are_counted(services):
    locator = Locator(services)
    assert locator.report()
    assert locator.report()
    services.stop()
    had = delivered.read(services.agent.database, DEVICE)
    assert had.duplicates_removed == len(POINTS)
    assert had.sessions_ms == [0, 0]


def test_unpublished_events_are_counted(services):
    assert Locator(services).report()
    delivered.await_outbox(services.agent.database)
    services.stop()
    assert delivered.read(services.agent.database, DEVICE).outbox_left == 0
    opened = open_database(services.agent.database)
    with opened.writing() as connection:
        outbox.post(connection, [outbox.NewMessage("landbridge/out/operator/lb-1/track", b"{}", False)], 1)
    opened.close()
    assert delivered.read(services.agent.database, DEVICE).outbox_left == 1


def test_a_service_that_has_died_is_named_with_its_log(services):
    services.check()
    services.agent.kill()
    with pytest.raises(ServiceError, match=r"the agent has died; its log is .*agent\.log"):
        services.check()


def test_an_agent_that_cannot_start_is_named_with_its_log(services):
    services.agent.kill()
    shutil.rmtree(services.agent.folder / "devices")
    services.agent.database.write_text("not a database")
    with pytest.raises(ServiceError, match=r"the agent did not start; its log is .*agent\.log"):
        services.start()
    assert "cannot use database" in (services.agent.folder / "agent.log").read_text()
