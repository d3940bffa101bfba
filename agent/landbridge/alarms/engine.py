"""Follows what is told and keeps the state of each alarm; what changes it is told in its turn.

An alarm is of a device, a trip and a name. While it stands, what raises it once more is only counted; when
it has been cleared the next one raises it anew. Late news do not wake the dead: what is older than the
clearing raises nothing. What is told of one trip clears nothing of another, but what was raised
on none; alarms end with their trip."""

import json
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.alarms.rules import RAISE, RULES, meaning
from landbridge.clock import iso
from landbridge.errors import UserError
from landbridge.store import alarms as stored
from landbridge.store import audit, trips
from landbridge.store.events import Event

AGENT = "the agent"
"""Who clears what an event, or silence, has ended."""
TRIP = "the end of the trip"
"""The same of what was not over when its trip was."""
CORRECTION = "a correction"
"""The same of what was raised by an event that is not true, or belongs to another trip."""


def follow(connection: Connection, event: Event, now_s: int) -> list[Event]:
    """What an event that has just been told changes, to be told after it."""
    if event.type == "retraction":
        was = stored.raised_by(connection, str(event.content["retracts"]), event.trip)
        return _cleared(connection, [row for row in was if row.cleared_s is None], now_s, now_s, CORRECTION)
    found = meaning(event)
    if found is None:
        return []
    name, action = found
    at_s = now_s if event.at_s is None else event.at_s
    if action != RAISE:
        standing = stored.standing(connection, event.device, name)
        over = [row for row in standing if row.trip in (None, event.trip) and row.raised_s <= at_s]
        return _cleared(connection, over, at_s, now_s, AGENT)
    return _raised(connection, event, name, at_s, now_s)


def _raised(connection: Connection, event: Event, name: str, at_s: int, now_s: int) -> list[Event]:
    standing = stored.standing(connection, event.device, name)
    moved = [row for row in standing if row.event == event.id and row.trip != event.trip]
    news = _cleared(connection, moved, now_s, now_s, CORRECTION)
    before = stored.raised_by(connection, event.id, event.trip)
    true_again = [row for row in before if row.cleared_by == CORRECTION]
    if before and not true_again:
        return news
    for row in standing:
        if row.trip == event.trip:
            stored.count(connection, row.alarm, at_s)
            return news
    if true_again:
        return news + _raised_again(connection, true_again[-1], now_s)
    cleared_s = stored.last_cleared_s(connection, event.device, name, event.trip, but_by=CORRECTION)
    if cleared_s is not None and at_s < cleared_s:
        return news
    severity = str(event.content.get("severity", RULES[name].severity))
    row = stored.raise_(connection, event, name, severity, at_s, now_s)
    return [*news, _told(row, "raised", now_s)]


def expire(connection: Connection, now_s: int) -> list[Event]:
    """End the alarms of which nothing has told for as long as their rule says, and those that late news
    have raised on a trip that is over."""
    ended = [told for trip in stored.outlived(connection) for told in follow_trip(connection, trip, now_s)]
    over = [
        row
        for row in stored.every_standing(connection)
        if (quiet_s := RULES[row.name].quiet_s) is not None and row.last_s + quiet_s <= now_s
    ]
    return ended + [
        told
        for row in over
        for told in _cleared(connection, [row], row.last_s + (RULES[row.name].quiet_s or 0), now_s, AGENT)
    ]


def follow_trip(connection: Connection, trip: int, now_s: int) -> list[Event]:
    """End the alarms of a trip with it."""
    ended_s = trips.ended_s(connection, trip)
    if ended_s is None:
        return []
    return [
        told
        for row in stored.of_trip(connection, trip)
        if row.cleared_by in (None, TRIP) and row.cleared_s != (over_s := max(ended_s, row.raised_s))
        for told in _cleared(connection, [row], over_s, now_s, TRIP)
    ]


