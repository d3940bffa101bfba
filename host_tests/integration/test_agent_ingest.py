"""The agent between a real broker and a real database."""

import json
import shutil
import subprocess
import sys
import threading
from typing import Any

import pytest
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.db.keys import Keyring
from landbridge.db.opened import opened
from landbridge.events.queries import outbox
from landbridge.features.commands import queries as commands
from landbridge.features.devices import queries as devices
from landbridge.features.settings import queries as settings
from landbridge.features.trips import queries as trips
from landbridge.features.updates import queries as releases
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.queries import dead_letters
from landbridge.ingest.storing import MOST_AHEAD_S
from landbridge.operations import doctor
from landbridge.points import quality
from landbridge.points.queries import points
from landbridge.protocol.downlink import ranges
from landbridge.protocol.point import KIND_CELL, KIND_REUSED
from landbridge.tracking import silence
from sqlalchemy.exc import OperationalError

from host_tests.support.agent import (
    BROKER_HOST,
    DEVICE,
    NOW_S,
    PASSWORD,
    WAIT_S,
    acknowledged,
    point,
    set_clock,
    wait_until,
)
from host_tests.support.command import run
from tools.flash.layout import REPOSITORY
from tools.world.services import certificates


def test_stores_acknowledges_and_publishes(installation):
    platform = installation.platform()
    installation.start()
    batch = [point(seq) for seq in (1, 2, 3, 7)]
    reply = installation.device().send(batch)
    assert reply[0] == 1
    assert reply[1] == 1
    assert acknowledged(reply) == [(1, 3), (7, 7)]
    assert [each.point for each in installation.stored()] == batch
    wait_until(lambda: platform.on("/position"), "a position")
    assert [each["id"] for each in platform.features()] == [f"{DEVICE}/{seq}" for seq in (1, 2, 3, 7)]
    assert platform.on("/position")[-1]["seq"] == 7


def test_a_record_that_comes_again_is_dropped_and_counted(installation, device):
    device.send([point(1), point(2)])
    assert acknowledged(device.send([point(2), point(3)])) == [(2, 3)]
    assert installation.counts() == points.Counts(
        stored=3, missing=0, gone=0, duplicates=1, uplinks=2, repeats=0
    )


def test_an_uplink_that_comes_again_is_answered_and_changes_nothing(installation, platform, device):
    envelope = device.seal([point(1), point(2)])
    first = device.exchange(envelope)
    again = device.exchange(envelope)
    assert (again[1], again[2]) == (first[1], first[2])
    assert installation.counts() == points.Counts(
        stored=2, missing=0, gone=0, duplicates=0, uplinks=1, repeats=1
    )
    device.send([point(3)])
    wait_until(lambda: len(platform.features()) >= 3, "three points")
    assert [each["properties"]["seq"] for each in platform.features()] == [1, 2, 3]


def test_a_replayed_old_uplink_does_not_restore_its_reported_state(installation, device):
    old = device.seal([point(1)], reports={6: [1, 0, 1, 0, 0]})
    device.exchange(old)
    device.send([point(2)], reports={6: [2, 0, 1, 0, 0]})
    device.exchange(old)
    with installation.database().reading() as connection:
        said = settings.report(connection, DEVICE)
    assert said is not None and said[0].revision == 2


def test_a_number_used_twice_is_refused(installation, device):
    device.send([point(1)])
    device.next_number = 0
    device.publish(device.seal([point(2)]))
    wait_until(installation.dead_letters, "a dead letter")
    assert "replayed" in installation.dead_letters()[0]
    assert len(installation.stored()) == 1


