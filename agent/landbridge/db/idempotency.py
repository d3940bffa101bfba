"""Idempotency keys: a request that is repeated under its key is executed once and answered alike."""

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from landbridge.db.tables import idempotency_keys

KEPT_S = 86_400
"""Seconds for which a key is known; the retention then removes it."""


def begin(connection: Connection, who: str, key: str, digest: str, now_s: int) -> Row[Any] | None:
    """Note that `who` has begun the request with this digest; return the row of the request that has the key
    already."""
    its = idempotency_keys.c.who == who, idempotency_keys.c.key == key
    connection.execute(delete(idempotency_keys).where(*its, idempotency_keys.c.begun_s < now_s - KEPT_S))
    found = connection.execute(select(idempotency_keys).where(*its)).one_or_none()
    if found is None:
        values = {"who": who, "key": key, "digest": digest, "begun_s": now_s}
        connection.execute(insert(idempotency_keys).values(values))
    return found


def finish(
    connection: Connection, who: str, key: str, status: int, media_type: str | None, wrapped_answer: bytes
) -> None:
    """Store the answer."""
    its = idempotency_keys.c.who == who, idempotency_keys.c.key == key
    values = {"status": status, "media_type": media_type, "wrapped_answer": wrapped_answer}
    connection.execute(update(idempotency_keys).where(*its).values(values))


def give_up(connection: Connection, who: str, key: str) -> None:
    """Forget a request that has changed nothing: it may be repeated."""
    its = idempotency_keys.c.who == who, idempotency_keys.c.key == key
    connection.execute(delete(idempotency_keys).where(*its))


def forget(connection: Connection, before_s: int) -> int:
    """Remove the keys from before; return how many."""
    old = idempotency_keys.c.begun_s < before_s
    return connection.execute(delete(idempotency_keys).where(old)).rowcount
