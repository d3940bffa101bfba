"""Channels of notifications: services and mail servers that refuse, time out or redirect; tenants; pauses."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest
from landbridge.core.clock import Clock
from landbridge.core.errors import UserError
from landbridge.features.notifications import channels
from landbridge.features.notifications import queries as stored
from landbridge.features.notifications.rules import DEFAULT, Rule
from landbridge.features.notifications.worker import LEASE_S

from host_tests.support.agent import wait_until
from host_tests.support.fleet import SECOND, Pages, Receiver
from host_tests.support.notifications import alarm


@pytest.mark.parametrize(
    ("where", "answer", "state"),
    [
        ("Subject:", "554 not that", "failed"),
        ("rcpt ", "550 nobody of that name", "failed"),
        ("Subject:", "451 not now", "waiting"),
        ("mail ", "550 who are you", "waiting"),
    ],
)
def test_a_rejected_mail_is_logged_and_retried_if_the_error_is_temporary(dispatch, where, answer, state):
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
    address = f"json://127.0.0.1:{receiver.port}/hooks/verysecret"
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
    dispatch.add("room", f"json://127.0.0.1:{receiver.port}/")

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
    dispatch.add("room", f"json://127.0.0.1:{receiver.port}/")
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


def test_the_notifier_thread_sends_published_alarms(dispatch):
    dispatch.add()
    dispatch.notifier.start()
    dispatch.publish(alarm("card", 3))
    wait_until(lambda: dispatch.states() == ["sent"], "the mail")
    dispatch.notifier.stop()
    assert len(dispatch.mails()) == 1


def test_messages_of_a_paused_channel_wait_until_it_is_resumed(dispatch):
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
