"""Devices silent for longer than announced: published once, except where no device could be heard."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from jsonschema import Draft202012Validator
from landbridge.core.clock import Clock, iso
from landbridge.core.priority import IngestPriority
from landbridge.events.publisher import Publisher
from landbridge.features.alarms import queries as alarms
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import Window
from landbridge.features.trips import queries as trips
from landbridge.ingest.queries.device_rows import lock_rows, write
from landbridge.points import quality
from landbridge.tracking import silence, worker

from host_tests.support.agent import wait_until
from host_tests.support.alarms import every, pass_by
from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, at
from host_tests.support.trips import BEGIN_S, HOUR_S, PROTOCOL
from tools.verify.harness.stored import store


@pytest.fixture
def fleet(place: str, tmp_path: Path) -> Iterator[Fleet]:
    """Each test runs on both engines."""
    made = Fleet(tmp_path, place)
    yield made
    made.database.close()


class Passing(Clock):
    """A clock that is set."""

    def __init__(self, at_s: int) -> None:
        self.at_s, self.asked = at_s, 0

    def now_s(self) -> int:
        self.asked += 1
        return self.at_s

    def is_looked_at(self) -> None:
        """Wait until the worker that uses this clock has begun and ended a turn."""
        asked = self.asked
        wait_until(lambda: self.asked > asked + 4, "looks")


def test_no_device_is_silent_while_the_agent_could_not_hear_it(fleet, monkeypatch):
    monkeypatch.setattr(worker, "POLL_S", 0.001)
    monkeypatch.setattr(worker, "MINUTE_S", 0.0)
    monkeypatch.setattr(worker, "MOST_AT_ONCE", 1)
    with fleet.database.writing() as connection:
        for device in (FIRST, SECOND):
            store(connection, device, [quality.check(at(1), None, NOW_S)], NOW_S)
            row = lock_rows(connection, [device])[device]
            row.accept(Window(1, 0), 0, BEGIN_S)
            row.keep_report(BEGIN_S + HOUR_S, {}, {})
            write(connection, [row])
    away: list[str] = []
    clock = Passing(BEGIN_S + 6 * HOUR_S)
    publisher = create_autospec(Publisher, instance=True)
    deaf = (lambda: away[0] if away else None,)
    thread = worker.TrackingWorker(fleet.database, clock, publisher, IngestPriority(), deaf)
    thread.start()

    def silent_after(passing_s: int) -> list[str]:
        clock.at_s += passing_s
        clock.is_looked_at()
        with fleet.database.reading() as connection:
            return [row.device for row in alarms.every_open(connection)]

    assert silent_after(silence.GRACE_S) == []
    away.append("the broker is away")
    assert silent_after(0) == []
    assert silent_after(5 * HOUR_S) == []
    away.clear()
    assert silent_after(silence.GRACE_S) == []
    assert silent_after(1) == [FIRST, SECOND]
    thread.stop()


def test_a_silent_device_is_silent_on_its_next_trip_too(fleet):
    first = fleet.trip("CSQU3054383", 0, None, "acme")
    fleet.deliver(at(1))
    now_s = BEGIN_S + 5 * HOUR_S
    fleet.heard(BEGIN_S + HOUR_S, BEGIN_S + 2 * HOUR_S)

    def look(answer: int) -> None:
        with fleet.database.writing() as connection:
            assert silence.check_due(connection, [FIRST], 0, now_s) == answer

    look(1)
    with fleet.database.writing() as connection:
        trips.end(connection, first, now_s)
    pass_by(fleet, now_s)
    look(1)
    second = fleet.trip("MSKU0000006", 6, None, "bolt")
    look(1)
    look(0)
    assert every(fleet) == [
        ("silent", "cleared", 1, first),
        ("silent", "raised", 1, None),
        ("silent", "raised", 1, second),
    ]
    assert [leaf for leaf, _ in fleet.sent("acme") if leaf == "event/retraction"] == []
    schema = Draft202012Validator(json.loads((PROTOCOL / "event.schema.json").read_text()))
    for tenant in ("acme", "operator", "bolt"):
        for leaf, content in fleet.sent(tenant):
            if leaf.startswith("event/"):
                schema.validate(content)


def test_silence_is_published_once_however_many_trips_run(fleet):
    fleet.trip("MSKU0000006", 0, None, "bolt", SECOND)
    own = fleet.trip("CSQU3054383", 0, None, "acme")
    fleet.deliver(at(1))
    fleet.heard(BEGIN_S + HOUR_S, BEGIN_S + 2 * HOUR_S)
    answer = []
    for minute in range(3):
        now_s = BEGIN_S + 5 * HOUR_S + 60 * minute
        with fleet.database.writing() as connection:
            names = silence.due_devices(connection, 0, now_s)
            answer.append(silence.check_due(connection, names, 0, now_s))
    assert answer == [1, 0, 0]
    assert every(fleet) == [("silent", "raised", 1, own)]
    fleet.heard(BEGIN_S + 6 * HOUR_S)
    with fleet.database.writing() as connection:
        assert silence.due_devices(connection, 0, BEGIN_S + 7 * HOUR_S) == {FIRST}
        assert silence.check_due(connection, [FIRST], 0, BEGIN_S + 7 * HOUR_S) == 1
    assert every(fleet) == [("silent", "cleared", 1, own)]


@pytest.mark.parametrize("notified_before", [True, False])
def test_silence_shows_the_next_trip_nothing_of_before_it(fleet, notified_before):
    fleet.trip("CSQU3054383", 0, 4, "acme")
    with fleet.database.writing() as connection:
        store(connection, FIRST, [quality.check(at(1), None, NOW_S)], BEGIN_S + HOUR_S)
    fleet.heard(BEGIN_S + HOUR_S, BEGIN_S + 2 * HOUR_S)
    if notified_before:
        with fleet.database.writing() as connection:
            assert silence.check_due(connection, [FIRST], 0, BEGIN_S + 5 * HOUR_S) == 1
    fleet.trip("MSKU0000006", 6, None, "bolt")
    begin_s = BEGIN_S + 6 * HOUR_S
    with fleet.database.writing() as connection:
        assert silence.check_due(connection, [FIRST], 0, BEGIN_S + 7 * HOUR_S) == 1
    fleet.heard(BEGIN_S + 8 * HOUR_S)
    with fleet.database.writing() as connection:
        assert silence.check_due(connection, [FIRST], 0, BEGIN_S + 9 * HOUR_S) == 1
    answer = [content for leaf, content in fleet.sent("bolt") if leaf.startswith("event/")]
    assert [each["type"] for each in answer] == ["alarm", "alarm-raised", "alarm", "alarm-cleared"]
    assert {(each["time"], each["due"]) for each in answer} == {(None, iso(begin_s))}
    heard = [each.get("last_session") for each in answer if each["type"] == "alarm"]
    assert heard == [None, iso(BEGIN_S + 8 * HOUR_S)]
    for each in answer:
        times = re.findall(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z", json.dumps(each))
        assert min(times) >= iso(begin_s)
        assert str(BEGIN_S + 2 * HOUR_S) not in each["id"]
    schema = Draft202012Validator(json.loads((PROTOCOL / "event.schema.json").read_text()))
    for each in answer:
        schema.validate(each)


def test_a_silent_device_whose_points_are_no_longer_kept_holds_up_no_other(fleet):
    fleet.heard(BEGIN_S + HOUR_S, BEGIN_S + 2 * HOUR_S)
    for heard_s in (BEGIN_S + HOUR_S, BEGIN_S + 9 * HOUR_S):
        fleet.heard(heard_s)
        with fleet.database.writing() as connection:
            devices.silent(connection, FIRST, BEGIN_S + 2 * HOUR_S)
            assert silence.check_due(connection, [FIRST], 0, BEGIN_S + 10 * HOUR_S) == 0
