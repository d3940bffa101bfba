"""Notifications: which go, when, how often, and what becomes of them when something fails."""

from __future__ import annotations

import email
import email.policy
import json
import logging
import threading
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from typing import Any

import pytest
from landbridge.config import Mail
from landbridge.core.clock import Clock, from_epoch_s, from_iso
from landbridge.core.errors import UserError
from landbridge.events import publishing
from landbridge.features.alarms import engine
from landbridge.features.alarms import queries as alarms
from landbridge.features.alarms.rules import RULES
from landbridge.features.notifications import channels, rules
from landbridge.features.notifications import queries as stored
from landbridge.features.notifications.rules import DEFAULT, Rule
from landbridge.features.notifications.worker import LEASE_S, Notifier, sender
from landbridge.protocol.event import Event
from landbridge.web.api import LARGEST
from sqlalchemy import Row

from host_tests.support.agent import wait_until
from host_tests.support.alarms import BACK, LATER_BACK, LEFT, every, off_route
from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Pages, Receiver
from host_tests.support.mail import MailServer
from host_tests.support.trips import BEGIN_S, HOUR_S

DAY_S = 24 * HOUR_S
PAGES = "https://pages.example"


class SetClock(Clock):
    """A clock that tests set."""

    def __init__(self) -> None:
        self.at_s = NOW_S

    def now(self) -> datetime:
        return from_epoch_s(self.at_s)


class Dispatch:
    """A fleet, a mail server, and the notifier between them, a turn at a time."""

    def __init__(self, fleet: Fleet, server: MailServer) -> None:
        self.fleet, self.server, self.clock = fleet, server, SetClock()
        settings = Mail(
            port=server.server_address[1], host="127.0.0.1", tls=False, sender="agent@landbridge.example"
        )
        send = sender(fleet.keyring, settings, self.clock)
        self.notifier = Notifier(fleet.database, self.clock, send, PAGES)

    def add(
        self,
        name: str = "dispatch",
        address: str = "mailto:dispatch@example.org",
        language: str = "en",
        zone: str = "UTC",
        tenant: str | None = None,
        *only: Rule,
    ) -> None:
        with self.fleet.database.writing() as connection:
            channels.add(
                connection, self.fleet.keyring, name, address, language, zone, tenant, "bench", NOW_S
            )
            for rule in only:
                channels.set_rule(connection, name, rule, True, "bench", NOW_S)

    def publish(self, *events: Event) -> None:
        with self.fleet.database.writing() as connection:
            publishing.publish(connection, events, self.clock.at_s)

    def work(self) -> None:
        """As the notifier does, without its threads."""
        self.notifier.plan()
        with self.fleet.database.reading() as connection:
            known = stored.channels(connection)
        for channel in known:
            while self.notifier.send_next(channel):
                pass

    def pass_by(self, seconds: int) -> None:
        self.clock.at_s += seconds
        self.work()

    def log(self) -> list[Row[Any]]:
        with self.fleet.database.reading() as connection:
            return stored.log(connection, None, 2**53 - 1, 100)[::-1]

    def states(self) -> list[str]:
        return [row.state for row in self.log()]

    def mails(self) -> list[EmailMessage]:
        texts = (each.partition("\r\n")[2] for each in self.server.mails)
        return [email.message_from_bytes(each.encode(), policy=email.policy.default) for each in texts]

    def acknowledge(self) -> None:
        with self.fleet.database.writing() as connection:
            (row,) = alarms.shown(connection)
            changes = engine.acknowledge(connection, row.alarm, "dispatch", "", self.clock.at_s)
            publishing.publish(connection, changes, self.clock.at_s)


@pytest.fixture
def dispatch(fleet: Fleet) -> Iterator[Dispatch]:
    server = MailServer()
    yield Dispatch(fleet, server)
    server.shutdown()
    server.server_close()


def alarm(name: str, hour: int, device: str = FIRST, at_s: int | None = None) -> Event:
    """What a device reports."""
    at_s = BEGIN_S + hour * HOUR_S if at_s is None else at_s
    content: dict[str, Any] = {"id": f"{device}/{at_s}/{name}", "type": "alarm", "alarm": name}
    content |= {"device": device, "container": None, "latitude": 29.56301, "longitude": 106.55156}
    return Event(str(content["id"]), device, "alarm", False, None, hour, at_s, content)


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


@pytest.mark.parametrize(
    ("where", "answer", "state"),
    [
        ("Subject:", "554 not that", "failed"),
        ("rcpt ", "550 nobody of that name", "failed"),
        ("Subject:", "451 not now", "waiting"),
        ("mail ", "550 who are you", "waiting"),
    ],
)
def test_a_refusal_is_in_the_log_and_what_may_go_later_does(dispatch, where, answer, state):
    dispatch.add()
    dispatch.server.answer = lambda said: answer if where in said else "250 yes"
    dispatch.publish(alarm("tamper", 3))
    dispatch.work()
    (row,) = dispatch.log()
    assert row.state == state and answer[4:] in row.answer
    dispatch.server.answer = lambda _: "250 yes"
    dispatch.pass_by(60)
    assert len(dispatch.mails()) == (state == "waiting")


