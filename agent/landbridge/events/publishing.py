"""Events: stored under a rising number, and published to the platforms in that order."""

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection

from landbridge.core.hooks import Hook
from landbridge.events import topics
from landbridge.events.queries import events, outbox
from landbridge.protocol.event import Event

ON_EVENT: Hook[Callable[[Connection, Event, int, Sequence[Event]], Iterable[Event]]] = Hook()
"""A callback: gets an event that was just published, the time, and the events that come next; returns further
events that follow from it."""


def publish(connection: Connection, new_events: Iterable[Event], now_s: int) -> None:
    """Publish events. Each replaces the earlier one under its id, and retracts the events that it
    disproves."""
    ordered = list(new_events)
    for place, each in enumerate(ordered, 1):
        disproved = _disproved(each)
        untrue = events.withdraw(connection, disproved) if disproved else None
        if untrue:
            _post(connection, _retraction(untrue[1]), now_s, untrue[0])
        before = events.withdraw(connection, each.id)
        if before and before[1].tenant != each.tenant:
            # The new tenant gets no retraction of an event that only the old one received.
            _post(connection, _retraction(before[1]), now_s, before[0])
        _post(connection, each, now_s, before and before[0], ordered[place:])


def correct(connection: Connection, untrue: Iterable[Event], new_events: Iterable[Event], now_s: int) -> None:
    """Retract published events that proved false, and publish the right ones. Alarms follow the retractions
    last, so that they continue from the valid events."""
    retractions = []
    for each in untrue:
        before = events.withdraw(connection, each.id)
        retractions.append(_retraction(each))
        _say(connection, retractions[-1], now_s, before and before[0])
    publish(connection, new_events, now_s)
    for each in retractions:
        _follow(connection, each, now_s)


def _post(
    connection: Connection, event: Event, now_s: int, replaces: int | None, coming: Sequence[Event] = ()
) -> None:
    _say(connection, event, now_s, replaces)
    _follow(connection, event, now_s, coming)


def _follow(connection: Connection, event: Event, now_s: int, coming: Sequence[Event] = ()) -> None:
    """Publish the further changes that follow from an event."""
    for act in ON_EVENT:
        publish(connection, act(connection, event, now_s, coming), now_s)


def _disproved(event: Event) -> str | None:
    """Return the id of the event that this one disproves: an alarm that is open (again) is not cleared."""
    if event.type != "alarm-raised":
        return None
    return topics.alarm_id(event.device, event.content["number"], "cleared")


def _say(connection: Connection, event: Event, now_s: int, replaces: int | None) -> None:
    is_current = event.type != "retraction"
    number = events.add(connection, event, now_s, replaces, is_current)
    message = topics.event_message(event, number, now_s, replaces)
    (posted,) = outbox.post(connection, [message], now_s)
    events.keep_message(connection, number, posted)


def _retraction(event: Event) -> Event:
    """Return a retraction with all content of the event."""
    head, _, name = event.id.rpartition("/")
    content = dict(event.content) | {
        "id": f"{head}/retraction-{name}",
        "type": "retraction",
        "retracts": event.id,
        "was": event.type,
    }
    return event._replace(id=content["id"], type="retraction", content=content)