def test_other_content_under_a_used_sequence_is_dead_lettered_and_acknowledged(installation, device):
    device.send([point(1), point(2)])
    envelope = device.seal([point(1, lat=1), point(2), point(3), point(4)])
    for _ in range(2):
        assert acknowledged(device.exchange(envelope)) == [(1, 4)]
    assert acknowledged(device.send([point(1, lat=2), point(4, lat=2)])) == [(1, 1), (4, 4)]
    assert [each.point for each in installation.stored()] == [point(seq) for seq in (1, 2, 3, 4)]
    assert installation.dead_letters() == [
        f"sequence used twice with other content: {seqs}" for seqs in ("1", "1, 4")
    ]
    assert installation.counts() == points.Counts(
        stored=4, missing=0, gone=0, duplicates=1, uplinks=3, repeats=1
    )


def test_a_new_flash_under_the_old_id_reports_nothing_until_its_sequences_are_new(installation, device):
    device.send([point(1), point(2)])
    device.next_number = NOW_S << 8  # as the device's numbers begin if no file can be read
    assert acknowledged(device.send([point(1, lat=1), point(2, lat=1), point(3, lat=1)])) == [(1, 3)]
    assert [each.point for each in installation.stored()] == [point(1), point(2), point(3, lat=1)]
    assert installation.dead_letters() == ["sequence used twice with other content: 1-2"]


def test_a_point_is_on_no_trip_until_it_is_dated_and_then_published_again(installation):
    with installation.database().writing() as connection:
        for container, start_s in (("CSQU3054383", NOW_S - 9000), ("MSKU6011672", NOW_S - 1000)):
            trip = trips.start(connection, DEVICE, container, "line", "Duisburg", 60, start_s)
            trips.end(connection, trip, start_s + 8000)
    platform = installation.platform()
    installation.start()
    device = installation.device()
    lost = [point(seq, quality=0, time=100, boot=3, events=1) for seq in (1, 2)]
    device.send(lost)
    device.send([point(3, quality=1, time=NOW_S - 20_000)], clock=[3, 6000, NOW_S - 6500])
    wait_until(lambda: len(platform.features()) >= 5, "the points and those that are dated")
    reported = [each["properties"] for each in platform.features()]
    assert [each["seq"] for each in reported] == [1, 2, 1, 2, 3]
    assert [each["container"] for each in reported] == [None, None, "CSQU3054383", "CSQU3054383", None]
    assert [each["time"] for each in reported] == [
        None,
        None,
        iso(NOW_S - 6400),
        iso(NOW_S - 6400),
        reported[4]["time"],
    ]
    assert [each["seq"] for each in wait_until(lambda: platform.on("/position"), "a position")] == [1]
    assert [each["container"] for each in platform.on("/alarm")] == [None, None] + ["CSQU3054383"] * 2


def test_a_set_clock_corrects_points_that_were_dated_by_arrival(installation, platform, device):
    device.send([point(1, quality=0, time=100, boot=3)], clock=[3, 500, 1])
    device.send([point(2, quality=0, time=50, boot=3)], clock=[3, 500, 0])
    assert [(each.point.seq, each.at_s) for each in installation.stored()] == [
        (2, NOW_S - 450),
        (1, NOW_S - 400),
    ]
    device.send([], clock=[3, 900, NOW_S - 1900])  # no more than a clock that drifts
    assert [each.at_s for each in installation.stored()] == [NOW_S - 450, NOW_S - 400]
    device.send([], clock=[3, 900, NOW_S - 11900])
    assert [(each.at_s, each.flags) for each in installation.stored()] == [
        (NOW_S - 11850, 0),
        (NOW_S - 11800, 0),
    ]
    # That is final, or each uplink would pass on everything again.
    device.send([], clock=[3, 900, NOW_S - 1800])
    assert installation.stored()[1].at_s == NOW_S - 11800
    device.send([point(4, time=NOW_S - 1000)])
    wait_until(lambda: len(platform.on("/position")) >= 3, "three positions")
    reported = [(each["seq"], each["time"]) for each in platform.on("/position")]
    assert reported == [(1, iso(NOW_S - 400)), (1, iso(NOW_S - 11800)), (4, iso(NOW_S - 1000))]


