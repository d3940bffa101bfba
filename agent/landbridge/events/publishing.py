"""Events: kept under a number that rises, and published to the platforms in that order."""

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection

from landbridge.core.hooks import Hook
from landbridge.events import outbox, topics
from landbridge.events import queries as events
from landbridge.protocol.event import Event

ON_EVENT: Hook[Callable[[Connection, Event, int, Sequence[Event]], Iterable[Event]]] = Hook()
"""With an event that was just published, the time, and the events that are published next: what it changes,
to be published after it."""


def publish(connection: Connection, new_events: Iterable[Event], now_s: int) -> None:
    """Publish events. They replace what was published under the same id before; what they disprove is
    retracted."""
    ordered = list(new_events)
    for place, each in enumerate(ordered, 1):
        disproved = _disproved(each)
        untrue = events.withdraw(connection, disproved) if disproved else None
        if untrue:
            _post(connection, _retraction(untrue[1]), now_s, untrue[0])
        before = events.withdraw(connection, each.id)
        if before and before[1].tenant != each.tenant:
            # The tenant that got it does not get what takes its place.
            _post(connection, _retraction(before[1]), now_s, before[0])
        _post(connection, each, now_s, before and before[0], ordered[place:])


def correct(connection: Connection, untrue: Iterable[Event], new_events: Iterable[Event], now_s: int) -> None:
    """Retract published events that are not true, and publish those that are. Alarms follow the retractions
    last: they continue by what is true."""
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
    """Publish what else an event that was just published changes."""
    for act in ON_EVENT:
        publish(connection, act(connection, event, now_s, coming), now_s)


def _disproved(event: Event) -> str | None:
    """The id under which was published what is not true after this event: an alarm that stands (again) is not
    over."""
    if event.type != "alarm-raised":
        return None
    return topics.alarm_id(event.device, event.content["number"], "cleared")


def _say(connection: Connection, event: Event, now_s: int, replaces: int | None) -> None:
    is_current = event.type != "retraction"
    number = events.add(connection, event, now_s, replaces, is_current)
    outbox.post(connection, [topics.event_message(event, number, now_s, replaces)], now_s)


def _retraction(event: Event) -> Event:
    """It has all that the event had."""
    head, _, name = event.id.rpartition("/")
    content = dict(event.content) | {
        "id": f"{head}/retraction-{name}",
        "type": "retraction",
        "retracts": event.id,
        "was": event.type,
    }
    return event._replace(id=content["id"], type="retraction", content=content)
