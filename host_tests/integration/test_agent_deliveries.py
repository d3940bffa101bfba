"""Deliveries: every message arrives, in order for each device, under all failures of the receiver."""

import contextlib
import json
import threading
import time
from typing import Any, cast

import pytest
from landbridge.core.clock import Clock
from landbridge.core.delivery_errors import Away, Refused
from landbridge.core.errors import UserError
from landbridge.core.texts import loaded
from landbridge.db import order
from landbridge.events import again
from landbridge.events.queries import outbox
from landbridge.events.queries.outbox import OutboxMessage
from landbridge.features.audit import queries as audit
from landbridge.features.integrations import deliveries
from landbridge.features.integrations import queries as integrations
from landbridge.features.integrations import rules as fleet
from landbridge.features.integrations.deliveries import Delivery

from host_tests.support.agent import WAIT_S, wait_until
from host_tests.support.doubles import StoppedClock, raising
from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Got, Receiver, at


def test_a_device_that_is_refused_waits_and_the_others_do_not(bound, receiver):
    bound.add("erp", receiver.url, "webhook", None, "event")
    known = {SECOND}
    receiver.answer = lambda got: 204 if json.loads(got.body)["device"] in known else 422
    for hour in (1, 2, 3):
        bound.deliver(at(hour, events=1))
        bound.deliver(at(hour, events=2), device=SECOND)
    bound.published()
    with bound.delivering():
        wait_until(lambda: len(receiver.alarms()) == 3 and len(receiver.refused) > 2, "the other device")
        assert {device for device, _ in receiver.alarms()} == {SECOND}
        with bound.database.reading() as connection:
            (integration,) = integrations.active(connection)
            assert [each.device for each in integrations.retries(connection, integration.integration)] == [
                FIRST
            ]
        assert bound.left(), "what waits was forgotten"
        known.add(FIRST)
        wait_until(lambda: len(receiver.alarms()) == 6, "the device that was refused")
        wait_until(lambda: not bound.left(), "an empty outbox")
    assert [seq for device, seq in receiver.alarms() if device == FIRST] == [1, 2, 3]


def test_a_message_that_is_never_taken_is_discarded_and_later_ones_come(bound, receiver):
    bound.add("erp", receiver.url, "webhook", None, "event")
    bound.deliver(at(1, events=1))
    bound.deliver(at(2, events=2))
    bound.published()
    first: list[str] = []

    def picky(got: Got) -> int:
        first.append(got.headers["webhook-id"])
        return 422 if got.headers["webhook-id"] == first[0] else 204

    receiver.answer = picky
    with bound.delivering():
        wait_until(lambda: receiver.refused, "a refusal")
    assert not receiver.taken
    with bound.database.writing() as connection:
        number = fleet.discard(connection, fleet.known(connection, "erp"), FIRST, "anna", NOW_S)
    assert first[0] == f"msg_{number}"
    with bound.delivering():
        wait_until(lambda: not bound.left(), "the others")
    assert receiver.alarms() == [(FIRST, 2)]
    with bound.database.writing() as connection:
        said = loaded(audit.newest(connection, 9, 1)[0].what)
        assert said == f"message {number} of {FIRST} discarded for erp"
        with pytest.raises(UserError, match="has refused no message"):
            fleet.discard(connection, fleet.known(connection, "erp"), FIRST, "anna", NOW_S)


def test_a_replay_brings_the_same_messages_under_their_ids_in_order(bound, receiver, monkeypatch):
    """To the one integration that lost them, and to no other one."""
    bound.trip("MSKU0000006", 0, None, "acme")
    bound.add("erp", receiver.url, "webhook", "acme", "event", "track")
    bound.add("other", receiver.url.replace("hook", "other"), "webhook", None, "event", "track", "position")
    for hour in range(1, 5):
        bound.deliver(at(hour, events=1))
        bound.deliver(at(hour, events=2), device=SECOND)
    bound.published()
    with bound.delivering():
        wait_until(lambda: not bound.left(), "an empty outbox")
    before = [(each.headers["webhook-id"], each.body) for each in receiver.taken if each.path == "/hook"]
    third = int(before[2][0].removeprefix("msg_"))
    receiver.taken.clear()
    monkeypatch.setattr(again, "PAGE", 2)
    assert _replayed(bound, third) == len(before) - 2
    with bound.database.reading() as connection:
        (erp, other) = integrations.every(connection)
        assert fleet.waiting(connection, erp) == len(before) - 2 and not fleet.waiting(connection, other)
    with bound.delivering():
        wait_until(lambda: len(receiver.taken) >= len(before) - 2, "all of them")
        wait_until(lambda: not bound.left(), "an empty outbox")
    assert [(each.headers["webhook-id"], each.body) for each in receiver.taken] == before[2:]
    assert {each.path for each in receiver.taken} == {"/hook"}
    with bound.database.reading() as connection:
        assert loaded(audit.newest(connection, 9, 1)[0].what) == f"messages from {third} on replayed to erp"


