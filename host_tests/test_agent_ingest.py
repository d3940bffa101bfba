"""The agent between a real broker and a real database."""

import json
import subprocess
import sys
import threading
from typing import Any

from landbridge.ingest.pipeline import Pipeline
from landbridge.store import devices, letters, outbox, points
from landbridge.wire.downlink import ranges
from sqlalchemy.exc import OperationalError

from host_tests.agent_bench import DEVICE, PASSWORD, WAIT_S, acknowledged, bench, point, wait_until
from tools.flash.layout import REPOSITORY

__all__ = ["bench"]


def test_stores_acknowledges_and_passes_on(bench):
    platform = bench.platform()
    bench.start()
    batch = [point(seq) for seq in (1, 2, 3, 7)]
    reply = bench.device().send(batch)
    assert reply[0] == 1
    assert reply[1] == 1
    assert acknowledged(reply) == [(1, 3), (7, 7)]
    assert [each.point for each in bench.stored()] == batch
    wait_until(lambda: platform.on("/position"), "a position")
    assert [each["id"] for each in platform.features()] == [f"{DEVICE}/{seq}" for seq in (1, 2, 3, 7)]
    assert platform.on("/position")[-1]["seq"] == 7


def test_a_record_that_comes_again_is_dropped_and_counted(bench):
    bench.start()
    device = bench.device()
    device.send([point(1), point(2)])
    assert acknowledged(device.send([point(2), point(3)])) == [(2, 3)]
    assert bench.counts() == points.Counts(stored=3, missing=0, duplicates=1, uplinks=2, repeats=0)


def test_an_uplink_that_comes_again_is_answered_and_changes_nothing(bench):
    platform = bench.platform()
    bench.start()
    device = bench.device()
    envelope = device.seal([point(1), point(2)])
    first = device.exchange(envelope)
    again = device.exchange(envelope)
    assert (again[1], again[2]) == (first[1], first[2])
    assert bench.counts() == points.Counts(stored=2, missing=0, duplicates=0, uplinks=1, repeats=1)
    device.send([point(3)])
    wait_until(lambda: len(platform.features()) >= 3, "three points")
    assert [each["properties"]["seq"] for each in platform.features()] == [1, 2, 3]


def test_a_number_used_twice_is_refused(bench):
    bench.start()
    device = bench.device()
    device.send([point(1)])
    device.next_number = 0
    device.publish(device.seal([point(2)]))
    wait_until(bench.dead_letters, "a dead letter")
    assert "replayed" in bench.dead_letters()[0]
    assert len(bench.stored()) == 1


def test_late_points_do_not_move_the_position(bench):
    platform = bench.platform()
    bench.start()
    device = bench.device()
    device.send([point(5)])
    device.send([point(2)])
    device.send([point(6)])
    wait_until(lambda: len(platform.on("/position")) >= 2, "two positions")
    assert [each["seq"] for each in platform.on("/position")] == [5, 6]
    assert [each["properties"]["seq"] for each in platform.features()] == [5, 2, 6]


def test_what_cannot_be_read_is_a_dead_letter_and_the_agent_goes_on(bench):
    bench.start()
    device = bench.device()
    for payload in (b"", b"\xff", b"x" * 5000, device.seal([point(1)])[:-1]):
        device.publish(payload)
    assert acknowledged(device.send([point(1)])) == [(1, 1)]
    assert len(bench.dead_letters()) == 4


def test_an_unknown_device_is_quarantined_and_the_agent_goes_on(bench):
    bench.start()
    stranger = bench.device(bytes(32), "lb-unknown")
    stranger.publish(stranger.seal([point(1)]))
    assert bench.device().send([point(1)])

    def unknown() -> list[Any]:
        with bench.database().reading() as connection:
            return letters.unknown_devices(connection)

    assert [(row.device, row.messages) for row in wait_until(unknown, "quarantine")] == [("lb-unknown", 1)]
    assert not bench.dead_letters()


def test_each_uplink_has_its_reply_and_the_last_contact_is_kept(bench):
    bench.start()
    device = bench.device()
    for seq in (1, 2, 3):
        device.send([point(seq)], status={0: 3600}, next_contact_s=900_000_000)
    with bench.database().reading() as connection:
        row = devices.find(connection, DEVICE)
    assert row
    assert row.next_contact_s == 900_000_000
    assert ranges(reply[1] for reply in device.replies()) == [(1, 3)]


