"""Messages of the outbox in their published form."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection

from landbridge.core.names import OPERATOR
from landbridge.events import topics
from landbridge.events.queries.outbox import OutboxMessage
from landbridge.events.queries.tracks import Batch, listed
from landbridge.points import cells, geojson
from landbridge.points.cells import Located
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint


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
    return numbered(batch.message, mine, cells.locate(connection, mine)) if mine else None


def numbered(number: int, track: Sequence[StoredPoint], located: Mapping[int, Located]) -> dict[str, Any]:
    """Return a batch of points as platforms get it, under the number of its message; `located` are the
    approximate places, by sequence."""
    return {"track": number} | geojson.collection(track, located)
