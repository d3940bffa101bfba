"""The arrival: expected, moved by what earlier containers took, and the end of a trip."""

from typing import Any

import pytest
from landbridge.db.database import Database
from landbridge.features.devices import queries as devices
from landbridge.features.geofences import queries as stored_geofences
from landbridge.features.routes.queries import routes as lines
from landbridge.features.trips import queries as trips
from landbridge.geo.route import Waypoint
from landbridge.points import quality
from landbridge.points.queries import points
from landbridge.tracking import queries as tracking
from landbridge.tracking.context import context_of
from landbridge.tracking.recompute import recompute
from sqlalchemy import Connection

from host_tests.support.agent import DEVICE
from host_tests.support.tracked import AT_POZNAN, RECEIVED_S, answer, hours
from host_tests.support.trips import (
    BEGIN_S,
    HOUR_S,
    POZNAN,
    STATIONS,
    deliver,
    fix,
    fleet,
)
from tools.verify.harness.stored import store


def test_the_arrival_is_an_interval_and_comes_nearer():
    with fleet() as database:
        deliver(database, hours((52.1, 23.7, "BY"), (52.2, 22.0, "PL"), (52.3, 19.0, "PL")), RECEIVED_S)
        etas = answer(database, "eta")
        assert all(each["earliest"] < each["likely"] < each["latest"] for each in etas)
        assert etas[0]["to_go_km"] > etas[-1]["to_go_km"]
        # It was faster than the timetable.
        assert etas[-1]["latest"] < etas[0]["latest"]


def test_travel_times_of_earlier_containers_move_the_arrival():
    def first_likely(database: Database, earlier_h: int) -> str:
        """Of a trip that begins after two others that took so long."""
        begin_s, seq, received_s = BEGIN_S, 1, BEGIN_S + 200 * 86_400
        for _ in range(2):
            context = [(52.1, 23.7, "BY"), (52.25, 21.1, "PL"), AT_POZNAN, AT_POZNAN]
            times_s = [begin_s + HOUR_S * at for at in (1, 2, earlier_h, earlier_h + 1)]
            fixes = [
                fix(seq + i, at_s, *each) for i, (at_s, each) in enumerate(zip(times_s, context, strict=True))
            ]
            deliver(database, fixes, received_s)
            begin_s, seq = begin_s + 1_000 * HOUR_S, seq + len(fixes)
            with database.writing() as connection:
                trips.start(connection, DEVICE, "CSQU3054383", "west", "Poznan", 3600, begin_s)
        deliver(database, [fix(seq, begin_s + HOUR_S, 52.1, 23.7, "BY")], received_s)
        (*_, eta) = answer(database, "eta")
        assert eta["trip"] == 3
        return str(eta["likely"])

    with fleet() as fast, fleet() as slow:
        assert first_likely(fast, 20) < first_likely(slow, 300)


def test_the_last_that_have_arrived_count_however_many_are_under_way():
    def expected_h(under_way: int) -> float:
        """Of a trip that begins after twelve that took ten days each."""
        with fleet() as database, database.writing() as connection:
            for n in range(12):
                arrive(connection, f"gone-{n}", BEGIN_S + n)
            for n in range(under_way):
                started(connection, f"goes-{n}", BEGIN_S + 19 * 86_400)
            trip = started(connection, "new", BEGIN_S + 20 * 86_400)
            return context_of(connection, "new", trip, []).ahead[0].after_h

    def started(connection: Connection, device: str, from_s: int) -> int:
        devices.add(connection, device, b"wrapped", from_s)
        return trips.start(connection, device, "CSQU3054383", "west", "Poznan", 3600, from_s)

    def arrive(connection: Connection, device: str, from_s: int) -> None:
        started(connection, device, from_s)
        ridden = [(1, (52.1, 23.7, "BY")), (240, AT_POZNAN), (242, AT_POZNAN)]
        taken = [fix(n, BEGIN_S + hour * HOUR_S, *at) for n, (hour, at) in enumerate(ridden, 1)]
        checked = [quality.check(each, None, RECEIVED_S) for each in taken]
        store(connection, device, checked, RECEIVED_S)
        tracking.mark(connection, device, 0)
        recompute(connection, device, RECEIVED_S)

    assert expected_h(0) == expected_h(10) > 200


@pytest.mark.parametrize("between", [[], [Waypoint("Siedlce", "PL", 52.16, 22.3, "line", 100.0)]])
def test_a_route_that_was_replaced_shows_the_arrival(between):
    changed = [*STATIONS[:2], *between, *STATIONS[2:3], Waypoint("Berlin", "DE", 52.5, 13.4, "hub", 760.0)]
    context = hours((52.1, 23.7, "BY"), (52.25, 21.1, "PL"))

    def last_eta(before: list[Any], after: list[Any]) -> dict[str, Any]:
        with fleet() as database:
            deliver(database, before, RECEIVED_S)
            with database.writing() as connection:
                lines.remove(connection, "west")
                lines.add(connection, "west", changed, [1.0], BEGIN_S)
            deliver(database, after, RECEIVED_S)
            return answer(database, "eta")[-1]

    assert last_eta(context[:1], context[1:]) == last_eta([], context)


