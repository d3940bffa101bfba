"""Missing records, and the agent's requests for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from landbridge.db.database import open_database
from landbridge.downlinks import resend
from landbridge.features.devices import queries as devices
from landbridge.points.quality import check
from landbridge.points.queries import gaps, points
from landbridge.protocol import resend as wire
from landbridge.protocol.limits import WireError
from landbridge.protocol.uplink import Uplink

from host_tests.support.agent import DEVICE, NOW_S, heard, point
from tools.verify.harness import stored


@pytest.fixture
def connection(tmp_path):
    with open_database(tmp_path / "agent.sqlite3", make=True).writing() as connection:
        devices.add(connection, DEVICE, b"", NOW_S)
        yield connection


def store(connection, *sequences):
    stored.store(connection, DEVICE, [check(point(seq), None, NOW_S) for seq in sequences], NOW_S)


def asks(connection, next_seq, waiting, *sent):
    """What the reply to an uplink with the records `sent`, which are stored, asks for."""
    store(connection, *sent)
    status = {"next_seq": next_seq, "unacknowledged": waiting}
    uplink = Uplink([point(seq) for seq in sent], status)
    resend.on_report(connection, DEVICE, uplink, NOW_S)
    return resend.pending(connection, DEVICE, uplink, NOW_S).get(wire.WANTED_KEY)


def gone(connection, *bounds):
    uplink = Uplink(reports={wire.GONE_KEY: list(bounds)})
    resend.on_report(connection, DEVICE, uplink, NOW_S)
    return resend.pending(connection, DEVICE, uplink, NOW_S).get(wire.WANTED_KEY)


def test_a_backlog_is_no_gap(connection):
    assert asks(connection, 101, 100, *range(1, 65)) is None
    assert asks(connection, 101, 36, *range(85, 101)) is None
    assert asks(connection, 101, 20, *range(65, 85)) is None


def test_acknowledged_records_that_are_missing_are_requested(connection):
    store(connection, *range(1, 41), 45)
    assert asks(connection, 103, 2, 101, 102) == [41, 44, 46, 100]


def test_a_gap_at_the_end_is_seen(connection):
    store(connection, *range(1, 41))
    assert asks(connection, 101, 0) == [41, 100]


def test_lost_sequences_are_not_requested_again(connection):
    store(connection, *range(1, 41))
    heard(connection, DEVICE, NOW_S, None, {"next_seq": 101})
    assert gone(connection, 41, 90) == [91, 100]
    assert gone(connection, 41, 80) == [91, 100]
    assert gone(connection, 41, 95) == [96, 100]
    store(connection, *range(96, 101))
    assert asks(connection, 101, 0) is None
    row = devices.find(connection, DEVICE)
    assert row is not None and row.complete_seq == 100


def test_lost_sequences_are_no_longer_missing(connection):
    store(connection, *range(1, 41), 95, 100)
    assert points.counts(connection, DEVICE)[:3] == (42, 58, 0)
    gone(connection, 41, 90)
    gone(connection, 80, 98)
    gone(connection, 99, 200)
    assert points.counts(connection, DEVICE)[:3] == (42, 0, 58)


def test_no_more_than_eight_ranges_at_once(connection):
    store(connection, *range(2, 60, 2))
    asked = asks(connection, 60, 0)
    assert asked == [seq for odd in range(1, 17, 2) for seq in (odd, odd)]


def test_a_device_that_does_not_report_its_sequence_is_left_alone(connection):
    store(connection, 5)
    assert resend.pending(connection, DEVICE, Uplink(status={"unacknowledged": 0}), NOW_S) == {}


@pytest.mark.parametrize("value", [None, 7, [], [1], [2, 1], [0, 1], [1, 1 << 32], ["1", 2], [1, 1] * 65])
def test_an_invalid_list_of_ranges_is_refused(value):
    with pytest.raises(WireError):
        wire.decode_gone(value)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9))), st.integers(1, 60), st.integers(0, 60))
def test_between_returns_exactly_the_numbers_that_no_range_covers(known, low, high):
    found = gaps.between([(start, start + length) for start, length in known], low, high)
    covered = {seq for start, length in known for seq in range(start, start + length + 1)}
    missing = [seq for first, last in found for seq in range(first, last + 1)]
    assert missing == [seq for seq in range(low, high + 1) if seq not in covered]
