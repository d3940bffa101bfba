"""Targets: who takes messages from the outbox, how far each has come, and the devices it refuses."""

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from landbridge.core.names import BROKER
from landbridge.db.tables import refusals, targets


class Target(NamedTuple):
    """One target that is not the broker."""

    target: int
    name: str
    kind: str
    address: str
    tenant: str | None
    """Whose messages it gets; None: everybody's."""
    what: tuple[str, ...]
    """Kinds of messages: position, track, event."""
    wrapped_secret: bytes | None
    cursor: int


class Refusal(NamedTuple):
    """A device that waits at a target, from the message on that was refused."""

    device: str
    message: int
    tries: int
    next_s: int
    failure: str


def add(connection: Connection, target: Target, who: str, now_s: int) -> None:
    """Add a target; it gets what is told after its cursor. Its number is of no account."""
    values = target._asdict() | {"what": json.dumps(target.what)}
    del values["target"]
    connection.execute(insert(targets).values(**values, added_by=who, added_s=now_s))


def active(connection: Connection) -> list[Target]:
    """The targets that get messages."""
    rows = connection.execute(select(targets).where(targets.c.kind != BROKER, targets.c.removed_s.is_(None)))
    return [_target(row) for row in rows]


def named(connection: Connection, name: str) -> Target | None:
    """The target of this name that nobody has removed."""
    return next((each for each in active(connection) if each.name == name), None)


def every(connection: Connection) -> list[Row[Any]]:
    """All rows but the broker's, the oldest first."""
    statement = select(targets).where(targets.c.kind != BROKER)
    return list(connection.execute(statement.order_by(targets.c.target)))


def remove(connection: Connection, target: int, who: str, now_s: int) -> None:
    """It gets nothing any more; what only it had to get may leave the outbox (`outbox.tidy`)."""
    of_target = targets.c.target == target
    connection.execute(update(targets).where(of_target).values(removed_by=who, removed_s=now_s))
    connection.execute(delete(refusals).where(refusals.c.target == target))


def advance(connection: Connection, target: int, cursor: int, delivered: int, now_s: int) -> None:
    """It has, or holds, all messages up to `cursor`; so many were delivered. It never goes back: an agent
    that is late in noticing that another one delivers now knows less."""
    values: dict[str, Any] = {"cursor": cursor, "delivered": targets.c.delivered + delivered}
    if delivered:
        values |= {"delivered_s": now_s, "failure": None}
    ahead = targets.c.target == target, targets.c.cursor <= cursor
    connection.execute(update(targets).where(*ahead).values(values))


def fail(connection: Connection, target: int, failure: str, now_s: int) -> None:
    """Note why the last try did not succeed."""
    values = {"failure": failure, "failed_s": now_s}
    connection.execute(update(targets).where(targets.c.target == target).values(values))


def holds(connection: Connection, target: int) -> list[Refusal]:
    """The devices that wait."""
    rows = connection.execute(
        select(*(refusals.c[name] for name in Refusal._fields)).where(refusals.c.target == target)
    )
    return [Refusal(*row) for row in rows]


def to_retry(connection: Connection, now_s: int) -> set[int]:
    """The targets at which a device waits that is due."""
    return set(connection.execute(select(refusals.c.target).where(refusals.c.next_s <= now_s)).scalars())


def hold(connection: Connection, target: int, waits: Refusal, before: Refusal | None) -> None:
    """This device waits, in place of what was noted `before` (None: nothing); unless the target is removed,
    or a person has it go on from another message by now."""
    of_target = select(targets.c.target).where(targets.c.target == target, targets.c.removed_s.is_(None))
    of_device = refusals.c.target == target, refusals.c.device == waits.device
    noted = connection.execute(select(refusals.c.message).where(*of_device)).scalar()
    if noted != (before and before.message) or connection.execute(of_target).first() is None:
        return
    release(connection, target, waits.device)
    connection.execute(insert(refusals).values(target=target, **waits._asdict()))


def release(connection: Connection, target: int, device: str) -> None:
    """This device waits no longer."""
    connection.execute(delete(refusals).where(refusals.c.target == target, refusals.c.device == device))


def _target(row: Row[Any]) -> Target:
    values = {name: getattr(row, name) for name in Target._fields}
    return Target(**values | {"what": tuple(json.loads(row.what))})
