"""A route of three stations, and a database that has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landbridge.db.database import Database, open_database
from landbridge.features.coverage import trip_start as made_guides
from landbridge.features.devices import queries as devices
from landbridge.features.routes.queries import routes as lines
from landbridge.features.trips import queries as trips
from landbridge.geo import route as line
from landbridge.protocol import route_data

from host_tests.support.agent import DEVICE, NOW_S

SHORT = [
    line.Waypoint("A", "KZ", 50.0, 60.0, "hub", 0.0),
    line.Waypoint("B", "KZ", 50.0, 58.0, "yard", 150.0),
    line.Waypoint("C", "RU", 50.0, 56.0, "hub", 300.0),
]


@contextmanager
def stored(folder: Path) -> Iterator[Database]:
    made = open_database(folder / "agent.sqlite3")
    with made.writing() as connection:
        devices.add(connection, DEVICE, b"", NOW_S)
        lines.add(connection, "short", SHORT, [20.0] * route_data.tile_count(SHORT), NOW_S)
    yield made
    made.close()


def start(database: Database, name: str = "short", now_s: int = NOW_S) -> int:
    with database.writing() as connection:
        trip = trips.start(connection, DEVICE, "CSQU3054383", name, "C", 3_600, now_s)
        assert made_guides.make_route_data(connection, DEVICE, trip, name, now_s) == (name == "short")
    return trip