@pytest.mark.parametrize("place", ["sqlite", "postgresql"])
def test_a_replay_comes_by_pages_in_order_also_after_the_agent_was_killed(
    place, tmp_path, monkeypatch, request
):
    """Each page is a transaction; what was not delivered yet is restored again by the next agent."""
    server = request.getfixturevalue("postgres") if place == "postgresql" else ""
    monkeypatch.setattr(again, "PAGE", 3)
    found = Fleet(tmp_path, server)
    found.add("erp", "http://127.0.0.1:9/", "webhook", None, "event", "track")
    for hour in range(1, 9):
        found.deliver(at(hour, events=1))
        found.published()
    taken: list[int] = []
    sizes: list[int] = []

    def steps(count: int) -> None:
        with found.database.reading() as connection:
            (erp,) = integrations.active(connection)
        clock = cast(Clock, StoppedClock(NOW_S))
        delivery = Delivery(found.database, clock, erp, lambda each: taken.append(each.message), lambda: True)
        for _ in range(count):
            with found.database.writing() as connection:
                outbox.remove_delivered(connection)
            sizes.append(found.left())
            if not delivery.step():
                break

    steps(99)
    every = list(taken)
    assert len(every) >= 16 and every == sorted(every) and not found.left()
    taken.clear()
    sizes.clear()
    assert _replayed(found, every[1]) == len(every) - 1
    steps(2)  # then it is killed
    assert 0 < len(taken) < len(every) - 1
    steps(99)
    assert taken == every[1:] and not found.left() and max(sizes) <= 6
    found.database.close()


def _replayed(bound: Fleet, first: int, now_s: int = NOW_S) -> int:
    with bound.database.writing() as connection:
        return fleet.replay(connection, fleet.known(connection, "erp"), first, 90, "anna", now_s)


def test_a_replay_of_removed_or_unsent_messages_is_refused(bound, receiver):
    bound.add("erp", receiver.url, "webhook", None, "event")
    bound.deliver(at(1, events=1))
    with bound.database.reading() as connection:
        last = outbox.last(connection)
    with pytest.raises(UserError, match=f"not received message {last} yet"):
        _replayed(bound, last)
    bound.published()
    with bound.delivering():
        wait_until(lambda: not bound.left(), "an empty outbox")
    now_s = NOW_S + 91 * 86_400
    oldest = order.of_time(now_s - 90 * 86_400)
    with pytest.raises(UserError, match=f"older than 90 days.*the oldest kept is {oldest}"):
        _replayed(bound, last, now_s)
    assert not bound.left()
    with pytest.raises(UserError, match="no integration erp"), bound.database.writing() as connection:
        fleet.remove(connection, fleet.known(connection, "erp"), "anna", NOW_S)
        fleet.replay(connection, fleet.known(connection, "erp"), last, 90, "anna", NOW_S)


@pytest.mark.parametrize("retry_s", [0, 30])
def test_a_replay_during_a_delivery_loses_nothing_and_keeps_the_order(bound, monkeypatch, retry_s):
    """The delivery that runs meanwhile must neither move the cursor on nor let a refused device skip."""
    monkeypatch.setattr(deliveries, "FIRST_RETRY_S", retry_s)
    bound.add("erp", "http://127.0.0.1:9/", "webhook", None, "event")
    for hour in range(1, 7):
        bound.deliver(at(hour, events=1))
    bound.published()

    def waiting() -> list[int]:
        with bound.database.reading() as connection:
            batch = outbox.of_integration(connection, None, ("event",), (0, order.HIGHEST), 99)
        return [each.message for each in batch]

    def step(send: Any, now_s: int = NOW_S) -> None:
        with bound.database.reading() as connection:
            (integration,) = integrations.active(connection)
        Delivery(bound.database, cast(Clock, StoppedClock(now_s)), integration, send, lambda: True).step()

    taken: list[int] = []
    every = waiting()
    step(lambda message: taken.append(message.message))
    assert taken == every and not waiting()
    bound.deliver(at(7, events=1))
    bound.published()
    later, fifth = waiting(), every[4]

    def refuses(message: OutboxMessage) -> None:
        assert _replayed(bound, fifth) == len(every) - 4
        raise Refused("not yet")

    step(refuses)
    with bound.database.reading() as connection:
        (integration,) = integrations.active(connection)
        (waits,) = integrations.retries(connection, integration.integration)
    assert integration.cursor == fifth - 1 and waits.message == later[0]
    taken.clear()
    step(lambda message: taken.append(message.message))
    step(lambda message: taken.append(message.message), NOW_S + 3600)
    assert taken == every[4:] + later and not waiting()


