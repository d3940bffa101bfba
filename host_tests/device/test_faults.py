"""An unexpected exception loses no record, and the interrupted action is not repeated immediately."""

from locator import state as st
from woken import Broken, device, live, talks


def test_a_fault_in_the_search_for_a_fix_keeps_a_record_in_every_wake():
    it = device("fix", 3100)  # too weak for a report
    assert live(it, 6) == 3 and it.modem.asked.count("fix") == 3
    assert it.journal.next_seq - 1 == 6
    assert it.state[st.FIX_FAILS] == 3


def test_after_a_fault_in_the_search_the_next_wake_reports():
    it = device("fix", 3600)
    talked = []
    talks(it, lambda: talked.append(1) or st.learn_session(it.state, True))
    assert live(it, 1) == 1 and not talked and it.state[st.ATTEMPT_FAILS] == 0
    it.port.now_s += 3600
    assert live(it, 1) == 0 and talked
    assert it.journal.next_seq - 1 == 2


def test_a_fault_in_an_attach_keeps_a_record_and_is_spaced_like_a_failed_attempt():
    it = device("attach", 3600)
    live(it, 5)
    assert it.journal.next_seq - 1 == 5
    assert it.state[st.ATTEMPT_FAILS] == it.modem.asked.count("attach") < 4


def test_a_fault_in_a_session_keeps_the_record_that_was_made_before_it():
    it = device("", 3600)

    def talk():
        raise Broken

    talks(it, talk)
    assert live(it, 1) == 1
    assert it.journal.next_seq - 1 == 1 and it.state[st.ATTEMPT_FAILS] == 1


def test_a_fault_in_keeping_the_record_is_raised_as_it_is():
    it = device("", 3100)

    def append(fields):
        raise Broken

    it.journal.append = append
    assert live(it, 2) == 2
