"""Assigns points to the trip that was under way when they were taken, again after trips have changed."""

from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.events import publishing, topics
from landbridge.events.queries import outbox
from landbridge.points.queries import writes


class Moved(NamedTuple):
    """The points that moved to another trip, or to none."""

    times: list[int]
    """Capture sequences of the points."""
    tenants: set[str | None]
    """Tenants that had or have the points, other than the operator tenant."""


def bind(connection: Connection, device: str, from_s: int, now_s: int) -> Moved:
    """Assign the points from a time on to their trips; moved points are published again, with their
    alarms."""
    moved = writes.bind(connection, device, from_s)
    bound = [now for _, now in moved]
    outbox.post(connection, topics.tracks(device, bound), now_s)
    publishing.publish(connection, topics.alarms(device, bound), now_s)
    times = [now.at_s for now in bound if now.at_s is not None]
    tenants = {each.tenant for was, now in moved for each in (was, now) if was.tenant != now.tenant}
    return Moved(times, tenants)
