"""Dead letters: which are kept, and which go when there is no more room."""

import pytest
from landbridge.features.devices import queries as devices
from landbridge.ingest.queries import dead_letters

from host_tests.support.stored import NOW_S


def test_of_an_unknown_device_only_some_is_kept(database):
    with database.writing() as connection:
        for _ in range(dead_letters.QUARANTINE_MESSAGES + 5):
            dead_letters.put_in_quarantine(connection, "nobody", bytes(9000), NOW_S)
        (row,) = dead_letters.unknown_devices(connection)
    assert row.messages == dead_letters.QUARANTINE_MESSAGES


def test_of_a_topic_only_the_newest_dead_letters_are_kept_and_the_others_counted(database):
    with database.writing() as connection:
        dead_letters.dead_letter(connection, "other", b"x", "other", NOW_S)
        for number in range(dead_letters.MOST_OF_TOPIC + 5):
            dead_letters.dead_letter(connection, "t", b"x", str(number), NOW_S)
        kept = [row.reason for row in dead_letters.every(connection) if row.topic == "t"]
        assert [tuple(row) for row in dead_letters.dropped(connection)] == [("t", 5)]
    assert kept == [str(number) for number in range(5, dead_letters.MOST_OF_TOPIC + 5)]


def test_room_for_many_dead_letters_is_made_at_once(database):
    with database.writing() as connection:
        for number in range(dead_letters.MOST_OF_TOPIC + 5):
            dead_letters.add(connection, "t", b"x", str(number), NOW_S)
        dead_letters.add(connection, "other", b"x", "other", NOW_S)
        assert dead_letters.make_room(connection, ["other", "t"]) == 5
        assert [tuple(row) for row in dead_letters.dropped(connection)] == [("t", 5)]
        kept = [row.reason for row in dead_letters.every(connection) if row.topic == "t"]
    assert kept == [str(number) for number in range(5, dead_letters.MOST_OF_TOPIC + 5)]


def test_of_all_dead_letters_those_whose_records_a_device_has_forgotten_go_last(database, monkeypatch):
    monkeypatch.setattr(dead_letters, "MOST_OF_ALL", 4)
    forgotten = f"{dead_letters.CONTRADICTION}: 1"
    reasons = [forgotten, "a", forgotten, "b", "c", forgotten, forgotten, "d", forgotten]
    with database.writing() as connection:
        dropped = [
            dead_letters.dead_letter(connection, f"t{number}", b"x", reason, NOW_S)
            for number, reason in enumerate(reasons)
        ]
        kept = [(row.topic, row.reason) for row in dead_letters.every(connection)]
    assert dropped == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert kept == [(f"t{number}", forgotten) for number in (2, 5, 6, 8)]


def test_agents_that_make_room_for_dead_letters_do_not_wait_for_each_other(database, monkeypatch):
    if not database.on_server:
        pytest.skip("SQLite has one writer at a time")
    monkeypatch.setattr(dead_letters, "MOST_OF_ALL", 3)
    with database.writing() as connection:
        for number in range(3):
            dead_letters.dead_letter(connection, f"t{number}", b"x", "a", NOW_S)
    with database.writing(alone=False) as one, database.writing(alone=False) as two:
        two.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
        assert [dead_letters.dead_letter(each, "t", b"x", "b", NOW_S) for each in (one, two)] == [1, 1]
    with database.reading() as connection:
        assert [row.reason for row in dead_letters.every(connection)] == ["a", "b", "b"]


def test_of_a_topic_too_those_whose_records_a_device_has_forgotten_go_last(database, monkeypatch):
    monkeypatch.setattr(dead_letters, "MOST_OF_TOPIC", 2)
    with database.writing() as connection:
        for reason in (f"{dead_letters.CONTRADICTION}: 1", "a", "b", "c"):
            dead_letters.dead_letter(connection, "t", b"x", reason, NOW_S)
        assert [row.reason for row in dead_letters.every(connection)] == [
            f"{dead_letters.CONTRADICTION}: 1",
            "c",
        ]
        assert [tuple(row) for row in dead_letters.dropped(connection)] == [("t", 2)]


def test_a_device_that_is_known_now_is_no_longer_unknown(database):
    with database.writing() as connection:
        dead_letters.put_in_quarantine(connection, "lb-2", b"x", NOW_S)
        assert [row.device for row in dead_letters.unknown_devices(connection)] == ["lb-2"]
        devices.add(connection, "lb-2", b"wrapped", NOW_S)
        assert dead_letters.unknown_devices(connection) == []
