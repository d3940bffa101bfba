"""A device whose accelerometer only latches that something moved during a deep sleep."""

from locator import state as st
from locator import wake
from locator.codec import record
from locator.hal import DEEPSLEEP_RESET, WAKE_TIMER

HOUR = 3600


class Latched:
    """A port; `minute`: counts while it is awake for one."""

    latches_motion = True
    reset_cause, wake_reason = DEEPSLEEP_RESET, WAKE_TIMER

    def __init__(self, now_s, latch, minute):
        self.now_s, self.counts, self.slept_ms = now_s, [latch, minute], 0

    def senses(self):
        return 3600, -50, self.counts.pop(0), 0, 0, 0, 0

    def sleep_ms(self, ms):
        self.slept_ms += ms
        self.now_s += ms // 1000

    def clock_s(self):
        return self.now_s


def woken(state, now_s, latch, minute):
    port = Latched(now_s, latch, minute)
    st.feel(state, wake._sense(port)[0])
    return port.slept_ms


def running():
    state = st.new()
    st.begin(state, HOUR, 0)
    assert woken(state, 2 * HOUR, 1, 25) == 60000
    assert state[st.MOVING] and state[st.EDGE]
    return state


def test_a_train_that_runs_is_seen_to_run_however_long_it_was_slept():
    state = running()
    woken(state, 4 * HOUR, 1, 25)
    assert state[st.MOVING] and not state[st.EDGE]


def test_a_train_that_has_run_and_halts_has_stopped_and_made_no_short_move():
    state = running()
    woken(state, 4 * HOUR, 1, 1)
    assert not state[st.MOVING] and state[st.EDGE] == st.YES
    assert state[st.EVENTS] & record.EVENT_STOPPED


def test_where_nothing_has_moved_no_minute_is_spent():
    state = running()
    assert woken(state, 4 * HOUR, 0, 0) == 0
    assert not state[st.MOVING]
