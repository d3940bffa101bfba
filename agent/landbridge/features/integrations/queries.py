"""Targets: who takes messages from the outbox, how far each has come, and the devices it refuses."""

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from landbridge.core.names import BROKER
from landbridge.db.tables import delivery_retries, integrations


class Integration(NamedTuple):
    """One integration that is not the broker."""

    integration: int
    name: str
    kind: str
    address: str
    tenant: str | None
    """Whose messages it gets; None: everybody's."""
    what: tuple[str, ...]
    """Kinds of messages: position, track, event."""
    wrapped_secret: bytes | None
    cursor: int


class DeliveryRetry(NamedTuple):
    """A device that waits at an integration, from the message on that was refused."""

    device: str
    message: int
    attempts: int
    next_s: int
    failure: str


def add(connection: Connection, integration: Integration, who: str, now_s: int) -> None:
    """Add an integration; it gets what is published after its cursor. Its number is not used."""
    values = integration._asdict() | {"what": json.dumps(integration.what)}
    del values["integration"]
    connection.execute(insert(integrations).values(**values, added_by=who, added_s=now_s))


def active(connection: Connection) -> list[Integration]:
    """The integrations that get messages."""
    rows = connection.execute(
        select(integrations).where(integrations.c.kind != BROKER, integrations.c.removed_s.is_(None))
    )
    return [_integration(row) for row in rows]


def named(connection: Connection, name: str) -> Integration | None:
    """Return the active integration of this name."""
    return next((each for each in active(connection) if each.name == name), None)


def every(connection: Connection) -> list[Row[Any]]:
    """All rows but the broker's, the oldest first."""
    statement = select(integrations).where(integrations.c.kind != BROKER)
    return list(connection.execute(statement.order_by(integrations.c.integration)))


def remove(connection: Connection, integration: int, who: str, now_s: int) -> None:
    """It gets nothing any more; what only it had to get may leave the outbox (`outbox.remove_delivered`)."""
    of_integration = integrations.c.integration == integration
    connection.execute(update(integrations).where(of_integration).values(removed_by=who, removed_s=now_s))
    connection.execute(delete(delivery_retries).where(delivery_retries.c.integration == integration))


def advance(connection: Connection, integration: int, cursor: int, delivered: int, now_s: int) -> None:
    """It has, or holds, all messages up to `cursor`; so many were delivered. It never goes back: an agent
    that is late in noticing that another one delivers now knows less."""
    values: dict[str, Any] = {"cursor": cursor, "delivered": integrations.c.delivered + delivered}
    if delivered:
        values |= {"delivered_s": now_s, "failure": None}
    ahead = integrations.c.integration == integration, integrations.c.cursor <= cursor
    connection.execute(update(integrations).where(*ahead).values(values))


def fail(connection: Connection, integration: int, failure: str, now_s: int) -> None:
    """Note why the last try did not succeed."""
    values = {"failure": failure, "failed_s": now_s}
    connection.execute(update(integrations).where(integrations.c.integration == integration).values(values))


def retries(connection: Connection, integration: int) -> list[DeliveryRetry]:
    """The devices that wait."""
    rows = connection.execute(
        select(*(delivery_retries.c[name] for name in DeliveryRetry._fields)).where(
            delivery_retries.c.integration == integration
        )
    )
    return [DeliveryRetry(*row) for row in rows]


def due_retries(connection: Connection, now_s: int) -> set[int]:
    """The integrations at which a device waits that is due."""
    return set(
        connection.execute(
            select(delivery_retries.c.integration).where(delivery_retries.c.next_s <= now_s)
        ).scalars()
    )


def keep_retry(
    connection: Connection, integration: int, waits: DeliveryRetry, before: DeliveryRetry | None
) -> None:
    """This device waits, in place of what was noted `before` (None: nothing); unless the integration is
    removed, or a person has it go on from another message by now."""
    of_integration = select(integrations.c.integration).where(
        integrations.c.integration == integration, integrations.c.removed_s.is_(None)
    )
    of_device = delivery_retries.c.integration == integration, delivery_retries.c.device == waits.device
    noted = connection.execute(select(delivery_retries.c.message).where(*of_device)).scalar()
    if noted != (before and before.message) or connection.execute(of_integration).first() is None:
        return
    end_retry(connection, integration, waits.device)
    connection.execute(insert(delivery_retries).values(integration=integration, **waits._asdict()))


def end_retry(connection: Connection, integration: int, device: str) -> None:
    """This device waits no longer."""
    connection.execute(
        delete(delivery_retries).where(
            delivery_retries.c.integration == integration, delivery_retries.c.device == device
        )
    )


def _integration(row: Row[Any]) -> Integration:
    values = {name: getattr(row, name) for name in Integration._fields}
    return Integration(**values | {"what": tuple(json.loads(row.what))})
