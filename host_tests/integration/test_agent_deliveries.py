"""Targets: every message arrives, in order of each device, whatever they do; each tenant gets its own."""

import contextlib
import hashlib
import hmac
import json
import re
import runpy
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from landbridge.core import http
from landbridge.core.clock import Clock, iso
from landbridge.core.errors import UserError
from landbridge.core.http_errors import Away, Refused
from landbridge.core.texts import loaded
from landbridge.db import order
from landbridge.db.keys import Keyring
from landbridge.events import again, dcsa, outbox
from landbridge.events import queries as events
from landbridge.events.outbox import OutboxMessage, numbered_message
from landbridge.events.publisher import Publisher
from landbridge.events.queries import Wanted
from landbridge.events.topics import no_position
from landbridge.features.audit import queries as audit
from landbridge.features.geofences import queries as geofences
from landbridge.features.integrations import deliveries, home_assistant, traccar, webhook
from landbridge.features.integrations import queries as integrations
from landbridge.features.integrations import rules as fleet
from landbridge.features.integrations.deliveries import Delivery
from landbridge.features.integrations.kinds import KINDS
from landbridge.features.trips import queries as trips
from landbridge.tracking import silence
from landbridge.tracking.binding import bind

from host_tests.support.agent import WAIT_S, point, wait_until
from host_tests.support.doubles import StoppedClock, raising
from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Got, Receiver, at
from host_tests.support.trips import BEGIN_S, HOUR_S, POZNAN