def test_listens_again_after_the_broker_lost_everything(bench):
    platform = bench.platform()
    bench.start()
    device = bench.device()
    device.send([point(1)])
    bench.broker.kill()
    bench.broker.start()
    wait_until(lambda: bench.subscriptions() >= 2, "the agent listens again")
    device.close()
    again = bench.device()
    again.next_number = device.next_number
    assert acknowledged(again.send([point(2)])) == [(2, 2)]
    wait_until(lambda: {1, 2} <= {each["properties"]["seq"] for each in platform.features()}, "both points")


def test_an_acknowledgement_from_before_a_reconnect_is_dropped(bench):
    kept: list[bool] = []

    class Slow(Pipeline):
        def acknowledge(self, received):
            if not kept:
                bench.broker.kill()
                bench.broker.start()
                wait_until(lambda: bench.subscriptions() >= 2, "the agent listens again")
            kept.append(self._session.acknowledge(received))

    bench.start(Slow)
    device = bench.device()
    device.publish(device.seal([point(1)]))
    wait_until(lambda: kept, "the late acknowledgement")
    assert kept == [False]
    assert acknowledged(device.send([point(2)])) == [(2, 2)]
    assert kept == [False, True]


def test_what_is_stored_while_the_broker_is_gone_is_passed_on_later(bench):
    acknowledging = threading.Event()

    class Cut(Pipeline):
        def acknowledge(self, received):
            if not acknowledging.is_set():
                bench.broker.kill()
                wait_until(lambda: not self._session._client.is_connected(), "the agent notices")
            super().acknowledge(received)
            acknowledging.set()

    bench.start(Cut)
    device = bench.device()
    device.publish(device.seal([point(1)]))
    assert acknowledging.wait(WAIT_S)
    bench.broker.start()
    # Retained: it does not matter who is back first.
    platform = bench.platform()
    assert wait_until(lambda: platform.on("/position"), "the position")[0]["seq"] == 1

    def waiting() -> list[Any]:
        with bench.database().reading() as connection:
            return outbox.head(connection, 9)

    wait_until(lambda: not waiting(), "an empty outbox")


def test_a_full_disk_is_waited_for_and_nothing_is_acknowledged(bench):
    steps = []

    class Full(Pipeline):
        def store(self, *given):
            steps.append("store")
            if len(steps) == 1:
                raise OperationalError("INSERT", {}, Exception("database or disk is full"))
            return super().store(*given)

        def acknowledge(self, received):
            steps.append("acknowledge")
            super().acknowledge(received)

    bench.start(Full)
    assert acknowledged(bench.device().send([point(1)])) == [(1, 1)]
    assert steps == ["store", "store", "acknowledge"]
    assert bench.dead_letters() == []


def test_a_fault_of_our_own_is_a_dead_letter_and_the_agent_goes_on(bench):
    class Faulty(Pipeline):
        def store(self, connection, received, opened, *more):
            if opened.number == 1:
                raise ZeroDivisionError
            return super().store(connection, received, opened, *more)

    bench.start(Faulty)
    device = bench.device()
    device.publish(device.seal([point(1)]))
    assert acknowledged(device.send([point(2)])) == [(2, 2)]
    assert bench.dead_letters() == ["internal error: ZeroDivisionError()"]


def test_all_points_are_passed_on_once_over_an_orderly_restart(bench):
    platform = bench.platform()
    device = bench.device()
    for seq in range(1, 31, 3):
        bench.start()
        device.send([point(seq), point(seq + 1)])
        device.send([point(seq + 2)])
        bench.stop()
    wait_until(lambda: len(platform.features()) >= 30, "all points")
    assert [each["properties"]["seq"] for each in platform.features()] == list(range(1, 31))


def test_the_subscriber_of_the_documentation_receives_everything(bench):
    broker = bench.broker
    command = [sys.executable, str(REPOSITORY / "docs" / "protocol" / "subscriber.py"), "localhost"]
    command += [str(broker.port), str(broker.folder / "ca.pem"), "platform", PASSWORD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as subscriber:
        wait_until(lambda: "landbridge/out/#" in broker.log(), "the subscriber listens")
        bench.start()
        device = bench.device()
        device.send([point(1, events=2), point(2)])
        device.send([point(3)])
        assert subscriber.stdout
        lines = [next(subscriber.stdout).split(" ", 1) for _ in range(5)]
        subscriber.kill()
    leaves = [topic.removeprefix(f"landbridge/out/default/{DEVICE}/") for topic, _ in lines]
    assert leaves == ["track", "event/alarm", "position", "track", "position"]
    assert json.loads(lines[-1][1])["id"] == f"{DEVICE}/3"
