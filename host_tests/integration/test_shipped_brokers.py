"""A device's user at the brokers as shipped: it disconnects no other client, has only its own two topics."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
import pytest
from landbridge import app as service
from landbridge.config import Config, Nats, Store
from landbridge.core.clock import Clock
from landbridge.core.parts import Source
from landbridge.db.database import open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.features.devices.enrol import enrol
from landbridge.ingest import nats_access
from landbridge.operations import broker_check as checks
from landbridge.protocol import envelope
from paho.mqtt.enums import CallbackAPIVersion

from host_tests.support.agent import DEVICE, PASSWORD, WAIT_S, Installation, wait_until
from host_tests.support.shipped_brokers import DEPLOY, OTHER, Shipped, ShippedNats
from tools.verify.harness.nats_server import binary

_QUIET_S = 0.5


class Door(NamedTuple):
    """A port of a broker, its CA, and the certificate to show there."""

    port: int
    ca: Path
    certificate: Path | None = None


class Guest:
    """A client that says what has become of it."""

    def __init__(self, door: Door, user: str, password: str, client_id: str, **more: Any) -> None:
        self.code: int | None = None
        self.lost = threading.Event()
        self.messages: list[tuple[str, bytes]] = []
        self._answered, self._subscribed = threading.Event(), threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False, **more)
        self.client.username_pw_set(user, password)
        shown = door.certificate
        own = (str(shown), str(shown.with_suffix(".key"))) if shown else (None, None)
        self.client.tls_set(str(door.ca), *own)
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = lambda _c, _d, m: self.messages.append((m.topic, bytes(m.payload)))

    def connect(self, door: Door, will: str = "") -> "Guest":
        if will:
            self.client.will_set(will, b"will", 1, retain=True)
        self.client.connect("localhost", door.port)
        self.client.loop_start()
        assert self._answered.wait(WAIT_S)
        return self

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.code = reason.value
        self._answered.set()

    def _on_disconnect(self, *_: Any) -> None:
        self.lost.set()
        self._answered.set()

    def subscribe(self, *topics: str, qos: int = 0) -> None:
        for topic in topics:
            self._subscribed.clear()
            self.client.subscribe(topic, qos)
            assert self._subscribed.wait(WAIT_S) or self.lost.is_set()

    def publish(self, topic: str, retain: bool = False, qos: int = 1) -> None:
        info = self.client.publish(topic, b"mine", qos=qos, retain=retain)
        end = time.monotonic() + 5
        while not self.lost.is_set() and not info.is_published() and time.monotonic() < end:
            time.sleep(0.01)

    def has(self, topic: str) -> bool:
        """Return whether a message published there has come."""
        return (topic, b"mine") in self.messages

    def vanish(self) -> None:
        """As a device that loses its network."""
        sock = self.client.socket()
        if sock is not None:
            sock.close()
        self.client.loop_stop()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


Meet = Callable[..., Guest]


@pytest.fixture
def meet() -> Iterator[Meet]:
    """Connects guests: door, user, password, client id; they leave at the end."""
    guests: list[Guest] = []

    def come(door: Door, user: str, password: str, client_id: str, will: str = "", **more: Any) -> Guest:
        guests.append(Guest(door, user, password, client_id, **more).connect(door, will))
        return guests[-1]

    yield come
    for guest in guests:
        guest.close()


ELSEWHERE = (
    f"landbridge/{OTHER}/up",
    f"landbridge/{OTHER}/down",
    f"landbridge/{DEVICE}/down",
    f"landbridge/out/operator/{DEVICE}/position",
    "landbridge/agent/published",
    "homeassistant/device_tracker/x/config",
    "$SYS/broker/uptime",
)
EVERYTHING = (
    "#",
    "landbridge/#",
    "landbridge/+/up",
    "landbridge/+/down",
    f"landbridge/{OTHER}/down",
    f"landbridge/{DEVICE}/up",
    "landbridge/out/#",
    "$SYS/#",
    "$share/all/landbridge/#",
)


def has_two_topics(meet: Meet, devices: Door, agents: Door, agent: str, password: str) -> None:
    """The device writes `up` and reads `down`, and nothing else, neither at once nor by its will."""
    watcher = meet(agents, agent, PASSWORD, "watcher")
    watcher.subscribe("landbridge/#", "homeassistant/#")
    greedy = meet(devices, DEVICE, password, DEVICE)
    assert greedy.code == 0
    for topic in EVERYTHING:
        greedy.subscribe(topic)
    for topic in ELSEWHERE[:-1]:
        watcher.client.publish(topic, b"for others", retain=True)
    heard = greedy.messages
    will = f"landbridge/out/operator/{DEVICE}/position"
    for topic in ELSEWHERE:
        for qos in (0, 1):
            # A broker may end the connection of who publishes where he must not.
            greedy.lost.wait(0.05)
            if greedy.lost.is_set():
                greedy = meet(devices, DEVICE, password, DEVICE, will)
            greedy.publish(topic, retain=True, qos=qos)
    greedy.vanish()
    wait_until(lambda: watcher.messages, "what others have published")
    time.sleep(_QUIET_S)
    came = [data for _, data in watcher.messages]
    assert came and set(came) == {b"for others"}, watcher.messages
    assert {topic for topic, _ in heard} <= {f"landbridge/{DEVICE}/down"}, heard
    good = meet(devices, DEVICE, password, DEVICE)
    good.subscribe(f"landbridge/{DEVICE}/down")
    good.publish(f"landbridge/{DEVICE}/up")
    watcher.client.publish(f"landbridge/{DEVICE}/down", b"reply")
    wait_until(lambda: (f"landbridge/{DEVICE}/down", b"reply") in good.messages, "its own replies")
    wait_until(lambda: (f"landbridge/{DEVICE}/up", b"mine") in watcher.messages, "its own uplinks")


class Doors(NamedTuple):
    """Of Mosquitto as shipped."""

    devices: Door
    agent: Door
    agent_uncertified: Door


@pytest.fixture
def mosquitto(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Doors:
    shipped, folder = Shipped(installation, monkeypatch), installation.broker.folder
    agent = Door(installation.broker.port, folder / "ca.pem", folder / "agent.pem")
    return Doors(Door(shipped.devices_port, folder / "ca.pem"), agent, agent._replace(certificate=None))


def test_mosquitto_lets_a_device_disconnect_no_other(installation, mosquitto, meet):
    mine = envelope.broker_password(installation.key, DEVICE)
    agent = meet(mosquitto.agent, "agent", PASSWORD, "landbridge-agent", clean_session=False)
    other = meet(mosquitto.devices, OTHER, envelope.broker_password(bytes(32), OTHER), OTHER)
    platform = meet(mosquitto.devices, "platform", PASSWORD, "whatever")
    assert (agent.code, other.code, platform.code) == (0, 0, 0)
    for name in ("landbridge-agent", "agent", OTHER, "platform", "whatever"):
        assert meet(mosquitto.agent_uncertified, DEVICE, mine, name).code is None
        assert meet(mosquitto.agent_uncertified, "platform", PASSWORD, name).code is None
        assert meet(mosquitto.devices, DEVICE, mine, name).code == 0  # it is itself, whatever it says
    assert not any(each.lost.wait(0.2) for each in (agent, other, platform))


def test_mosquitto_lets_a_device_use_its_two_topics_only(installation, mosquitto, meet):
    mine = envelope.broker_password(installation.key, DEVICE)
    has_two_topics(meet, mosquitto.devices, mosquitto.agent, "agent", mine)


@pytest.mark.parametrize("restarts", [False, True])
def test_mosquitto_keeps_for_an_agent_and_a_platform_that_are_away(installation, mosquitto, meet, restarts):
    """With `per_listener_settings` it would not."""
    away = (
        (mosquitto.agent, "agent", "landbridge/+/up", f"landbridge/{DEVICE}/up"),
        (
            mosquitto.devices,
            "platform",
            "landbridge/out/operator/#",
            f"landbridge/out/operator/{DEVICE}/track",
        ),
    )
    for door, user, topics, _ in away:
        guest = meet(door, user, PASSWORD, user, clean_session=False)
        guest.subscribe(topics, qos=1)
        guest.close()
    if restarts:
        saved = installation.broker.log().count("Saving in-memory database")
        wait_until(
            lambda: installation.broker.log().count("Saving in-memory database") > saved + 1,
            "it saves the sessions",
        )
        installation.broker.kill()
        installation.broker.start()
    meet(mosquitto.devices, DEVICE, envelope.broker_password(installation.key, DEVICE), DEVICE).publish(
        away[0][3]
    )
    meet(mosquitto.agent, "agent", PASSWORD, "another").publish(away[1][3])
    for door, user, _, topic in away:
        back = meet(door, user, PASSWORD, user, clean_session=False)
        wait_until(partial(back.has, topic), f"what was kept for {user}")


class NatsFleet(NamedTuple):
    """NATS as shipped, and an agent behind it."""

    broker: ShippedNats
    config: Config
    keys: dict[str, bytes]
    ca: Path

    @property
    def door(self) -> Door:
        return Door(self.broker.devices_port, self.ca)


@pytest.fixture
def nats_fleet(installation: Installation, postgres: str) -> Iterator[NatsFleet]:
    if binary() is None:
        pytest.skip("NATS is not installed")
    folder = installation.broker.folder
    key_file = str(installation.folder / "keys")
    database = open_database(postgres)
    keyring = Keyring(postgres, key_file)
    config = replace(installation.config, store=Store(database=postgres, key_file=key_file))
    secrets = {}
    for name in (DEVICE, OTHER):
        enrolled = replace(
            config, devices=replace(config.devices, directory=str(installation.folder / "enrolled"))
        )
        enrol(enrolled, database, keyring, Clock(), name, "bench")
        with database.reading() as connection:
            row = devices.find(connection, name)
        assert row is not None
        secrets[name] = keyring.unwrap(row.wrapped_key)
    broker = ShippedNats(folder, nats_access.issuer(keyring.signing_key()))
    broker.start()
    config = replace(
        config,
        broker=replace(
            config.broker, port=broker.devices_port, username="landbridge-agent", password=PASSWORD
        ),
        nats=Nats(f"nats://127.0.0.1:{broker.port}", "landbridge-agent", PASSWORD, 2),
    )
    stop = threading.Event()
    agent = threading.Thread(target=service.run, args=(config, stop), kwargs={"source": Source.NATS})
    agent.start()
    fleet = NatsFleet(broker, config, secrets, folder / "ca.pem")
    yield fleet
    stop.set()
    agent.join()
    broker.kill()
    database.close()


def password(fleet: NatsFleet, device: str) -> str:
    return envelope.broker_password(fleet.keys[device], device)


def admitted(meet: Meet, fleet: NatsFleet, device: str) -> Guest:
    """The device, when the agent is there to say that it may."""

    def come() -> Guest | None:
        guest = meet(fleet.door, device, password(fleet, device), device)
        return guest if guest.code == 0 else None

    guest: Guest = wait_until(come, "the agent admits the device")
    return guest


def test_nats_lets_a_device_disconnect_no_other(nats_fleet, meet):
    door, mine = nats_fleet.door, password(nats_fleet, DEVICE)
    other = admitted(meet, nats_fleet, OTHER)
    agent = meet(door, "landbridge-agent", PASSWORD, "landbridge-agent", clean_session=False)
    for name in ("landbridge-agent", "landbridge-agent-0", OTHER, "platform", ""):
        assert meet(door, DEVICE, mine, name).code != 0
        assert meet(door, DEVICE, PASSWORD, name).code != 0
    assert meet(door, "lb-none", mine, "lb-none").code != 0
    assert meet(door, "platform", PASSWORD, OTHER).code != 0
    assert not agent.lost.wait(_QUIET_S) and not other.lost.is_set()
    as_device = checks.as_device(nats_fleet.config.broker, DEVICE, mine)
    assert all(each.good for each in as_device) and len(as_device) == 4, as_device


def test_nats_lets_a_device_use_its_two_topics_only(nats_fleet, meet):
    admitted(meet, nats_fleet, DEVICE).close()
    mine = password(nats_fleet, DEVICE)
    has_two_topics(meet, nats_fleet.door, nats_fleet.door, "landbridge-agent", mine)


def test_nats_disconnects_a_device_that_was_retired_at_the_end_of_its_time(nats_fleet, meet, monkeypatch):
    monkeypatch.setattr(nats_access, "ADMITTED_S", 3)
    inside = admitted(meet, nats_fleet, DEVICE)
    database = open_database(nats_fleet.config.store.database)
    with database.writing() as connection:
        devices.retire(connection, DEVICE, Clock().now_s())
    database.close()
    assert inside.lost.wait(30)
    assert meet(nats_fleet.door, DEVICE, password(nats_fleet, DEVICE), DEVICE).code != 0


def test_nats_listens_to_other_machines_over_tls_only():
    text = (DEPLOY / "nats" / "landbridge.conf").read_text()
    assert 'listen: "127.0.0.1:4222"' in text and "0.0.0.0" not in text
