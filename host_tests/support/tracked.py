"""Fixes on the trip of trips.py, and the events that tracking finds in them."""

import json
from typing import Any

from jsonschema import Draft202012Validator
from landbridge.db.database import Database
from landbridge.events.queries import events, outbox

from host_tests.support.agent import DEVICE
from host_tests.support.trips import (
    BEGIN_S,
    HOUR_S,
    PROTOCOL,
    fix,
)

RECEIVED_S = BEGIN_S + 30 * 86_400
AT_POZNAN = (52.4, 17.0, "PL")


def answer(database: Database, kind: str) -> list[dict[str, Any]]:
    """Return the events of a type that are not retracted, in order; each matches the schema."""
    schema = Draft202012Validator(json.loads((PROTOCOL / "event.schema.json").read_text()))
    with database.reading() as connection:
        for posted in outbox.head(connection, 10_000):
            if "/event/" in posted.topic:
                schema.validate(json.loads(posted.payload))
        return [
            dict(each.content)
            for each in events.inferred_from(connection, DEVICE, (0, 0))
            if each.type == kind
        ]


def hours(*places: tuple[Any, ...], first: int = 1, step_h: float = 1.0, **changes: int) -> list[Any]:
    """Fixes at (lat, lon, country), one every `step_h`."""
    return [
        fix(seq, BEGIN_S + round(seq * step_h * HOUR_S), lat, lon, country, **changes)
        for seq, (lat, lon, country) in enumerate(places, first)
    ]