def test_a_trip_ends_in_the_geofence_of_its_destination_and_goes_on_if_that_was_wrong():
    with fleet() as database:
        deliver(database, hours((52.25, 21.1, "PL"), AT_POZNAN, step_h=4), RECEIVED_S)
        later = fix(3, BEGIN_S + 10 * HOUR_S, *AT_POZNAN)
        deliver(database, [later, fix(5, BEGIN_S + 20 * HOUR_S, *AT_POZNAN)], RECEIVED_S)
        (arrival,) = answer(database, "arrival")
        assert (arrival["seq"], arrival["ends_trip"]) == (3, True)
        with database.reading() as connection:
            (trip,) = trips.every(connection)
            assert (trip.ended_s, trip.by_arrival) == (BEGIN_S + 10 * HOUR_S + 1, True)
            bound = {each.point.seq: each.trip for each in points.track(connection, DEVICE)}
        assert bound == {1: 1, 2: 1, 3: 1, 5: None}
        # It had left again within the hour, and was never there for one.
        away = [
            fix(6, BEGIN_S + 9 * HOUR_S, 52.3, 18.0, "PL"),
            fix(7, BEGIN_S + 11 * HOUR_S, 52.3, 18.0, "PL"),
        ]
        deliver(database, away, RECEIVED_S)
        deliver(database, [fix(8, BEGIN_S + 19 * HOUR_S, 52.3, 18.0, "PL")], RECEIVED_S)
        assert answer(database, "arrival") == []
        with database.reading() as connection:
            (trip,) = trips.every(connection)
            assert (trip.ended_s, trip.by_arrival) == (None, False)
            assert {each.trip for each in points.track(connection, DEVICE)} == {1}


def test_a_trip_ends_in_the_geofence_of_its_destination_as_it_is_drawn_now():
    with fleet() as database:
        with database.writing() as connection:
            drawn = stored_geofences.find(connection, "poznan", None)
            assert drawn is not None
            stored_geofences.remove(connection, drawn.geofence, BEGIN_S + HOUR_S)
            stored_geofences.add(connection, "POZNAN", POZNAN, 6_000.0, BEGIN_S + HOUR_S)
        deliver(database, hours((52.25, 21.1, "PL"), AT_POZNAN, AT_POZNAN, step_h=6), RECEIVED_S)
        (arrival,) = answer(database, "arrival")
        assert (arrival["seq"], arrival["ends_trip"]) == (3, True)


def test_a_geofence_that_was_removed_around_a_container_ends_no_trip():
    elsewhere = (52.3, 19.0, "PL")
    with fleet() as database:
        with database.writing() as connection:
            trips.end(connection, 1, BEGIN_S + 1)
            trips.start(connection, DEVICE, "CSQU3054383", "west", "Warsaw", 3600, BEGIN_S + 2)
        deliver(database, hours((52.1, 23.7, "BY"), (52.25, 21.1, "PL"), step_h=6), RECEIVED_S)
        with database.writing() as connection:
            drawn = stored_geofences.find(connection, "Warsaw", None)
            assert drawn is not None
            stored_geofences.remove(connection, drawn.geofence, BEGIN_S + 12 * HOUR_S + 60)
        deliver(database, hours(elsewhere, elsewhere, first=3, step_h=6), RECEIVED_S)
        with database.writing() as connection:
            stored_geofences.add(connection, "Warsaw", POZNAN, 500.0, BEGIN_S + 12 * HOUR_S + 60)
        deliver(database, hours(elsewhere, first=5, step_h=6), RECEIVED_S)
        assert answer(database, "arrival") == []
        assert [(each["geofence"], each["action"]) for each in answer(database, "geofence")] == [
            ("Warsaw", "enter")
        ]


def test_the_stop_at_a_station_is_expected_on_arrival():
    with fleet() as database:
        context = [
            (52.1, 23.7, "BY"),
            (52.1, 23.7, "BY"),
            (52.04, 23.55, "PL"),
            (52.03, 23.53, "PL"),
            (52.03, 23.53, "PL"),
        ]
        deliver(database, hours(*context, step_h=1.5), RECEIVED_S)
        # A change of gauge takes a day in the middle: to arrive there is no news, and to stand there neither.
        assert [each["seq"] for each in answer(database, "eta") if each["seq"] > 3] == []
