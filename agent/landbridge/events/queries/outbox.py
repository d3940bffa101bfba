"""The outbox: messages are written with the data they describe, and removed when the broker and every
integration have them."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, update

from landbridge.core.names import BROKER, OPERATOR
from landbridge.db import bulk, order
from landbridge.db.tables import delivery_retries, integrations, outbox
from landbridge.events.queries import tracks


class NewMessage(NamedTuple):
    """A message to publish."""

    topic: str
    payload: bytes
    retain: bool
    tenant: str | None = None
    device: str | None = None
    what: str | None = None
    """position, track or event; None: for the broker only."""
    sequences: Sequence[int] = ()
    """Capture sequences of the points of a track."""


class OutboxMessage(NamedTuple):
    """A message in the outbox."""

    message: int
    topic: str
    payload: bytes
    retain: bool
    tenant: str | None
    device: str | None
    what: str | None


def numbered_message(number: int, message: NewMessage) -> OutboxMessage:
    """Return the message as stored in the outbox."""
    return OutboxMessage(number, *message[:-1])


def post(connection: Connection, messages: list[NewMessage], now_s: int) -> Sequence[int]:
    """Append `messages` in this order; return their numbers."""
    if not messages:
        return ()
    first = order.next_number(connection, last, now_s)
    numbers = range(first, first + len(messages))
    rows = [numbered_message(number, each) for number, each in zip(numbers, messages, strict=True)]
    bulk.insert(connection, outbox, OutboxMessage._fields, rows)
    batches = [
        tracks.Batch(number, each.tenant or OPERATOR, each.device or "", each.sequences)
        for number, each in zip(numbers, messages, strict=True)
        if each.sequences
    ]
    tracks.keep(connection, batches)
    return numbers


def restore(connection: Connection, messages: Sequence[OutboxMessage]) -> None:
    """Put messages that may have left the outbox back under their numbers. Those whose cursor is past them
    get them no second time."""
    numbers = [each.message for each in messages]
    connection.execute(delete(outbox).where(outbox.c.message.in_(numbers)))
    bulk.insert(connection, outbox, OutboxMessage._fields, messages)


def head(connection: Connection, limit: int) -> list[OutboxMessage]:
    """Return the oldest messages that the broker does not have, at most `limit`."""
    waiting = select(outbox).where(outbox.c.message > _broker_cursor())
    return [
        OutboxMessage(*row) for row in connection.execute(waiting.order_by(outbox.c.message).limit(limit))
    ]


def remove(connection: Connection, upto: int) -> None:
    """Note that the broker has all messages up to `upto`, and remove those that no integration waits for."""
    moved = connection.execute(update(integrations).where(integrations.c.kind == BROKER).values(cursor=upto))
    if not moved.rowcount:
        row = {"name": BROKER, "kind": BROKER, "address": "", "what": "[]", "cursor": upto}
        connection.execute(insert(integrations).values(**row, added_by="the agent", added_s=0))
    remove_delivered(connection)


def remove_delivered(connection: Connection) -> None:
    """Remove the messages that the broker and all integrations have."""
    slowest = (
        select(func.min(integrations.c.cursor)).where(integrations.c.removed_s.is_(None)).scalar_subquery()
    )
    waits = exists().where(
        delivery_retries.c.device == outbox.c.device, delivery_retries.c.message <= outbox.c.message
    )
    # The broker has no row before the first message: until then it has received none.
    have = outbox.c.message <= slowest, outbox.c.message <= _broker_cursor()
    connection.execute(delete(outbox).where(*have, ~waits))


def of_integration(
    connection: Connection, tenant: str | None, what: Sequence[str], span: tuple[int, int], limit: int
) -> list[OutboxMessage]:
    """Return the oldest messages after the first number of `span`, up to the last, of `tenant` (None: of all)
    and one of the kinds `what`."""
    after, upto = span
    wanted = select(outbox).where(outbox.c.message > after, outbox.c.message <= upto, outbox.c.what.in_(what))
    if tenant is not None:
        wanted = wanted.where(outbox.c.tenant == tenant)
    return [OutboxMessage(*row) for row in connection.execute(wanted.order_by(outbox.c.message).limit(limit))]


def of_device(
    connection: Connection, tenant: str | None, what: Sequence[str], device: str, span: tuple[int, int]
) -> list[OutboxMessage]:
    """Return the messages of one device, from the first number of `span` to the last."""
    wanted = select(outbox).where(
        outbox.c.device == device, outbox.c.what.in_(what), outbox.c.message.between(*span)
    )
    if tenant is not None:
        wanted = wanted.where(outbox.c.tenant == tenant)
    return [OutboxMessage(*row) for row in connection.execute(wanted.order_by(outbox.c.message))]


def waiting(connection: Connection, tenant: str | None, what: Sequence[str], after: int) -> int:
    """Return how many such messages follow number `after`."""
    wanted = select(func.count()).where(outbox.c.message > after, outbox.c.what.in_(what))
    if tenant is not None:
        wanted = wanted.where(outbox.c.tenant == tenant)
    return int(connection.execute(wanted).scalar_one())


def published(connection: Connection) -> int:
    """Return the number of the last message that the broker has; 0 if it has none."""
    return int(connection.execute(select(_broker_cursor())).scalar_one())


def last(connection: Connection) -> int:
    """Return the number of the newest message."""
    newest = select(func.coalesce(func.max(outbox.c.message), 0)).scalar_subquery()
    known, published = connection.execute(select(newest, _broker_cursor())).one()
    return max(int(known), int(published))


def _broker_cursor() -> ColumnElement[int]:
    cursor = select(integrations.c.cursor).where(integrations.c.kind == BROKER).scalar_subquery()
    return func.coalesce(cursor, 0)
