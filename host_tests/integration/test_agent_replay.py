"""Dead letters and quarantine taken again, and uplinks read again with the decoder of today."""

import json
import shutil
import struct
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from landbridge.core.clock import Clock
from landbridge.db import bulk
from landbridge.db.keys import Keyring
from landbridge.db.tables import devices as devices_table
from landbridge.db.tables import points as points_table
from landbridge.events.queries import outbox
from landbridge.features.commands import queries as commands
from landbridge.features.devices import cli as devices_command
from landbridge.features.devices import queries as devices
from landbridge.features.diagnostics.queries import wakes
from landbridge.features.trips import queries as trips
from landbridge.ingest import pipeline
from landbridge.ingest.queries import dead_letters
from landbridge.ingest.replay import KeptMessage, Replay
from landbridge.ingest.reprocess import reprocess
from landbridge.operations.queries import old_rows as retention
from landbridge.points.queries import points
from landbridge.points.queries import uplinks as kept_uplinks
from landbridge.protocol import envelope
from sqlalchemy import Engine, delete, event, select, update
from sqlalchemy.exc import OperationalError

from host_tests.support.agent import DEVICE, NOW_S, point, set_clock
from host_tests.support.command import refused, run
from host_tests.support.doubles import raising
from host_tests.support.pipeline import Agent
from host_tests.support.uplink_encoder import encode_uplink

DAY_S = 86_400


def test_a_dead_letter_is_taken_again_when_it_can_be_read(installation, capsys):
    good = envelope.seal(installation.key, DEVICE, "up", 5, encode_uplink([point(7)]))
    with installation.database().writing() as connection:
        dead_letters.dead_letter(connection, f"landbridge/{DEVICE}/up", good, "a fault that is mended", NOW_S)
        dead_letters.dead_letter(connection, f"landbridge/{DEVICE}/up", b"rubbish", "rubbish", NOW_S)
        # Its number is older than the window by now.
        connection.execute(update(devices_table).values(window_top=900, window_bits=0, last_session_s=17))
    said = run(capsys, "dead-letters", "replay").splitlines()
    assert said[0] == "1: stored" and said[1].startswith("2: not the CBOR")
    assert [each.point.seq for each in installation.stored()] == [7]
    assert installation.dead_letters() == ["rubbish"]
    with installation.database().reading() as connection:
        row = connection.execute(select(devices_table)).one()
        assert [each.topic.split("/")[-1] for each in outbox.head(connection, 9)] == ["track", "position"]
    # It says nothing of how things stand.
    assert (row.window_top, row.last_session_s, row.forged) == (900, 17, 0)
    run(capsys, "dead-letters", "remove", "2")
    assert installation.dead_letters() == []
    assert "no dead letter 2" in refused(capsys, "dead-letters", "replay", "2")


def test_an_adopted_device_keeps_its_quarantined_uplinks(installation, capsys, tmp_path):
    theirs = tmp_path / "device.json"
    shutil.copy(installation.folder / "devices" / DEVICE / "device.json", theirs)
    wrong = tmp_path / "wrong.json"
    wrong.write_text(theirs.read_text().replace(installation.key.hex(), "00" * 32))
    with installation.database().writing() as connection:
        connection.exec_driver_sql("DELETE FROM settings")
        connection.exec_driver_sql("DELETE FROM devices")
        for number in range(3):
            sealed = envelope.seal(installation.key, DEVICE, "up", number, encode_uplink([point(number + 1)]))
            dead_letters.put_in_quarantine(connection, DEVICE, sealed, NOW_S)
        dead_letters.put_in_quarantine(connection, DEVICE, b"rubbish", NOW_S)
    assert "decrypts no message" in refused(capsys, "devices", "adopt", DEVICE, str(wrong))
    assert "is no device.json of lb-0002" in refused(capsys, "devices", "adopt", "lb-0002", str(theirs))
    assert "cannot read" in refused(capsys, "devices", "adopt", DEVICE, str(tmp_path / "none"))
    said = run(capsys, "devices", "adopt", DEVICE, str(theirs))
    assert f"adopted {DEVICE}; 3 of 4 messages are stored" in said and "not stored: not the CBOR" in said
    assert [each.point.seq for each in installation.stored()] == [1, 2, 3]
    (reason,) = installation.dead_letters()
    assert reason.startswith("not the CBOR of the contract")
    with installation.database().reading() as connection:
        assert dead_letters.in_quarantine(connection, DEVICE) == []
    assert "already exists" in refused(capsys, "devices", "adopt", DEVICE, str(theirs))


