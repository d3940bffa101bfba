"""Notifications: which go, when, how often, and what becomes of them when something fails."""

from __future__ import annotations

from typing import Any

import pytest
from landbridge.core.clock import from_epoch_s, from_iso
from landbridge.events import publishing
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.features.notifications import channels, rules
from landbridge.features.notifications.rules import Rule
from landbridge.protocol.event import Event

from host_tests.support.alarms import BACK, LATER_BACK, LEFT
from host_tests.support.fleet import FIRST, NOW_S, SECOND
from host_tests.support.notifications import PAGES, Dispatch, alarm
from host_tests.support.trips import BEGIN_S, HOUR_S

DAY_S = 24 * HOUR_S


def test_a_critical_alarm_goes_at_once_with_place_time_and_link(dispatch):
    dispatch.add()
    dispatch.publish(alarm("tamper", 3))
    dispatch.work()
    (mail,) = dispatch.mails()
    assert mail["Subject"] == "[critical] tampering: lb-0001 · Chongqing, China"
    assert (mail["To"], mail["Date"].datetime) == ("dispatch@example.org", from_epoch_s(NOW_S))
    text = mail.get_content()
    assert f"Page: {PAGES}/devices/lb-0001" in text and "Place: Chongqing, China" in text
    assert "Since: Oct 11, 2026" in text and "landbridge alarms acknowledge" in text
    (row,) = dispatch.log()
    assert (row.state, row.attempts) == ("sent", 1) and row.answer.endswith("accepts it")
    dispatch.pass_by(DAY_S)
    assert len(dispatch.mails()) == 1


def test_a_message_is_in_the_language_of_its_channel(dispatch):
    dispatch.add(language="zh")
    dispatch.publish(alarm("tamper", 3))
    dispatch.work()
    (mail,) = dispatch.mails()
    assert "lb-0001" in mail["Subject"] and "中国，重庆" in mail["Subject"]
    assert "地点：中国，重庆" in mail.get_content()


def test_default_rules_gather_a_week_and_leave_room_for_critical_alarms(dispatch):
    dispatch.add()
    dispatch.publish(alarm("light", 3), alarm("temperature", 4), alarm("light", 3, SECOND), alarm("shock", 5))
    dispatch.work()
    assert dispatch.mails() == [] and dispatch.states() == ["waiting"] * 3  # a shock is minor
    pass_weeks(dispatch, 1)
    (first,) = dispatch.mails()
    assert first["Subject"] == "Landbridge: 3 notifications"
    assert first.get_content().count("Device: lb-0001") == 2
    dispatch.publish(alarm("battery", 30), alarm("battery", 30, SECOND))
    dispatch.publish(alarm("tamper", 31), alarm("card", 32))
    dispatch.work()
    pass_weeks(dispatch, 1)
    *critical, digest = (mail["Subject"] for mail in dispatch.mails()[1:])
    assert len(critical) == 2 and digest.startswith("[major] battery low: lb-0002")
    assert dispatch.states()[-4:].count("waiting") == 1
    pass_weeks(dispatch, 1)
    (late,) = dispatch.mails()[4:]
    assert late["Subject"] == "[major] battery low: lb-0001 · Chongqing, China"


def test_a_weekly_digest_has_closed_alarms_and_none_that_somebody_handles(dispatch):
    dispatch.add()
    dispatch.publish(LEFT)
    dispatch.publish(LATER_BACK)
    dispatch.publish(alarm("light", 40))
    dispatch.work()
    dispatch.acknowledge()
    pass_weeks(dispatch, 2)
    (mail,) = dispatch.mails()
    assert "off route" in mail["Subject"] and "Until: " in mail.get_content()
    assert "landbridge alarms acknowledge" not in mail.get_content()


def pass_weeks(dispatch: Dispatch, count: int) -> None:
    for _ in range(7 * count):
        dispatch.pass_by(DAY_S)


