"""Points in the database: stored once, with the trip and the time that they belong to, found by an index."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from landbridge.events.queries import outbox
from landbridge.features.commands import queries as commands
from landbridge.features.settings import queries as settings
from landbridge.features.trips import queries as trips
from landbridge.ingest import new_points
from landbridge.ingest.queries.device_rows import lock_rows, write
from landbridge.points.quality import BY_ARRIVAL, UNDATED
from landbridge.points.queries import gaps, points, stationary, writes
from landbridge.points.rows import CheckedPoint, CheckedPoints, StoredPoint, StoredPoints, with_trips
from sqlalchemy import Connection, Engine, event

from host_tests.support.agent import DEVICE, point
from host_tests.support.stored import NOW_S, checked
from tools.verify.harness.stored import store


def test_points_by_column_are_those_points():
    some = [checked(1, NOW_S), checked(2, None, 16, kind=3, plmn=0), checked(3, NOW_S + 1)]
    by_column = CheckedPoints.of(some)
    assert by_column == some and len(by_column) == 3 and CheckedPoints.of(by_column) is by_column
    assert (
        by_column[-1] == some[-1]
        and by_column[1:] == some[1:]
        and by_column.only([True, False, True]) == some[::2]
    )
    assert by_column.column("at_s") == (NOW_S, None, NOW_S + 1)
    assert CheckedPoints.of([]) == [] and by_column != some[:2]
    stored = with_trips(DEVICE, by_column, NOW_S, [])
    assert stored == [StoredPoint(DEVICE, *each, NOW_S, None, None) for each in some]
    assert StoredPoints.of(list(stored)) == stored


def test_a_point_is_stored_once(database):
    with database.writing() as connection:
        store(connection, DEVICE, [checked(1, NOW_S), checked(2, NOW_S)], NOW_S)
        again = store(connection, DEVICE, [checked(2, 5), checked(3, NOW_S)], NOW_S)
        assert [each.point.seq for each in again] == [3]
        assert [each.at_s for each in points.track(connection, DEVICE)] == [NOW_S] * 3


def test_a_point_goes_to_the_trip_of_its_time(database):
    with database.writing() as connection:
        for number, container in enumerate(("CSQU3054383", "MSKU6011672")):
            start_s = NOW_S + 1000 * number
            trip = trips.start(connection, DEVICE, container, "line", "Duisburg", 3600, start_s)
            trips.end(connection, trip, start_s + 500)
        times = (NOW_S - 1, NOW_S, NOW_S + 500, NOW_S + 1499, None)
        store(connection, DEVICE, [checked(seq, t) for seq, t in enumerate(times, 1)], NOW_S)
        stored = points.track(connection, DEVICE)
    assert [each.container for each in stored] == [None, "CSQU3054383", None, "MSKU6011672", None]


def test_points_without_time_are_dated_later(database):
    with database.writing() as connection:
        trip = trips.start(connection, DEVICE, "CSQU3054383", "line", "Duisburg", 60, NOW_S)
        undated = [checked(seq, None, UNDATED, time=10 * seq, quality=0, boot=seq % 2) for seq in (1, 2)]
        store(connection, DEVICE, undated, NOW_S - 1)
        waiting = points.to_date(connection, DEVICE, 1, 0)
        dated = [CheckedPoint(each.point, each.point.time + NOW_S, True, 0) for each in waiting]
        again = writes.date(connection, waiting, dated)
        first, second = points.track(connection, DEVICE)
    assert again == [first]
    assert (first.point.seq, first.at_s, first.dated, first.flags) == (1, NOW_S + 10, True, 0)
    assert first.trip == trip
    assert (second.at_s, second.dated, second.flags, second.trip) == (None, False, UNDATED, None)


@pytest.mark.parametrize("quality_flags", [0, BY_ARRIVAL])
def test_points_to_date_are_found_by_an_index(database, quality_flags):
    if database.on_server:
        pytest.skip("PostgreSQL chooses by what is in the tables")
    statements: list[tuple[str, Any]] = []
    event.listen(Engine, "before_cursor_execute", lambda *it: statements.append((it[2], it[3])))
    with database.reading() as connection:
        points.to_date(connection, DEVICE, 1, quality_flags)
        sql, values = statements[-1]
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
    assert any("USING INDEX points_by_power_on (boot=? AND device=?)" in row[-1] for row in plan), plan


ASKED_FOR_MANY: list[Callable[[Connection], object]] = [
    lambda connection: lock_rows(connection, [DEVICE, "lb-0002"]),
    lambda connection: points.trips_of(connection, [DEVICE, "lb-0002"]),
    lambda connection: points.devices_to_date(connection, {DEVICE: 1}),
    lambda connection: points.devices_to_date(connection, {DEVICE: 1, "lb-0002": 2, "lb-0003": 3}),
    lambda connection: gaps.complete(connection, [DEVICE, "lb-0002"]),
    lambda connection: commands.devices_with_waiting(connection, [DEVICE, "lb-0002"], NOW_S),
    lambda connection: settings.newest(connection, [DEVICE, "lb-0002"]),
]


@pytest.mark.parametrize("ask", ASKED_FOR_MANY)
def test_queries_over_many_devices_use_an_index(database, ask):
    if database.on_server:
        pytest.skip("PostgreSQL chooses by what is in the tables")
    statements: list[tuple[str, Any]] = []
    event.listen(Engine, "before_cursor_execute", lambda *it: statements.append((it[2], it[3])))
    with database.writing() as connection:
        ask(connection)
        sql, values = statements[-1]
        steps = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    scanned = {step.split()[1] for step in steps if step.startswith("SCAN ")}
    assert scanned - {"json_each", "anon_1"} == set(), steps


@pytest.mark.parametrize("trips_of_points", [[None, None], [1, 1], [None, 1]])
def test_points_of_trips_and_of_none_are_stored_alike(database, trips_of_points):
    with database.writing() as connection:
        trip = trips.start(connection, DEVICE, "CSQU3054383", "", "", 3600, NOW_S)
        stored = [
            StoredPoint(DEVICE, point(seq), NOW_S, seq == 1, 0, NOW_S, each and trip, each and "CSQU3054383")
            for seq, each in enumerate(trips_of_points, 1)
        ]
        writes.insert_all(connection, stored)
        assert points.track(connection, DEVICE) == stored


def test_newest_time_before_a_moment_and_points_within_an_interval(database):
    with database.writing() as connection:
        store(connection, DEVICE, [checked(1, NOW_S), checked(2, NOW_S + 9, UNDATED)], NOW_S)
        store(connection, DEVICE, [checked(3, NOW_S + 1), checked(4, NOW_S + 2)], NOW_S + 1)
        assert points.newest_s(connection, DEVICE, NOW_S, UNDATED) is None
        assert points.newest_s(connection, DEVICE, NOW_S + 1, UNDATED) == NOW_S
        taken = points.from_point(connection, DEVICE, (NOW_S, 1), UNDATED, (NOW_S + 2, 0))
        assert [each.point.seq for each in taken] == [1, 3]


def test_the_position_moves_by_time_only(database):
    with database.writing() as connection:
        for seq, at_s in ((5, NOW_S), (6, NOW_S - 1), (7, NOW_S), (4, NOW_S + 1)):
            row = lock_rows(connection, [DEVICE])[DEVICE]
            new = store(connection, DEVICE, [checked(seq, at_s)], NOW_S)
            new_points.post(connection, [new_points.NewPoints(row, [], [], new)], NOW_S)
            write(connection, [row])
        reported = [json.loads(each.payload) for each in outbox.head(connection, 9) if each.retain]
        assert [each["seq"] for each in reported] == [5, 4]
        latest = points.latest_position(connection, DEVICE)
    assert latest and latest.point.seq == 4


def test_a_sequence_of_32_bits_is_shown_as_others(database):
    first = 2**32 - 2
    with database.writing() as connection:
        new = [checked(first, NOW_S), checked(first + 1, NOW_S + 5, kind=3, motion=0)]
        store(connection, DEVICE, new, NOW_S)
        assert stationary.until_s(connection, DEVICE, first) == NOW_S + 5


@pytest.mark.parametrize(("tenant", "known_to"), [(None, 4), ("acme", 2)])
def test_how_long_it_is_known_to_stand(database, tenant, known_to):
    with database.writing() as connection:
        trip = trips.start(connection, DEVICE, "CSQU3054383", "", "", 3600, NOW_S)
        if tenant:
            trips.give_to(connection, trip, tenant)
        new = [checked(1, NOW_S)] + [checked(seq, NOW_S + seq, kind=2 + seq % 2, motion=0) for seq in (2, 4)]
        store(connection, DEVICE, new[:2], NOW_S)
        trips.end(connection, trip, NOW_S + 3)
        store(connection, DEVICE, new[2:], NOW_S)
        # The third is missing; of a tenant nothing counts behind the trip.
        assert stationary.until_s(connection, DEVICE, 1) == (NOW_S + 2 if tenant else None)
        store(connection, DEVICE, [checked(3, NOW_S + 3, kind=3, motion=0)], NOW_S)
        assert stationary.until_s(connection, DEVICE, 1) == NOW_S + known_to
        store(connection, DEVICE, [checked(5, NOW_S + 5, kind=2, motion=9)], NOW_S)
        assert stationary.until_s(connection, DEVICE, 1) == NOW_S + known_to
        # It was a shunt, says the device.
        store(connection, DEVICE, [checked(6, NOW_S + 6, kind=3, motion=0)], NOW_S)
        assert stationary.until_s(connection, DEVICE, 1) == NOW_S + (2 if tenant else 6)
