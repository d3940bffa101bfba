"""What devices reported of what went wrong."""

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
    """Keep `entries`, each with its date if that is known; returns those that were not there yet."""
    new = []
    for entry, at_s in entries:
        values = entry._asdict() | {"device": device, "at_s": at_s, "received_s": received_s}
        statement = insert_or_ignore(device_log).values(values).on_conflict_do_nothing()
        if connection.execute(statement).rowcount:
            new.append(entry)
    return new


def kinds(connection: Connection, device: str, received_s: int) -> set[int]:
    """The kinds of the entries of a device that were reported first at that time."""
    statement = select(device_log.c.kind).where(device_log.c.device == device)
    return set(connection.execute(statement.where(device_log.c.received_s == received_s)).scalars())


def count(connection: Connection, device: str, counters: dict[str, int]) -> None:
    """Keep the device's counters as they stand."""
    of_device = update(devices).where(devices.c.device == device)
    connection.execute(of_device.values(counters=json.dumps(counters)))


def log(connection: Connection, device: str) -> Sequence[Row[Any]]:
    """All entries of a device in the order in which they happened."""
    order = (device_log.c.boot, device_log.c.clock_s, device_log.c.kind, device_log.c.value)
    statement = select(device_log).where(device_log.c.device == device).order_by(*order)
    return connection.execute(statement).all()
