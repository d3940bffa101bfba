"""Records that the agent asks for again."""

import scratch
from locator import state as st
from locator.codec import cbor, record
from locator.downlink import resend
from locator.downlink.handlers import Handlers
from locator.journal.numbers import Numbers
from locator.journal.store import Journal


def made():
    path = scratch.folder()
    journal = Journal(path, Numbers(path, 0))
    for _ in range(100):
        journal.append([record.REUSED, 0, 0] + [0] * 17)
    journal.acknowledge([1, 100])
    state = st.new()
    return Handlers(None, None, journal, journal.numbers, state, None), journal


def reported(handlers):
    out = cbor.Writer(bytearray(64))
    assert resend.write(handlers, out) in (0, 1)
    return list(out.buf[: out.n])


def test_resend_marks_the_stored_records_as_pending_again():
    handlers, journal = made()
    handlers.take({3: 0, 6: [3, 5, 50, 50]})
    assert journal.pending() == 4 and not handlers.to_report()
    assert reported(handlers) == []


def test_lost_sequences_are_reported_until_the_agent_acknowledges():
    handlers, journal = made()
    journal.give_up(0)
    handlers.take({3: 0, 6: [60, 95]})
    assert journal.pending() == 31
    assert handlers.to_report() and reported(handlers) == [11, 0x82, 0x18, 60, 0x18, 64]
    resend.on_ack(handlers)
    assert reported(handlers) == []


def test_an_invalid_range_changes_nothing():
    handlers, journal = made()
    for value in (None, 7, [], [1], [0, 4], [1, "2"], [5, 3], [1, 2] * 9, [101, 200]):
        handlers.take({3: 0, 6: value})
        assert journal.pending() == 0 and not handlers.gone
