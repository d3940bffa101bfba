"""What could not be stored: messages with a reason, and messages of unknown devices."""

from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from landbridge.store.tables import dead_letters, quarantine

QUARANTINE_MESSAGES = 20
"""Messages kept of one unknown device; the first ones say who it is."""
_SAMPLE_BYTES = 4096
"""Of a longer payload only the beginning is kept; the reason says its length."""


def bury(connection: Connection, topic: str, payload: bytes, reason: str, now_s: int) -> None:
    """Keep a message that cannot be read, with the reason."""
    values = {"received_s": now_s, "topic": topic, "reason": reason}
    connection.execute(insert(dead_letters).values(payload=payload[:_SAMPLE_BYTES], **values))


def confine(connection: Connection, device: str, payload: bytes, now_s: int) -> None:
    """Keep a message of an unknown device, up to QUARANTINE_MESSAGES of it."""
    of_device = select(func.count()).where(quarantine.c.device == device)
    if connection.execute(of_device).scalar_one() < QUARANTINE_MESSAGES:
        values = {"device": device, "received_s": now_s, "payload": payload[:_SAMPLE_BYTES]}
        connection.execute(insert(quarantine).values(values))


def every(connection: Connection) -> list[Row[Any]]:
    """All dead letters, the oldest first."""
    return list(connection.execute(select(dead_letters).order_by(dead_letters.c.letter)))


def find(connection: Connection, letter: int) -> Row[Any] | None:
    """One dead letter."""
    statement = select(dead_letters).where(dead_letters.c.letter == letter)
    return connection.execute(statement).one_or_none()


def unknown_devices(connection: Connection) -> list[Row[Any]]:
    """(device, messages kept, last_s) of each unknown device in quarantine."""
    statement = select(
        quarantine.c.device,
        func.count().label("messages"),
        func.max(quarantine.c.received_s).label("last_s"),
    ).group_by(quarantine.c.device)
    return list(connection.execute(statement))
