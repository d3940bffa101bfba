"""The batches of points published on the track topics, by the number of their message."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select

from landbridge.db import bulk
from landbridge.db.tables import tracks
from landbridge.protocol.downlink import ranges


class Batch(NamedTuple):
    """The content of one message."""

    message: int
    tenant: str
    device: str
    sequences: Sequence[int]
    """Capture sequences of its points."""


def keep(connection: Connection, batches: Sequence[Batch]) -> None:
    """Store which points are published."""
    rows = [(*each[:-1], json.dumps(ranges(each.sequences))) for each in batches]
    bulk.insert(connection, tracks, Batch._fields, rows)


def after(connection: Connection, tenant: str | None, number: int, limit: int) -> list[Batch]:
    """Return the oldest batches of `tenant` (None: of all) after this message."""
    wanted = select(tracks).where(tracks.c.message > number)
    if tenant is not None:
        wanted = wanted.where(tracks.c.tenant == tenant)
    rows = connection.execute(wanted.order_by(tracks.c.message).limit(limit))
    return [Batch(*row)._replace(sequences=listed(json.loads(row.sequences))) for row in rows]


def count(connection: Connection, tenant: str | None, span: tuple[int, int]) -> int:
    """Return how many batches of `tenant` (None: of all) have messages with these numbers, ends included."""
    wanted = select(func.count()).select_from(tracks).where(tracks.c.message.between(*span))
    if tenant is not None:
        wanted = wanted.where(tracks.c.tenant == tenant)
    return int(connection.execute(wanted).scalar_one())


def newest(connection: Connection) -> int:
    """Return the number of the last message with a batch; 0 if there was none."""
    return int(connection.execute(select(func.coalesce(func.max(tracks.c.message), 0))).scalar_one())


def forget(connection: Connection, before: int) -> int:
    """Remove the batches of messages before that number; return how many."""
    return connection.execute(delete(tracks).where(tracks.c.message < before)).rowcount


def listed(ranges: Iterable[tuple[int, int]]) -> list[int]:
    """Return the sequences as inclusive ranges."""
    return [seq for low, high in ranges for seq in range(low, high + 1)]
