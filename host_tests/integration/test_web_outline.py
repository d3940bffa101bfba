"""Queries of the pages on both databases: outlines of tracks, days, networks, the audit log."""

from __future__ import annotations

import random

import pytest
from landbridge.db.audit import add as add_to_audit
from landbridge.db.database import Database
from landbridge.db.tables import trips
from landbridge.features.audit import queries as audit
from landbridge.features.diagnostics.queries import wakes
from landbridge.features.diagnostics.wake_coding import Wake
from landbridge.points.queries import outline, points
from landbridge.points.queries.outline import Box
from landbridge.points.rows import CheckedPoint
from landbridge.web import device_views
from sqlalchemy import insert

from host_tests.support.agent import point
from tools.verify.harness.stored import store

DEVICE, NOW_S, LIGHT = "lb-0001", 845_000_000, 1
SPAN = (0, 2**31 - 1)
POINTS = 400


@pytest.fixture
def filled(database: Database) -> Database:
    """Points at odd times, some without a position, every hundredth with an alarm."""
    chance, at_s, checked = random.Random(1), NOW_S, []
    for seq in range(1, POINTS + 1):
        at_s += chance.randrange(1, 4000)
        kind = 1 if chance.random() < 0.7 else 2
        made = point(seq, kind=kind, lat=4_000_000 + seq, lon=8_000_000, events=LIGHT * (seq % 100 == 0))
        checked.append(CheckedPoint(made.meaningful(), at_s, False, 0))
    with database.writing() as connection:
        store(connection, DEVICE, checked, at_s)
    return database


def seqs(of: outline.Outline) -> list[int]:
    return [row.seq for row in of.rows]


@pytest.mark.parametrize("most", [10, 37, 120, POINTS])
def test_an_outline_has_a_point_of_every_piece_and_all_alarms(filled: Database, most: int):
    with filled.reading() as connection:
        found = outline.outline(connection, DEVICE, None, SPAN, None, most, device_views.ALARM_BITS)
        whole = points.track(connection, DEVICE)
    assert found.total == POINTS and len(found.rows) <= most + POINTS // 100
    assert set(range(100, POINTS + 1, 100)) <= set(seqs(found))
    assert seqs(found) == sorted(seqs(found))
    if most == POINTS:
        assert (found.step_s, len(found.rows)) == (1, POINTS)
        return
    first_s = whole[0].at_s or 0
    chosen: dict[int, list[int]] = {}
    for row in found.rows:
        chosen.setdefault((row.at_s - first_s) // found.step_s, []).append(row.seq)
    for each in whole:
        slot = ((each.at_s or 0) - first_s) // found.step_s
        mine = [other for other in whole if ((other.at_s or 0) - first_s) // found.step_s == slot]
        fixes = [other for other in mine if other.point.kind == 1]
        assert (fixes or mine)[0].point.seq in chosen[slot]


def test_of_a_piece_a_fix_without_flags_is_shown_before_others(database: Database):
    checked = [
        CheckedPoint(point(seq), NOW_S + 60 * seq, False, 512 * (seq % 10 < 9)) for seq in range(1, 101)
    ]
    with database.writing() as connection:
        store(connection, DEVICE, checked, NOW_S)
    with database.reading() as connection:
        found = outline.outline(connection, DEVICE, None, SPAN, None, 10, device_views.ALARM_BITS)
    assert [row.seq % 10 for row in found.rows if row.flags == 0] == [9] * 10


def test_an_outline_within_a_box_has_only_points_inside_it(filled: Database):
    box = Box(79.9, 40.001, 80.1, 40.00201)
    with filled.reading() as connection:
        found = outline.outline(connection, DEVICE, None, SPAN, box, 2000, device_views.ALARM_BITS)
        nothing = outline.outline(connection, DEVICE, [], SPAN, None, 2000, device_views.ALARM_BITS)
    assert seqs(found) and all(100 <= seq <= 201 for seq in seqs(found))
    assert (nothing.rows, nothing.total) == ([], 0)


def test_days_networks_and_wakes(filled: Database):
    reported = [Wake(1, minute, 600 - minute, 11, 6, 2.5) for minute in range(0, 600, 10)]
    with filled.writing() as connection:
        wakes.add(connection, DEVICE, reported, NOW_S)
        wakes.add(connection, DEVICE, reported, NOW_S)
    with filled.reading() as connection:
        assert sum(row.joules for row in outline.energy(connection, DEVICE, [SPAN])) == 2.5 * len(reported)
        assert outline.energy(connection, DEVICE, []) == []
        (plmn,) = outline.networks(connection, DEVICE).values()
        assert plmn == point(1).plmn
        behind, times = (-1, -1, -1), []
        while page := wakes.between(connection, DEVICE, 0, None, behind, 7):
            times += [row.clock_min for row in page]
            behind = (page[-1].at_s, page[-1].boot, page[-1].clock_min)
        assert times == list(range(0, 600, 10))


def test_the_audit_log_is_filtered_by_device_and_time(filled: Database):
    with filled.writing() as connection:
        add_to_audit(connection, "who", "alarm light acknowledged", NOW_S + 5, DEVICE)
    with filled.reading() as connection:
        assert [row.who for row in audit.newest(connection, 99, 9)] == ["who"]
        assert audit.newest(connection, 99, 9, "acme") == []
    _trips(filled, 1_100, NOW_S - 110_000, 100)  # more than one statement could name
    with filled.reading() as connection:
        assert audit.newest(connection, 99, 9, "acme") == []
    _trips(filled, 1, NOW_S, 5)
    with filled.reading() as connection:
        assert audit.newest(connection, 99, 9, "acme") == []
    _trips(filled, 1, NOW_S + 5, 1)
    with filled.reading() as connection:
        assert len(audit.newest(connection, 99, 9, "acme")) == 1
        assert audit.newest(connection, 99, 9, "bolt") == []


def _trips(database: Database, count: int, begin_s: int, each_s: int) -> None:
    """So many trips of a tenant, one behind the other."""
    with database.writing() as connection:
        usual = {"device": DEVICE, "container": "CSQU3054383", "route": "w", "destination": "d"}
        starts = range(begin_s, begin_s + count * each_s, each_s)
        rows = [{"started_s": at_s, "ended_s": at_s + each_s, "tenant": "acme"} for at_s in starts]
        connection.execute(insert(trips), [usual | {"interval_s": 3600} | row for row in rows])