PROTOCOL = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setattr(deliveries, "POLL_S", 0.02)
    monkeypatch.setattr(deliveries, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(deliveries, "LONGEST_WAIT_S", 0.2)
    monkeypatch.setattr(deliveries, "FIRST_RETRY_S", 0)
    made = Fleet(tmp_path)
    yield made
    made.database.close()


def test_an_integration_that_answers_byte_by_byte_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(http, "WHOLE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            taken, _ = server.accept()
            with taken, contextlib.suppress(OSError):
                taken.sendall(b"HTTP/1.1 200 OK\r\n")
                while True:
                    taken.sendall(b"x")
                    time.sleep(0.02)

        dripping = threading.Thread(target=drip)
        dripping.start()
        with pytest.raises(Away, match=r"within 0\.3 s"):
            http.HttpClient(f"http://127.0.0.1:{server.getsockname()[1]}/").post(b"{}", {})
        dripping.join()


def test_a_connection_is_kept_for_as_long_as_the_integration_keeps_it():
    taken: list[int] = []

    class Keeps(socketserver.StreamRequestHandler):
        """Answers two requests, then ends the connection without a word."""

        def handle(self) -> None:
            for text in (b"fine", b""):
                while (line := self.rfile.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                if not line:
                    return
                self.rfile.read(length)
                taken.append(self.client_address[1])
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Keeps) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        line = http.HttpClient(f"http://127.0.0.1:{server.server_address[1]}/")
        for number in range(5):
            line.post(b"%d" % number, {})
        line.close()
        server.shutdown()
    assert [taken.count(port) for port in dict.fromkeys(taken)] == [2, 2, 1]


def test_an_answer_counts_when_its_first_lines_are_there(monkeypatch):
    monkeypatch.setattr(http, "REST_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def begin() -> None:
            taken, _ = server.accept()
            with taken:
                taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
                while taken.recv(4096):
                    pass

        begun = threading.Thread(target=begin)
        begun.start()
        http.HttpClient(f"http://127.0.0.1:{server.getsockname()[1]}/").post(b"{}", {})
        begun.join(WAIT_S)
        assert not begun.is_alive()


def test_answers_of_an_integration_are_distinguished(receiver):
    receiver.answer = lambda got: int(got.path.rpartition("/")[2])
    http.HttpClient(f"{receiver.url}/204").post(b"{}", {})
    with pytest.raises(Refused, match="answers 422"):
        http.HttpClient(f"{receiver.url}/422").post(b"{}", {})
    for code in (302, 404, 500):
        with pytest.raises(Away, match=f"answers {code}"):
            http.HttpClient(f"{receiver.url}/{code}").post(b"{}", {})
    with pytest.raises(Away, match="no answer"):
        http.HttpClient("http://127.0.0.1:1/").post(b"{}", {})


def test_what_a_tenant_has_added_reaches_no_host_of_the_operator(receiver, monkeypatch):
    local = receiver.url.replace("127.0.0.1", "localhost")
    for url in (receiver.url, local):
        with pytest.raises(Away, match="its host has no public address"):
            http.HttpClient(url, only_public=True).post(b"{}", {})
    asked = []

    def rebound(host, *more):
        """The name stands for a public address when it is looked at, then for one of the operator."""
        asked.append(host)
        return [(0, 0, 0, "", ("9.9.9.9", 443))] if len(asked) == 1 else real(host, *more)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    with pytest.raises(Away, match="its host has no public address"):
        http.HttpClient(local, only_public=True).post(b"{}", {})
    assert len(asked) == 2 and not receiver.taken and not receiver.refused
    http.HttpClient(local).post(b"{}", {})
    assert len(receiver.taken) == 1


def test_a_webhook_is_signed_and_comes_in_order_whatever_the_receiver_does(bound, receiver):
    secret = bound.add("erp", receiver.url, "webhook", None, "event", "position")
    asked = 0

    def unreliable(_: Got) -> int:
        nonlocal asked
        asked += 1
        return 503 if asked % 3 else 204

    receiver.answer = unreliable
    bound.published()
    with bound.delivering():
        for hour in range(1, 5):
            bound.deliver(at(hour, events=1))
        wait_until(lambda: len(receiver.taken) >= 8, "all messages")
        bound.published()
        wait_until(lambda: not bound.left(), "an empty outbox")
    assert receiver.refused, "it was never away"
    assert receiver.alarms() == [(FIRST, seq) for seq in (1, 2, 3, 4)]
    assert [each["seq"] for each in receiver.contents() if "type" not in each] == [1, 2, 3, 4]
    is_genuine = runpy.run_path(str(PROTOCOL / "webhook.py"))["is_genuine"]
    spelled = webhook.spelled(secret)
    for each in receiver.taken:
        assert is_genuine(spelled, each.headers, each.body, time.time())
        assert not is_genuine(spelled, each.headers, each.body + b" ", time.time())
        assert not is_genuine(spelled, each.headers, each.body, time.time() + webhook.TOLERANCE_S + 60)
        assert not is_genuine(spelled, each.headers | {"webhook-id": "msg_0"}, each.body, time.time())
    ids = [each.headers["webhook-id"] for each in receiver.taken]
    assert len(set(ids)) == len(ids)


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


def test_a_replay_of_what_is_not_kept_or_not_sent_changes_nothing(bound, receiver):
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
def test_what_was_taken_of_a_device_that_waited_is_not_sent_again(bound, stops):
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


def test_what_an_integration_missed_comes_after_a_restart(bound, receiver):
    bound.add("erp", "http://127.0.0.1:9/nobody", "webhook", None, "event")
    bound.deliver(at(1, events=1))
    bound.published()
    with bound.delivering():

        def failed() -> Any:
            with bound.database.reading() as connection:
                return integrations.every(connection)[0].failure

        assert "no answer" in wait_until(failed, "a failure that is told")
    with bound.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE integrations SET address = '{receiver.url}' WHERE name = 'erp'")
    bound.deliver(at(2, events=1))
    with bound.delivering():
        wait_until(lambda: len(receiver.alarms()) == 2, "both")
    assert receiver.alarms() == [(FIRST, 1), (FIRST, 2)]


def test_what_the_broker_has_not_had_yet_is_kept_for_it(bound, receiver):
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


def test_who_does_not_answer_keeps_the_agent_from_ending_for_a_moment_only(bound, receiver, monkeypatch):
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


def test_an_integration_of_a_tenant_gets_its_own_only(bound, receiver):
    bound.trip("CSQU3054383", 0, 10, "acme")
    bound.trip("MSKU0000006", 20, None, "bolt")
    bound.add("acme", receiver.url, "webhook", "acme")
    bound.published()
    bound.deliver(at(5, events=1), at(15, events=1), at(25, events=1))
    with bound.delivering():
        wait_until(lambda: len(receiver.taken) >= 3, "the tenant's messages")
        bound.published()
        wait_until(lambda: not bound.left(), "an empty outbox")
    assert "MSKU0000006" not in str(receiver.contents())
    assert {each.get("seq", 5) for each in receiver.contents()} == {5}


def test_a_device_bound_again_in_mid_track_shows_each_tenant_its_own_interval(bound):
    first = bound.trip("CSQU3054383", 0, 10, "acme")
    second = bound.trip("MSKU0000006", 10, None, "bolt")
    bound.deliver(*(at(hour, events=1) for hour in range(11, 15)))
    bound.deliver(*(at(hour, events=1) for hour in range(1, 10)))  # late
    for tenant, trip, hours in (("acme", first, range(1, 10)), ("bolt", second, range(11, 15))):
        sent = bound.sent(tenant)
        tracks = [each for leaf, content in sent if leaf == "track" for each in content["features"]]
        assert [each["properties"]["seq"] for each in tracks] == list(hours)
        answered = [content for leaf, content in sent if leaf.startswith("event/")]
        assert {each["trip"] for each in answered} == {trip}
        assert [content["seq"] for leaf, content in sent if leaf == "position"][-1] == hours[-1]
        with bound.database.reading() as connection:
            rows = events.feed(connection, 0, 1_000, Wanted(tenant))
        assert {row.trip for row in rows} == {trip}
    assert bound.sent("operator") == []


def test_what_an_arrival_takes_from_a_trip_is_taken_back_from_its_tenant(bound):
    """The trip ends in Poznan at hour 4; what came first, hour 9, was told to its tenant before that."""
    with bound.database.writing() as connection:
        geofences.add(connection, "Poznan", POZNAN, 5_000.0, BEGIN_S)
    bound.trip("CSQU3054383", 0, None, "acme")
    there = {"lat": 52_40000, "lon": 17_00000, "motion": 0, "speed": 0}
    away = {"lat": 51_10000, "lon": 16_00000}
    bound.deliver(at(9, events=1, **away))
    bound.deliver(at(1, **away), *(at(hour, **there) for hour in (3, 4, 5)))
    sent = bound.sent("acme")
    answered = [content["id"] for leaf, content in sent if leaf == "event/alarm"]
    taken_back = [content["retracts"] for leaf, content in sent if leaf == "event/retraction"]
    assert f"{FIRST}/9/alarm-light" in answered
    assert f"{FIRST}/9/alarm-light" in taken_back
    assert [content["seq"] for leaf, content in sent if leaf == "position"][-1] < 9


def test_a_tenant_s_geofence_is_there_on_its_trips_only(bound):
    here = '{"type":"Point","coordinates":[106.55156,29.56301]}'
    with bound.database.writing() as connection:
        geofences.give_to(connection, geofences.add(connection, "secret", here, 5_000.0, BEGIN_S), "acme")
        geofences.add(connection, "yard", here, 9_000.0, BEGIN_S)
    bound.trip("CSQU3054383", 2, 4, "acme")
    bound.trip("MSKU0000006", 4, 8, "bolt")
    bound.deliver(*map(at, range(1, 12)))
    answered = {
        tenant: {
            (each["geofence"], each["trip"]) for leaf, each in bound.sent(tenant) if leaf == "event/geofence"
        }
        for tenant in ("acme", "bolt", "operator")
    }
    assert answered == {
        "acme": {("secret", 1), ("yard", 1)},
        "bolt": {("yard", 2)},
        "operator": {("yard", None)},
    }
    assert {leaf for leaf, each in bound.sent("bolt") if "secret" in str(each)} == set()
    assert {leaf for leaf, each in bound.sent("acme") if each.get("place") == "secret"} == {"event/stop"}


def test_a_device_that_is_silent_after_a_trip_is_nothing_to_its_tenant(bound):
    bound.trip("CSQU3054383", 0, 10, "acme")
    bound.deliver(at(5))
    before = len(bound.sent("acme"))
    bound.heard(BEGIN_S + 11 * HOUR_S, BEGIN_S + 12 * HOUR_S)
    with bound.database.writing() as connection:
        assert silence.check_due(connection, [FIRST], 0, NOW_S) == 1
    assert len(bound.sent("acme")) == before
    assert bound.sent("operator")[-1][1]["alarm"] == "silent"


def test_traccar_gets_each_fix_with_its_time(bound, receiver):
    bound.add("map", f"{receiver.url}?token=X", "traccar")
    bound.deliver(at(1, speed=100), at(2, kind=2), at(3, quality=0), device=SECOND)
    bound.published()
    with bound.delivering():
        wait_until(lambda: receiver.taken and not bound.left(), "the fix")
    (got,) = receiver.taken
    asked = {name: values[0] for name, values in parse_qs(urlsplit(got.path).query).items()}
    assert asked["id"] == SECOND and asked["token"] == "X"
    assert int(asked["timestamp"]) == 946_684_800 + BEGIN_S + HOUR_S
    assert (asked["lat"], asked["lon"], asked["speed"]) == ("29.56301", "106.55156", "54.0")
    assert asked["valid"] == "true"
    cell = traccar.parameters({"geometry": {"coordinates": [1, 2, 3]}, "properties": _properties()})["cell"]
    assert cell == "460,0,1234,5678,-90"


def _properties() -> dict[str, Any]:
    usual = dict.fromkeys(
        ("heading_deg", "hdop", "satellites", "container", "trip", "speed_kmh", "battery_mv", "temperature_c")
    )
    answered = {
        "device": "d",
        "time": iso(NOW_S),
        "plmn": 460_000,
        "tac": 1234,
        "cell": 5678,
        "rsrp_dbm": -90,
    }
    return usual | answered | {"seq": 1, "quality_flags": []}


def test_a_webhook_may_have_two_secrets_and_each_verifies(bound, receiver):
    old = bound.add("erp", receiver.url, "webhook", None, "event")
    with bound.database.writing() as connection:
        new = fleet.rotate(connection, bound.keyring, fleet.known(connection, "erp"))
        with pytest.raises(UserError, match="two secrets"):
            fleet.rotate(connection, bound.keyring, fleet.known(connection, "erp"))
    bound.deliver(at(1, events=1))
    with bound.delivering():
        wait_until(lambda: receiver.taken, "the first")
    with bound.database.writing() as connection:
        fleet.finish_rotation(connection, fleet.known(connection, "erp"))
        with pytest.raises(UserError, match="one secret"):
            fleet.finish_rotation(connection, fleet.known(connection, "erp"))
    count = len(receiver.taken)
    bound.deliver(at(2, events=2))
    with bound.delivering():
        wait_until(lambda: len(receiver.taken) > count, "the second")
    is_genuine = runpy.run_path(str(PROTOCOL / "webhook.py"))["is_genuine"]

    def verified(secret: bytes, got: Got) -> bool:
        return bool(is_genuine(webhook.spelled(secret), got.headers, got.body, time.time()))

    first, last = receiver.taken[0], receiver.taken[-1]
    assert verified(old, first) and verified(new, first)
    assert verified(new, last) and not verified(old, last)


def test_the_docs_show_how_each_kind_of_webhook_is_verified(bound, receiver, monkeypatch):
    monkeypatch.syspath_prepend(str(PROTOCOL))
    section = (PROTOCOL / "protocol.md").read_text().partition("## Is a webhook genuine?")[2]
    snippet = section.partition("```python\n")[2].partition("```")[0]
    *imports, of_webhook, of_dcsa = snippet.splitlines()
    dcsa_receiver = Receiver()
    secrets = {}
    for kind, each in (("webhook", receiver), ("dcsa", dcsa_receiver)):
        spelled = KINDS[kind].spelled
        assert spelled is not None
        secrets[kind] = spelled(bound.add(kind, each.url, kind, None, "event"))
    assert re.fullmatch("[0-9a-f]{64}", secrets["dcsa"]) and secrets["webhook"].startswith("whsec_")
    bound.trip("CSQU3054383", 0, None, "acme")
    bound.deliver(at(1, events=1))
    bound.published()
    with bound.delivering():
        wait_until(lambda: receiver.taken and dcsa_receiver.taken, "a message of each kind")
    dcsa_receiver.close()
    for line, got, secret in (
        (of_webhook, receiver.taken[0], secrets["webhook"]),
        (of_dcsa, dcsa_receiver.taken[0], secrets["dcsa"]),
    ):
        for body, is_ours in ((got.body, True), (got.body + b" ", False)):
            names = {"secret": secret, "headers": got.headers, "body": body}
            exec("\n".join([*imports, line]), names)
            assert names["ours"] is is_ours, line


def test_dcsa_events_keep_their_schema_and_take_back_what_was_not_true(bound, receiver):
    secret = bound.add("port", receiver.url, "dcsa")
    bound.trip("CSQU3054383", 0, None, "acme")
    there = {"lat": 52_40000, "lon": 17_00000, "motion": 0, "speed": 0}
    bound.deliver(at(1, events=1, **there), at(2, **there), at(3, **there))
    bound.deliver(at(8, lat=51_10000, lon=16_00000, motion=9))
    bound.published()
    with bound.delivering():
        wait_until(lambda: not bound.left(), "an empty outbox")
    schema = Draft202012Validator(json.loads((PROTOCOL / "dcsa-event.schema.json").read_text()))
    found = [each for body in receiver.contents() for each in body]
    for each in found:
        schema.validate(each)
    codes = [each["payload"].get("iotEventCode") or _code(each["payload"]) for each in found]
    assert codes == ["DRO", "DEPA"]
    for got in receiver.taken:
        signed = hmac.digest(secret, got.body, hashlib.sha256).hex()
        assert got.headers["notification-signature"] == f"sha256={signed}"
    answered = {
        "event": 9,
        "replaces": 4,
        "id": "d/1/retraction-border",
        "retracts": "d/1/border",
        "was": "border",
    }
    whole = found[0]["payload"]
    point_of = {
        "container": "CSQU3054383",
        "time": whole["eventDateTime"],
        "received": whole["eventDateTime"],
    }
    where = {"latitude": 1.5, "longitude": 0.00005}
    point_of |= {"trip": 1, "seq": 2, "from": "DE", "to": "PL"}
    taken_back = dcsa.event(answered | {"type": "retraction"} | point_of | where, {})
    assert taken_back
    schema.validate(taken_back)
    assert taken_back["metadata"]["retractedEventID"] == dcsa.event_id(4, "d/1/border")
    location = taken_back["payload"]["transportCall"]["location"]
    assert location == {"locationType": "GEOL", "latitude": "1.50000", "longitude": "0.00005"}


def _code(payload: dict[str, Any]) -> Any:
    return payload.get("transportEventTypeCode") or payload.get("equipmentEventTypeCode")


def test_what_went_to_a_trip_before_it_was_published_goes_to_its_tenant_alone(bound, receiver):
    bound.add("erp", receiver.url, "webhook", None, "track")
    bound.deliver(at(1), at(2))
    with bound.database.writing() as connection:
        assert [each.payload for each in outbox.head(connection, 9) if each.what == "track"] == [b"[[1,2]]"]
    bound.trip("CSQU3054383", 0, None, "acme")
    with bound.database.writing() as connection:
        bind(connection, FIRST, BEGIN_S, NOW_S)
    with bound.delivering():
        wait_until(lambda: receiver.taken, "a delivery")
    (by_webhook,) = receiver.contents()
    assert {each["properties"]["container"] for each in by_webhook["features"]} == {"CSQU3054383"}
    published: list[outbox.OutboxMessage] = []

    def publish(message: outbox.OutboxMessage) -> Any:
        published.append(message)
        return SimpleNamespace(is_published=lambda: True)

    publisher = Publisher(bound.database, publish)
    publisher.start()
    publisher.stop()
    (on_topic,) = [each for each in published if each.what == "track"]
    assert on_topic.tenant == "acme" and json.loads(on_topic.payload) == by_webhook
    with bound.database.reading() as connection:
        assert outbox.head(connection, 9) == []


def test_a_device_is_announced_to_home_assistant_before_its_first_position(bound):
    published: list[outbox.OutboxMessage] = []
    publish = home_assistant.announcing(cast(Any, published.append), "homeassistant")
    bound.deliver(at(1))
    bound.deliver(at(2))
    with bound.database.reading() as connection:
        for message in outbox.head(connection, 100):
            publish(message)
    topics = [each.topic for each in published]
    assert topics.count(f"homeassistant/device_tracker/landbridge_operator_{FIRST}/config") == 1
    tracker = next(each for each in published if "/device_tracker/" in each.topic)
    assert tracker.retain
    position = json.loads(tracker.payload)["json_attributes_topic"]
    assert topics.index(tracker.topic) < topics.index(position)
    answered = json.loads(next(each for each in published if each.topic == position).payload)
    assert {"latitude", "longitude", "battery_mv", "temperature_c"} <= set(answered)


def test_home_assistant_forgets_a_device_with_its_position_and_keeps_tenants_apart():
    kept: dict[str, bytes] = {}

    def publish(message: OutboxMessage) -> None:
        assert message.retain
        kept[message.topic] = message.payload
        if not message.payload:
            del kept[message.topic]

    announced = home_assistant.announcing(cast(Any, publish), "homeassistant")
    names = []
    for tenant in ("operator", "acme"):
        topic = f"landbridge/out/{tenant}/{FIRST}/position"
        announced(OutboxMessage(1, topic, b"{}", True, tenant, FIRST, "position"))
        tracker = kept[f"homeassistant/device_tracker/landbridge_{tenant}_{FIRST}/config"]
        names.append(json.loads(tracker)["device"]["name"])
    assert names == [FIRST, f"{FIRST} (acme)"] and len(kept) == 8
    announced(numbered_message(2, no_position(FIRST, "acme")))
    assert len(kept) == 4 and not [topic for topic in kept if "acme" in topic]
    announced(OutboxMessage(3, topic, b"{}", True, "acme", FIRST, "position"))
    assert len(kept) == 8


@pytest.mark.parametrize(
    ("name", "address", "kind", "what", "why"),
    [
        ("Erp", "http://a/", "webhook", (), "cannot be the name"),
        ("erp", "ftp://a/", "webhook", (), "not an address"),
        ("erp", "http:", "webhook", (), "not an address"),
        ("erp", "http://a/", "pigeon", (), "no kind"),
        ("erp", "http://a/", "traccar", ("event",), "does not accept 'event'"),
    ],
)
def test_an_integration_that_cannot_be_is_said_in_one_line(bound, name, address, kind, what, why):
    with pytest.raises(UserError, match=why):
        bound.add(name, address, kind, None, *what)


def test_a_running_agent_delivers_and_signs(installation, receiver):
    with installation.database().writing() as connection:
        keyring = Keyring(installation.database().place)
        fleet.add(connection, keyring, "erp", "webhook", receiver.url, None, ("event",), "bench", NOW_S)
    installation.start()
    installation.device().send([point(1, events=2)])
    wait_until(lambda: receiver.taken, "the alarm")
    assert receiver.contents()[0]["alarm"] == "shock"
    assert receiver.taken[0].headers["landbridge-topic"].endswith("/event/alarm")


def test_a_tenant_s_user_at_the_broker_gets_his_trips_and_no_more(installation):
    """The ACL confines him to landbridge/out/acme/#; the device is bound to another container later."""
    with installation.database().writing() as connection:
        whose = ("CSQU3054383", 0, 10, "acme"), ("MSKU0000006", 10, None, "bolt")
        for container, begin_h, end_h, tenant in whose:
            begin_s = BEGIN_S + begin_h * HOUR_S
            trip = trips.start(connection, FIRST, container, "west", "Poznan", 3600, begin_s)
            trips.give_to(connection, trip, tenant)
            if end_h is not None:
                trips.end(connection, trip, BEGIN_S + end_h * HOUR_S)
    installation.start()
    house, acme = installation.platform(), installation.platform("tenant-acme")
    device = installation.device()
    device.send([at(12, events=1), at(20)])
    device.send([at(3, events=1), at(5)])
    wait_until(lambda: len(house.features()) == 4, "all points")
    wait_until(lambda: len(acme.features()) == 2 and acme.on("/position"), "his points")
    assert [each["properties"]["seq"] for each in acme.features()] == [3, 5]
    assert [each["id"] for each in acme.on("/event/alarm")] == [f"{FIRST}/3/alarm-light"]
    assert acme.on("/position")[-1]["seq"] == 5
    assert not [topic for topic, _ in acme.messages if not topic.startswith("landbridge/out/acme/")]