@pytest.mark.parametrize(
    "address",
    [
        "https://[::1", "http://", "http://:80/", "http://h:99999/", "http://h:0/", "http://h/ a", "ftp://h/",
        "http://ä.example/", "http://user:secret@h/", "http://h/#part", "mailto:a@b", "h",
    ],
)  # fmt: skip
def test_an_address_to_which_nothing_can_be_brought_is_refused_at_once(bound, address):
    with pytest.raises(UserError, match=r"address|ASCII") as refused:
        bound.add("erp", address)
    assert "secret" not in str(refused.value)


class Few:
    """A integration that takes two messages, and then none; or after which the agent ends."""

    def __init__(self, stops: bool) -> None:
        self.taken: list[int] = []
        self.stopping = threading.Event()
        self._stops = stops

    def __call__(self, message: OutboxMessage) -> None:
        if len(self.taken) == 2:
            raise Away("enough")
        self.taken.append(message.message)
        if self._stops and len(self.taken) == 2:
            self.stopping.set()


@pytest.mark.parametrize("stops", [False, True])
def test_adopted_messages_of_a_device_are_not_sent_again(bound, stops):
    bound.add("erp", "http://127.0.0.1:9/", "webhook", None, "event")
    for hour in range(1, 7):
        bound.deliver(at(hour, events=1))
    with bound.database.reading() as connection:
        every = [
            message.message
            for message in outbox.of_integration(connection, None, ("event",), (0, order.HIGHEST), 99)
        ]

    def turn(now_s: int, send: Any, stopping: threading.Event) -> None:
        with bound.database.reading() as connection:
            (integration,) = integrations.active(connection)
        clock = cast(Clock, StoppedClock(now_s))
        with contextlib.suppress(Away):
            Delivery(bound.database, clock, integration, send, lambda: not stopping.is_set()).step()

    turn(NOW_S, raising(Refused("not yet")), threading.Event())
    taken = []
    for number in range(1, len(every)):
        few = Few(stops)
        turn(NOW_S + number * 7 * 3600, few, few.stopping)
        taken += few.taken
    assert taken == every


def test_a_paused_integration_gets_everything_when_it_is_resumed_at_its_new_address(bound, receiver):
    bound.add("erp", "http://127.0.0.1:9/", "webhook", None, "event")
    bound.add("map", receiver.url, "webhook", None, "event")

    def change(**changes: Any) -> None:
        with bound.database.writing() as connection:
            fleet.change(connection, fleet.known(connection, "erp"), changes, NOW_S)

    def cursors() -> list[int]:
        with bound.database.reading() as connection:
            return [each.cursor for each in integrations.active(connection)]

    change(paused=True)
    before = cursors()[0]
    with bound.database.reading() as connection:
        numbers = [each.integration for each in integrations.active(connection)]
    bound.deliver(at(1, events=1))
    bound.published()
    with bound.delivering() as thread:
        wait_until(receiver.alarms, "the message of the other one")
        assert cursors()[0] == before and [thread.serves(each) for each in numbers] == [False, True]
        change(paused=False)
        wait_until(lambda: bound.failure("erp"), "the failure at the old address")
        change(address=receiver.url)  # its back-off does not count here
        wait_until(lambda: not bound.left(), "the message that waited")
    assert receiver.alarms() == [(FIRST, 1), (FIRST, 1)]
    with pytest.raises(UserError, match="must begin with"):
        change(address="ftp://erp.example")
    with pytest.raises(UserError, match="does not accept"):
        change(what=["nothing"])


@pytest.mark.parametrize("kind", ["webhook", "dcsa", "traccar"])
def test_a_receiver_that_is_gone_is_paused_and_gets_the_rest_when_it_is_resumed(bound, receiver, kind):
    bound.trip("CSQU3054383", 0, None, None)
    bound.add("erp", receiver.url, kind, None)
    receiver.answer = lambda _: 410
    bound.deliver(at(1, events=1))
    bound.published()
    with bound.delivering():
        wait_until(lambda: bound.failure("erp"), "the answer")
        with bound.database.reading() as connection:
            (row,) = integrations.every(connection)
        assert row.paused and row.failure == "it answers 410 Gone"
        with bound.database.writing() as connection:
            (entry, *_) = audit.newest(connection, 9, 1)
        assert (entry.who, entry.action, entry.name) == (deliveries.GONE, "changed", "erp")
        receiver.answer = lambda _: 204
        bound.deliver(at(2, events=1))
        bound.published()
        assert len(receiver.refused) == 1 and not receiver.taken and bound.left()
        with bound.database.writing() as connection:
            fleet.change(connection, fleet.known(connection, "erp"), {"paused": False}, NOW_S)
        wait_until(lambda: not bound.left(), "the messages that waited")
    assert receiver.taken and not bound.failure("erp")


