"""A demo whose agent has seen others."""

import pytest
from landbridge.db.database import open_database
from landbridge.features.devices import queries as devices
from landbridge.features.trips import queries as trips
from landbridge.points.queries import points

from host_tests.support.agent import NOW_S, point
from host_tests.support.stored import checked
from tools.verify.harness.stored import store
from tools.world.services import earlier
from tools.world.services.processes import ServiceError
from tools.world.stage import DEVICE, ROUTE


def test_the_agent_has_the_earlier_trips(tmp_path):
    first = tmp_path / "first"
    (first / "agent").mkdir(parents=True)
    other = open_database(first / earlier.DATABASE)
    with other.writing() as connection:
        devices.add(connection, DEVICE, b"", 0)
        trips.start(connection, DEVICE, "CSQU3054383", ROUTE, "Duisburg", 3600, NOW_S)
        store(connection, DEVICE, [checked(1, NOW_S), checked(2, NOW_S + 60)], NOW_S + 90)
    other.close()
    into = tmp_path / "landbridge.sqlite3"
    earlier.bring(into, [first, first])
    database = open_database(into)
    with database.writing() as connection:
        before = trips.on_route(connection, ROUTE, 9)
        assert [each.device for each in before] == ["lb-before-1", "lb-before-2"]
        for trip in before:
            track = points.track(connection, trip.device, trip.trip)
            assert [each.point for each in track] == [point(1), point(2)]
            assert trip.started_s == track[0].at_s and trip.ended_s == (track[1].at_s or 0) + 1 < NOW_S
    database.close()


def test_a_folder_without_a_demo_is_named(tmp_path):
    with pytest.raises(ServiceError, match=f"no demo lies in {tmp_path}"):
        earlier.refuse_none([tmp_path])


def test_a_demo_that_was_interrupted_before_its_trip_is_named(tmp_path):
    (tmp_path / "agent").mkdir()
    open_database(tmp_path / earlier.DATABASE).close()
    with pytest.raises(ServiceError, match=f"no demo lies in {tmp_path}"):
        earlier.refuse_none([tmp_path])
