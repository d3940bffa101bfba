"""Moves of a device with pacing: departures, stops, short moves, jolts, searches for satellites meanwhile."""

import fixed
from fixed import senses
from locator import settings as cfg
from locator import state as st
from locator.codec import record
from locator.hal import ON_MOTION, WAKE_MOTION, WAKE_TIMER
from locator.scheduler import SLEEP, alarms, decide, policy
from paced import HINTS, HOUR, NOW, SETTINGS, feel, later, step, up_to_date


def test_a_departure_is_recorded_without_satellites():
    state = up_to_date()
    sensed = later(2 * HOUR, wake=WAKE_MOTION, motion=20)
    feel(state, sensed)
    state[st.SESSION_NOT_BEFORE] = NOW + 99 * HOUR
    assert step(state, sensed) == (decide.RECORD, policy.REUSE_UNTIL)
    st.learn_record(state)
    assert state[st.DID_FIX] == st.REUSED and not state[st.POSITION_HOLDS] and not state[st.EVENTS]
    assert decide.next(state, sensed, HINTS).kind == SLEEP


def test_a_stop_is_fixed():
    state = up_to_date(moving=1)
    state[st.SESSION_NOT_BEFORE] = NOW + 99 * HOUR
    sensed = later(2 * HOUR)
    feel(state, sensed)
    assert step(state, sensed) == (decide.FIX, policy.FIX_EDGE)
    st.learn_fix(state, True)
    assert step(state, sensed) == (decide.RECORD, decide.KEEP)


def lived(state, hours, motion):
    """Reasons of what is done in so many hours without reports, each wake with so many counts."""
    did, end = [], state[st.NOW] + hours * HOUR
    now = state[st.NOW] + 900
    while now < end:
        sensed = senses(now, motion=motion)
        feel(state, sensed)
        state[st.LAST_SESSION], state[st.SESSION_NOT_BEFORE] = now, end + HOUR
        while True:
            action = decide.next(state, sensed, HINTS)
            if action.kind == SLEEP:
                break
            did.append(action.reason)
            if action.kind == decide.FIX:
                st.learn_fix(state, True)
            else:
                st.learn_record(state)
        now += action.limit_s
    return did


def test_where_nothing_feels_motion_each_point_is_a_fix():
    state = up_to_date()
    did = lived(state, 30 * 24, -1)
    assert did.count(policy.FIX_STATIONARY) >= 30 * 24 // 5
    assert policy.REUSE_NOW not in did and not state[st.POSITION_HOLDS]
    did = lived(up_to_date(), 30 * 24, 0)
    assert policy.FIX_STATIONARY not in did and policy.REUSE_NOW in did


def test_an_accelerometer_that_fails_reports_no_stop():
    state = up_to_date(moving=1)
    feel(state, later(1800, motion=-1))
    assert not (state[st.EVENTS] or state[st.EDGE] or state[st.MOVING])


def test_in_another_country_no_position_is_reused():
    state = up_to_date()
    st.learn_country(state, 262009)
    assert state[st.POSITION_HOLDS]
    st.learn_country(state, 260001)
    assert not state[st.POSITION_HOLDS]


