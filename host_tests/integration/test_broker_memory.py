"""A broker that was restarted gets the latest positions again; tracks are available by number."""

import json
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from landbridge.core.clock import Clock
from landbridge.core.priority import IngestPriority
from landbridge.db import order
from landbridge.events.finished import finished
from landbridge.events.queries import outbox, tracks
from landbridge.events.queries.outbox import NewMessage
from landbridge.events.retained import PUBLISHED, Retained
from landbridge.features.trips import queries as trips

from host_tests.support.agent import DEVICE, NOW_S, Device, Installation, Platform, point, wait_until
from host_tests.support.fleet import FIRST, SECOND, Fleet, Pages, at
from host_tests.support.shipped_brokers import Shipped

PROTOCOL = Path(__file__).parents[2] / "docs" / "reference"
OPERATOR_TOPIC = f"landbridge/out/operator/{DEVICE}/position"
ACME_TOPIC = f"landbridge/out/acme/{DEVICE}/position"


def seqs(platform: Platform, topic: str) -> list[int]:
    """Of the positions that came on a topic, in their order."""
    return [json.loads(data)["seq"] for at, data in list(platform.messages) if at == topic and data]


def sees(platform: Platform, topic: str, seq: int) -> bool:
    return seqs(platform, topic)[-1:] == [seq]


def have_a_trip_of_acme(installation: Installation, first: int) -> None:
    """From that point on."""
    with installation.database().writing() as connection:
        from_s = point(first).time
        trip = trips.start(connection, DEVICE, "CSQU3054383", "line", "Duisburg", 3600, from_s)
        trips.give_to(connection, trip, "acme")


def test_a_broker_that_was_emptied_gets_all_positions_back(installation):
    have_a_trip_of_acme(installation, 2)
    installation.start()
    operator = installation.platform()
    device = installation.device()
    device.send([point(1)])
    device.send([point(2)])
    acme = installation.platform("tenant-acme")
    wait_until(lambda: seqs(acme, ACME_TOPIC) == [2] and 1 in seqs(operator, OPERATOR_TOPIC), "the positions")
    installation.broker.kill()
    installation.broker.start()
    for user, topic, seq in (("platform", OPERATOR_TOPIC, 1), ("tenant-acme", ACME_TOPIC, 2)):
        late = installation.platform(user)
        wait_until(partial(sees, late, topic, seq), f"what {user} has to see")


def test_a_broker_killed_before_it_has_saved_gets_the_new_position_back(installation, monkeypatch):
    shipped = Shipped(installation, monkeypatch)
    installation.broker.kill()
    shipped.conf.write_text(shipped.conf.read_text().replace("autosave_interval 1", "autosave_interval 900"))
    installation.broker.start()
    door = cast(Any, SimpleNamespace(folder=installation.broker.folder, port=shipped.devices_port))
    installation.start()
    device, watcher = Device(door, installation.key), Platform(door)
    installation.clients += [device, watcher]
    device.send([point(1)])
    wait_until(lambda: seqs(watcher, OPERATOR_TOPIC) == [1], "the first position")
    assert installation.broker.process
    installation.broker.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: "Saving in-memory database" in installation.broker.log(), "it saves")
    device.send([point(2)])
    wait_until(lambda: seqs(watcher, OPERATOR_TOPIC) == [1, 2], "the second position")
    watcher.close()
    installation.broker.kill()
    installation.broker.start()
    late = Platform(door)
    installation.clients.append(late)
    wait_until(lambda: seqs(late, OPERATOR_TOPIC)[-1:] == [2], "not the position of before")


def marks(installation: Installation) -> int:
    """How often the agent has stored its progress at the broker."""
    return installation.broker.log().count(f"r1, m0, '{PUBLISHED}'")


def publish_something(installation: Installation) -> None:
    before = marks(installation)
    with installation.database().writing() as connection:
        outbox.post(connection, [NewMessage("landbridge/out/operator/x/event/y", b"{}", False)], NOW_S)
    wait_until(lambda: marks(installation) > before, "it is published")


def test_retained_messages_that_the_broker_still_has_are_not_published_again(
    installation, monkeypatch, caplog
):
    Shipped(installation, monkeypatch)
    installation.start()
    publish_something(installation)
    installation.stop()
    installation.start()
    publish_something(installation)
    assert "lost its retained messages" not in caplog.text


class Memory:
    """The side of a session that is asked what the broker has; `connection` is the test's to change."""

    def __init__(self) -> None:
        self.connection: int | None = 0
        self.kept: bytes | None = None

    def retained(self, topic: str) -> bytes | None:
        return self.kept

    def retain(self, topic: str, payload: bytes) -> None:
        self.kept = payload