def test_notifications_of_cleared_taken_or_retracted_alarms_are_cancelled(dispatch):
    dispatch.add("dispatch", "mailto:dispatch@example.org", "en", "UTC", None, Rule("all", digest="hour"))
    dispatch.publish(LEFT)
    dispatch.publish(BACK)
    dispatch.work()
    dispatch.publish(alarm("light", 40))
    dispatch.work()
    dispatch.acknowledge()
    dispatch.publish(alarm("temperature", 41))
    dispatch.work()
    with dispatch.fleet.database.writing() as connection:
        publishing.correct(connection, [alarm("temperature", 41)], [], NOW_S)
    dispatch.pass_by(DAY_S)
    assert dispatch.mails() == [] and set(dispatch.states()) == {"withdrawn"} and len(dispatch.states()) == 3


def test_an_opened_door_is_notified_although_it_is_quiet_since(dispatch):
    dispatch.add()
    dispatch.publish(alarm("light", 3))
    dispatch.work()
    dispatch.fleet.heard(NOW_S + 2 * DAY_S)
    with dispatch.fleet.database.writing() as connection:
        publishing.publish(connection, engine.expire(connection, [FIRST], NOW_S + DAY_S), NOW_S + DAY_S)
        assert alarms.shown(connection) == []
    dispatch.pass_by(2 * DAY_S)
    assert len(dispatch.mails()) == 1


def test_a_retracted_arrival_is_not_notified(dispatch):
    dispatch.add(
        "dispatch",
        "mailto:dispatch@example.org",
        "en",
        "UTC",
        None,
        Rule("come", ("arrival",), digest="hour"),
    )
    content: dict[str, Any] = {"id": f"{FIRST}/1/arrival", "type": "arrival"}
    content |= {"device": FIRST, "container": None}
    content |= {"time": "2026-01-05T00:00:00Z", "latitude": None, "longitude": None}
    arrival = Event(content["id"], FIRST, "arrival", True, None, 1, BEGIN_S, content)
    dispatch.publish(arrival)
    dispatch.work()
    assert dispatch.states() == ["waiting"]
    with dispatch.fleet.database.writing() as connection:
        publishing.correct(connection, [arrival], [], NOW_S)
    dispatch.pass_by(HOUR_S)
    assert dispatch.states() == ["withdrawn"]
    dispatch.publish(arrival)
    dispatch.work()
    dispatch.pass_by(HOUR_S)
    assert [mail["Subject"] for mail in dispatch.mails()] == ["arrival: lb-0001"]


def test_an_alarm_without_acknowledgement_escalates_and_its_end_is_notified(dispatch):
    dispatch.add("boss", "mailto:boss@example.org")
    rule = Rule("doors", ("light", "alarm-cleared"), escalate_s=1_800, escalate_to="boss")
    dispatch.add("dispatch", "mailto:dispatch@example.org", "en", "UTC", None, rule)
    with dispatch.fleet.database.writing() as connection:
        channels.remove_rule(connection, "boss", "important", "bench", NOW_S)
    dispatch.publish(alarm("light", 3, SECOND))
    dispatch.work()
    dispatch.acknowledge()
    dispatch.pass_by(HOUR_S)
    assert [mail["To"] for mail in dispatch.mails()] == ["dispatch@example.org"]
    dispatch.publish(alarm("light", 3))
    dispatch.pass_by(0)
    dispatch.pass_by(1_799)
    assert len(dispatch.mails()) == 2
    dispatch.pass_by(1)
    assert [mail["To"] for mail in dispatch.mails()[1:]] == ["dispatch@example.org", "boss@example.org"]
    with dispatch.fleet.database.writing() as connection:
        (row,) = alarms.shown(connection)
        publishing.publish(connection, engine.clear(connection, row.alarm, "dispatch", NOW_S), NOW_S)
    dispatch.work()
    assert dispatch.mails()[-1]["Subject"].startswith("[major] light detected, cleared: lb-0001")


def test_nothing_escalates_to_a_name_that_another_tenant_s_channel_has_now(dispatch):
    dispatch.add("boss", "mailto:boss@example.org")
    rule = Rule("doors", ("light",), escalate_s=1_800, escalate_to="boss")
    dispatch.add("theirs", "mailto:theirs@example.org", "en", "UTC", "acme", rule)
    with dispatch.fleet.database.writing() as connection:
        channels.remove(connection, "boss", "bench", NOW_S)
    dispatch.add("boss", "mailto:boss@bolt.example", "en", "UTC", "bolt")
    trip = dispatch.fleet.trip("CSQU3054383", 0, None, "acme")
    dispatch.publish(alarm("light", 3)._replace(trip=trip, tenant="acme"))
    dispatch.work()
    dispatch.pass_by(2 * HOUR_S)
    assert [mail["To"] for mail in dispatch.mails()] == ["theirs@example.org"]


