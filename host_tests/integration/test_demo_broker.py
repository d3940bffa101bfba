"""The demo's broker: TLS, users and their permissions, and the two points at which it can be killed."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tools.world.services import certificates
from tools.world.services.chaos import BEFORE_DELIVERY
from tools.world.services.processes import AGENT, BROKER_HOST, UP, Broker, ServiceError

WAIT_S = 60


class Client:
    """A paho client that keeps what it gets."""

    def __init__(self, broker: Broker, name: str, password: str = "right") -> None:
        self.refused = threading.Event()
        self.connected = threading.Event()
        self.subscribed = threading.Event()
        self.got = threading.Event()
        self.lost = threading.Event()
        self.messages: list[tuple[str, bytes]] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, name)
        self.client.username_pw_set(name, password)
        self.client.tls_set(str(broker.folder / "ca.pem"))
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_disconnect = lambda *_: self.lost.set()
        self.client.on_message = self._on_message
        self.client.connect("localhost", broker.port)
        self.client.loop_start()

    def _on_connect(self, _client, _data, _flags, reason, _properties):
        (self.refused if reason.is_failure else self.connected).set()

    def _on_message(self, _client, _data, message):
        self.messages.append((message.topic, message.payload))
        self.got.set()

    def subscribe(self, topic: str) -> "Client":
        assert self.connected.wait(WAIT_S)
        self.client.subscribe(topic, 1)
        assert self.subscribed.wait(WAIT_S)
        return self

    def publish(self, topic: str, payload: bytes = b"hello", retain: bool = False) -> bool:
        """Publish at QoS 1; True once the PUBACK is here."""
        assert self.connected.wait(WAIT_S)
        message = self.client.publish(topic, payload, 1, retain)
        message.wait_for_publish(WAIT_S)
        return message.is_published()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    folder, trap = tmp_path / "broker", tmp_path / "trap"
    trap.mkdir()
    certificates.make(folder, BROKER_HOST)
    broker = Broker(folder, 0, trap)
    broker.allow(AGENT, "right", ["landbridge/#"], ["landbridge/#"])
    broker.allow("lb-1", "right", ["landbridge/lb-1/up"], ["landbridge/lb-1/down"])
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def connect(broker: Broker) -> Iterator[Any]:
    clients = []

    def connect(name: str, password: str = "right") -> Client:
        clients.append(Client(broker, name, password))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def test_hands_a_message_to_the_agent(connect):
    agent = connect(AGENT).subscribe(UP)
    assert connect("lb-1").publish("landbridge/lb-1/up")
    assert agent.got.wait(WAIT_S)
    assert agent.messages == [("landbridge/lb-1/up", b"hello")]


def test_a_device_may_not_speak_for_another(connect):
    agent = connect(AGENT).subscribe(UP)
    device = connect("lb-1")
    device.publish("landbridge/lb-2/up", b"false")
    device.publish("landbridge/lb-1/up", b"true")
    assert agent.got.wait(WAIT_S)
    assert agent.messages == [("landbridge/lb-1/up", b"true")]


@pytest.mark.parametrize(("name", "password"), [("lb-1", "wrong"), ("nobody", "right")])
def test_refuses_strangers(connect, name, password):
    assert connect(name, password).refused.wait(WAIT_S)


def test_a_retained_message_is_only_for_its_subscribers(connect):
    agent = connect(AGENT).subscribe("landbridge/out/#")
    assert agent.publish("landbridge/out/position", b"here", retain=True)
    assert agent.got.wait(WAIT_S)
    device = connect("lb-1").subscribe("landbridge/lb-1/down")
    agent.publish("landbridge/lb-1/down", b"reply")
    assert device.got.wait(WAIT_S)
    assert device.messages == [("landbridge/lb-1/down", b"reply")]


def test_crashes_between_puback_and_delivery(broker, connect, tmp_path):
    agent = connect(AGENT).subscribe(UP)
    device = connect("lb-1")
    (tmp_path / "trap" / "armed").write_text(BEFORE_DELIVERY)
    assert device.publish("landbridge/lb-1/up")
    assert agent.lost.wait(WAIT_S)
    broker.await_end()
    assert not broker.alive()
    assert not agent.messages
    assert (tmp_path / "trap" / "sprung").exists()


def test_killed_it_comes_back_on_the_same_port(broker, connect):
    port = broker.port
    device = connect("lb-1").subscribe("landbridge/lb-1/down")
    broker.kill()
    assert device.lost.wait(WAIT_S)
    assert not broker.alive()
    broker.start()
    assert broker.port == port
    assert connect("lb-1").publish("landbridge/lb-1/up")


def test_a_port_that_is_taken_is_one_line(broker, tmp_path):
    with pytest.raises(ServiceError, match=rf"^port {broker.port}: .*; name another"):
        Broker(tmp_path / "second", broker.port, None).start()
