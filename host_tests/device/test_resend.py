"""Records that the agent asks for again."""

import scratch
from locator import state as st
from locator.codec import cbor, record
from locator.downlink import resend
from locator.downlink.desk import Desk
from locator.journal.ledger import Ledger
from locator.journal.store import Journal


def made():
    path = scratch.folder()
    journal = Journal(path, Ledger(path, 0))
    for _ in range(100):
        journal.append([record.STILL, 0, 0] + [0] * 17)
    journal.acknowledge([1, 100])
    state = st.new()
    return Desk(None, None, journal, journal.ledger, state, None), journal


def told(desk):
    out = cbor.Writer(bytearray(64))
    assert resend.write(desk, out) in (0, 1)
    return list(out.buf[: out.n])


def test_what_is_there_waits_again():
    desk, journal = made()
    desk.take({3: 0, 6: [3, 5, 50, 50]})
    assert journal.pending() == 4 and not desk.to_tell()
    assert told(desk) == []


def test_what_is_gone_is_told_until_the_agent_has_heard_it():
    desk, journal = made()
    journal.give_up(0)
    desk.take({3: 0, 6: [60, 95]})
    assert journal.pending() == 31
    assert desk.to_tell() and told(desk) == [11, 0x82, 0x18, 60, 0x18, 64]
    resend.told(desk)
    assert told(desk) == []


def test_what_is_no_range_changes_nothing():
    desk, journal = made()
    for value in (None, 7, [], [1], [0, 4], [1, "2"], [5, 3], [1, 2] * 9, [101, 200]):
        desk.take({3: 0, 6: value})
        assert journal.pending() == 0 and not desk.gone
