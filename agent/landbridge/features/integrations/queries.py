"""Integrations: their configuration, their cursors in the outbox, and the devices that wait."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from landbridge.core.names import BROKER
from landbridge.db.tables import delivery_retries, integrations


class Integration(NamedTuple):
    """An integration other than the broker."""

    integration: int
    name: str
    kind: str
    address: str
    tenant: str | None
    """Tenant whose messages it gets; None: all tenants."""
    what: tuple[str, ...]
    """Kinds of messages: position, track, event."""
    wrapped_secret: bytes | None
    cursor: int
    only_public: bool = False
    """Whether its host must have a public address."""
    wrapped_old_secret: bytes | None = None
    """The one before it: while it is kept, messages are signed with both."""
    replay_to: int | None = None
    """It gets the messages after its cursor up to this one again."""
    paused: bool = False
    """Its messages wait."""


class DeliveryRetry(NamedTuple):
    """A device that waits at an integration, from the refused message on."""

    device: str
    message: int
    attempts: int
    next_s: int
    failure: str


def add(connection: Connection, integration: Integration, who: str, now_s: int) -> None:
    """Add an integration; it gets what is published after its cursor. Its number is ignored."""
    values = integration._asdict() | {"what": json.dumps(integration.what)}
    del values["integration"]
    connection.execute(insert(integrations).values(**values, added_by=who, added_s=now_s))


def active(connection: Connection) -> list[Integration]:
    """Return the active integrations."""
    rows = connection.execute(
        select(integrations).where(integrations.c.kind != BROKER, integrations.c.removed_s.is_(None))
    )
    return [of_row(row) for row in rows]


def named(connection: Connection, name: str) -> list[Integration]:
    """Return the active integrations of this name, one of a tenant at most."""
    return [each for each in active(connection) if each.name == name]


def every(connection: Connection) -> list[Row[Any]]:
    """Return all rows except the broker's, oldest first."""
    statement = select(integrations).where(integrations.c.kind != BROKER)
    return list(connection.execute(statement.order_by(integrations.c.integration)))


def remove(connection: Connection, integration: int, who: str, now_s: int) -> None:
    """Remove an integration; messages that only it waited for may leave the outbox
    (`outbox.remove_delivered`)."""
    of_integration = integrations.c.integration == integration
    connection.execute(update(integrations).where(of_integration).values(removed_by=who, removed_s=now_s))
    connection.execute(delete(delivery_retries).where(delivery_retries.c.integration == integration))


def change(connection: Connection, integration: int, values: Mapping[str, Any], now_s: int) -> None:
    """Change columns of an integration; what it refused is sent again at once."""
    of_integration = integrations.c.integration == integration
    connection.execute(update(integrations).where(of_integration).values(**values, failure=None))
    refused = delivery_retries.c.integration == integration
    connection.execute(update(delivery_retries).where(refused).values(next_s=now_s))


def set_secrets(connection: Connection, integration: int, new: bytes, old: bytes | None) -> None:
    """Replace the secrets of an integration."""
    values = {"wrapped_secret": new, "wrapped_old_secret": old}
    connection.execute(update(integrations).where(integrations.c.integration == integration).values(values))


def go_back(connection: Connection, integration: int, cursor: int, replay_to: int) -> None:
    """Let it get the messages after `cursor` again, up to `replay_to`."""
    values = {"cursor": cursor, "replay_to": replay_to}
    connection.execute(update(integrations).where(integrations.c.integration == integration).values(values))


def advance(
    connection: Connection, integration: int, span: tuple[int, int], delivered: int, now_s: int
) -> None:
    """Note that it has, or retries, all messages of `span`, from the cursor before to the new one, and that
    so many were delivered. A cursor that was moved meanwhile stays: another agent has delivered more, or
    messages are replayed."""
    before, cursor = span
    values: dict[str, Any] = {"cursor": cursor, "delivered": integrations.c.delivered + delivered}
    if delivered:
        values |= {"delivered_s": now_s, "failure": None}
    unmoved = integrations.c.integration == integration, integrations.c.cursor == before
    connection.execute(update(integrations).where(*unmoved).values(values))


def fail(connection: Connection, integration: int, failure: str, now_s: int) -> None:
    """Note why the last attempt failed."""
    values = {"failure": failure, "failed_s": now_s}
    connection.execute(update(integrations).where(integrations.c.integration == integration).values(values))


def pause(connection: Connection, it: Integration, failure: str, now_s: int) -> None:
    """Let its messages wait, for that reason, unless it is removed or has another address by now."""
    same = integrations.c.integration == it.integration, integrations.c.address == it.address
    statement = update(integrations).where(*same, integrations.c.removed_s.is_(None))
    connection.execute(statement.values(paused=True, failure=failure, failed_s=now_s))


def retries(connection: Connection, integration: int) -> list[DeliveryRetry]:
    """Return the devices that wait."""
    rows = connection.execute(
        select(*(delivery_retries.c[name] for name in DeliveryRetry._fields)).where(
            delivery_retries.c.integration == integration
        )
    )
    return [DeliveryRetry(*row) for row in rows]


def due_retries(connection: Connection, now_s: int) -> set[int]:
    """Return the integrations at which a waiting device is due."""
    return set(
        connection.execute(
            select(delivery_retries.c.integration).where(delivery_retries.c.next_s <= now_s)
        ).scalars()
    )


def keep_retry(
    connection: Connection, integration: int, waits: DeliveryRetry, before: DeliveryRetry | None
) -> None:
    """Let this device wait, in place of the state `before` (None: no state), unless the integration is
    removed, or an operator has discarded the message meanwhile."""
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
    """End the waiting of this device."""
    connection.execute(
        delete(delivery_retries).where(
            delivery_retries.c.integration == integration, delivery_retries.c.device == device
        )
    )


def of_row(row: Row[Any]) -> Integration:
    values = {name: getattr(row, name) for name in Integration._fields}
    return Integration(**values | {"what": tuple(json.loads(row.what))})
