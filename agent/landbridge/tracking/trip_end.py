"""What belongs to a trip ends with it, and goes on with it when it is not over after all."""

from collections.abc import Callable

from sqlalchemy import Connection

from landbridge.core.hooks import Hook
from landbridge.features.trips import queries as trips

ON_TRIP_END: Hook[Callable[[Connection, str, int, int], None]] = Hook()
"""With device, trip and time. The trip was the device's running one; once more changes nothing."""
ON_TRIP_REOPENED: Hook[Callable[[Connection, int, int], None]] = Hook()
"""With trip and time: what was held for its end was none. Its points do not belong to it again yet."""


def follow(connection: Connection, device: str, trip: int, now_s: int) -> None:
    """End what belongs to `trip`, if it is over."""
    if trips.ended_s(connection, trip) is not None:
        for act in ON_TRIP_END:
            act(connection, device, trip, now_s)