def test_nothing_is_marked_before_all_positions_are_in_the_outbox(tmp_path):
    """An agent that is stopped meanwhile begins again: otherwise the rest would be lost."""
    fleet = Fleet(tmp_path)
    fleet.deliver(at(1))
    fleet.deliver(at(1), device=SECOND)
    with fleet.database.writing() as connection:
        outbox.remove(connection, outbox.last(connection))
    memory = Memory()
    kept = Retained(fleet.database, cast(Any, memory), Clock(), IngestPriority())
    kept.check(lambda: True)
    kept.mark(outbox_end(fleet))
    assert memory.kept is None
    kept.check(lambda: False)
    with fleet.database.reading() as connection:
        waiting = outbox.head(connection, 10)
    assert {each.topic.split("/")[3] for each in waiting} == {FIRST, SECOND}
    assert {each.what for each in waiting} == {None}, "integrations have lost nothing"
    kept.mark(waiting[-1].message)
    assert memory.kept == str(waiting[-1].message).encode()
    # What was under way when a connection broke is not vouched for on the next one.
    memory.connection, memory.kept = 1, b"1"
    kept.mark(waiting[-1].message + 1)
    assert memory.kept == b"1"
    fleet.database.close()


def test_a_broker_that_crashes_after_its_acknowledgement_gets_the_position_again(tmp_path):
    """Its connection is gone before the agent could mark what it has taken."""
    fleet = Fleet(tmp_path)
    fleet.deliver(at(1))
    memory = Memory()
    kept = Retained(fleet.database, cast(Any, memory), Clock(), IngestPriority())
    kept.check(lambda: False)
    kept.mark(1)
    memory.connection = None
    kept.mark(outbox_end(fleet))
    with fleet.database.writing() as connection:
        outbox.remove(connection, outbox.last(connection))
    memory.connection = 1
    kept.check(lambda: False)
    with fleet.database.reading() as connection:
        waiting = [each.topic for each in outbox.head(connection, 10)]
    assert memory.kept == b"1" and waiting == [f"landbridge/out/operator/{FIRST}/position"]
    fleet.database.close()


@pytest.mark.parametrize("kept", [b"", b"-1", b"1.5", b"9" * 5000, str(2**63).encode()])
def test_a_mark_that_is_none_holds_no_position_up(tmp_path, kept):
    fleet = Fleet(tmp_path)
    fleet.deliver(at(1))
    with fleet.database.writing() as connection:
        outbox.remove(connection, outbox.last(connection))
    memory = Memory()
    memory.kept = kept
    Retained(fleet.database, cast(Any, memory), Clock(), IngestPriority()).check(lambda: False)
    with fleet.database.reading() as connection:
        assert [each.topic for each in outbox.head(connection, 10)] == [
            f"landbridge/out/operator/{FIRST}/position"
        ]
    fleet.database.close()


def outbox_end(fleet: Fleet) -> int:
    with fleet.database.reading() as connection:
        return outbox.last(connection)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A device that rode for acme, then for bolt."""
    fleet = Fleet(tmp_path_factory.mktemp("tracks"))
    fleet.trip("CSQU3054383", 0, 10, "acme")
    fleet.trip("MSKU0000006", 10, None, "bolt")
    fleet.deliver(at(2), at(3))
    fleet.deliver(at(12), at(4))
    with Pages(fleet).served() as made:
        yield made
    fleet.database.close()


def batches(pages: Pages, token: str, query: str) -> tuple[list[dict[str, Any]], int]:
    status, text = pages.ask(f"/v1/tracks?{query}", token)
    assert status == 200, text
    answer = json.loads(text)
    return answer["tracks"], answer["next"]


def times(found: list[dict[str, Any]]) -> list[list[str]]:
    return [[each["properties"]["time"] for each in batch["features"]] for batch in found]


def test_a_platform_asks_for_tracks_by_number(pages):
    operator = pages.token("operator")
    every, last = batches(pages, operator, "after=0")
    schema = Draft202012Validator(json.loads((PROTOCOL / "track.schema.json").read_text()))
    for each in every:
        schema.validate(each)
    assert [len(each["features"]) for each in every] == [2, 1, 1]
    assert [each["track"] for each in every] == sorted({each["track"] for each in every})
    assert batches(pages, operator, f"after={every[0]['track']}") == (every[1:], last)
    by_ones, after = [], 0
    while page := batches(pages, operator, f"after={after}&limit=1")[0]:
        by_ones += page
        after = page[-1]["track"]
    assert by_ones == every
    assert batches(pages, operator, f"after={last}") == ([], last)
    status, text = pages.ask(f"/v1/tracks?after={order.HIGHEST}", operator)
    assert status == 409 and "the newest track is" in text


def test_a_tenant_has_the_tracks_of_its_trips_only(pages):
    operator, _ = batches(pages, pages.token("operator2"), "after=0")
    acme, _ = batches(pages, pages.token("reader", tenant="acme"), "after=0")
    assert [len(each) for each in times(acme)] == [2, 1]
    assert sum(len(each) for each in times(operator)) == 4
    none, last = batches(pages, pages.token("nobody", tenant="other"), "after=0")
    assert none == [] and last == 0


def test_the_number_on_the_topic_is_the_one_to_ask_with(tmp_path):
    fleet = Fleet(tmp_path)
    fleet.deliver(at(1), at(2))
    with fleet.database.reading() as connection:
        (track,) = (each for each in outbox.head(connection, 10) if each.what == "track")
        (batch,) = tracks.after(connection, None, 0, 10)
        answer = finished(connection, track)
    assert answer and json.loads(answer.payload)["track"] == batch.message == track.message
    with fleet.database.writing() as connection:
        assert tracks.forget(connection, batch.message) == 0
        assert tracks.forget(connection, batch.message + 1) == 1
    fleet.database.close()
