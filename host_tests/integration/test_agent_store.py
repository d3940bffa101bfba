"""The database: tables, migrations, files, numbers and ids, keys at rest."""

import json
import os
import sqlite3
from contextlib import closing
from functools import partial

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st
from landbridge.core.errors import UserError
from landbridge.db import engines
from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring
from landbridge.db.tables import UNCHECKED, metadata
from landbridge.db.tables import devices as devices_table
from landbridge.events import publishing
from landbridge.events.queries import events, outbox
from landbridge.events.queries.outbox import NewMessage
from landbridge.features.alarms import queries as alarms
from landbridge.features.commands import queries as commands
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import WINDOW, Window
from landbridge.features.diagnostics.queries import wakes
from landbridge.features.diagnostics.wake_coding import Wake
from landbridge.features.esim import policy
from landbridge.features.esim.queries import policies as cards
from landbridge.features.routes.queries import route_data as guides
from landbridge.features.settings import queries as settings
from landbridge.features.trips import queries as trips
from landbridge.ingest.queries.device_rows import lock_rows, write
from landbridge.operations.queries import old_rows as retention
from landbridge.points.queries import points, uplinks, writes
from landbridge.points.queries.uplinks import KeptUplink
from landbridge.points.rows import CheckedPoints, with_trips
from landbridge.protocol.event import Event
from landbridge.tracking import queries as tracking
from landbridge.tracking.queries import SavedState
from sqlalchemy import inspect, update
from sqlalchemy.exc import IntegrityError

from host_tests.support.agent import DEVICE, heard
from host_tests.support.policies import TEXT
from host_tests.support.stored import NOW_S, checked
from tools.verify.harness.stored import store


def test_many_rows_are_stored_in_their_order_however_few_values_a_statement_takes(database):
    messages = [NewMessage(f"t/{number}", b"", False) for number in range(300)]
    for most in (32_766, 2 * len(NewMessage._fields) + 1):
        with database.writing() as connection:
            if not database.on_server:
                driver = connection.connection.driver_connection
                driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, most)
            outbox.post(connection, messages, NOW_S)
            last = outbox.last(connection)
            stored = outbox.head(connection, 1000)[-300:]
        assert [each.topic for each in stored] == [each.topic for each in messages]
        assert [each.message for each in stored] == list(range(last - 299, last + 1))


def test_migrations_make_the_tables(database):
    with database.reading() as connection:
        context = MigrationContext.configure(connection)
        differ = compare_metadata(context, metadata)
    if database.on_server:
        unchecked = {
            (name, key.parent.name) for name in UNCHECKED for key in metadata.tables[name].foreign_keys
        }
        assert {(each.table.name, *each.column_keys) for _, each in differ} == unchecked
        differ = [operation for operation, _ in differ if operation != "add_fk"]
    assert differ == []


def test_a_commit_is_durable(database, monkeypatch, shipped_pragmas):
    monkeypatch.setattr(engines, "PRAGMAS", shipped_pragmas)
    with closing(open_database(database.place)) as shipped, shipped.reading() as connection:
        if database.on_server:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
            assert connection.exec_driver_sql("SHOW fsync").scalar() == "on"
            return
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_transaction_that_fails_leaves_nothing(database):
    with pytest.raises(ZeroDivisionError), database.writing() as connection:
        store(connection, DEVICE, [checked(1, NOW_S)], NOW_S)
        raise ZeroDivisionError
    with database.reading() as connection:
        assert points.track(connection, DEVICE) == []


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one", None])
def test_an_unreadable_database_is_reported_in_one_line(tmp_path, content):
    path = tmp_path / "broken.sqlite3"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content * 30)
    with pytest.raises(UserError, match="cannot use database"):
        open_database(path)


def test_a_database_of_a_later_version_is_left_alone(database):
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = _content(database)
    with pytest.raises(UserError, match=r"newer landbridge has .* put back the backup") as refused:
        open_database(database.place)
    assert "\n" not in str(refused.value) and _content(database) == before


def test_a_database_of_an_unknown_version_is_left_alone(database):
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(UserError, match=r"of another version .* update landbridge"):
        open_database(database.place)


