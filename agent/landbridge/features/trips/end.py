"""Ends a trip by a person."""

from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.trips import queries as trips
from landbridge.tracking.trip_end import follow


def end(connection: Connection, running: Row[Any], now_s: int) -> None:
    """End a running trip; `UserError` before it began."""
    if now_s < running.started_s:
        raise UserError(
            _(
                "trip {number} of {device} began at {time}, after this end at {end}; set this machine's"
                " clock",
                number=running.trip,
                device=running.device,
                time=iso(running.started_s),
                end=iso(now_s),
            )
        )
    trips.end(connection, running.trip, now_s)
    follow(connection, running.device, running.trip, now_s)