def test_quarantined_uplinks_are_dated_by_their_arrival(installation, capsys):
    lost = [point(seq, quality=0, time=100 * seq, boot=7) for seq in (1, 2)]
    wake = struct.pack("<HBBH", 4, 0, 0, 25)  # a minute before the report
    text = encode_uplink(lost, clock=[7, 300, 0], reports={13: [7, 5, wake]})
    with installation.database().writing() as connection:
        connection.exec_driver_sql("DELETE FROM settings")
        connection.exec_driver_sql("DELETE FROM devices")
        dead_letters.put_in_quarantine(
            connection, DEVICE, envelope.seal(installation.key, DEVICE, "up", 0, text), NOW_S
        )
        dead_letters.put_in_quarantine(connection, DEVICE, b"rubbish", NOW_S)
    set_clock(installation.folder / "clock", NOW_S + 20 * DAY_S)
    run(capsys, "devices", "adopt", DEVICE, str(installation.folder / "devices" / DEVICE / "device.json"))
    assert {(each.at_s, each.received_s) for each in installation.stored()} == {
        (NOW_S - 200, NOW_S),
        (NOW_S - 100, NOW_S),
    }
    with installation.database().reading() as connection:
        assert [row.received_s for row in dead_letters.every(connection)] == [NOW_S]
        assert [row[0] for row in kept_uplinks.messages(connection, DEVICE, 0, NOW_S + 1)] == [NOW_S]
        assert [row.at_s for row in wakes.newest(connection, DEVICE, 9)] == [NOW_S - 60]


def test_a_reply_that_nothing_waits_for_sends_nothing(installation, capsys):
    sealed = envelope.seal(installation.key, DEVICE, "up", 0, encode_uplink([point(1)]))
    with installation.database().writing() as connection:
        dead_letters.dead_letter(
            connection, f"landbridge/{DEVICE}/up", sealed, "a fault that is mended", NOW_S
        )
        command = commands.give(connection, DEVICE, "locate", 0, NOW_S + 1000, "test", NOW_S)
    assert run(capsys, "dead-letters", "replay").splitlines() == ["1: stored"]
    with installation.database().reading() as connection:
        row = commands.find(connection, DEVICE, command)
    assert row is not None and row.sent_s is None


def test_a_large_fleet_is_listed_and_added_to_in_a_few_statements(installation, capsys, monkeypatch):
    with installation.database().writing() as connection:
        assert not devices.are_none(connection)
        devices.add_all(connection, ((f"lb-x{number}", b"wrapped") for number in range(300)), NOW_S)
        trips.start(connection, "lb-x7", "CSQU3054383", "line", "Duisburg", 60, NOW_S)
        over = trips.start(connection, "lb-x8", "MSKU6011672", "line", "Duisburg", 60, 0)
        trips.end(connection, over, NOW_S)
    statements: list[str] = []
    event.listen(Engine, "before_cursor_execute", lambda *it: statements.append(it[2]))
    listed = run(capsys, "devices", "list")
    assert [line.split()[:2] for line in listed.splitlines() if "CSQU" in line or "MSKU" in line] == [
        ["lb-x7", "CSQU3054383"]
    ]
    assert "lb-x299" in listed and len(statements) < 20
    monkeypatch.setattr(devices, "every", raising(AssertionError("all of them are read")))
    run(capsys, "devices", "add", "lb-x300")