def test_one_bad_key_does_not_hold_up_the_others(installation):
    key = bytes(32)
    wrapped = Keyring(installation.folder / "another").wrap(key, first=True)
    with installation.database().writing() as connection:
        devices.add(connection, "lb-unknown", wrapped, NOW_S)
    installation.start()
    stranger = installation.device(key, "lb-unknown")
    stranger.publish(stranger.seal([point(1)]))
    wait_until(installation.dead_letters, "a dead letter")
    assert "the key of lb-unknown cannot be decrypted" in installation.dead_letters()[0]
    assert acknowledged(installation.device().send([point(1)])) == [(1, 1)]


def test_an_overtaken_uplink_changes_no_status(installation, device):
    older = device.seal([point(1)], status={0: 3000}, next_session_s=1)
    device.exchange(device.seal([point(2)], status={0: 3600}, next_session_s=NOW_S + 3600))
    assert acknowledged(device.exchange(older)) == [(1, 1)]
    with installation.database().reading() as connection:
        row = devices.find(connection, DEVICE)
    assert row
    assert (json.loads(row.status), row.next_session_s) == ({"battery_mv": 3600}, NOW_S + 3600)


def test_an_overtaken_uplink_brings_events_and_no_status(installation, device):
    with installation.database().writing() as connection:
        command = commands.give(connection, DEVICE, "locate", 0, NOW_S + 1000, "test", NOW_S)
    said = {6: [1, 1, 1, 0, 0], 7: [[command, 1]], 10: [1, 1, 0, 0, "SIM"]}
    older = device.seal([], reports=said)
    device.exchange(device.seal([], reports={6: [2, 2, 1, 0, 0], 10: [2, 0, 0, 0, "SIM"]}))
    device.exchange(older)
    with installation.database().reading() as connection:
        report, release = settings.report(connection, DEVICE), releases.of_device(connection, DEVICE)
        done = commands.find(connection, DEVICE, command)
    assert report and release and done
    assert (report[0].revision, release.running, done.result) == (2, 2, 1)


def test_waiting_uplinks_are_one_transaction_and_fail_one_by_one(installation):
    commits: list[int] = []

    class Counting(Pipeline):
        def process_all(self, batch):
            super().process_all(batch)
            commits.append(len(batch))

        def store(self, connection, messages, now_s):
            super().store(connection, messages, now_s)
            if any(each.opened.number == 2 for each in messages):
                raise ZeroDivisionError

    installation.start(Counting)
    installation.stop()
    device = installation.device()
    for seq in range(1, 4):
        device.publish(device.seal([point(seq)]))
        device.publish(b"rubbish")
    wait_until(
        lambda: installation.broker.log().count("Sending PUBACK to lb-0001") >= 6, "all is with the broker"
    )
    installation.start(Counting)
    wait_until(lambda: len(device.replies()) >= 2, "two replies")
    assert [reply[1] for reply in device.replies()] == [1, 3]
    assert [each.point.seq for each in installation.stored()] == [1, 3]
    assert len(installation.dead_letters()) == 4
    assert sum(commits) == 6
    assert len(commits) < 6


def test_the_cause_of_a_failed_reconnect_is_logged(installation, monkeypatch, caplog):
    installation.start()
    installation.broker.kill()
    monkeypatch.setattr(certificates, "AUTHORITY", 4711)
    certificates.make(installation.folder / "other", BROKER_HOST)
    for name in ("broker.pem", "broker.key"):
        shutil.copy(installation.folder / "other" / name, installation.broker.folder / name)
    installation.broker.start()
    wait_until(lambda: "TLS fails" in caplog.text, "the cause")
    assert "check ca_file, host and tls in [broker]" in caplog.text


def test_late_points_do_not_move_the_position(platform, device):
    device.send([point(5)])
    device.send([point(2)])
    device.send([point(6)])
    wait_until(lambda: len(platform.on("/position")) >= 2, "two positions")
    assert [each["seq"] for each in platform.on("/position")] == [5, 6]
    assert [each["properties"]["seq"] for each in platform.features()] == [5, 2, 6]


