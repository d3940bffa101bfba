"""The uplinks that were accepted: numbers, sizes, and payloads as long as they are kept."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, exists, select, update

from landbridge.db import bulk
from landbridge.db.tables import devices, uplinks


class KeptUplink(NamedTuple):
    """An accepted uplink as it arrived."""

    device: str
    number: int
    received_s: int
    payload: bytes
    records: int
    new_records: int
    """The others were there before."""


def keep(connection: Connection, kept: Sequence[KeptUplink]) -> None:
    """Store uplinks."""
    rows = [(*each, len(each.payload)) for each in kept]
    bulk.insert(connection, uplinks, (*KeptUplink._fields, "bytes"), rows)


def kept(connection: Connection, device: str, since_s: int) -> list[tuple[int, bytes]]:
    """Return (received_s, payload) of the uplinks of `device` whose payload is still stored, in order."""
    columns = select(uplinks.c.received_s, uplinks.c.payload)
    of_device = columns.where(uplinks.c.device == device, uplinks.c.received_s >= since_s)
    whole = of_device.where(uplinks.c.payload != b"").order_by(uplinks.c.received_s, uplinks.c.number)
    return [(row.received_s, row.payload) for row in connection.execute(whole)]


def messages(connection: Connection, device: str, from_s: int, until_s: int) -> list[tuple[int, int, int]]:
    """Return (received, bytes, how often) of the uplinks of `device` in a period, in order."""
    columns = (uplinks.c.received_s, uplinks.c.bytes, uplinks.c.repeats + 1)
    of_device = select(*columns).where(uplinks.c.device == device)
    within = of_device.where(uplinks.c.received_s >= from_s, uplinks.c.received_s < until_s)
    return [(row[0], row[1], row[2]) for row in connection.execute(within.order_by(uplinks.c.received_s))]


def number_is_taken(connection: Connection, device: str, number: int) -> bool:
    """Whether an uplink of that number was accepted, or may have been before the oldest known one."""
    known = exists().where(uplinks.c.device == device, uplinks.c.number == number)
    statement = select(known | (devices.c.forgotten_number >= number)).where(devices.c.device == device)
    return bool(connection.execute(statement).scalar_one())


def repeats(connection: Connection, device: str, number: int, payload: bytes) -> bool:
    """Whether exactly this envelope was accepted before; then the repeat is counted."""
    repeated = connection.execute(
        update(uplinks)
        .where(uplinks.c.device == device, uplinks.c.number == number)
        .where(uplinks.c.payload == payload)
        .values(repeats=uplinks.c.repeats + 1)
    )
    return repeated.rowcount == 1