def _content(database: Database) -> list[object]:
    """The tables with their columns, and the version."""
    with database.reading() as connection:
        found = inspect(connection)
        shape = [
            (name, [each["name"] for each in found.get_columns(name)]) for name in found.get_table_names()
        ]
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return [*sorted(shape), version]


@given(st.lists(st.integers(0, 3 * WINDOW), max_size=60))
def test_the_window_takes_each_number_once(numbers):
    window, seen = Window(-1, 0), set[int]()
    for number in numbers:
        expected = number not in seen and number > max(seen, default=-1) - WINDOW
        assert window.is_new(number) == expected
        if expected:
            window.add(number)
            seen.add(number)
            assert window.bits < 1 << 63


def test_sqlite_errors_of_many_rows_are_reported_as_of_one(database):
    if database.on_server:
        pytest.skip("psycopg tells it in its own words")
    new = with_trips(DEVICE, CheckedPoints.of([checked(1, NOW_S)]), NOW_S, [])
    with database.writing() as connection:
        writes.insert_all(connection, new)
    for some in ([new], [new] * 200):
        with pytest.raises(IntegrityError, match="UNIQUE"), database.writing() as connection:
            writes.insert_all(connection, *some)


def test_tracking_begins_at_its_settled_state_at_the_earliest(database):
    def begin(upto: tuple[int, int]) -> tuple[int, int] | None:
        state = tracking.last_state(connection, DEVICE, upto)
        return state and (state.at_s, state.seq)

    with database.writing() as connection:
        assert begin((NOW_S, 0)) is None
        states = [SavedState(NOW_S + 10 * seq, seq, "{}") for seq in (1, 2, 3, 4)]
        tracking.replace_states(connection, DEVICE, (0, 0), states)
        assert (begin((NOW_S + 20, 1)), begin((NOW_S + 20, 2))) == ((NOW_S + 10, 1), (NOW_S + 20, 2))
        tracking.settle(connection, DEVICE, SavedState(NOW_S + 21, 0, "{}"))
        assert (begin((NOW_S, 0)), begin((NOW_S + 30, 3))) == ((NOW_S + 21, 0), (NOW_S + 30, 3))
        tracking.replace_states(connection, DEVICE, (NOW_S + 21, 0), [])
        assert begin((NOW_S + 99, 0)) == (NOW_S + 21, 0)


def test_the_newest_trips_that_had_arrived_by_then(database):
    def arrive(trip: int, at_s: int) -> None:
        event = Event(f"{trip}", DEVICE, "arrival", True, trip, 1, at_s, {})
        events.add(connection, event, at_s, None)

    with database.writing() as connection:
        started = [
            trips.start(connection, DEVICE, "CSQU3054383", line, "Duisburg", 3600, NOW_S)
            for line in ("w1", "w1", "w1", "w2", "w1", "w1")
        ]
        for trip, at_s in zip(started[:-1], (1, 2, 3, 3, 9), strict=True):
            arrive(trip, NOW_S + at_s)
        events.withdraw(connection, f"{started[1]}")
        arrived = trips.arrived(connection, "w1", NOW_S + 9, 10)
        assert [(row.trip, row.arrived_s) for row in arrived] == [
            (started[2], NOW_S + 3), (started[0], NOW_S + 1),
        ]  # fmt: skip
        assert trips.arrived(connection, "w1", NOW_S + 9, 1) == arrived[:1]


def test_the_outbox_keeps_its_order(database):
    with database.writing() as connection:
        outbox.post(connection, [NewMessage(f"t/{i}", b"x", False) for i in range(3)], NOW_S)
        head = outbox.head(connection, 2)
        outbox.remove(connection, head[-1].message)
        assert [each.topic for each in head + outbox.head(connection, 9)] == ["t/0", "t/1", "t/2"]