def test_a_fix_dated_hours_ahead_is_stored_and_hides_no_newer_one(installation, platform, device):
    device.send([point(5)])
    device.send([point(6, time=NOW_S + 8 * 3600)])
    with installation.database().reading() as connection:
        assert points.last_flagged(connection, quality.FUTURE) == [DEVICE]
    with opened() as it, pytest.raises(UserError, match=f"{DEVICE} among them.* correct it"):
        doctor.CHECKS["clock"](it)
    device.send([point(7)])
    wait_until(lambda: len(platform.on("/position")) >= 2, "two positions")
    assert [each["seq"] for each in platform.on("/position")] == [5, 7]
    wait_until(lambda: len(platform.features()) >= 3, "three points")
    of_points = {each["properties"]["seq"]: each["properties"] for each in platform.features()}
    assert of_points[6]["time"] == iso(NOW_S + 8 * 3600)
    assert [of_points[seq]["quality_flags"] for seq in (5, 6, 7)] == [[], ["time in the future"], []]
    with installation.database().reading() as connection:
        assert points.last_flagged(connection, quality.FUTURE) == []
    with opened() as it:
        assert doctor.CHECKS["clock"](it).startswith("no device's last point")


def test_fixes_that_a_slow_clock_of_the_agent_flagged_are_right_once_it_is_right(installation, capsys):
    platform = installation.platform()
    set_clock(installation.folder / "clock", NOW_S - 7200)
    place = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [106.6, 29.6]}}
    (installation.folder / "yard.json").write_text(json.dumps(place))
    run(capsys, "geofences", "add", "Yard", str(installation.folder / "yard.json"), "--radius", "9000")
    installation.start()
    device = installation.device()
    device.send([point(1, time=NOW_S - 900, lat=2975000), point(2, time=NOW_S - 300)])
    device.send([point(3, time=NOW_S + 3600)])
    with opened() as it, pytest.raises(UserError, match="correct it, then `landbridge reprocess`"):
        doctor.CHECKS["clock"](it)
    assert "0 points changed" in run(capsys, "reprocess"), "the clock is wrong still"
    set_clock(installation.folder / "clock", NOW_S + 7200)
    device.send([point(4, time=NOW_S + 600)])
    assert [each["seq"] for each in platform.on("/position")] in ([], [4])
    assert "2 points changed" in run(capsys, "reprocess"), "the third was dated after the fourth"
    assert "0 points changed" in run(capsys, "reprocess")

    def entries() -> list[str]:
        """When the device entered, without what was retracted."""
        retracted = {each["retracts"] for each in platform.on("/event/retraction")}
        return [each["time"] for each in platform.on("/event/geofence") if each["id"] not in retracted]

    wait_until(lambda: entries() == [iso(NOW_S - 300)], "the entry at its time")
    last = {each["properties"]["seq"]: each["properties"]["quality_flags"] for each in platform.features()}
    assert last == {1: [], 2: [], 3: ["time in the future"], 4: []}
    assert [each["seq"] for each in platform.on("/position")] == [4]


def test_the_position_is_the_newest_fix_once_a_slow_clock_is_right(installation, capsys):
    platform = installation.platform()
    set_clock(installation.folder / "clock", NOW_S - 7200)
    installation.start()
    installation.device().send([point(1, time=NOW_S - 900), point(2, time=NOW_S - 300)])
    set_clock(installation.folder / "clock", NOW_S)
    with installation.database().writing() as connection:
        connection.exec_driver_sql("DELETE FROM points WHERE seq = 1")
    assert "1 points changed, 1 added" in run(capsys, "reprocess", DEVICE)
    wait_until(lambda: platform.on("/position"), "a position")
    assert [each["seq"] for each in platform.on("/position")] == [2]
    flags = [(each["properties"]["seq"], each["properties"]["quality_flags"]) for each in platform.features()]
    assert flags[-2:] == [(1, []), (2, [])], "each is published once more"