def take_up(connection: Connection, trip: int, now_s: int) -> list[Event]:
    """The trip goes on behind what was held for its end: so do the alarms that ended there, one of a name."""
    rows, news = stored.of_trip(connection, trip), []
    stands = {row.name for row in rows if row.cleared_s is None}
    for row in rows:
        if row.cleared_by == TRIP and row.name not in stands:
            stands.add(row.name)
            news += _raised_again(connection, row, now_s)
    return news


def disproved(event: Event) -> str | None:
    """The id under which is told what is not true after this event: an alarm that stands (again) is not
    over."""
    if event.type != "alarm-raised":
        return None
    return _event_id(event.device, event.content["number"], "alarm-cleared")


def acknowledge(connection: Connection, alarm: int, who: str, note: str, now_s: int) -> list[Event]:
    """Somebody looks after it; `UserError` if there is no such alarm, or it is over or acknowledged."""
    row = known(connection, alarm)
    if row.cleared_s is not None:
        raise UserError(f"alarm {alarm} was cleared at {iso(row.cleared_s)}: there is nothing to look after")
    if row.acknowledged_s is not None:
        raise UserError(f"alarm {alarm} was acknowledged by {row.acknowledged_by}")
    stored.acknowledge(connection, alarm, who, note, now_s)
    audit.add(connection, who, f"alarm {row.name} acknowledged", now_s, row.device)
    return [_told(known(connection, alarm), "acknowledged", now_s)]


def clear(connection: Connection, alarm: int, who: str, now_s: int) -> list[Event]:
    """Somebody ends it; the next event of its kind raises it anew. `UserError` if there is none or it is
    over."""
    row = known(connection, alarm)
    if row.cleared_s is not None:
        raise UserError(f"alarm {alarm} was cleared at {iso(row.cleared_s)} already")
    audit.add(connection, who, f"alarm {row.name} cleared", now_s, row.device)
    return _cleared(connection, [row], now_s, now_s, who)


def known(connection: Connection, alarm: int) -> Row[Any]:
    """The alarm of that number; `UserError` if there is none."""
    row = stored.find(connection, alarm)
    if row is None:
        raise UserError(f"no alarm {alarm}; `landbridge alarms list --all` shows those there are")
    return row


def state(row: Row[Any]) -> str:
    """raised, acknowledged or cleared."""
    if row.cleared_s is not None:
        return "cleared"
    return "raised" if row.acknowledged_s is None else "acknowledged"


def told(row: Row[Any]) -> dict[str, Any]:
    """An alarm as the API has it."""
    content: dict[str, Any] = json.loads(row.content)
    return content | {
        "number": row.alarm, "alarm": row.name, "severity": row.severity, "state": state(row),
        "since": iso(row.raised_s), "last": iso(row.last_s), "times": row.times,
        "acknowledged": iso(row.acknowledged_s), "acknowledged_by": row.acknowledged_by, "note": row.note,
        "cleared": iso(row.cleared_s), "cleared_by": row.cleared_by,
    }  # fmt: skip


def _raised_again(connection: Connection, row: Row[Any], now_s: int) -> list[Event]:
    stored.clear(connection, row.alarm, None, None)
    return [_told(known(connection, row.alarm), "raised", now_s)]


def _cleared(connection: Connection, rows: list[Row[Any]], at_s: int, now_s: int, who: str) -> list[Event]:
    news = []
    for row in rows:
        stored.clear(connection, row.alarm, who, at_s)
        news.append(_told(known(connection, row.alarm), "cleared", now_s))
    return news


def _told(row: Row[Any], change: str, now_s: int) -> Event:
    """The event of a change. Its place and its time on the journey are those of the event that raised it: so
    nobody hears of a place that lies on somebody else's trip."""
    kind = f"alarm-{change}"
    event_id = _event_id(row.device, row.alarm, kind)
    content = {"id": event_id, "type": kind} | told(row)
    return Event(event_id, row.device, kind, False, row.trip, None, now_s, content, row.tenant)


def _event_id(device: str, alarm: int, kind: str) -> str:
    return f"{device}/{alarm}/{kind}"
