"""The device logs: counters and errors."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_ignore

from landbridge.db.tables import device_log, devices
from landbridge.protocol.diagnostics import Entry


def add(
    connection: Connection, device: str, entries: Sequence[tuple[Entry, int | None]], received_s: int
) -> list[Entry]:
    """Store `entries`, each with its time if known; return the new ones."""
    new = []
    for entry, at_s in entries:
        values = entry._asdict() | {"device": device, "at_s": at_s, "received_s": received_s}
        statement = insert_or_ignore(device_log).values(values).on_conflict_do_nothing()
        if connection.execute(statement).rowcount:
            new.append(entry)
    return new


def kinds(connection: Connection, device: str, received_s: int) -> set[int]:
    """Return the kinds of a device's entries that were first reported at that time."""
    statement = select(device_log.c.kind).where(device_log.c.device == device)
    return set(connection.execute(statement.where(device_log.c.received_s == received_s)).scalars())


def count(connection: Connection, device: str, counters: dict[str, int]) -> None:
    """Store the current counters of a device."""
    of_device = update(devices).where(devices.c.device == device)
    connection.execute(of_device.values(counters=json.dumps(counters)))


def log(connection: Connection, device: str) -> Sequence[Row[Any]]:
    """Return all entries of a device, in order of occurrence."""
    order = (device_log.c.boot, device_log.c.clock_s, device_log.c.kind, device_log.c.value)
    statement = select(device_log).where(device_log.c.device == device).order_by(*order)
    return connection.execute(statement).all()
