"""Publishes stored events and tracks again, each under the number that it had.

Positions are not among them: only the latest counts, and each of its points is in a track."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from landbridge.events import topics
from landbridge.events.queries import events, outbox, tracks
from landbridge.events.queries.outbox import OutboxMessage, numbered_message

PAGE = 500
EVENT = "event"

_Read = Callable[[Connection, str | None, tuple[int, int], int], list[OutboxMessage]]
"""Returns the first messages of a tenant (None: of all) with these numbers, ends included, and how many at
most."""


def restore(connection: Connection, tenant: str | None, what: Sequence[str], span: tuple[int, int]) -> int:
    """Put the first messages with these numbers, ends included, into the outbox again, at most PAGE of each
    kind; return up to which number."""
    found = [read(connection, tenant, span, PAGE) for kind, (read, _) in _STORED.items() if kind in what]
    upto = min((each[-1].message for each in found if len(each) == PAGE), default=span[1])
    outbox.restore(connection, [each for page in found for each in page if each.message <= upto])
    return upto


def count(connection: Connection, tenant: str | None, what: Sequence[str], span: tuple[int, int]) -> int:
    """Return how many messages with these numbers are stored."""
    return sum(number(connection, tenant, span) for kind, (_, number) in _STORED.items() if kind in what)


def _events(
    connection: Connection, tenant: str | None, span: tuple[int, int], limit: int
) -> list[OutboxMessage]:
    return [
        numbered_message(row.message, topics.event_message(event, row.event, row.published_s, row.replaces))
        for row, event in events.published(connection, tenant, span, limit)
    ]


def _tracks(
    connection: Connection, tenant: str | None, span: tuple[int, int], limit: int
) -> list[OutboxMessage]:
    return [
        numbered_message(each.message, topics.track_message(each.tenant, each.device, each.sequences))
        for each in tracks.after(connection, tenant, span[0] - 1, limit)
        if each.message <= span[1]
    ]


_STORED: dict[str, tuple[_Read, Callable[[Connection, str | None, tuple[int, int]], int]]] = {
    EVENT: (_events, events.count),
    topics.TRACK: (_tracks, tracks.count),
}
"""How each kind of messages is read and counted."""