def test_expired_rows_are_removed_in_batches(database, monkeypatch):
    monkeypatch.setattr(retention, "MOST", 2)
    forget_points = partial(retention.forget_points, now_s=NOW_S + 1)
    forget = (retention.forget_raw, forget_points, retention.forget_diagnostics, retention.forget_uplinks)
    with database.writing() as connection:
        store(connection, DEVICE, [checked(seq, NOW_S) for seq in (1, 2, 3)], NOW_S)
        kept = [KeptUplink(DEVICE, number, NOW_S, b"x", 1, 1) for number in (1, 2, 3)]
        uplinks.keep(connection, kept)
        wakes.add(connection, DEVICE, [Wake(1, minute, 0, 0, 0, 1.0) for minute in (1, 2, 3)], NOW_S)
        found = [[each(connection, [DEVICE], NOW_S + 1) for each in forget] for _ in range(3)]
        assert found == [[2] * 4, [1] * 4, [0] * 4]
        assert [uplinks.number_is_taken(connection, DEVICE, number) for number in (3, 4)] == [True, False]
        assert points.counts(connection, DEVICE)[:5] == (0, 0, 0, 0, 0)


def test_a_number_that_was_given_and_forgotten_is_not_given_again(database):
    """As by a database that is restored from a backup."""

    def given(now_s: int) -> tuple[int, int, int]:
        for name in ("tamper", "light", "shock"):
            content = {"alarm": name}
            reported = Event(f"{DEVICE}/1/{name}", DEVICE, "alarm", False, None, 1, now_s, content)
            publishing.publish(connection, [reported], now_s)
        (newest,) = alarms.listed(connection, alarms.Wanted(), 2**31 - 1, 1)
        return events.newest(connection), outbox.last(connection), newest.alarm

    with pytest.raises(InterruptedError), database.writing() as connection:
        forgotten = given(NOW_S - 60)
        raise InterruptedError
    with database.writing() as connection:
        assert all(new > old for new, old in zip(given(NOW_S), forgotten, strict=True))


@pytest.mark.parametrize("heard", [True, False])
def test_ids_that_devices_take_do_not_follow_a_clock_that_is_years_wrong(database, heard):
    year, found = 365 * 86_400, policy.parse(TEXT)

    def given(now_s: int) -> list[int]:
        with database.writing() as connection:
            trip = trips.start(connection, DEVICE, "CSQU3054383", "L", "D", 900, NOW_S)
            guides.keep(connection, trip, guides.next_revision(connection, DEVICE, now_s), b"")
            ids = [
                commands.give(connection, DEVICE, "locate", 0, now_s + 60, "mei", now_s),
                settings.set_desired(connection, DEVICE, {}, "mei", now_s),
                cards.set_desired(connection, DEVICE, found, "cis", "mei", now_s),
                guides.next_revision(connection, DEVICE, now_s) - 1,
            ]
            trips.end(connection, trip, NOW_S)
        return ids

    if heard:
        with database.writing() as connection:
            devices.set_position(connection, DEVICE, 1, NOW_S - 86_400)
    highest = [0] * 4
    for now_s in (NOW_S, NOW_S + 10 * year, NOW_S + 60 * year, NOW_S - 30 * year, NOW_S + 60):
        ids = given(now_s)
        assert all(before < each < 2**31 - 1_000 for before, each in zip(highest, ids, strict=True))
        highest = ids
    assert not heard or max(highest) < NOW_S + 2 * year


def test_a_command_can_be_given_after_one_whose_id_no_device_takes(database):
    with database.writing() as connection:
        commands.give(connection, DEVICE, "locate", 0, NOW_S + 60, "mei", NOW_S)
        connection.execute(update(metadata.tables["commands"]).values(command=2**31 + 5))
        assert commands.give(connection, DEVICE, "locate", 0, NOW_S + 60, "mei", NOW_S) == NOW_S


def test_the_files_of_the_database_are_for_its_owner_only(tmp_path):
    before = os.umask(0o022)
    database = open_database(tmp_path / "x.sqlite3")
    with database.writing() as connection:
        devices.add(connection, DEVICE, b"wrapped", NOW_S)
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    database.close()
    os.umask(before)
    assert modes == dict.fromkeys(("x.sqlite3", "x.sqlite3-wal", "x.sqlite3-shm"), 0o600)