@pytest.mark.parametrize(
    ("rule", "began", "now", "zone", "due"),
    [
        (Rule("a"), "01T10:00", "01T10:05", "UTC", "01T10:05"),
        (Rule("a", least_s=3600), "01T10:00", "01T10:05", "UTC", "01T11:00"),
        (Rule("a", digest="hour"), "01T10:00", "01T10:05", "UTC", "01T11:00"),
        (Rule("a", digest="day"), "01T10:00", "01T10:05", "Asia/Shanghai", "01T23:00"),
        (Rule("a", digest="week"), "01T10:00", "01T23:05", "Asia/Shanghai", "08T23:00"),
        (Rule("a", digest="week"), "01T10:00", "01T10:05", "UTC", "02T07:00"),
        (Rule("a", quiet="22:00-06:00"), "01T10:00", "01T23:30", "UTC", "02T06:00"),
        (Rule("a", quiet="22:00-06:00"), "01T10:00", "01T05:59", "UTC", "01T10:00"),
        (Rule("a", quiet="12:00-14:00"), "01T10:00", "01T13:00", "UTC", "01T14:00"),
        (Rule("a", quiet="22:00-06:00"), "28T22:00", "28T23:00", "Europe/Berlin", "29T04:00"),
    ],
)
def test_when_it_is_due(rule, began, now, zone, due):
    began_s, now_s, due_s = (from_iso(f"2026-03-{each}:00Z") for each in (began, now, due))
    assert rules.due_s(rule, began_s, now_s, zone) == due_s


@pytest.mark.parametrize(
    ("rule", "now", "zone", "due"),
    [
        # 02:00 to 03:00 comes twice in Berlin, 01:30 to 02:00 on Lord Howe.
        (Rule("a", quiet="22:00-02:30"), "2026-10-25T00:15:00Z", "Europe/Berlin", "2026-10-25T00:30:00Z"),
        (Rule("a", quiet="22:00-02:30"), "2026-10-25T01:15:00Z", "Europe/Berlin", "2026-10-25T01:30:00Z"),
        (Rule("a", quiet="22:00-06:00"), "2026-10-24T22:15:00Z", "Europe/Berlin", "2026-10-25T05:00:00Z"),
        (Rule("a", digest="hour"), "2026-10-25T00:30:00Z", "Europe/Berlin", "2026-10-25T01:00:00Z"),
        (Rule("a", digest="hour"), "2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-25T02:00:00Z"),
        (
            Rule("a", quiet="22:00-01:45"),
            "2026-04-04T15:05:00Z",
            "Australia/Lord_Howe",
            "2026-04-04T15:15:00Z",
        ),
        (Rule("a", digest="hour"), "2026-04-04T15:05:00Z", "Australia/Lord_Howe", "2026-04-04T15:30:00Z"),
        # 02:00 to 03:00 is left out.
        (Rule("a", digest="hour"), "2026-03-29T00:30:00Z", "Europe/Berlin", "2026-03-29T01:00:00Z"),
        (Rule("a", digest="week"), "2026-03-28T10:15:00Z", "Europe/Berlin", "2026-03-30T05:00:00Z"),
        # Half and quarter hours from UTC.
        (Rule("a", digest="hour"), "2026-10-25T00:45:00Z", "Asia/Kolkata", "2026-10-25T01:30:00Z"),
        (Rule("a", digest="day"), "2026-10-25T00:10:00Z", "Asia/Kathmandu", "2026-10-25T01:15:00Z"),
    ],
)
def test_when_it_is_due_while_clocks_change_and_off_the_hour(rule, now, zone, due):
    assert rules.due_s(rule, from_iso(now), from_iso(now), zone) == from_iso(due)
