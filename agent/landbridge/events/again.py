"""Published events and tracks once more: from what is stored, each under the number that it had.

Positions are not among them: only the latest counts, and each of its points is in a track."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from landbridge.events import outbox, topics, tracks
from landbridge.events import queries as events
from landbridge.events.outbox import OutboxMessage, numbered_message

_AT_ONCE = 500
EVENT = "event"

_Read = Callable[[Connection, str | None, int, int], list[OutboxMessage]]
"""Returns the first messages of a tenant (None: of all) from one number to another, at most _AT_ONCE."""


def restore(connection: Connection, tenant: str | None, what: Sequence[str], first: int, last: int) -> int:
    """Put the messages with these numbers, ends included, into the outbox again; return how many."""
    return sum(
        _restore(connection, read, tenant, first, last) for kind, read in _STORED.items() if kind in what
    )


def _restore(connection: Connection, read: _Read, tenant: str | None, first: int, last: int) -> int:
    count = 0
    while found := read(connection, tenant, first, last):
        outbox.restore(connection, found)
        count, first = count + len(found), found[-1].message + 1
    return count


def _events(connection: Connection, tenant: str | None, first: int, last: int) -> list[OutboxMessage]:
    return [
        numbered_message(row.message, topics.event_message(event, row.event, row.published_s, row.replaces))
        for row, event in events.published(connection, tenant, (first, last), _AT_ONCE)
    ]


def _tracks(connection: Connection, tenant: str | None, first: int, last: int) -> list[OutboxMessage]:
    return [
        numbered_message(each.message, topics.track_message(each.tenant, each.device, each.sequences))
        for each in tracks.after(connection, tenant, first - 1, _AT_ONCE)
        if each.message <= last
    ]


_STORED: dict[str, _Read] = {EVENT: _events, topics.TRACK: _tracks}
"""By the kind of messages."""
