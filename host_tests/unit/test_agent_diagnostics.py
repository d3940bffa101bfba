"""Diagnostics of devices: decoded, stored once, dated, shown."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as some
from landbridge.db.database import open_database
from landbridge.features.devices import queries as devices
from landbridge.features.diagnostics import handler
from landbridge.features.diagnostics.queries import log as stored
from landbridge.protocol import diagnostics
from landbridge.protocol.diagnostics import Entry
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink

DEVICE = "lb-0001"
NOW_S = 845_500_000
OFFSET_S = 845_000_000
TRACE = 'Traceback (most recent call last):\n  File "wake.py", line 9, in run\nValueError: 7\n'
SAID = {
    0: [3, OFFSET_S],
    1: [90, 0, 1, 0, 2, 5, 1, 0],
    2: [77, 5, 15, 1, 1, 1, 400, 3, -1, 500, 2, 0],
    3: "497\n" + TRACE,
}


@pytest.fixture
def database(tmp_path):
    opened = open_database(tmp_path / "landbridge.sqlite3")
    with opened.writing() as connection:
        devices.add(connection, DEVICE, b"key", NOW_S)
    yield opened
    opened.close()


def tell(database, said, now_s=NOW_S):
    with database.writing() as connection:
        handler.on_report(connection, DEVICE, Uplink(reports={9: said}), now_s)
        return stored.log(connection, DEVICE)


def test_reported_wakes_are_decoded():
    reported = diagnostics.decode(SAID)
    assert (reported.boot, reported.offset_s) == (3, OFFSET_S)
    assert reported.counters["wakes"] == 90 and reported.counters["watchdog_resets"] == 1
    assert reported.entries == [
        Entry(2, 77, 5, 15),  # before the power-on
        Entry(3, 1, 1, 1),
        Entry(3, 400, 3, -1),
        Entry(3, 500, 2, 0),
        Entry(3, 497, 2, 1, TRACE),
    ]


def test_a_chip_that_cannot_measure_its_battery_is_shown_in_words():
    reported = diagnostics.decode(SAID | {2: [1, 10, 0]}).entries[0]
    assert reported == Entry(3, 1, diagnostics.UNCALIBRATED, 0)
    assert diagnostics.KINDS[reported.kind] == "battery not measured"
    assert "counted as good" in str(diagnostics.meaning(reported.kind, reported.value))


def test_a_fault_without_its_time_is_shown_nevertheless():
    assert diagnostics.decode(SAID | {3: "rest of a tor"}).entries[-1] == Entry(3, 0, 2, 1, "rest of a tor")


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {},
        SAID | {0: [1]},
        SAID | {1: []},
        SAID | {1: [-1]},
        SAID | {2: [1, 2]},
        SAID | {2: [1, 2, "3"]},
        SAID | {2: [0, 1, 0] * 200},
        SAID | {3: b"bytes"},
        SAID | {3: "x" * 2_000},
    ],
)
def test_diagnostics_that_violate_the_protocol_are_refused(wrong):
    with pytest.raises(WireError, match="diagnostics"):
        diagnostics.decode(wrong)


anything = some.recursive(
    some.integers() | some.text(max_size=5) | some.binary(max_size=5) | some.none(),
    lambda inner: some.lists(inner, max_size=6) | some.dictionaries(some.integers(0, 4), inner),
)


@given(anything)
def test_whatever_comes_is_decoded_or_refused(item):
    try:
        diagnostics.decode(item)
    except WireError:
        pass


def test_it_is_kept_once_dated_and_a_fault_is_logged(database, caplog):
    with caplog.at_level(logging.ERROR):
        rows = tell(database, SAID)
    assert [(row.boot, row.clock_s, row.kind, row.value) for row in rows] == [
        (2, 77, 5, 15),
        (3, 1, 1, 1),
        (3, 400, 3, -1),
        (3, 497, 2, 1),
        (3, 500, 2, 0),
    ]
    assert [row.at_s for row in rows] == [None, OFFSET_S + 1, OFFSET_S + 400, OFFSET_S + 497, OFFSET_S + 500]
    assert rows[3].text == TRACE
    assert f"{DEVICE}: fault in its firmware: ValueError: 7" in caplog.text
    caplog.clear()
    assert tell(database, SAID, NOW_S + 9) == rows
    assert not caplog.text


def test_without_a_credible_clock_nothing_is_dated(database):
    assert all(row.at_s is None for row in tell(database, SAID | {0: [3, 0]}))
    assert all(row.at_s is None for row in tell(database, SAID | {0: [9, NOW_S]}) if row.boot == 9)


def test_counters_are_those_that_came_last(database):
    tell(database, SAID)
    tell(database, {0: [3, OFFSET_S], 1: [95, 0, 1, 0, 2, 5, 1, 0, 3, 77], 2: []})
    with database.reading() as connection:
        row = devices.find(connection, DEVICE)
    counters = row.counters if row else ""
    assert '"wakes": 95' in counters and "77" not in counters
