"""Contacts that were announced and did not come."""

from typing import Any

from sqlalchemy import Connection, Row

from landbridge.clock import iso
from landbridge.outbound import announce, topics
from landbridge.store import devices, points, trips
from landbridge.store.events import Event
from landbridge.store.points import StoredPoint
from landbridge.wire.point import KIND_STILL

GRACE_S = 2 * 3600
"""A report may take that long: searching, waiting for its turn, a turn that has to be sent again."""


def look(connection: Connection, now_s: int) -> int:
    """Tell of each device whose contact is overdue, once a trip, and when it is heard again; return how
    many."""
    overdue = devices.overdue(connection, now_s - GRACE_S)
    news = [_alarm(connection, row, "silent", row.next_contact_s, now_s) for row in overdue]
    for row in overdue:
        devices.silent(connection, row.device, row.next_contact_s)
    for row in devices.heard_again(connection):
        news.append(_alarm(connection, row, "heard-again", row.silent_due_s, now_s))
        devices.silent(connection, row.device, None)
    announce.tell(connection, news, now_s)
    again = [
        _of_trip(_alarm(connection, row, "silent", row.silent_due_s, now_s))
        for row in devices.silent_on_another_trip(connection)
    ]
    announce.tell(connection, again, now_s)
    return len(news) + len(again)


def _of_trip(event: Event) -> Event:
    """With an id of this trip: it takes the place of no other one's."""
    event_id = f"{event.id}-{'no-trip' if event.trip is None else f'trip-{event.trip}'}"
    return event._replace(id=event_id, content=dict(event.content) | {"id": event_id})


def _alarm(connection: Connection, row: Row[Any], name: str, due_s: int, now_s: int) -> Event:
    """The alarm with the last position; its id names the contact that was due."""
    last = points.latest_position(connection, row.device) or points.newest(connection, row.device)
    trip = trips.running(connection, row.device)
    if trip is None:
        last = last._replace(
            trip=None, container=None, tenant=None
        )  # what is now is nobody's but the house's
    elif trip.trip != last.trip:
        last = _without_place(last, trip)
    details = {"alarm": name, "due": iso(due_s), "last_contact": iso(row.last_contact_s)}
    event = topics.event(last, "alarm", details, name)
    event_id = f"{row.device}/{due_s}/alarm-{name}"
    return event._replace(id=event_id, at_s=now_s, content=dict(event.content) | {"id": event_id})


def _without_place(last: StoredPoint, trip: Row[Any]) -> StoredPoint:
    """For the trip that is under way: `last` is from before it, and where that was is nothing to this one."""
    point = last.point._replace(kind=KIND_STILL, plmn=0, events=0).meaningful()
    return last._replace(point=point, trip=trip.trip, container=trip.container, tenant=trip.tenant)
