"""Stores points past the pipeline, as if uplinks had brought them."""

from collections.abc import Sequence

from landbridge.db.tables import devices
from landbridge.points.queries import points, writes
from landbridge.points.rows import CheckedPoint, CheckedPoints, StoredPoints, with_trips
from sqlalchemy import Connection, update


def store(
    connection: Connection, device: str, checked: Sequence[CheckedPoint], received_s: int
) -> StoredPoints:
    """Store the new points of one device and return them, in the given order."""
    already = points.under(connection, device, [each.point.seq for each in checked])
    of_device = points.trips_of(connection, [device]).get(device, ())
    fresh = CheckedPoints.of([each for each in checked if each.point.seq not in already])
    stored = with_trips(device, fresh, received_s, of_device)
    writes.insert_all(connection, stored)
    highest = max((each.point.seq for each in checked), default=0)
    lower = devices.c.device == device, devices.c.highest_seq < highest
    connection.execute(update(devices).where(*lower).values(highest_seq=highest))
    return stored