def still(seq, kind=KIND_REUSED, motion=0):
    return point(seq, kind=kind, motion=motion).meaningful()


def test_a_stationary_device_keeps_its_position_fresh(installation, platform, device):
    for each in (point(5), still(6, KIND_CELL), still(8), still(7), point(3), point(9)):
        device.send([each])
    wait_until(lambda: len(platform.on("/position")) >= 4, "four positions")
    reported = [(each["seq"], each["stationary_until"]) for each in platform.on("/position")]
    at = {each.point.seq: iso(each.at_s) for each in installation.stored()}
    # What was said behind a gap counts when the gap is filled: the device might have moved in it.
    assert reported == [(5, None), (5, at[6]), (5, at[8]), (9, None)]


def test_stationary_records_before_a_late_fix_count_until_the_next_move(installation, platform, device):
    device.send([still(6)])
    device.send([point(5)])
    device.send([still(7, KIND_CELL, motion=3), still(8, KIND_CELL)])
    device.send([point(9)])
    wait_until(lambda: len(platform.on("/position")) >= 2, "two positions")
    at = {each.point.seq: iso(each.at_s) for each in installation.stored()}
    reported = [(each["seq"], each["stationary_until"]) for each in platform.on("/position")]
    assert reported == [(5, at[6]), (9, None)]


def test_unreadable_uplinks_are_dead_lettered_and_the_agent_continues(installation, device):
    for payload in (b"", b"\xff", b"x" * 5000, device.seal([point(1)])[:-1]):
        device.publish(payload)
    assert acknowledged(device.send([point(1)])) == [(1, 1)]
    assert len(installation.dead_letters()) == 4


def test_an_unknown_device_is_quarantined_and_the_agent_goes_on(installation):
    installation.start()
    stranger = installation.device(bytes(32), "lb-unknown")
    stranger.publish(stranger.seal([point(1)]))
    assert installation.device().send([point(1)])

    def unknown() -> list[Any]:
        with installation.database().reading() as connection:
            return dead_letters.unknown_devices(connection)

    assert [(row.device, row.messages) for row in wait_until(unknown, "quarantine")] == [("lb-unknown", 1)]
    assert not installation.dead_letters()


def test_a_device_cannot_announce_a_session_that_is_never_due(installation):
    installation.start()
    installation.device().send([point(1)], next_session_s=2**32 - 1)
    with installation.database().reading() as connection:
        row = devices.find(connection, DEVICE)
        assert row
        assert row.next_session_s == row.last_session_s + MOST_AHEAD_S
        assert not silence.due_devices(connection, 0, row.next_session_s)
        assert silence.due_devices(connection, 0, row.next_session_s + silence.GRACE_S + 1) == {DEVICE}


def test_each_uplink_has_its_reply_and_the_last_session_is_kept(installation, device):
    for seq in (1, 2, 3):
        device.send([point(seq)], status={0: 3600}, next_session_s=NOW_S + 3600)
    with installation.database().reading() as connection:
        row = devices.find(connection, DEVICE)
    assert row
    assert row.next_session_s == NOW_S + 3600
    assert ranges(reply[1] for reply in device.replies()) == [(1, 3)]


def test_listens_again_after_the_broker_lost_everything(installation, platform, device):
    device.send([point(1)])
    installation.broker.kill()
    installation.broker.start()
    wait_until(lambda: installation.subscriptions() >= 2, "the agent listens again")
    device.close()
    again = installation.device()
    again.next_number = device.next_number
    assert acknowledged(again.send([point(2)])) == [(2, 2)]
    wait_until(lambda: {1, 2} <= {each["properties"]["seq"] for each in platform.features()}, "both points")