def test_keys_are_wrapped_and_the_wrong_key_file_is_noticed(tmp_path):
    wrapped = Keyring(tmp_path / "db").wrap(bytes(32), first=True)
    assert bytes(32) not in wrapped
    assert Keyring(tmp_path / "db").unwrap(wrapped) == bytes(32)
    assert (tmp_path / "db.key").stat().st_mode & 0o777 == 0o600
    Keyring(tmp_path / "other").wrap(b"", first=True)
    with pytest.raises(UserError, match="not the key file"):
        Keyring(tmp_path / "other").unwrap(wrapped)
    (tmp_path / "db.key").write_text("garbage")
    with pytest.raises(UserError, match="not a key file"):
        Keyring(tmp_path / "db").unwrap(wrapped)
    (tmp_path / "db.key").unlink()
    with pytest.raises(UserError, match="key file missing"):
        Keyring(tmp_path / "db").unwrap(wrapped)
    with pytest.raises(UserError, match="key file missing"):
        Keyring(tmp_path / "db").wrap(bytes(32), first=False)
    assert not (tmp_path / "db.key").exists()


def test_status_stays_when_the_device_reports_nothing_new(database):
    with database.writing() as connection:
        heard(connection, DEVICE, NOW_S, 9, {"battery_mv": 3600}, {"imei": "1"})
        heard(connection, DEVICE, NOW_S + 1)
        row = devices.find(connection, DEVICE)
    assert row
    assert json.loads(row.status) == {"battery_mv": 3600}
    assert (row.next_session_s, row.last_session_s, row.window_top) == (9, NOW_S + 1, 1)


def test_reply_numbers_rise_even_in_a_restored_database(database):
    with database.writing() as connection:
        row = lock_rows(connection, [DEVICE])[DEVICE]
        given = [row.take_down_number(NOW_S) for _ in range(300)]
        write(connection, [row])
        connection.execute(update(devices_table).values(next_down_number=0))
        row = lock_rows(connection, [DEVICE])[DEVICE]
        given += [row.take_down_number(NOW_S + 2), row.take_down_number(NOW_S - 99)]
        with pytest.raises(ValueError, match="clock"):
            row.take_down_number(1 << 32)
    assert given == sorted(set(given))


def test_a_quiet_alarm_is_over_from_its_last_event_and_a_cleared_one_from_its_clearing(database):
    raised = Event(f"{DEVICE}/1/alarm-light", DEVICE, "alarm", False, None, 1, NOW_S, {"alarm": "light"})
    with database.writing() as connection:
        row = alarms.raise_(connection, raised, "light", "major", NOW_S, NOW_S)
        alarms.count(connection, row.alarm, NOW_S + 5, NOW_S + 9)
        assert [each.published_s for each in alarms.every_open(connection, [DEVICE, "lb-0002"])] == [
            NOW_S + 9
        ]
        assert alarms.every_open(connection, ["lb-0002"]) == []

        def over_from_s(who: str, event: str | None = None) -> int:
            alarms.clear(connection, row.alarm, who, NOW_S + 60, NOW_S + 90, event)
            return alarms.over_from_s(connection, DEVICE, "light", None, "agent", "correction") - NOW_S

        assert [over_from_s("agent"), over_from_s("agent", "x"), over_from_s("somebody")] == [6, 60, 60]
        assert over_from_s("correction") == -NOW_S


def test_silent_devices_are_found_among_the_given_ones(database):
    with database.writing() as connection:
        store(connection, DEVICE, [checked(1, NOW_S)], NOW_S)
        row = lock_rows(connection, [DEVICE])[DEVICE]
        row.accept(Window(1, 0), 0, NOW_S)
        row.keep_report(NOW_S + 60, {}, {})
        write(connection, [row])
        assert devices.devices_to_report(connection, NOW_S + 60) == set()
        assert devices.devices_to_report(connection, NOW_S + 61) == {DEVICE}
        assert [each.device for each in devices.overdue(connection, [DEVICE], NOW_S + 61)] == [DEVICE]
        assert devices.overdue(connection, ["lb-0002"], NOW_S + 61) == []
