"""Retention: what is removed, when, and what an agent still knows of it; copies of the database."""

import resource
import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from landbridge.config import Store
from landbridge.core.clock import Clock
from landbridge.core.priority import IngestPriority
from landbridge.db import audit
from landbridge.db.database import Database
from landbridge.db.tables import devices as devices_table
from landbridge.db.tables import points as points_table
from landbridge.db.tables import uplinks
from landbridge.events.queries import events
from landbridge.features.audit import queries as audit_log
from landbridge.features.diagnostics.queries import log as diagnostics
from landbridge.features.diagnostics.queries import wakes
from landbridge.ingest.queries import dead_letters
from landbridge.operations import backup
from landbridge.operations.queries import old_rows as retention
from landbridge.operations.retention import RetentionWorker
from landbridge.points.queries import outline, points
from landbridge.points.queries import uplinks as kept_uplinks
from landbridge.protocol.diagnostics import Entry
from landbridge.tracking import queries as tracking
from landbridge.tracking import recompute
from sqlalchemy import select, update

from host_tests.support.agent import DEVICE, NOW_S, Installation, point, set_clock, wait_until
from host_tests.support.command import refused, run
from host_tests.support.fleet import FIRST, SECOND, Fleet, at
from host_tests.support.trips import BEGIN_S, HOUR_S

DAY_S = 86_400


def test_the_audit_log_is_kept_for_the_configured_time(fleet):
    now_s = Clock().now_s()
    with fleet.database.writing() as connection:
        for days in (1, 9):
            audit.add(connection, "anna", f"{days} days ago", now_s - days * DAY_S)
    left = []
    for days in (0, 5):
        RetentionWorker(fleet.database, Clock(), Store(audit_days=days), IngestPriority()).turn()
        with fleet.database.reading() as connection:
            left.append([each.what for each in audit_log.newest(connection, 99, 99)])
    assert left == [["9 days ago", "1 days ago"], ["1 days ago"]]


def test_removed_rows_are_neither_missing_nor_retracted(tmp_path):
    fleet = Fleet(tmp_path)
    still = {"lat": 52_40000, "lon": 17_00000, "motion": 0, "speed": 0}
    fleet.deliver(at(1, lat=51_00000), *(at(hour, **still) for hour in (3, 4, 5, 6)), at(9, lat=50_00000))
    with fleet.database.writing() as connection:
        before = {row.id for row in events.current(connection, FIRST, None, None, 10_000)}
        connection.execute(update(points_table).where(points_table.c.seq < 9).values(received_s=0))
        assert recompute.settle(connection, FIRST, 1)
        assert retention.forget_points(connection, [FIRST], 1, 1)
        assert points.counts(connection, FIRST).missing == 2  # 7 and 8
    fleet.deliver(at(2, seq=10, lat=51_00000))
    with fleet.database.reading() as connection:
        assert {row.id for row in events.current(connection, FIRST, None, None, 10_000)} >= before > set()
    fleet.database.close()


def test_a_copy_is_made_while_the_agent_writes(capsys, tmp_path, device):
    device.send([point(1)])
    copy = tmp_path / "copy.sqlite3"
    assert "copied" in run(capsys, "backup", str(copy))
    device.send([point(2)])
    assert (copy.stat().st_mode & 0o777) == 0o600
    assert "already exists" in refused(capsys, "backup", str(copy))
    assert "; check the path" in refused(capsys, "backup", str(copy.parent / "nowhere" / copy.name))
    with Database(copy).reading() as connection:
        assert [each.point.seq for each in points.track(connection, DEVICE)] == [1]


def test_a_copy_for_which_there_is_no_room_is_none(installation, capsys, tmp_path):
    copy = tmp_path / "copy.sqlite3"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    try:
        said = refused(capsys, "backup", str(copy))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"cannot copy to {copy}" in said and "space" in said
    assert not [*tmp_path.glob("copy*")]


