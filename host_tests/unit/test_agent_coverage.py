"""Coverage that the agent learns from points and wakes, and the words for wakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from landbridge.db.database import Database
from landbridge.features.coverage import bins, costs, encoding, known, learn
from landbridge.features.coverage import trip_start as made_guides
from landbridge.features.diagnostics.queries import wakes
from landbridge.features.diagnostics.wake_coding import Wake
from landbridge.features.routes.queries import route_data as stored_guides
from landbridge.features.routes.queries import routes as lines
from landbridge.features.trips import queries as trips
from landbridge.geo import route as line
from landbridge.geo import settlements
from landbridge.points.rows import CheckedPoint
from landbridge.protocol.route_data import NO_BIN
from locator.scheduler import decide, policy, route

from host_tests.support import short_route
from host_tests.support.agent import DEVICE, NOW_S, point
from host_tests.support.short_route import SHORT, start
from tools.verify.harness.stored import store


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with short_route.stored(tmp_path) as made:
        yield made


def record(seq: int, km: float | None, plmn: int, at_s: int, motion: int = 9, rsrp: int = 97) -> CheckedPoint:
    lat, lon = line.position(SHORT, km or 0)
    changes = {"lat": round(1e5 * lat), "lon": round(1e5 * lon), "plmn": plmn, "motion": motion, "rsrp": rsrp}
    return CheckedPoint(point(seq, kind=3 if km is None else 1, **changes).meaningful(), at_s, False, 0)


def test_coverage_is_learned_from_the_points_of_trips_on_the_route(database):
    trip = start(database)
    reported = [
        record(1, 2.0, 401_001, NOW_S + 1),
        record(2, 3.0, 401_002, NOW_S + 2),
        record(3, None, 401_001, NOW_S + 3),  # just behind
        record(4, None, 401_001, NOW_S + 9_000),  # who knows where
        record(5, 152.0, 0, NOW_S + 9_001),
        record(6, None, 401_001, NOW_S + 99_000, motion=0),  # it stands where it stood
        record(7, 299.0, 250_001, NOW_S + 99_001, rsrp=115),
    ]
    with database.writing() as connection:
        store(connection, DEVICE, reported, NOW_S + 99_002)
        other = trips.start(connection, DEVICE, "CSQU3054383", "another", "C", 3_600, NOW_S + 99_003)
        assert trip != other
        assert learn.learn(connection, "short", SHORT) == learn.learn(connection, "short", SHORT) == 5
        seen = lines.coverage_of(connection, "short")
    looks = {key: each.observations for key, each in seen.items()}
    assert looks == {(0, 401_001): 2, (0, 401_002): 1, (30, 401_001): 1, (59, 250_001): 1}
    assert seen[0, 401_001].good == 2 and seen[59, 250_001].good == 0
    assert learn.by_tile(seen)[0] == bins.Observations(3, 3)
    assert [each.plmn for each in known.networks(seen, {}, SHORT)] == [401_001, 401_002, 250_001]


def wake(minute: int, did: int, rest: int, joules: float) -> Wake:
    """So many minutes after NOW_S, reported 1,000 minutes after it."""
    return Wake(1, minute, 1_000 - minute, did, rest, joules)


def test_failed_observations_and_costs_are_learned_from_wakes(database):
    start(database)
    reported = [
        record(1, 2.0, 401_001, NOW_S + 60),
        record(2, 101.0, 0, NOW_S + 7_200),
        record(3, None, 0, NOW_S + 7_260, motion=0),
    ]
    rows = [(2, 30, 2, 45), (3, 30, 5, 20), (121, 13, 3, 20), (500, 30, 3, 20), (501, 0, 3, 4)]
    with database.writing() as connection:
        store(connection, DEVICE, reported, NOW_S + 99_002)
        for _ in range(2):  # reported twice
            wakes.add(connection, DEVICE, [wake(*row) for row in rows], NOW_S + 60_000)
        # The first failed scan is where the point before it was, the others where the train stands.
        assert learn.learn(connection, "short", SHORT) == 4
        seen = lines.coverage_of(connection, "short")
    assert {key: each.observations for key, each in seen.items()} == {(0, 401_001): 1, (0, 0): 1, (20, 0): 2}


def test_costs_of_networks_reach_the_route_data(database):
    start(database)
    reported = [record(i, 2.0, 401_001 + i % 2, NOW_S + 600 * i, motion=0) for i in range(1, 13)]
    with database.writing() as connection:
        store(connection, DEVICE, reported, NOW_S + 99_002)
        rows = [wake(10 * i, 13, 2, 9.0 if i % 2 else 3.0) for i in range(1, 13)]
        wakes.add(connection, DEVICE, rows, NOW_S + 60_000)
        learn.learn(connection, "short", SHORT)
        assert lines.costs(connection, "short") == {401_001: 100, 401_002: 300}
        trip = trips.running(connection, DEVICE)
        assert trip and made_guides.make_route_data(connection, DEVICE, trip.trip, "short", NOW_S + 1)
        row = stored_guides.of_device(connection, DEVICE)
    assert row
    there = route.Route(row.content).forecast(0, True, 0, 0)
    assert dict(zip(there.networks, there.costs, strict=True)) == {401_001: 100, 401_002: 300}


def test_the_reasons_that_count_are_those_of_the_firmware():
    assert learn.FAILED == (policy.REST_PAUSE, policy.REST_NO_NETWORK)
    assert learn.REPORTED == policy.REST_REPORTED
    assert set(learn.TRIED) >= {
        policy.SCAN_FIRST,
        policy.SESSION_HEARD,
        policy.ATTEMPT_HEARD,
        decide.SESSION_NOW,
    }


def test_failed_observations_make_a_tile_worse_and_count_for_its_neighbours():
    found = bins.tiles(
        {10: bins.Observations(20, 1), 30: bins.Observations(20, 19)}, [6.0] * 20 + [None] * 20
    )
    assert all(encoding.is_learned(each) for each in found)
    assert encoding.fraction_of(found[10]) <= 0.1 and encoding.fraction_of(found[11]) <= 0.25
    assert encoding.fraction_of(found[30]) >= 0.9 and encoding.fraction_of(found[31]) >= 0.9


def test_places_without_observations_take_the_coverage_seen_at_that_distance_elsewhere():
    looks = {tile: bins.Observations(10, 2) for tile in range(0, 20, 4)}
    found = bins.tiles(looks, [1.0] * 20 + [9.0] * 20 + [1.0] * 20)
    assert encoding.fraction_of(found[55]) == 0.25 and encoding.fraction_of(found[39]) == 0.75


def test_a_route_is_guessed_where_there_are_few_observations_or_none_failed():
    for looks in (
        {3: bins.Observations(29, 9)},
        {3: bins.Observations(500, 500)},
        {90: bins.Observations(500, 1)},
        {},
    ):
        assert bins.tiles(looks, [1.0, 9.0, 30.0, None]) == [0, 2, 4, NO_BIN]


@given(st.dictionaries(st.integers(0, 60), st.tuples(st.integers(0, 99), st.integers(0, 99))))
def test_any_looks_make_tiles(looks):
    known_looks = {tile: bins.Observations(max(each), min(each)) for tile, each in looks.items()}
    found = bins.tiles(known_looks, [5.0 * (tile % 5) for tile in range(50)])
    assert len(found) == 50 and all(0.03 <= encoding.fraction_of(each) <= 0.97 for each in found)


def test_costs_are_those_of_the_cheapest_network():
    reports = [costs.Report(401_001, mj) for mj in (2_000, 2_100, 9_000)]
    reports += [costs.Report(401_002, 1_000)] * 3 + [costs.Report(250_001, 1)]
    assert costs.percent(reports) == {401_001: 210, 401_002: 100}
    assert costs.percent([]) == {}


def test_where_people_live_is_known():
    assert settlements.distance_km(29.56, 106.55) < 2  # Chongqing
    assert settlements.distance_km(47.3, 63.0) == settlements.FARTHEST_KM  # the desert east of the Aral Sea
    assert settlements.distance_km(-89.9, 0.0) == settlements.FARTHEST_KM
    assert settlements.distance_km(52.0, 179.99) <= settlements.FARTHEST_KM