def test_an_adoption_that_breaks_off_leaves_all_in_quarantine(installation, monkeypatch):
    theirs = installation.folder / "devices" / DEVICE / "device.json"
    sealed = envelope.seal(installation.key, DEVICE, "up", 0, encode_uplink([point(1)]))
    with installation.database().writing() as connection:
        connection.exec_driver_sql("DELETE FROM settings")
        connection.exec_driver_sql("DELETE FROM devices")
        dead_letters.put_in_quarantine(connection, DEVICE, sealed, NOW_S)
    with monkeypatch.context() as patch:
        patch.setattr(kept_uplinks, "keep", raising(OperationalError("", (), OSError())))
        with pytest.raises(OperationalError):
            devices_command.adopt(DEVICE, theirs)
    with installation.database().reading() as connection:
        assert [row.payload for row in dead_letters.in_quarantine(connection, DEVICE)] == [sealed]
        assert devices.find(connection, DEVICE) is None
    devices_command.adopt(DEVICE, theirs)
    assert [each.point.seq for each in installation.stored()] == [1]


def test_records_that_were_removed_may_be_sent_again(tmp_path):
    agent = Agent(tmp_path)
    uplink = agent.seal(1, 0)
    # Sent twice already, as no acknowledgement came.
    topic = f"landbridge/{DEVICE}/up"
    replay = Replay(agent.database, Keyring(agent.database.place), Clock())
    assert replay.take_again([KeptMessage(topic, uplink, NOW_S)] * 2) == [None, None]
    answer = agent.take(uplink)
    assert answer is not None and answer[1][2] == [1, 1]
    with agent.database.reading() as connection:
        assert dead_letters.every(connection) == []
        counts = points.counts(connection, DEVICE)
    assert (counts.stored, counts.uplinks, counts.repeats) == (1, 1, 2)


def test_a_replayed_dead_letter_that_contradicts_stored_points_stays(installation, device, capsys):
    device.send([point(1), point(2)])
    device.send([point(2, lat=1), point(3)])  # both are acknowledged, and the device frees them
    installation.stop()
    stays = ["1: stored before, without the records 2"]
    assert run(capsys, "dead-letters", "replay").splitlines() == stays
    assert installation.dead_letters() == ["sequence used twice with other content: 2"]
    assert [each.point for each in installation.stored()] == [point(1), point(2), point(3)]
    with installation.database().writing() as connection:
        connection.execute(delete(points_table).where(points_table.c.seq == 2))  # it is kept for a time only
    assert run(capsys, "dead-letters", "replay", "1").splitlines() == stays
    # Read rightly by now, it contradicts nothing.
    with installation.database().writing() as connection:
        reprocess(connection, Keyring(installation.config.store.database), DEVICE, NOW_S, NOW_S)
        connection.execute(update(points_table).where(points_table.c.seq == 2).values(lat=1))
    assert run(capsys, "dead-letters", "replay").splitlines() == ["1: stored"]
    assert installation.dead_letters() == []


def test_a_dead_letter_of_an_epoch_that_is_over_stays_when_it_is_replayed(tmp_path):
    agent = Agent(tmp_path)
    uplink = agent.seal(1, 0)
    agent.rotate()
    replay = Replay(agent.database, Keyring(agent.database.place), Clock())
    (why,) = replay.take_again([KeptMessage(f"landbridge/{DEVICE}/up", uplink, NOW_S)])
    assert why is not None and "epoch" in why and agent.stored() == []


def test_a_server_that_has_no_room_for_points_is_waited_for():
    driver = SimpleNamespace(cursor=raising(psycopg.errors.DiskFull("no space")))
    full: Any = SimpleNamespace(connection=SimpleNamespace(driver_connection=driver))
    with pytest.raises(OperationalError) as error:
        bulk.copy_from(full, "COPY points (seq) FROM STDIN", [(1,)])
    assert pipeline.may_pass(error.value)


