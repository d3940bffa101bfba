"""Messages that could not be stored, with a reason, and messages of unknown devices."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, true, update

from landbridge.db.tables import dead_letters, devices, quarantine

QUARANTINE_MESSAGES = 20
"""Messages kept of one unknown device; the first ones identify it."""
QUARANTINE_ALL = 20_000
"""Messages kept of all unknown devices together."""
MOST_OF_TOPIC = 100
"""Dead letters kept for each topic: the newest; older ones are only counted."""
MOST_OF_ALL = 20_000
"""Dead letters kept of all topics together."""
CONTRADICTION = "sequence used twice with other content"
"""Begins the reason of a dead letter with records that were acknowledged, so that the device may have
removed them."""
_MOST_AT_ONCE = 1_000
_SAMPLE_BYTES = 4096
"""A longer payload is cut; the reason contains its length."""


def dead_letter(connection: Connection, topic: str, payload: bytes, reason: str, now_s: int) -> int:
    """Keep a message that cannot be stored, with the reason, and make room; return how many were removed."""
    add(connection, topic, payload, reason, now_s)
    return make_room(connection, [topic])


def add(connection: Connection, topic: str, payload: bytes, reason: str, now_s: int) -> None:
    """Keep a message that cannot be stored, with the reason; the caller makes room afterwards."""
    values = {"received_s": now_s, "topic": topic, "reason": reason, "payload": payload[:_SAMPLE_BYTES]}
    connection.execute(insert(dead_letters).values(values))


def make_room(connection: Connection, topics: Collection[str]) -> int:
    """Remove surplus dead letters of these topics, and of all; return how many."""
    gone = 0
    for topic in topics:
        of_topic = dead_letters.c.topic == topic
        older = _make_room(connection, of_topic, MOST_OF_TOPIC)
        gone += len(older)
        if older:
            newest = select(func.max(dead_letters.c.number)).where(of_topic).scalar_subquery()
            dropped = dead_letters.c.dropped + sum(1 + row.dropped for row in older)
            connection.execute(
                update(dead_letters).where(dead_letters.c.number == newest).values(dropped=dropped)
            )
    return gone + len(_make_room(connection, true(), MOST_OF_ALL))


def _make_room(connection: Connection, among: ColumnElement[bool], most: int) -> Sequence[Row[Any, Any]]:
    """Remove surplus dead letters, oldest first; those with acknowledged records last."""
    of_them = select(func.count()).select_from(dead_letters).where(among)
    count: int = connection.execute(of_them).scalar_one()
    if count <= most:
        return ()
    kept = select(dead_letters.c.number, dead_letters.c.dropped).where(among)
    # Rows that another agent is removing are skipped, because it may wait for this transaction.
    free = kept.with_for_update(skip_locked=True)
    oldest = free.order_by(dead_letters.c.number).limit(min(count - most, _MOST_AT_ONCE))
    can_go = ~dead_letters.c.reason.startswith(CONTRADICTION)
    surplus = connection.execute(oldest.where(can_go)).all() or connection.execute(oldest).all()
    gone = dead_letters.c.number.in_([row.number for row in surplus])
    connection.execute(delete(dead_letters).where(gone))
    return surplus


def put_in_quarantine(connection: Connection, device: str, payload: bytes, now_s: int) -> None:
    """Keep a message of an unknown device, at most QUARANTINE_MESSAGES of it and QUARANTINE_ALL in all."""
    of_device = select(func.count()).where(quarantine.c.device == device)
    of_all = select(func.count()).select_from(quarantine)
    if (
        connection.execute(of_device).scalar_one() < QUARANTINE_MESSAGES
        and connection.execute(of_all).scalar_one() < QUARANTINE_ALL
    ):
        values = {"device": device, "received_s": now_s, "payload": payload[:_SAMPLE_BYTES]}
        connection.execute(insert(quarantine).values(values))


def every(connection: Connection) -> list[Row[Any]]:
    """Return all dead letters, oldest first."""
    return list(connection.execute(select(dead_letters).order_by(dead_letters.c.number)))


def dropped(connection: Connection) -> list[Row[Any]]:
    """Return (topic, count) of the removed dead letters of each topic."""
    count = func.sum(dead_letters.c.dropped).label("count")
    statement = select(dead_letters.c.topic, count).group_by(dead_letters.c.topic).having(count > 0)
    return list(connection.execute(statement))


def find(connection: Connection, number: int) -> Row[Any] | None:
    """Return a dead letter."""
    statement = select(dead_letters).where(dead_letters.c.number == number)
    return connection.execute(statement).one_or_none()


def in_quarantine(connection: Connection, device: str) -> list[Row[Any]]:
    """Return the quarantined messages of a device, oldest first."""
    of_device = select(quarantine).where(quarantine.c.device == device)
    return list(connection.execute(of_device.order_by(quarantine.c.entry)))


def empty_quarantine(connection: Connection, device: str) -> None:
    """Remove the quarantined messages of a device."""
    connection.execute(delete(quarantine).where(quarantine.c.device == device))


def remove(connection: Connection, number: int) -> None:
    """Remove a dead letter."""
    connection.execute(delete(dead_letters).where(dead_letters.c.number == number))


def unknown_devices(connection: Connection) -> list[Row[Any]]:
    """Return (device, messages kept, last_s) of each quarantined device that is still unknown."""
    statement = (
        select(
            quarantine.c.device,
            func.count().label("messages"),
            func.max(quarantine.c.received_s).label("last_s"),
        )
        .where(quarantine.c.device.not_in(select(devices.c.device)))
        .group_by(quarantine.c.device)
    )
    return list(connection.execute(statement))