def test_a_message_with_an_unknown_end_goes_again_under_its_number(dispatch, monkeypatch):
    """The agent ends after the mail server has it, and before it notes that."""
    dispatch.add()
    dispatch.publish(alarm("tamper", 3))

    def ends(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(stored, "finish", ends)
        with pytest.raises(SystemExit):
            dispatch.work()
    assert dispatch.states() == ["sending"] and len(dispatch.mails()) == 1
    dispatch.work()
    assert len(dispatch.mails()) == 1
    dispatch.pass_by(LEASE_S)
    first, second = dispatch.mails()
    assert first["Message-ID"] == second["Message-ID"] and dispatch.states() == ["sent"]
    dispatch.publish(alarm("tamper", 4))
    dispatch.pass_by(LEASE_S)
    assert len(dispatch.mails()) == 2


def test_a_service_gets_it_by_apprise_and_its_address_is_not_shown(dispatch, caplog):
    receiver = Receiver()
    address = f"json://127.0.0.1:{receiver.server.server_port}/hooks/verysecret"
    dispatch.add("room", address)
    caplog.set_level(logging.DEBUG)
    receiver.answer = lambda _: 404
    dispatch.publish(alarm("tamper", 3))
    dispatch.work()
    (row,) = dispatch.log()
    assert row.state == "waiting" and "404" in row.answer
    receiver.answer = lambda _: 204
    dispatch.pass_by(60)
    (got,) = receiver.contents()
    assert (
        got["title"].startswith("[critical] tampering")
        and f"Notification: {row.notification}" in got["message"]
    )
    with Pages(dispatch.fleet).served() as pages:
        token = pages.token("reader", "reader")
        paths = ("/v1/notification-channels", "/v1/notifications", "/notifications")
        seen = [pages.ask(path, token)[1] for path in paths]
    receiver.close()
    assert [part for part in (*seen, caplog.text, row.answer) if "verysecret" in part] == []
    assert (
        "verysecret" not in dispatch.fleet.database.place
        and json.loads(seen[0])["channels"][0]["service"] == "JSON"
    )
    with open(dispatch.fleet.database.place, "rb") as file:
        assert b"verysecret" not in file.read()


def test_data_that_another_thread_receives_is_not_in_the_answer(dispatch):
    receiver = Receiver()
    dispatch.add("room", f"json://127.0.0.1:{receiver.server.server_port}/")

    def refused(_: object) -> int:  # in the thread of the receiver
        logging.getLogger("apprise").warning("error=500 for bolt's telephone +49 30 1234")
        return 404

    receiver.answer = refused
    dispatch.publish(alarm("tamper", 3))
    dispatch.work()
    receiver.close()
    (row,) = dispatch.log()
    assert "404" in row.answer and "bolt" not in row.answer


def test_a_redirect_of_a_service_is_not_followed(dispatch):
    receiver, other = Receiver(), Receiver()
    receiver.answer = lambda _: 302
    dispatch.add("room", f"json://127.0.0.1:{receiver.server.server_port}/")
    dispatch.publish(alarm("tamper", 3))
    dispatch.work()
    assert dispatch.states() == ["waiting"] and not other.taken
    receiver.close()
    other.close()


def test_the_button_sends_a_test_and_a_tenant_sees_its_own_channels_only(dispatch):
    dispatch.add("ours", "mailto:ours@example.org")
    dispatch.add("theirs", "mailto:theirs@example.org", "zh", "Asia/Shanghai", "acme")
    with Pages(dispatch.fleet).served() as pages:
        acme, reader = pages.token("acme", "operator", "acme"), pages.token("reader", "reader")
        shown = json.loads(pages.ask("/v1/notification-channels", acme)[1])["channels"]
        assert [each["name"] for each in shown] == ["theirs"] and len(shown[0]["rules"]) == len(DEFAULT)
        assert pages.ask("/v1/notification-channels/ours/test", acme, "POST")[0] == 404
        assert pages.ask("/v1/notification-channels/ours/test", reader, "POST")[0] == 403
        assert pages.ask("/v1/notification-channels/theirs/test", acme, "POST")[0] == 202
        dispatch.clock.at_s = Clock().now_s() + 1
        dispatch.work()
        (row,) = json.loads(pages.ask("/v1/notifications", acme)[1])["notifications"]
    assert (row["channel"], row["type"], row["state"]) == ("theirs", "test", "sent")
    (mail,) = dispatch.mails()
    assert mail["To"] == "theirs@example.org"


def test_a_tenant_is_notified_of_its_own_trips_only(dispatch):
    dispatch.add("theirs", "mailto:theirs@example.org", "en", "UTC", "acme")
    trip = dispatch.fleet.trip("CSQU3054383", 0, None, "bolt")
    dispatch.publish(alarm("tamper", 3)._replace(trip=trip, tenant="bolt"), alarm("tamper", 4, SECOND))
    dispatch.work()
    assert dispatch.log() == []


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
        (Rule("a"), "2026-03-01T10:00:00Z", "2026-03-01T10:05:00Z", "UTC", "2026-03-01T10:05:00Z"),
        (
            Rule("a", least_s=3600),
            "2026-03-01T10:00:00Z",
            "2026-03-01T10:05:00Z",
            "UTC",
            "2026-03-01T11:00:00Z",
        ),
        (
            Rule("a", digest="hour"),
            "2026-03-01T10:00:00Z",
            "2026-03-01T10:05:00Z",
            "UTC",
            "2026-03-01T11:00:00Z",
        ),
        (
            Rule("a", digest="day"),
            "2026-03-01T10:00:00Z",
            "2026-03-01T10:05:00Z",
            "Asia/Shanghai",
            "2026-03-01T23:00:00Z",
        ),
        (
            Rule("a", digest="week"),
            "2026-03-01T10:00:00Z",
            "2026-03-01T23:05:00Z",
            "Asia/Shanghai",
            "2026-03-08T23:00:00Z",
        ),
        (
            Rule("a", digest="week"),
            "2026-03-01T10:00:00Z",
            "2026-03-01T10:05:00Z",
            "UTC",
            "2026-03-02T07:00:00Z",
        ),
        (
            Rule("a", quiet="22:00-06:00"),
            "2026-03-01T10:00:00Z",
            "2026-03-01T23:30:00Z",
            "UTC",
            "2026-03-02T06:00:00Z",
        ),
        (
            Rule("a", quiet="22:00-06:00"),
            "2026-03-01T10:00:00Z",
            "2026-03-01T05:59:00Z",
            "UTC",
            "2026-03-01T10:00:00Z",
        ),
        (
            Rule("a", quiet="12:00-14:00"),
            "2026-03-01T10:00:00Z",
            "2026-03-01T13:00:00Z",
            "UTC",
            "2026-03-01T14:00:00Z",
        ),
        (
            Rule("a", quiet="22:00-06:00"),
            "2026-03-28T22:00:00Z",
            "2026-03-28T23:00:00Z",
            "Europe/Berlin",
            "2026-03-29T04:00:00Z",
        ),
    ],
)
def test_when_it_is_due(rule, began, now, zone, due):
    assert rules.due_s(rule, from_iso(began), from_iso(now), zone) == from_iso(due)


