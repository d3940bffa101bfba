"""Alarms of a fleet: those there are, those that a departure from the route raises."""

from landbridge.events import publishing
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.protocol.event import Event

from host_tests.support.fleet import FIRST, Fleet
from host_tests.support.trips import BEGIN_S, HOUR_S


def every(fleet: Fleet) -> list[tuple[str, str, int, int | None]]:
    """(name, state, times, trip) of all alarms, the oldest first."""
    with fleet.database.reading() as connection:
        rows = alarms.listed(connection, alarms.Wanted(only_open=False), 2**31 - 1, 100)
    return [(row.name, engine.state(row), row.times, row.trip) for row in reversed(rows)]


def pass_by(fleet: Fleet, now_s: int) -> None:
    with fleet.database.writing() as connection:
        publishing.publish(connection, engine.expire(connection, [FIRST], now_s), now_s)


def off_route(action: str, hour: int) -> Event:
    """Events of the first device on no trip."""
    event_id = f"{FIRST}/{hour}/off-route"
    content = {"id": event_id, "type": "off-route", "action": action, "device": FIRST, "container": None}
    content |= {"latitude": None, "longitude": None}
    return Event(event_id, FIRST, "off-route", True, None, hour, BEGIN_S + hour * HOUR_S, content)


LEFT, BACK, LATER_BACK = off_route("leave", 24), off_route("return", 36), off_route("return", 48)
