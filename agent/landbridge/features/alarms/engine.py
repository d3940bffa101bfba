"""Follows published events and keeps the state of each alarm; its changes are published as events.

An alarm is of a device, a trip and a name. It is raised when it has stood for its minimum duration; what ends
before is none. While it is open, what raises it again is only counted; when it has been cleared the next
one raises it again. Late events do not reopen it: what is older than what cleared it raises nothing. An event
of one trip clears nothing of another, but what was raised on none; alarms end with their trip. After a
retraction the remaining events are evaluated again."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.labels import actor, label
from landbridge.core.names import AGENT
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.events import publishing, topics
from landbridge.events.queries import events
from landbridge.features.alarms import queries as stored
from landbridge.features.alarms.rules import CLEAR, RAISE, TYPES, meaning, rule
from landbridge.features.trips import queries as trips
from landbridge.protocol.event import Event

TRIP = trips.END
"""Author of a clearing at the end of the trip."""
CORRECTION = "a correction"
"""Author of a clearing after the raising event was retracted, or moved to another trip."""


def follow(connection: Connection, event: Event, now_s: int, coming: Sequence[Event] = ()) -> list[Event]:
    """Return the events that follow from a published event, to be published after it; `coming` are published
    next."""
    if event.type == "retraction":
        return _taken_back(connection, event, now_s)
    found = meaning(event)
    if found is None:
        return []
    name, action = found
    at_s = now_s if event.at_s is None else event.at_s
    if action == CLEAR:
        return _over(connection, event, name, at_s, now_s)
    return [] if _is_brief(event, name, at_s, coming) else _raised(connection, event, name, at_s, now_s)


def _is_brief(event: Event, name: str, at_s: int, coming: Sequence[Event]) -> bool:
    """Whether one of these events ends it before its minimum duration."""
    least_s = max(rule(name).least_s, 1)
    return any(
        each.at_s is not None
        and at_s <= each.at_s < at_s + least_s
        and each.trip in (None, event.trip)
        and meaning(each) == (name, CLEAR)
        for each in coming
        if each.device == event.device
    )


def _raised(connection: Connection, event: Event, name: str, at_s: int, now_s: int) -> list[Event]:
    open_alarms = stored.open_of(connection, event.device, name)
    moved = [row for row in open_alarms if row.event == event.id and row.trip != event.trip]
    changes = _corrected(connection, moved, now_s)
    before = stored.raised_by(connection, event.id, event.trip)
    true_again = [row for row in before if row.cleared_by == CORRECTION]
    if before and not true_again:
        return changes
    for row in open_alarms:
        if row.trip == event.trip:
            stored.count(connection, row.alarm, at_s, now_s, min(row.times, 1))
            return changes
    if at_s < _over_from_s(connection, event.device, name, event.trip):
        return changes
    end = _end(connection, event, name, at_s)
    if true_again:
        return changes + _true_again(connection, true_again[-1], end, now_s)
    return changes if end else changes + _new(connection, event, name, at_s, now_s)


def _new(connection: Connection, event: Event, name: str, at_s: int, now_s: int) -> list[Event]:
    severity = str(event.content.get("severity", rule(name).severity))
    has_stood = at_s + rule(name).least_s <= now_s
    row = stored.raise_(connection, event, name, severity, at_s, now_s, times=1 if has_stood else 0)
    return [_change_event(row, "raised", now_s)] if has_stood else []


def _true_again(connection: Connection, row: Row[Any], end: Event | None, now_s: int) -> list[Event]:
    if end is None or end.at_s is None:
        return _raised_again(connection, row, now_s)
    return _cleared(connection, [row], end.at_s, now_s, AGENT, end.id)


def _over(connection: Connection, event: Event, name: str, at_s: int, now_s: int) -> list[Event]:
    open_alarms = stored.open_of(connection, event.device, name)
    over = [row for row in open_alarms if row.trip in (None, event.trip) and row.raised_s <= at_s]
    changes = _cleared(connection, over, at_s, now_s, AGENT, event.id)
    later = {row.trip for row in over if row.last_s > at_s}
    return changes + _reevaluated(connection, event.device, name, later, now_s)


def _taken_back(connection: Connection, retraction: Event, now_s: int) -> list[Event]:
    """Clear alarms whose raising event was retracted, and reopen those whose clearing event was."""
    content = retraction.content
    event = retraction._replace(id=str(content["retracts"]), type=str(content["was"]))
    found = meaning(event)
    if found is None:
        return []
    name, action = found
    if action == RAISE:
        rows = stored.raised_by(connection, event.id, event.trip)
        return _corrected(connection, [row for row in rows if row.cleared_by in (None, TRIP)], now_s)
    ended = stored.cleared_with(connection, event.device, event.id)
    for row in ended:
        stored.clear(connection, row.alarm, CORRECTION, row.cleared_s, now_s)
    affected_trips = {event.trip, *(row.trip for row in ended)}
    return _reevaluated(connection, event.device, name, affected_trips, now_s)


def _corrected(connection: Connection, rows: list[Row[Any]], now_s: int) -> list[Event]:
    """Clear the alarm of a retracted event, unless other events keep it open."""
    changes = _cleared(connection, rows, now_s, now_s, CORRECTION)
    for row in rows:
        changes += _reevaluated(connection, row.device, row.name, {row.trip}, now_s)
    return changes


def _reevaluated(
    connection: Connection, device: str, name: str, of_trips: Collection[int | None], now_s: int
) -> list[Event]:
    """Raise the alarm again by its remaining events on these trips, as far as they are under way and have no
    such alarm open."""
    changes = []
    for trip in of_trips:
        row = None if trip is None else trips.find(connection, trip)
        if row is not None and row.ended_s is not None:
            continue
        from_s = max(_over_from_s(connection, device, name, trip), row.started_s if row else 0)
        for event in events.current_from(connection, device, TYPES, from_s):
            if event.trip == trip and meaning(event) == (name, RAISE) and event.at_s is not None:
                raised = [each for each in stored.open_of(connection, device, name) if each.trip == trip]
                if all(each.last_s < event.at_s for each in raised):
                    changes += _raised(connection, event, name, event.at_s, now_s)
    return changes


def _over_from_s(connection: Connection, device: str, name: str, trip: int | None) -> int:
    """Older events belong to an earlier alarm."""
    return stored.over_from_s(connection, device, name, trip, quiet_by=AGENT, but_by=CORRECTION)


def _end(connection: Connection, event: Event, name: str, at_s: int) -> Event | None:
    """An event published before has already cleared what this event, of that time, would raise."""
    later = events.current_from(connection, event.device, TYPES, at_s + 1)
    ends = (each for each in later if event.trip in (None, each.trip) and meaning(each) == (name, CLEAR))
    return next(ends, None)


def due_devices(connection: Connection, now_s: int) -> set[str]:
    """Return the devices that have alarms to `expire`."""
    open_alarms = stored.every_open(connection)
    return {row.device for row in open_alarms if _is_due(row, now_s) or _expired(row, now_s)}


def check_due(connection: Connection, names: Collection[str], now_s: int) -> None:
    """Apply the changes that time brings to these devices, and publish them."""
    publishing.publish(connection, expire(connection, names, now_s), now_s)


def expire(connection: Connection, names: Collection[str], now_s: int) -> list[Event]:
    """Return the changes that time brings on these devices: raise alarms after their minimum duration, clear
    those that were quiet for as long as their rule says, and those that late events raised on an ended
    trip."""
    changes = []
    for row in stored.every_open(connection, names):
        if ended := _expired(row, now_s):
            changes += _cleared(connection, [row], ended[0], now_s, ended[1])
        elif _is_due(row, now_s):
            stored.count(connection, row.alarm, row.last_s, now_s)
            changes.append(_change_event(known(connection, row.alarm), "raised", now_s))
    return changes


def _is_due(row: Row[Any], now_s: int) -> bool:
    """Whether it has lasted for its minimum duration and is not raised yet."""
    return bool(row.times == 0 and row.raised_s + rule(row.name).least_s <= now_s)


def _expired(row: Row[Any], now_s: int) -> tuple[int, str] | None:
    """Return since when an alarm is over, and by what. It is quiet only if the device has reported since;
    late alarms stay open equally long."""
    if row.trip_ended_s is not None:
        return max(row.trip_ended_s, row.raised_s), TRIP
    quiet_s = rule(row.name).quiet_s
    if quiet_s is None or row.published_s + quiet_s > now_s:
        return None
    over_s = row.last_s + quiet_s
    return (over_s, AGENT) if over_s <= (row.last_session_s or 0) else None


def end_with_trip(connection: Connection, device: str, trip: int, now_s: int) -> None:
    """Clear the alarms of a trip at its end, and publish that."""
    publishing.publish(connection, _ended(connection, trip, now_s), now_s)


def _ended(connection: Connection, trip: int, now_s: int) -> list[Event]:
    ended_s = trips.ended_s(connection, trip)
    if ended_s is None:
        return []
    return [
        change
        for row in stored.of_trip(connection, trip)
        if row.cleared_by in (None, TRIP) and row.cleared_s != (over_s := max(ended_s, row.raised_s))
        for change in _cleared(connection, [row], over_s, now_s, TRIP)
    ]


def reopen_with_trip(connection: Connection, trip: int, now_s: int) -> None:
    """Reopen the alarms that ended with a trip which continues, one of each name."""
    publishing.publish(connection, _taken_up(connection, trip, now_s), now_s)


def _taken_up(connection: Connection, trip: int, now_s: int) -> list[Event]:
    rows, changes = stored.of_trip(connection, trip), []
    stands = {row.name for row in rows if row.cleared_s is None}
    for row in rows:
        if row.cleared_by == TRIP and row.name not in stands:
            stands.add(row.name)
            changes += _raised_again(connection, row, now_s)
    return changes


def acknowledge(connection: Connection, alarm: int, who: str, note: str, now_s: int) -> list[Event]:
    """Acknowledge an alarm; `UserError` if there is none, or it is cleared or acknowledged."""
    row = known(connection, alarm)
    if row.cleared_s is not None:
        raise UserError(
            _(
                "alarm {number} was cleared at {time}; no action is needed",
                number=alarm,
                time=iso(row.cleared_s),
            )
        )
    if row.acknowledged_s is not None:
        raise UserError(
            _("alarm {number} was acknowledged by {who}", number=alarm, who=actor(row.acknowledged_by))
        )
    stored.acknowledge(connection, alarm, who, note, now_s)
    audit.add(connection, who, _("alarm acknowledged: {alarm}", alarm=label(row.name)), now_s, row.device)
    return [_change_event(known(connection, alarm), "acknowledged", now_s)]


def clear(connection: Connection, alarm: int, who: str, now_s: int) -> list[Event]:
    """Clear an alarm; the next event of its kind raises it again. `UserError` if there is none or it is
    cleared."""
    row = known(connection, alarm)
    if row.cleared_s is not None:
        raise UserError(
            _("alarm {number} was already cleared at {time}", number=alarm, time=iso(row.cleared_s))
        )
    changes = _cleared(connection, [row], now_s, now_s, who)
    audit.add(connection, who, _("alarm cleared: {alarm}", alarm=label(row.name)), now_s, row.device)
    return changes


def known(connection: Connection, alarm: int) -> Row[Any]:
    """Return the alarm of that number; `UserError` if there is none."""
    row = stored.find(connection, alarm)
    if row is None:
        raise UserError(_("no alarm {number}; `landbridge alarms list --all` lists them", number=alarm))
    return row


def state(row: Row[Any]) -> str:
    """Return raised, acknowledged or cleared."""
    if row.cleared_s is not None:
        return "cleared"
    return "raised" if row.acknowledged_s is None else "acknowledged"


def serialize(row: Row[Any]) -> dict[str, Any]:
    """Return an alarm as in the API."""
    content: dict[str, Any] = json.loads(row.content)
    return content | {
        "number": row.alarm, "alarm": row.name, "severity": row.severity, "state": state(row),
        "since": iso(row.raised_s), "last": iso(row.last_s), "times": row.times,
        "acknowledged": iso(row.acknowledged_s), "acknowledged_by": row.acknowledged_by, "note": row.note,
        "cleared": iso(row.cleared_s), "cleared_by": row.cleared_by,
    }  # fmt: skip


def _raised_again(connection: Connection, row: Row[Any], now_s: int) -> list[Event]:
    stored.raise_again(connection, row.alarm, now_s)
    return [_change_event(known(connection, row.alarm), "raised", now_s)]


def _cleared(
    connection: Connection, rows: list[Row[Any]], at_s: int, now_s: int, who: str, event: str | None = None
) -> list[Event]:
    changes = []
    for row in rows:
        if row.times == 0:
            stored.remove(connection, row.alarm)
            continue
        stored.clear(connection, row.alarm, who, at_s, now_s, event)
        changes.append(_change_event(known(connection, row.alarm), "cleared", now_s))
    return changes


def _change_event(row: Row[Any], change: str, now_s: int) -> Event:
    """Return the event of a change. Its place and time are those of the event that raised the alarm, so that
    no tenant learns a place on another tenant's trip."""
    event_id, kind = topics.alarm_id(row.device, row.alarm, change), f"alarm-{change}"
    content = {"id": event_id, "type": kind} | serialize(row)
    return Event(event_id, row.device, kind, False, row.trip, None, now_s, content, row.tenant)