@pytest.mark.parametrize(
    ("address", "zone", "language", "why"),
    [
        ("mailto:nobody", "UTC", "en", "not a mail address"),
        ("mailto:a@b.example?cc=c@d.example", "UTC", "en", "not a mail address"),
        ("mailto:a@b.example%0aBcc:c@d.example", "UTC", "en", "not a mail address"),
        ("syslog://", "UTC", "en", "not a service"),
        ("pigeon://loft/secret", "UTC", "en", "pigeon:... is not a service"),
        ("mailto:a@b.example", "Mars/Base", "en", "no time zone"),
        ("mailto:a@b.example", "../passwd", "en", "no time zone"),
        ("mailto:a@b.example", "UTC", "tlh", "choose from en, zh"),
    ],
)
def test_an_invalid_channel_is_reported_in_one_line(dispatch, address, zone, language, why):
    with pytest.raises(UserError, match=why) as refused:
        dispatch.add("dispatch", address, language, zone)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule("a", severity="dire"), "choose from warning"),
        (Rule("a", digest="month"), "choose from hour, day, week"),
        (Rule("a", quiet="22-6"), "like 22:00-06:00"),
        (Rule("a", escalate_s=60), "needs a delay"),
        (Rule("a", escalate_s=60, escalate_to="nobody"), "no channel nobody"),
        (Rule("a", ("No Such",)), "no event type"),
    ],
)
def test_an_invalid_rule_is_reported_in_one_line(dispatch, rule, why):
    with pytest.raises(UserError, match=why):
        dispatch.add("dispatch", "mailto:a@b.example", "en", "UTC", None, rule)


def test_the_thread_sends_what_a_running_agent_publishes(dispatch):
    dispatch.add()
    dispatch.notifier.start()
    dispatch.publish(alarm("card", 3))
    wait_until(lambda: dispatch.states() == ["sent"], "the mail")
    dispatch.notifier.stop()
    assert len(dispatch.mails()) == 1


def test_what_a_paused_channel_has_waits_until_it_is_resumed(dispatch):
    dispatch.add()
    dispatch.add("boss", "mailto:boss@example.org")

    def pause(paused: bool) -> None:
        with dispatch.fleet.database.writing() as connection:
            (channel, *_) = stored.channels(connection)
            channels.change(connection, dispatch.fleet.keyring, channel, {"paused": paused})

    def turn() -> None:
        dispatch.notifier.turn()
        for thread in threading.enumerate():
            if thread.name.startswith("notifications to "):
                thread.join()

    pause(True)
    dispatch.publish(alarm("card", 3))
    turn()
    assert sorted(dispatch.states()) == ["sent", "waiting"]
    pause(False)
    turn()
    assert dispatch.states() == ["sent", "sent"]


def test_what_ends_before_its_minimum_duration_is_never_raised(fleet):
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
