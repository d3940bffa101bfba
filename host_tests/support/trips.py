"""Parts for tests of tracking: a device on a trip from Brest to Poznan, and its points."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from landbridge.db.database import Database, open_database
from landbridge.db.tables import points as points_table
from landbridge.events.queries import events, outbox
from landbridge.features.devices import queries as devices
from landbridge.features.geofences import queries as geofences
from landbridge.features.routes.queries import routes as lines
from landbridge.features.trips import queries as trips
from landbridge.geo.route import Waypoint
from landbridge.ingest import new_points
from landbridge.ingest.queries.device_rows import lock_rows, write
from landbridge.points import quality
from landbridge.protocol.point import Point
from landbridge.tracking.recompute import recompute
from sqlalchemy import Connection, select

from host_tests.support.agent import DEVICE, point
from tools.verify.harness.stored import store

PROTOCOL = Path(__file__).parents[2] / "docs" / "reference"
BEGIN_S = 845_000_000
HOUR_S = 3_600
STATIONS = [
    Waypoint("Brest", "BY", 52.1, 23.7, "border", 0.0),
    Waypoint("Malaszewicze", "PL", 52.03, 23.53, "gauge", 15.0),
    Waypoint("Warszawa", "PL", 52.25, 21.1, "yard", 200.0),
    Waypoint("Poznan", "PL", 52.4, 17.0, "hub", 480.0),
]
POZNAN = '{"type":"Point","coordinates":[17.0,52.4]}'
WARSAW = '{"type":"Polygon","coordinates":[[[20.8,52.1],[21.3,52.1],[21.3,52.4],[20.8,52.4],[20.8,52.1]]]}'
PLMN = {"BY": 257_001, "PL": 260_002}


@contextmanager
def fleet() -> Iterator[Database]:
    """The device on its trip, in a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder) / "landbridge.sqlite3")
        with database.writing() as connection:
            devices.add(connection, DEVICE, b"wrapped", BEGIN_S)
            lines.add(connection, "west", STATIONS, [1.0], BEGIN_S)
            trips.start(connection, DEVICE, "CSQU3054383", "west", "Poznan", 3600, BEGIN_S)
            geofences.add(connection, "Poznan", POZNAN, 5_000.0, BEGIN_S)
            geofences.add(connection, "Warsaw", WARSAW, 0.0, BEGIN_S)
        yield database
        database.close()


def deliver(database: Database, taken: Sequence[Point], received_s: int, keep_every: int = 2) -> None:
    """As an uplink would; then the track is worked out."""
    with database.writing() as connection:
        checked = [quality.check(each, None, received_s) for each in taken]
        new = store(connection, DEVICE, checked, received_s)
        row = lock_rows(connection, [DEVICE])[DEVICE]
        new_points.post(connection, [new_points.NewPoints(row, [], [], new)], received_s)
        write(connection, [row])
        recompute(connection, DEVICE, received_s, keep_every)


def current_events(connection: Connection) -> list[tuple[int | None, str, dict[str, Any]]]:
    """Return the inferred events of all trips and of the times between, without their time of reception."""
    rows = events.inferred_from(connection, DEVICE, (0, 0))
    reported = [(each.trip, each.id, dict(each.content) | {"received": None}) for each in rows]
    return sorted(reported, key=lambda each: each[1])


def outcome(database: Database) -> tuple[Any, ...]:
    """All that must not depend on the order of delivery."""
    with database.reading() as connection:
        columns = (points_table.c.seq, points_table.c.flags, points_table.c.trip)
        checked = [tuple(row) for row in connection.execute(select(*columns).order_by(points_table.c.seq))]
        ends = [(row.ended_s, row.by_arrival) for row in trips.every(connection)]
        device = devices.find(connection, DEVICE)
        assert device
        return current_events(connection), checked, ends, (device.position_seq, device.position_at_s)


def believed(database: Database) -> set[str]:
    """The events that a platform considers true after reading every message, without the number and
    life cycle of alarms: a late point may have raised one that was cleared."""
    true: set[str] = set()
    with database.reading() as connection:
        for posted in outbox.head(connection, 100_000):
            if "/event/" not in posted.topic:
                continue
            content = json.loads(posted.payload)
            if content["type"].startswith("alarm-"):
                continue
            true.add(content["id"])
            if content["type"] == "retraction":
                true -= {content["id"], content["retracts"]}
    return true


def fix(seq: int, at_s: int, lat: float, lon: float, country: str, **changes: int) -> Point:
    degrees = {"lat": round(lat * 1e5), "lon": round(lon * 1e5)}
    return point(seq, time=at_s, plmn=PLMN[country], **degrees | {"motion": 9} | changes)