def test_quarantine_is_limited_over_all_devices(installation, monkeypatch):
    monkeypatch.setattr(dead_letters, "QUARANTINE_ALL", 3)
    with installation.database().writing() as connection:
        for number in range(5):
            dead_letters.put_in_quarantine(connection, f"lb-x{number}", b"x", NOW_S)
        assert len(dead_letters.unknown_devices(connection)) == 3


def test_uplinks_are_read_again_with_the_decoder_of_today(installation, device, capsys):
    device.send([point(1), point(2)])
    device.send([point(3)])
    installation.stop()
    right = installation.stored()
    with installation.database().writing() as connection:
        # An older decoder had them wrong, or not at all.
        wrong = update(points_table).where(points_table.c.seq == 2)
        connection.execute(wrong.values(lat=1, flags=64))
        connection.exec_driver_sql("DELETE FROM points WHERE seq = 3")
    said = run(capsys, "reprocess", DEVICE)
    assert "2 uplinks decoded, 0 unreadable" in said and "1 points changed, 1 added" in said
    assert installation.stored() == right
    with installation.database().reading() as connection:
        assert [each.topic.split("/")[-1] for each in outbox.head(connection, 9)] == ["track"]
    assert "0 points changed, 0 added" in run(capsys, "reprocess")


def test_a_position_that_was_read_wrong_is_published_as_it_is(tmp_path):
    agent = Agent(tmp_path)
    agent.say(1, 0)
    with agent.database.writing() as connection:
        connection.execute(update(points_table).values(lat=1))
        outbox.remove(connection, outbox.last(connection))
        came = reprocess(connection, Keyring(agent.database.place), DEVICE, 0, NOW_S)
        answered = outbox.head(connection, 9)
    assert came.changed == 1
    assert [each.topic.split("/")[-1] for each in answered] == ["track", "position"]
    assert json.loads(answered[-1].payload)["latitude"] == point(1).latitude_deg


def test_points_that_are_read_again_keep_the_time_of_a_later_uplink(installation, device, capsys):
    device.send([point(1, quality=0, time=50, boot=9)])
    device.send([point(2, quality=0, time=60, boot=9)], clock=[9, 600, 0])
    device.send([point(3)], clock=[9, 99_000, NOW_S - 99_000])
    installation.stop()
    right = installation.stored()
    assert {(each.point.seq, each.at_s, each.flags) for each in right if each.point.seq < 3} == {
        (1, NOW_S - 98_950, 0),
        (2, NOW_S - 98_940, 0),
    }
    with installation.database().writing() as connection:
        connection.execute(update(points_table).values(temperature=1))
        connection.exec_driver_sql("DELETE FROM points WHERE seq = 2")
    assert "2 points changed, 1 added" in run(capsys, "reprocess", DEVICE)
    assert installation.stored() == right


def test_a_contradiction_takes_no_point_s_place_when_the_first_uplink_is_no_longer_kept(
    installation, device, capsys
):
    device.send([point(1)])
    set_clock(installation.folder / "clock", NOW_S + DAY_S)
    device.send([point(1, lat=1)])
    installation.stop()
    with installation.database().writing() as connection:
        assert retention.forget_raw(connection, [DEVICE], NOW_S + 1) == 1
    assert "1 uplinks decoded" in run(capsys, "reprocess")
    assert [each.point for each in installation.stored()] == [point(1)]


def test_points_that_are_no_longer_kept_are_not_read_again(installation, device, capsys, monkeypatch):
    device.send([point(1)])
    device.send([point(2)])
    installation.stop()
    set_clock(installation.folder / "clock", NOW_S + 10 * DAY_S)
    with installation.database().writing() as connection:
        retention.forget_points(connection, [DEVICE], NOW_S + 5 * DAY_S, NOW_S + 10 * DAY_S)
    monkeypatch.setenv("LANDBRIDGE_STORE_POINTS_DAYS", "5")
    assert "0 points changed, 0 added" in run(capsys, "reprocess")
    assert [each.point.seq for each in installation.stored()] == [2]