def test_an_acknowledgement_from_before_a_reconnect_is_dropped(installation):
    kept: list[bool] = []

    class Slow(Pipeline):
        def acknowledge(self, received):
            if not kept:
                installation.broker.kill()
                installation.broker.start()
                wait_until(lambda: installation.subscriptions() >= 2, "the agent listens again")
            kept.append(self._session.acknowledge(received))

    installation.start(Slow)
    device = installation.device()
    device.publish(device.seal([point(1)]))
    wait_until(lambda: kept, "the late acknowledgement")
    assert kept == [False]
    assert acknowledged(device.send([point(2)])) == [(2, 2)]
    assert kept == [False, True]


def test_points_stored_during_a_broker_outage_are_published_later(installation):
    acknowledging = threading.Event()

    class Cut(Pipeline):
        def acknowledge(self, received):
            if not acknowledging.is_set():
                installation.broker.kill()
                wait_until(lambda: self._session.connection is None, "the agent notices")
            super().acknowledge(received)
            acknowledging.set()

    installation.start(Cut)
    device = installation.device()
    device.publish(device.seal([point(1)]))
    assert acknowledging.wait(WAIT_S)
    installation.broker.start()
    # Retained: it does not matter who is back first.
    platform = installation.platform()
    assert wait_until(lambda: platform.on("/position"), "the position")[0]["seq"] == 1

    def waiting() -> list[Any]:
        with installation.database().reading() as connection:
            return outbox.head(connection, 9)

    wait_until(lambda: not waiting(), "an empty outbox")


def test_a_full_disk_is_waited_for_and_nothing_is_acknowledged(installation):
    steps = []

    class Full(Pipeline):
        def store(self, *given):
            steps.append("store")
            if len(steps) == 1:
                raise OperationalError("INSERT", {}, Exception("database or disk is full"))
            super().store(*given)

        def acknowledge(self, received):
            steps.append("acknowledge")
            super().acknowledge(received)

    installation.start(Full)
    assert acknowledged(installation.device().send([point(1)])) == [(1, 1)]
    assert steps == ["store", "store", "acknowledge"]
    assert installation.dead_letters() == []


def test_a_fault_of_our_own_is_a_dead_letter_and_the_agent_goes_on(installation):
    class Faulty(Pipeline):
        def store(self, connection, messages, now_s):
            if any(each.opened.number == 1 for each in messages):
                raise ZeroDivisionError
            super().store(connection, messages, now_s)

    installation.start(Faulty)
    device = installation.device()
    device.publish(device.seal([point(1)]))
    assert acknowledged(device.send([point(2)])) == [(2, 2)]
    assert installation.dead_letters() == ["internal error: ZeroDivisionError()"]


def test_all_points_are_published_once_over_an_orderly_restart(installation):
    platform = installation.platform()
    device = installation.device()
    for seq in range(1, 31, 3):
        installation.start()
        device.send([point(seq), point(seq + 1)])
        device.send([point(seq + 2)])
        installation.stop()
    wait_until(lambda: len(platform.features()) >= 30, "all points")
    assert [each["properties"]["seq"] for each in platform.features()] == list(range(1, 31))


def test_the_subscriber_of_the_documentation_receives_everything(installation):
    broker = installation.broker
    command = [sys.executable, str(REPOSITORY / "docs" / "reference" / "subscriber.py"), "localhost"]
    command += [str(broker.port), str(broker.folder / "ca.pem"), "platform", PASSWORD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as subscriber:
        wait_until(lambda: "landbridge/out/#" in broker.log(), "the subscriber listens")
        installation.start()
        device = installation.device()
        device.send([point(1, events=2), point(2)])
        device.send([point(3)])
        assert subscriber.stdout
        lines = [next(subscriber.stdout).split(" ", 1) for _ in range(6)]
        subscriber.kill()
    leaves = [topic.removeprefix(f"landbridge/out/operator/{DEVICE}/") for topic, _ in lines]
    assert leaves == ["track", "event/alarm", "event/alarm-raised", "position", "track", "position"]
    assert json.loads(lines[-1][1])["id"] == f"{DEVICE}/3"
