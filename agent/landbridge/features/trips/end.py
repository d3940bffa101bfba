"""What belongs to a trip ends with it."""

from sqlalchemy import Connection

from landbridge.downlinks import registry as desk
from landbridge.events import publish as announce
from landbridge.features.alarms import engine
from landbridge.features.trips import queries as trips


def follow(connection: Connection, device: str, trip: int, now_s: int) -> None:
    """End the alarms of `trip` and what its tenant has ordered of `device`, if the trip is over. Once more
    changes nothing."""
    if trips.ended_s(connection, trip) is None:
        return
    announce.tell(connection, engine.follow_trip(connection, trip, now_s), now_s)
    desk.end_trip(connection, device, trip, now_s)
