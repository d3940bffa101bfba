"""Ends a trip by a person."""

from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.features.trips import queries as trips
from landbridge.tracking.trip_end import follow


def end(connection: Connection, device: str, now_s: int) -> Row[Any]:
    """End the running trip of a device, and return it; `UserError` if there is none."""
    running = trips.running(connection, device)
    if not running:
        raise UserError(f"{device} is not on a trip; `landbridge trips start {device}` starts one")
    if now_s < running.started_s:
        raise UserError(
            f"trip {running.trip} of {device} began at {iso(running.started_s)},"
            f" after this end at {iso(now_s)}; set this machine's clock"
        )
    trips.end(connection, running.trip, now_s)
    follow(connection, device, running.trip, now_s)
    return running
