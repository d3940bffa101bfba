"""The example consumers of docs/reference, run on real deliveries of the agent."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import certifi
import pytest
import yaml
from jinja2 import Environment, StrictUndefined
from landbridge.events import publishing
from landbridge.events.queries import events, outbox
from landbridge.features.integrations import deliveries, home_assistant

from host_tests.support.agent import wait_until
from host_tests.support.fleet import FIRST, NOW_S, Fleet, at

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture
def bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setattr(deliveries, "POLL_S", 0.02)
    made = Fleet(tmp_path)
    yield made
    made.database.close()


@contextmanager
def consumer(name: str, output: Path, *arguments: str) -> Iterator[int]:
    """A consumer in a process of its own; its port."""
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, str(REFERENCE / name), *arguments], stdout=file)
    try:
        wait_until(lambda: output.read_text().startswith("listening on") and "\n" in output.read_text(), name)
        yield int(output.read_text().split()[2])
    finally:
        process.kill()
        process.wait()


def test_the_dcsa_consumer_shows_events_and_their_retractions(bound, tmp_path):
    bound.trip("CSQU3054383", 0, None, "acme")
    secret = bound.add("port", "http://127.0.0.1:9/", "dcsa", None, "event")
    output = tmp_path / "said"
    there = {"lat": 52_40000, "lon": 17_00000, "motion": 0, "speed": 0}
    with consumer("dcsa_consumer.py", output, "0", secret.hex()) as port:
        _move(bound, f"http://127.0.0.1:{port}/")
        bound.deliver(at(1, events=1, **there), at(2, **there), at(3, **there))
        bound.deliver(at(8, lat=51_10000, lon=16_00000, motion=9))
        bound.published()
        with bound.delivering():
            wait_until(lambda: "ACT DEPA" in output.read_text(), "the departure")
            with bound.database.writing() as connection:
                published = events.published(connection, None, (0, 2**53), 99)
                (door,) = (event for _row, event in published if event.type == "alarm")
                publishing.correct(connection, [door], [], NOW_S)
            bound.published()
            wait_until(lambda: "not true" in output.read_text(), "the retraction")
    _port, opened, *_rest = output.read_text().splitlines()
    assert re.fullmatch(r"event: ACT DRO [0-9TZ:-]+", opened)
    assert f"not true: {opened.removeprefix('event: ')}" in output.read_text()
    assert output.read_text().count(opened) == 1, "the retraction is no event of its own"


def _move(bound: Fleet, url: str) -> None:
    """Let the one integration have another address."""
    with bound.database.writing() as connection:
        connection.exec_driver_sql("UPDATE integrations SET address = ? WHERE kind <> 'broker'", (url,))


def test_the_consumer_of_dcsa_events_takes_none_of_others(bound, tmp_path):
    bound.trip("CSQU3054383", 0, None, "acme")
    output = tmp_path / "said"
    with consumer("dcsa_consumer.py", output, "0", "00" * 32) as port:
        bound.add("port", f"http://127.0.0.1:{port}/", "dcsa", None, "event")
        bound.deliver(at(1, events=1))
        bound.published()
        with bound.delivering():
            wait_until(lambda: _failure(bound), "a refusal")
        assert "401" in _failure(bound)
    assert "event" not in output.read_text()


def _failure(bound: Fleet) -> str:
    with bound.database.reading() as connection:
        found = connection.exec_driver_sql("SELECT failure FROM integrations WHERE name = 'port'")
        return str(found.scalar() or "")


def test_the_consumer_of_traccar_shows_each_fix(bound, tmp_path):
    output = tmp_path / "said"
    with consumer("traccar_consumer.py", output, "0") as port:
        bound.add("map", f"http://127.0.0.1:{port}/", "traccar")
        bound.deliver(at(1, speed=100), at(2, kind=2))
        bound.published()
        with bound.delivering():
            wait_until(lambda: FIRST in output.read_text() and not bound.left(), "the fix")
    _port, *fixes = output.read_text().splitlines()
    assert fixes == [f"{FIRST} 2026-10-11T03:13:20Z 29.56301 106.55156 100 km/h"]


def test_the_home_assistant_automations_match_the_discovered_entities(bound):
    """Names of entities as Home Assistant makes them: of the device and of the entity, in small letters."""
    published: list[outbox.OutboxMessage] = []
    publish = home_assistant.announcing(cast(Any, published.append), "homeassistant")
    bound.trip("CSQU3054383", 0, None, "operator")
    bound.deliver(at(1, temperature=18))
    with bound.database.reading() as connection:
        for message in outbox.head(connection, 100):
            publish(message)
    kept = {each.topic: json.loads(each.payload) for each in published if each.payload}
    states, attributes = {}, {}
    jinja = Environment(undefined=StrictUndefined)
    for topic, found in kept.items():
        if topic.startswith("homeassistant/"):
            kind = topic.split("/")[1]
            words = (found["device"]["name"], found["name"])
            entity = f"{kind}." + "_".join(re.sub(r"[^a-z0-9]+", "_", each.lower()) for each in words if each)
            if kind == "sensor":
                template, source = found["value_template"], kept[found["state_topic"]]
                states[entity] = jinja.from_string(template).render(value_json=source)
            else:
                attributes[entity] = kept[found["json_attributes_topic"]]
    jinja.globals |= {"states": states.__getitem__, "state_attr": lambda of, name: attributes[of][name]}
    automations = yaml.safe_load((REFERENCE / "home-assistant.yaml").read_text())
    said = [
        jinja.from_string(action["data"]["message"]).render()
        for each in automations for action in each["actions"]
    ]  # fmt: skip
    triggers = [trigger for each in automations for trigger in each["triggers"]]
    assert {each["entity_id"] for each in triggers} <= set(states)
    assert all(float(states[each["entity_id"]]) > 0 for each in triggers)
    assert said[0] == "CSQU3054383: 9.0 °C at 29.56301, 106.55156"
    assert float(states[triggers[0]["entity_id"]]) > triggers[0]["above"]


@pytest.mark.parametrize("name", ["subscriber.py", "dcsa_consumer.py", "traccar_consumer.py"])
def test_an_example_names_its_packages(name):
    said = subprocess.run(
        [sys.executable, str(REFERENCE / name)], capture_output=True, text=True, check=False
    )
    assert said.returncode == 1 and f": python {name} " in said.stderr.splitlines()[0]
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("ca", [True, False])
def test_the_subscriber_prints_why_it_is_not_connected(ca):
    with socket.socket() as nobody:
        nobody.bind(("localhost", 0))  # nobody listens
        port = str(nobody.getsockname()[1])
        words = ["localhost", port, certifi.where() if ca else "none.pem", "erp", "x"]
        command = [sys.executable, str(REFERENCE / "subscriber.py"), *words]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 1 and said.stderr.startswith(
        f"no connection to localhost:{port} with the CA in "
    )
    assert said.stderr.count("\n") == 1