def blind(hours, gnss_lost_s=1 << 30):
    """Hours at which satellites are searched for on the move, and none are found."""
    settings = cfg.defaults()
    settings[cfg.GNSS_LOST_S] = gnss_lost_s
    state, now, searched = up_to_date(moving=1), NOW + 7200, []
    alarms.searched(state, 8, settings)
    while now < NOW + hours * HOUR:
        sensed = senses(now, motion=900)
        feel(state, sensed)
        state[st.LAST_SESSION] = now
        action = decide.next(state, sensed, fixed.hints(5, settings))
        if action.kind == decide.FIX:
            searched.append((now - NOW) // HOUR)
            st.learn_fix(state, False)
            alarms.searched(state, 0, settings)
            state[st.EVENTS] = state[st.URGENT] = 0
            action.limit_s = 1800
        now += action.limit_s
    return searched, state[st.RAISED] & record.EVENT_GNSS


def test_failed_searches_are_further_and_further_apart_on_the_move_too():
    assert blind(48) == ([2, 2, 3, 5, 11, 23, 35, 47], 0)


def test_another_search_decides_whether_gnss_is_lost():
    assert blind(10, 4 * HOUR) == ([2, 2, 3, 5, 7], record.EVENT_GNSS)


def test_after_a_departure_searches_begin_again():
    for motion, fails in ((900, 0), (60, 3)):
        state = up_to_date()
        state[st.POSITION_HOLDS], state[st.FIX_FAILS] = 0, 3
        state[st.STOPPED_AT], state[st.FIX_NOT_BEFORE] = NOW + 1, NOW + 99 * HOUR
        moved_briefly(state, motion)
        assert state[st.FIX_FAILS] == fails


def moved_briefly(state, motion, after_s=3000):
    """A departure, and what is done at the next wake, so many counts later."""
    state[st.SESSION_NOT_BEFORE] = NOW + 99 * HOUR
    sensed = later(2 * HOUR, wake=WAKE_MOTION, motion=20)
    feel(state, sensed)
    assert step(state, sensed)[0] == decide.RECORD
    st.learn_record(state)
    state[st.SESSION_NOT_BEFORE] = NOW + 99 * HOUR
    sensed = later(2 * HOUR + after_s, motion=motion)
    feel(state, sensed)
    return step(state, sensed)


def test_a_short_move_is_no_departure():
    state = up_to_date()
    assert moved_briefly(state, 149) == (decide.RECORD, policy.REUSE_NOW)
    assert state[st.EVENTS] == record.EVENT_STOPPED
    assert state[st.STOPPED_AT] == NOW and state[st.POSITION_HOLDS]
    assert moved_briefly(up_to_date(120), 150) == (decide.FIX, policy.FIX_EDGE)


def test_an_alarm_after_a_short_move_has_a_place_of_its_own():
    state = up_to_date()
    moved_briefly(state, 60)
    st.learn_record(state)
    st.alarm(state, record.EVENT_LIGHT, SETTINGS)
    state[st.URGENT] = state[st.DID_FIX] = state[st.DID_RECORD] = 0
    assert step(state, later(2 * HOUR + 3000)) == (decide.FIX, decide.FIX_REQUESTED)


def test_few_counts_after_a_wake_on_the_move_are_a_stop():
    state = up_to_date()
    assert moved_briefly(state, 900)[0] == SLEEP
    sensed = later(3 * HOUR, motion=9)
    feel(state, sensed)
    assert step(state, sensed) == (decide.FIX, policy.FIX_EDGE)


def test_a_short_move_does_not_uncover_the_sky():
    state = up_to_date()
    state[st.POSITION_HOLDS] = 0  # it has stopped, and no satellites were found since
    state[st.STOPPED_AT] = NOW + 1
    for _ in range(3):
        st.learn_fix(state, False)
    state[st.FIX_NOT_BEFORE] = NOW + 99 * HOUR
    assert moved_briefly(state, 60) == (decide.RECORD, decide.KEEP)
    assert state[st.FIX_NOT_BEFORE] == state[st.NOW] + 6 * HOUR


def test_further_on_satellites_are_searched_for_again():
    state = up_to_date()
    state[st.POSITION_HOLDS] = state[st.POINT_AT] = 0
    state[st.FIX_NOT_BEFORE] = NOW + 99 * HOUR
    assert moved_briefly(state, 900)[0] == decide.FIX


def test_a_device_that_is_jolted_again_and_again_sleeps_on():
    state = up_to_date()
    state[st.LAST_RECORD], now, wakes = NOW, NOW, []
    wake = WAKE_TIMER
    while now < NOW + 24 * HOUR:
        sensed = senses(now, wake=wake, motion=2)
        feel(state, sensed)
        state[st.LAST_SESSION] = now
        action = decide.next(state, sensed, HINTS)
        if action.kind == decide.RECORD:
            st.learn_record(state)
            action = decide.next(state, sensed, HINTS)
        assert action.kind == SLEEP and not state[st.MOVING]
        state[st.ASLEEP_SINCE] = now
        wake = WAKE_MOTION if action.wake_on & ON_MOTION else WAKE_TIMER
        wakes.append(wake)
        now += st.RECOUNT_S + 10 if wake == WAKE_MOTION else action.limit_s
    assert len(wakes) <= 180 and wakes.count(WAKE_MOTION) <= 90
    assert WAKE_MOTION in wakes[-2:], "it still wants to see a departure"


def test_one_jolt_is_no_reason_to_sleep_through_the_next():
    state = up_to_date()
    state[st.ASLEEP_SINCE] = NOW
    sensed = later(600, wake=WAKE_MOTION, motion=2)
    feel(state, sensed)
    assert decide.next(state, sensed, HINTS).wake_on & ON_MOTION