def test_an_integration_that_is_removed_gets_nothing_more_and_retries_nothing(bound, receiver):
    bound.add("erp", receiver.url, "webhook", None, "event")
    for hour in range(1, 40):
        bound.deliver(at(hour, events=1))
    bound.published()
    came, removed = threading.Event(), threading.Event()

    def answer(_: Got) -> int:
        came.set()
        removed.wait(WAIT_S)
        return 422

    receiver.answer = answer
    with bound.database.reading() as connection:
        (integration,) = integrations.active(connection)
    with bound.delivering() as thread:
        assert came.wait(WAIT_S)
        with bound.database.writing() as connection:
            fleet.remove(connection, fleet.known(connection, "erp"), "anna", NOW_S)
        wait_until(
            lambda: not thread.serves(integration.integration), "it is seen that the integration is removed"
        )
        removed.set()
    assert len(receiver.refused) == 1
    with bound.database.reading() as connection:
        assert integrations.retries(connection, integration.integration) == []


def test_a_message_that_is_skipped_while_it_is_tried_again_stays_skipped(bound):
    bound.add("erp", "http://127.0.0.1:9/", "webhook", None, "event")
    bound.deliver(at(1, events=1))
    bound.deliver(at(2, events=1))

    def turn(now_s: int, send: Any) -> list[integrations.DeliveryRetry]:
        with bound.database.reading() as connection:
            (integration,) = integrations.active(connection)
        Delivery(bound.database, cast(Clock, StoppedClock(now_s)), integration, send, lambda: True).step()
        with bound.database.reading() as connection:
            return integrations.retries(connection, integration.integration)

    def skip_then_refuse(_: OutboxMessage) -> None:
        with bound.database.writing() as connection:
            fleet.discard(connection, fleet.known(connection, "erp"), FIRST, "anna", NOW_S)
        raise Refused("never")

    (first,) = turn(NOW_S, raising(Refused("never")))
    (skipped,) = turn(NOW_S + 3600, skip_then_refuse)
    assert (skipped.message, skipped.attempts) == (first.message + 1, 0)


def test_missed_deliveries_are_made_after_a_restart(bound, receiver):
    bound.add("erp", "http://127.0.0.1:9/nobody", "webhook", None, "event")
    bound.deliver(at(1, events=1))
    bound.published()
    with bound.delivering():

        def failed() -> Any:
            with bound.database.reading() as connection:
                return integrations.every(connection)[0].failure

        assert "no answer" in wait_until(failed, "a failure in the log")
    with bound.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE integrations SET address = '{receiver.url}' WHERE name = 'erp'")
    bound.deliver(at(2, events=1))
    with bound.delivering():
        wait_until(lambda: len(receiver.alarms()) == 2, "both")
    assert receiver.alarms() == [(FIRST, 1), (FIRST, 2)]


def test_messages_not_yet_published_stay_in_the_outbox_after_delivery(bound, receiver):
    """A integration may be ahead of the broker, also before the first message that this ever had."""
    bound.add("erp", receiver.url, "webhook", None, "event", "position", "track")
    bound.deliver(at(1, events=1))
    waiting = bound.left()
    with bound.delivering():
        wait_until(lambda: len(receiver.taken) == waiting, "all at the integration")
    assert bound.left() == waiting > 0
    bound.published()
    assert not bound.left()


def test_integrations_that_are_slow_keep_no_other_one_waiting(bound, receiver):
    slow, over = Receiver(), threading.Event()
    slow.answer = lambda _: 204 if over.wait(50) else 503
    for number in range(20):
        bound.add(f"slow-{number}", slow.url, "webhook", None, "event")
    bound.add("fast", receiver.url, "webhook", None, "event")
    bound.deliver(at(1, events=1))
    with bound.delivering():
        wait_until(receiver.alarms, "the message at the fast one")
        assert not slow.taken
        over.set()
        wait_until(lambda: len(slow.alarms()) == 20, "the others")
    slow.close()


def test_an_unresponsive_server_delays_the_end_of_the_agent_only_briefly(bound, receiver, monkeypatch):
    monkeypatch.setattr(deliveries, "LAST_WORDS_S", 0.2)
    asked, over = threading.Event(), threading.Event()

    def slow(_: Got) -> int:
        asked.set()
        return 204 if over.wait(WAIT_S) else 503

    receiver.answer = slow
    bound.add("map", receiver.url, "traccar")
    bound.deliver(*(at(hour) for hour in range(1, 26)))
    with bound.delivering():
        assert asked.wait(WAIT_S)
        stopped_s = time.monotonic()
    # Its patience would be at an end after a minute.
    assert time.monotonic() - stopped_s < 20
    assert bound.left(), "what was not answered was forgotten"
    over.set()
