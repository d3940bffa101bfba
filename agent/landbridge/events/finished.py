"""Messages of the outbox in their published form."""

from functools import partial
from typing import Any

import orjson
from sqlalchemy import Connection

from landbridge.core.names import OPERATOR
from landbridge.events import topics
from landbridge.events.queries.outbox import OutboxMessage
from landbridge.events.queries.tracks import Batch, listed
from landbridge.points import cells
from landbridge.points.queries import points


def finished(connection: Connection, message: OutboxMessage) -> OutboxMessage | None:
    """Return the message as platforms get it; None if none of it is left to publish."""
    if message.what != topics.TRACK:
        return message
    whose = message.tenant or OPERATOR, message.device or ""
    content = track(connection, Batch(message.message, *whose, listed(orjson.loads(message.payload))))
    return message._replace(payload=orjson.dumps(content)) if content else None


def track(connection: Connection, batch: Batch) -> dict[str, Any] | None:
    """Return a batch as a FeatureCollection of its points as they are now, with approximate places of points
    without a fix. Points that moved to another tenant's trip or were removed are left out; None if no point
    is left."""
    stored = points.of_sequences(connection, batch.device, batch.sequences)
    mine = [each for each in stored if (each.tenant or OPERATOR) == batch.tenant]
    mine.sort(key=lambda each: each.point.seq)
    return topics.numbered(batch.message, mine, partial(cells.locate, connection)) if mine else None