def test_nothing_is_left_of_a_copy_on_a_full_disk(installation, capsys, monkeypatch, tmp_path):
    """SQLite removes its log files on closing, unless the disk is full then too."""

    def full(_place: str, file: Path) -> str:
        for ending in ("-wal", "-shm"):
            file.with_name(file.name + ending).touch()
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(backup, "_copied", full)
    assert "is there enough space?" in refused(capsys, "backup", str(tmp_path / "copy.sqlite3"))
    assert not [*tmp_path.glob("copy*")]


def is_marked(installation):
    with installation.database().reading() as connection:
        return tracking.is_marked(connection, DEVICE)


def stands_there(installation: Installation, at_s: int) -> None:
    """The device has said so at that time."""
    with installation.database().writing() as connection:
        connection.execute(update(devices_table).values(stationary_until_s=at_s))


@pytest.fixture
def kept(place: str, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet on both engines."""
    made = Fleet(tmp_path, place)
    yield made
    made.database.close()


def tidy(fleet: Fleet, now_s: int) -> list[int]:
    """Remove what is older than 90 days at that time; the sequences that are left of the first device."""
    clock: Any = SimpleNamespace(now_s=lambda: now_s)
    RetentionWorker(fleet.database, clock, Store(points_days=90), IngestPriority()).turn()
    with fleet.database.reading() as connection:
        return sorted(each.point.seq for each in points.track(connection, FIRST))


def test_a_clock_that_is_years_ahead_removes_nothing_that_is_new(kept):
    """Messages come in while it is so, too: from a device that has no fix as well."""
    year = 365 * 24
    for day in range(8):
        kept.deliver(at(24 * day, day + 1), now_s=BEGIN_S + 24 * day * HOUR_S)
    ahead_s = BEGIN_S + (10 * year + 200) * HOUR_S
    kept.deliver(*(at(200 + hour, 9 + hour) for hour in range(5)), now_s=ahead_s)
    kept.deliver(at(205, 1, quality=0), device=SECOND, now_s=ahead_s)
    every = list(range(1, 14))
    assert tidy(kept, ahead_s + HOUR_S) == every
    assert tidy(kept, BEGIN_S + 240 * HOUR_S) == every
    kept.deliver(at(200 * 24, 14), now_s=BEGIN_S + 200 * 24 * HOUR_S)
    assert tidy(kept, BEGIN_S + 200 * 24 * HOUR_S) == [9, 10, 11, 12, 13, 14], "those came in years later"


def test_a_device_that_has_its_time_from_the_agent_bears_no_witness_to_it(kept):
    """One that is new, where no network tells the time, takes the agent's, which is years ahead."""
    for day in range(8):
        kept.deliver(at(24 * day, day + 1), now_s=BEGIN_S + 24 * day * HOUR_S)
    ahead_h = 10 * 365 * 24
    kept.deliver(at(ahead_h, 1, kind=3, quality=1), device=SECOND, now_s=BEGIN_S + ahead_h * HOUR_S)
    assert tidy(kept, BEGIN_S + (ahead_h + 1) * HOUR_S) == list(range(1, 9))


def test_rows_received_with_a_clock_years_late_are_kept_as_long(kept):
    kept.deliver(at(1), at(2), now_s=BEGIN_S - 10 * 365 * 24 * HOUR_S)
    kept.deliver(at(3), now_s=BEGIN_S + 3 * HOUR_S)
    assert tidy(kept, BEGIN_S + 24 * HOUR_S) == [1, 2, 3]
    kept.deliver(at(100 * 24, 4), now_s=BEGIN_S + 100 * 24 * HOUR_S)
    assert tidy(kept, BEGIN_S + 100 * 24 * HOUR_S) == [4]


def test_retention_counts_from_arrival(installation, device):
    uplink = device.seal([point(1), point(2)])
    device.exchange(uplink)
    wait_until(
        lambda: not is_marked(installation), "its track is worked out: before, nothing of it is forgotten"
    )
    installation.stop()
    set_clock(installation.folder / "clock", NOW_S + 10 * DAY_S)
    with installation.database().writing() as connection:
        dead_letters.dead_letter(connection, "t", b"x", "old", NOW_S)
        dead_letters.dead_letter(connection, "t", b"x", "new", NOW_S + 9 * DAY_S)
        # A gap: what is gone must not be asked for.
        connection.execute(update(devices_table).values(complete_seq=0))
    store = replace(installation.config.store, raw_days=5, points_days=0)
    retention = RetentionWorker(installation.database(), Clock(), store, IngestPriority())
    retention.turn()
    with installation.database().reading() as connection:
        # What a card has used is still known.
        assert kept_uplinks.messages(connection, DEVICE, 0, NOW_S + DAY_S) == [(NOW_S, len(uplink), 1)]
        assert [row.bytes for row in outline.traffic(connection, DEVICE, [(0, NOW_S + DAY_S)])] == [
            len(uplink)
        ]
        assert connection.execute(select(uplinks.c.payload)).scalars().all() == [b""]
        assert kept_uplinks.kept(connection, DEVICE, 0) == []
    assert installation.dead_letters() == ["new"]
    assert len(installation.stored()) == 2 and installation.counts().uplinks == 1
    RetentionWorker(installation.database(), Clock(), replace(store, points_days=5), IngestPriority()).turn()
    # The latest position stays.
    assert [each.point.seq for each in installation.stored()] == [2]
    with installation.database().reading() as connection:
        assert connection.execute(select(devices_table.c.complete_seq)).scalar_one() == 1


def test_an_uplink_is_recognized_when_nothing_is_known_of_it_any_more(installation, device, capsys):
    uplink = device.seal([point(1)], reports={13: [7, 5, struct.pack("<HBBH", 4, 0, 0, 25)]})
    device.exchange(uplink)
    device.send([point(2)])
    wait_until(lambda: not is_marked(installation), "its track is worked out")
    installation.stop()
    topic = f"landbridge/{DEVICE}/up"
    with installation.database().writing() as connection:
        answered = [(Entry(1, 50, 2, 3, None), None)]
        diagnostics.add(connection, DEVICE, answered, NOW_S)
        dead_letters.dead_letter(connection, topic, uplink, "replayed", NOW_S + 400 * DAY_S)
    retention = RetentionWorker(
        installation.database(),
        Clock(),
        replace(installation.config.store, raw_days=30, points_days=30),
        IngestPriority(),
    )
    for later_s, known in ((399 * DAY_S, 2), (401 * DAY_S, 0)):
        set_clock(installation.folder / "clock", NOW_S + later_s)
        stands_there(installation, NOW_S + later_s)
        retention.turn()
        assert installation.counts().uplinks == known
    assert run(capsys, "dead-letters", "replay").startswith("1: replayed: number 1 was seen")
    assert [each.point.seq for each in installation.stored()] == [2]
    with installation.database().reading() as connection:
        assert wakes.newest(connection, DEVICE, 9) == [] and diagnostics.log(connection, DEVICE) == []
        assert not kept_uplinks.number_is_taken(connection, DEVICE, 3)


def test_retention_removes_old_points_in_small_batches(installation, device, monkeypatch):
    for seq in range(1, 8):
        device.send([point(seq)])
    wait_until(lambda: not is_marked(installation), "its track is worked out")
    installation.stop()
    set_clock(installation.folder / "clock", NOW_S + 500 * DAY_S)
    stands_there(installation, NOW_S + 500 * DAY_S)
    monkeypatch.setattr(retention, "MOST", 2)
    turns: list[int] = []
    forget = retention.forget_points

    def counted(*it: Any) -> int:
        turns.append(len(turns))
        return forget(*it)

    monkeypatch.setattr(retention, "forget_points", counted)
    RetentionWorker(
        installation.database(), Clock(), replace(installation.config.store, points_days=5), IngestPriority()
    ).turn()
    assert len(turns) == 4
    assert [each.point.seq for each in installation.stored()] == [7] and installation.counts().uplinks == 0
