"""Announced sessions that were missed."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.events import publishing, topics
from landbridge.features.devices import queries as devices
from landbridge.features.trips import queries as trips
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint
from landbridge.protocol.event import Event
from landbridge.protocol.point import KIND_REUSED

GRACE_S = 2 * 3600
"""Time that an uplink may take: network search, waiting, repetition."""


def due_devices(connection: Connection, hears_from_s: int, now_s: int) -> set[str]:
    """Return the devices for which `check_due` has something to publish."""
    return devices.devices_to_report(connection, _due_before_s(hears_from_s, now_s))


def check_due(connection: Connection, names: Collection[str], hears_from_s: int, now_s: int) -> int:
    """Publish which of these devices have missed a session, once a trip, and when one is heard again; return
    how many. What was due while the agent could not hear counts from `hears_from_s`, when it could again."""
    overdue = devices.overdue(connection, names, _due_before_s(hears_from_s, now_s))
    alarms = [_alarm(connection, row, "silent", row.next_session_s, now_s) for row in overdue]
    for row in overdue:
        devices.silent(connection, row.device, row.next_session_s)
    for row in devices.heard_again(connection, names):
        alarms.append(_alarm(connection, row, "heard-again", row.silent_due_s, now_s))
        devices.silent(connection, row.device, None)
    publishing.publish(connection, alarms, now_s)
    again = [
        _of_trip(_alarm(connection, row, "silent", row.silent_due_s, now_s))
        for row in devices.silent_on_another_trip(connection, names)
    ]
    publishing.publish(connection, again, now_s)
    return len(alarms) + len(again)


def _due_before_s(hears_from_s: int, now_s: int) -> int:
    """A session due before this time is missed; 0: none can be called missed yet."""
    late_s = now_s - GRACE_S
    return late_s if hears_from_s < late_s else 0


def _of_trip(event: Event) -> Event:
    """With an id of this trip, so that it replaces no event of another one."""
    event_id = f"{event.id}-{'no-trip' if event.trip is None else f'trip-{event.trip}'}"
    return event._replace(id=event_id, content=dict(event.content) | {"id": event_id})


def _alarm(connection: Connection, row: Row[Any], name: str, due_s: int, now_s: int) -> Event:
    """The alarm with the last position; its id names the session that was due, or the beginning of the trip
    that is under way if that came later: nothing before it is this trip's."""
    last = points.latest_position(connection, row.device) or points.newest(connection, row.device)
    trip = trips.running(connection, row.device)
    heard_s = row.last_session_s
    if trip is None:
        last = last._replace(trip=None, container=None, tenant=None)  # the operator tenant only
    else:
        if trip.trip != last.trip:
            last = _without_place(last, trip)
        due_s, heard_s = max(due_s, trip.started_s), _since(trip, heard_s)
    details = {"alarm": name, "due": iso(due_s), "last_session": iso(heard_s)}
    event = topics.event(last, "alarm", details, name)
    event_id = f"{row.device}/{due_s}/alarm-{name}"
    return event._replace(id=event_id, at_s=now_s, content=dict(event.content) | {"id": event_id})


def _without_place(last: StoredPoint, trip: Row[Any]) -> StoredPoint:
    """For the trip that is under way: `last` is from before it, and where and when that was is nothing to
    this one."""
    point = last.point._replace(kind=KIND_REUSED, plmn=0, events=0).meaningful()
    at_s, received_s = _since(trip, last.at_s), max(last.received_s, trip.started_s)
    whose = {"trip": trip.trip, "container": trip.container, "tenant": trip.tenant}
    return last._replace(point=point, at_s=at_s, received_s=received_s, **whose)


def _since(trip: Row[Any], at_s: int | None) -> int | None:
    """Return the time, if it is not before the trip."""
    return at_s if at_s is not None and at_s >= trip.started_s else None
