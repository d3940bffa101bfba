"""Changes of alarms as events: published once, and none of what ends too soon."""

from __future__ import annotations

from typing import Any

from landbridge.events import publishing
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.features.alarms.rules import RULES
from landbridge.protocol.event import Event
from landbridge.web.api import LARGEST

from host_tests.support.agent import wait_until
from host_tests.support.alarms import BACK, LATER_BACK, LEFT, every, off_route
from host_tests.support.fleet import FIRST, NOW_S, Receiver
from host_tests.support.trips import BEGIN_S, HOUR_S


def test_a_dwell_shorter_than_its_minimum_duration_raises_no_alarm(fleet):
    """Within a batch, and over time."""
    least_s = RULES["dwell"].least_s
    with fleet.database.writing() as connection:
        publishing.publish(connection, [dwell(5, 0), departure(5, least_s - 1)], NOW_S)
        now_s = BEGIN_S + 10 * HOUR_S
        publishing.publish(connection, [dwell(10, 0)], now_s)
        publishing.publish(connection, [dwell(10, 30)], now_s + 30)
        publishing.publish(connection, engine.expire(connection, [FIRST], now_s + 60), now_s + 60)
        assert alarms.shown(connection) == []
        assert alarms.listed(connection, alarms.Wanted(only_open=False), LARGEST, 9) == []
        publishing.publish(connection, [departure(10, least_s - 1)], now_s + least_s)
        assert alarms.every_open(connection) == []
    assert every(fleet) == []
    with fleet.database.writing() as connection:
        publishing.publish(connection, [dwell(20, 0), departure(20, least_s)], NOW_S)
        now_s = BEGIN_S + 30 * HOUR_S
        publishing.publish(connection, [dwell(30, 0)], now_s)
        assert engine.due_devices(connection, now_s + least_s - 1) == set()
        assert engine.due_devices(connection, now_s + least_s) == {FIRST}
        publishing.publish(connection, engine.expire(connection, [FIRST], now_s + least_s), now_s + least_s)
        assert engine.due_devices(connection, now_s + least_s) == set()
    assert every(fleet) == [("dwell", "cleared", 1, None), ("dwell", "raised", 1, None)]


def dwell(hour: int, after_s: int) -> Event:
    return _stay("dwell", hour, after_s)


def departure(hour: int, after_s: int) -> Event:
    return _stay("departure", hour, after_s)


def _stay(kind: str, hour: int, after_s: int) -> Event:
    """Events of the first device."""
    at_s = BEGIN_S + hour * HOUR_S + after_s
    content = {"id": f"{FIRST}/{at_s}/{kind}", "type": kind, "device": FIRST, "container": None}
    content |= {"latitude": None, "longitude": None}
    return Event(str(content["id"]), FIRST, kind, True, None, at_s, at_s, content)


def test_each_change_of_an_alarm_is_published_once_everywhere(fleet):
    receiver = Receiver()
    fleet.add("hook", receiver.url, "webhook", None, "event")
    with fleet.delivering():
        with fleet.database.writing() as connection:
            publishing.publish(connection, [LEFT], NOW_S)
            publishing.publish(connection, [LEFT], NOW_S)
            (row,) = alarms.every_open(connection)
            publishing.publish(
                connection, engine.acknowledge(connection, row.alarm, "dispatch", "", NOW_S), NOW_S
            )
            publishing.publish(connection, [BACK, BACK], NOW_S)
            publishing.correct(connection, [BACK], [LATER_BACK], NOW_S)
            publishing.correct(connection, [LATER_BACK], [], NOW_S)
            publishing.publish(connection, [BACK, off_route("leave", 60)], NOW_S)
        on_topics = [content for leaf, content in fleet.sent("operator") if leaf.startswith("event/alarm-")]

        def posted() -> list[dict[str, Any]]:
            return [each for each in receiver.contents() if each["type"].startswith("alarm-")]

        wait_until(lambda: len(posted()) >= len(on_topics), "all")
        assert posted() == on_topics
    receiver.close()
    states = ["raised", "acknowledged", "cleared", "cleared", "acknowledged", "cleared", "raised"]
    assert [each["state"] for each in on_topics] == states
