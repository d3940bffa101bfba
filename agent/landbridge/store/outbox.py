"""Messages to publish: written with the data they tell of, gone when the broker has them."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from landbridge.store.tables import outbox


class Outgoing(NamedTuple):
    """One message to publish."""

    topic: str
    payload: bytes
    retain: bool


class Posted(NamedTuple):
    """A message in the outbox."""

    message: int
    topic: str
    payload: bytes
    retain: bool


def post(connection: Connection, messages: list[Outgoing]) -> None:
    """Append `messages` in this order."""
    if messages:
        connection.execute(insert(outbox), [message._asdict() for message in messages])


def head(connection: Connection, limit: int) -> list[Posted]:
    """The oldest messages, at most `limit`."""
    rows = connection.execute(select(outbox).order_by(outbox.c.message).limit(limit))
    return [Posted(*row) for row in rows]


def remove(connection: Connection, upto: int) -> None:
    """Forget all messages up to and with number `upto`: the broker has them."""
    connection.execute(delete(outbox).where(outbox.c.message <= upto))
