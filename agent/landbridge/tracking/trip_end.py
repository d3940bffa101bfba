"""Ends everything that belongs to a trip with it, and continues it after a retracted arrival."""

from collections.abc import Callable

from sqlalchemy import Connection

from landbridge.core.hooks import Hook
from landbridge.features.trips import queries as trips

ON_TRIP_END: Hook[Callable[[Connection, str, int, int], None]] = Hook()
"""A callback with device, trip and time, for the end of a running trip; a repeat changes nothing."""
ON_TRIP_REOPENED: Hook[Callable[[Connection, int, int], None]] = Hook()
"""A callback with trip and time, for a trip that continues. Its points are not assigned to it again yet."""


def follow(connection: Connection, device: str, trip: int, now_s: int) -> None:
    """End everything that belongs to `trip`, if it has ended."""
    if trips.ended_s(connection, trip) is not None:
        for act in ON_TRIP_END:
            act(connection, device, trip, now_s)
