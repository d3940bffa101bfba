"""The decision table with pacing: each rule applies when it should, and only then."""

import fixed
import scratch
from fixed import senses
from locator import settings as cfg
from locator import state as st
from locator.codec import record
from locator.hal import ON_MOTION
from locator.modem import DENIED, REGISTERED
from locator.scheduler import SLEEP, ahead, budget, decide, networks, pacing, policy
from paced import FORECAST, GERMANY, HINTS, HOUR, NOW, SETTINGS, feel, later, step, up_to_date


def test_nothing_due_sleeps_until_something_is():
    state = up_to_date()
    sensed = later(900)
    feel(state, sensed)
    action = decide.next(state, sensed, HINTS)
    assert action.kind == SLEEP and action.reason < 10
    assert action.limit_s == HOUR - 900 and action.wake_on & ON_MOTION


def test_a_report_comes_with_a_fresh_point_that_knows_the_cell():
    state = up_to_date()
    sensed = later(9 * HOUR)
    feel(state, sensed)
    state[st.POINT_AT] = NOW + 9 * HOUR - 1800
    kind, reason = step(state, sensed)
    assert (kind, reason) in ((decide.ATTACH, policy.REUSE_FRESH), (decide.SCAN, policy.SCAN_FIRST))
    if kind == decide.SCAN:
        networks.learn_scan(state, HINTS[2], GERMANY, -90)
        assert step(state, sensed) == (decide.ATTACH, policy.REUSE_FRESH)
    st.learn_attach(state, REGISTERED, GERMANY)
    assert step(state, sensed) == (decide.RECORD, policy.REUSE_FRESH)
    st.learn_record(state)
    assert step(state, sensed) == (decide.SESSION, decide.DELIVER)
    st.learn_session(state, True)
    assert decide.next(state, sensed, HINTS).kind == SLEEP


def test_a_failed_scan_ends_the_matter():
    state = up_to_date()
    sensed = later(9 * HOUR)
    feel(state, sensed)
    state[st.POINT_AT] = NOW + 9 * HOUR - 1800
    networks.learn_scan(state, HINTS[2], 0, 0)
    action = decide.next(state, sensed, HINTS)
    assert action.kind == SLEEP and action.reason == policy.REST_PAUSE


def test_after_a_scan_the_network_is_asked_at_once():
    state = up_to_date()
    sensed = later(9 * HOUR)
    feel(state, sensed)
    state[st.ATTEMPTS + 23] = state[st.NOW]  # the scan counts
    assert not decide.may_attempt(state, sensed)
    networks.learn_scan(state, HINTS[2], GERMANY, -90)
    assert decide.may_attempt(state, sensed)


def test_a_report_is_tried_at_the_latest_after_so_long():
    state = up_to_date()
    sensed = later(SETTINGS[cfg.REPORT_MOST_S])
    feel(state, sensed)
    state[st.AGE_MIN] = 100000  # whatever the policy holds to be worth it
    assert step(state, sensed) == (decide.ATTACH, decide.SESSION_LATE)
    st.learn_attach(state, DENIED, 0)
    assert decide.next(state, sensed, HINTS).kind != decide.ATTACH


def test_a_late_report_does_not_take_the_sleep_to_the_end():
    settings, state = cfg.defaults(), up_to_date()
    settings[cfg.REPORT_MOST_S], sensed = 12 * HOUR, later(24 * HOUR)
    hints = fixed.hints(5, settings)
    feel(state, sensed, left=0)
    assert state[st.ENDS_AT] < 0
    asleep = decide.next(state, sensed, hints)
    assert (asleep.kind, asleep.reason) == (SLEEP, policy.REST_RESERVE)
    assert asleep.limit_s >= 6 * HOUR  # it does not wake for what it cannot pay
    state[st.ENDS_AT] = state[st.NOW] + 9 * HOUR  # a trip that ends early has nothing to save for
    assert step(state, sensed, hints) == (decide.ATTACH, decide.SESSION_LATE)


def test_the_announced_session_follows_from_how_often_sessions_are_worth_it():
    state = st.new()
    for age_min, silent_s in ((1, 12 * HOUR), (70, 53200), (900, SETTINGS[cfg.REPORT_MOST_S] * 7 // 8)):
        state[st.AGE_MIN] = age_min
        assert budget.silent_s(state, SETTINGS) == silent_s
    settings = cfg.defaults()
    settings[cfg.PACED] = 0
    assert budget.silent_s(state, settings) == settings[cfg.UPLOAD_EVERY_S]


def test_in_russia_no_device_is_silent_until_the_bar_begins_again():
    settings, state = cfg.defaults(), up_to_date()
    settings[cfg.REPORT_MOST_S] = 7 * 24 * HOUR
    for mcc, most_h in ((262, 7 * 24), (250, 60)):
        state[st.MCC] = mcc
        for state[st.PHASE] in (0, 255):
            assert most_h * 7 // 8 <= budget.session_every_s(state, settings) // HOUR < most_h


def spent(uploaded_at=NOW):
    """On the move at the end of a day, only sleep being paid for; senses, and the state."""
    state = up_to_date(moving=1)
    sensed = later(24 * HOUR, motion=9000)
    feel(state, sensed, left=state[st.RESERVE] - 1)
    state[st.LAST_SESSION], state[st.ATTEMPT_FAILS] = uploaded_at, 3
    state[st.LAST_ATTEMPT] = sensed[0] - 24 * HOUR
    return sensed, state


def test_a_device_beyond_its_energy_account_tries_the_network_once_a_week():
    for uploaded_at, left in ((NOW - 6 * 24 * HOUR + 60, 0), (NOW - 6 * 24 * HOUR, 1)):
        sensed, state = spent(uploaded_at)
        state[st.LEFT] = left
        assert decide.next(state, sensed, HINTS).kind == SLEEP
    for uploaded_at in (0, NOW - 6 * 24 * HOUR):
        sensed, state = spent(uploaded_at)
        state[st.LEFT] = 0  # and it lives
        action = decide.next(state, sensed, HINTS)  # no fix goes before it
        assert (action.kind, action.limit_s, action.patience_s) == (decide.ATTACH, 50, 50)
        state[st.LAST_ATTEMPT] += 60
        assert decide.next(state, sensed, HINTS).kind == SLEEP
        state[st.URGENT] = 1
        assert decide.next(state, sensed, HINTS).kind == decide.ATTACH


def test_where_only_sleep_is_paid_for_a_border_is_not_looked_for():
    for left, then in ((1 << 29, decide.SCAN), (0, SLEEP)):
        sensed, state = spent()
        state[st.LEFT], state[st.LAST_ATTEMPT] = left, sensed[0] - 2 * HOUR
        state[st.PROFILE_DUE], state[st.MCC] = 4, 260
        action = decide.next(state, sensed, HINTS)
        assert action.kind == then
    assert action.limit_s >= 6 * HOUR


def test_no_waiting_takes_the_sleep_to_the_end():
    sensed, state = spent(NOW - 24 * HOUR)
    state[st.ATTEMPT_FAILS] = 2
    for fails, spare_s, limit_s, patience_s in ((2, 400, 180, 120), (2, 99, 180, 120)):
        state[st.ATTEMPT_FAILS], state[st.LEFT] = fails, state[st.RESERVE] + 600 * spare_s
        action = fixed.attach(state, sensed, HINTS)
        assert (action.limit_s, action.patience_s) == (limit_s, patience_s)
    for spare_s in (99, 60):
        state[st.ATTEMPT_FAILS], state[st.LEFT] = 3, state[st.RESERVE] + 600 * spare_s
        action = decide._attach(state, policy.ATTEMPT_HEARD)
        assert (action.limit_s, action.patience_s) == (50, spare_s)


def test_a_late_report_searches_no_longer_than_its_limit():
    sensed, state = spent(NOW - 6 * 24 * HOUR)
    state[st.ATTEMPT_FAILS], state[st.LEFT] = 3, 1 << 29
    action = fixed.attach(state, sensed, HINTS)
    assert (action.reason, action.patience_s) == (decide.SESSION_LATE, policy.late_mj(state, HINTS[2]) // 600)
    state[st.URGENT], state[st.DID_FIX] = 1, 0
    assert fixed.attach(state, sensed, HINTS).patience_s == 120


def test_a_late_report_of_who_has_only_sleep_left_takes_no_fix():
    sensed, state = spent(NOW - 6 * 24 * HOUR)
    state[st.LEFT] = 0
    assert step(state, sensed) == (decide.ATTACH, decide.SESSION_LATE)
    st.learn_attach(state, REGISTERED, GERMANY)
    assert step(state, sensed)[0] != decide.FIX


def test_a_device_with_energy_only_to_sleep_announces_a_silent_week():
    _, state = spent()
    assert budget.silent_s(state, SETTINGS) == 9 * 24 * HOUR


def test_settings_without_a_pace_hold_whatever_is_left():
    _, state = spent()
    settings = cfg.defaults()
    settings[cfg.PACED] = 0
    ahead.begin(state, "bg95", settings, 200, 0, scratch.folder())
    assert not policy.is_on_reserve(state) and decide.retry_s(state) < 24 * HOUR


def test_reports_are_not_closer_than_they_may_be():
    state = up_to_date(2000, moving=1)
    sensed = later(SETTINGS[cfg.REPORT_LEAST_S] - 60, motion=900)
    feel(state, sensed)
    assert step(state, sensed) == (SLEEP, decide.REST_MAY_NOT)
    sensed = later(SETTINGS[cfg.REPORT_LEAST_S], motion=900)
    feel(state, sensed)
    assert step(state, sensed)[0] == decide.FIX
    st.learn_fix(state, True)
    assert step(state, sensed)[0] in (decide.ATTACH, decide.SCAN)


def test_a_barred_or_weak_device_does_not_ask_the_network():
    for bar, mv in ((NOW + 99 * HOUR, 3600), (0, 3100)):
        state = up_to_date()
        sensed = later(9 * HOUR, mv=mv)
        feel(state, sensed)
        state[st.BARRED_UNTIL] = bar
        kinds = []
        for _ in range(4):
            kind, _ = step(state, sensed)
            kinds.append(kind)
            if kind == decide.RECORD:
                st.learn_record(state)
        assert decide.ATTACH not in kinds and decide.SCAN not in kinds


def test_an_alarm_is_reported_with_its_place_unless_that_is_known():
    state = up_to_date(moving=1)
    sensed = later(60, motion=30)
    feel(state, sensed)
    st.alarm(state, record.EVENT_SHOCK, SETTINGS)
    assert step(state, sensed) == (decide.FIX, decide.FIX_REQUESTED)
    st.learn_fix(state, True)
    assert step(state, sensed) == (decide.ATTACH, decide.SESSION_NOW)
    state = up_to_date()
    sensed = later(60)
    feel(state, sensed)
    st.alarm(state, record.EVENT_SHOCK, SETTINGS)
    st.learn_attach(state, REGISTERED, GERMANY)
    assert step(state, sensed)[0] == decide.RECORD


def test_another_network_is_registered_with_and_kept():
    state = up_to_date()
    state[st.WANTED] = 262003
    networks.select_operator(state)
    assert state[st.CHOSEN_PLMN] == 262003 and networks.selected_lately(state, 262003)


def test_priorities_shift_the_level():
    levels = []
    for priority in (0, 1, 2, 3):
        state = up_to_date()
        pacing.select(state, HINTS[2], "bg95", FORECAST, 0, priority)
        levels.append((state[st.MOVE_S], state[st.AGE_MIN]))
    balanced, fresh, dense, cheap = levels
    assert fresh[1] < balanced[1] < dense[1] < cheap[1]
    assert dense[0] < balanced[0] == fresh[0] < cheap[0]


def test_more_joules_a_day_never_pay_for_less():
    before = (1 << 30,) * 3
    for joules in range(20, 500):
        state = up_to_date(joules)
        level = state[st.MOVE_S], state[st.EDGE_S], state[st.AGE_MIN]
        assert all(level[i] <= before[i] for i in range(3)), joules
        before = level


def test_cheap_makes_no_fix_dearer():
    for joules in range(20, 500, 5):
        state = up_to_date(joules)
        fixes = []
        for priority in (0, 3):
            pacing.select(state, HINTS[2], "bg95", FORECAST, 0, priority)
            apart_s = state[st.MOVE_S]
            kind = 0 if apart_s <= 2 * HOUR else 1 if apart_s <= 4 * HOUR else 2
            fixes.append(HINTS[2].fixes[kind] * 86400 // apart_s)
        assert fixes[1] <= fixes[0], joules


def test_a_sagging_battery_reports_later():
    state = up_to_date()
    wake_at = policy.until(state, HINTS[2], FORECAST, 0)
    state[st.LOADED_MV] = 3200
    assert policy.until(state, HINTS[2], FORECAST, 0) >= wake_at


def test_the_next_wake_is_when_something_is_due():
    state = up_to_date(moving=1)
    found = policy.until(state, HINTS[2], FORECAST, 0)
    assert NOW + 1800 <= found <= NOW + state[st.MOVE_S]
    state = up_to_date()
    state[st.SESSION_NOT_BEFORE] = NOW + 99 * HOUR
    assert policy.until(state, HINTS[2], FORECAST, 0) == NOW + HOUR


def test_on_the_move_a_fix_comes_while_it_is_cheap():
    for old_h, due_h in ((1, 0.75), (3, 0.75), (5, 2)):
        state = up_to_date(moving=1)
        state[st.MOVE_S], state[st.EPHEMERIS] = 2 * HOUR, NOW - old_h * HOUR
        assert policy.until(state, HINTS[2], FORECAST, 0) == NOW + due_h * HOUR, old_h
        assert not policy.point_due(state, HINTS[2])
        state[st.NOW] += round(due_h * HOUR)
        assert policy.point_due(state, HINTS[2]) == policy.FIX_MOVING


def test_no_wake_is_for_a_report_that_may_not_be():
    for pause, bar in ((4 * HOUR, 0), (0, NOW + 5 * HOUR)):
        state = up_to_date(2000)
        SETTINGS[cfg.REPORT_LEAST_S], was = max(pause, 600), SETTINGS[cfg.REPORT_LEAST_S]
        state[st.BARRED_UNTIL], state[st.AGE_MIN] = bar, 200
        ends = []
        while not ends or ends[-1] < NOW + (pause or 5 * HOUR):
            sensed = later((ends[-1] if ends else NOW) - NOW)
            feel(state, sensed)
            action = decide.next(state, sensed, HINTS)
            if action.kind == decide.RECORD:
                st.learn_record(state)
                action = decide.next(state, sensed, HINTS)
            assert action.kind == SLEEP
            ends.append(state[st.NOW] + action.limit_s)
        SETTINGS[cfg.REPORT_LEAST_S] = was
        assert len(ends) <= 6, "hourly points are what it wakes for"


def test_a_late_session_that_is_not_allowed_causes_no_wake():
    for refused_until, sent, mv in ((NOW + 99 * HOUR, 0, 3600), (0, 60, 3600), (0, 0, 3190)):
        state = up_to_date()
        state[st.LAST_SESSION] = NOW - 30 * HOUR
        state[st.LAST_ATTEMPT], state[st.REFUSED_UNTIL] = NOW, refused_until
        state[st.SENT_TODAY] = sent
        now, wakes = NOW, 0
        while now < NOW + 12 * HOUR:
            sensed = senses(now, mv=mv)
            feel(state, sensed)
            action = decide.next(state, sensed, HINTS)
            if action.kind == decide.RECORD:
                st.learn_record(state)
                action = decide.next(state, sensed, HINTS)
            assert action.kind == SLEEP
            now, wakes = now + action.limit_s, wakes + 1
        assert 12 <= wakes <= 16, "hourly points are what it wakes for"


def unserved(state, action, seen=0):
    """The action has found no network that serves."""
    if action.kind == decide.SCAN:
        budget.begin_scan(state, state[st.NOW])
        networks.learn_scan(state, HINTS[2], seen, -80 if seen else 0)
    else:
        budget.begin_attempt(state, state[st.NOW], 0)
        networks.learn_search(state, HINTS[2], 30000)
        networks.learn_session(state, HINTS[2], False, state[st.NETWORK], 0, seen > 0)
        st.learn_attach(state, DENIED if seen else st.NO, seen)


def wakes_unserved(state, hours, seen=0, moving=0):
    """The actions on the radio of each wake, in so many hours in which no network serves."""
    hints, wakes, now = fixed.hints(1, SETTINGS), [], state[st.NOW]
    until = now + hours * HOUR
    while now < until:
        sensed, on_air = senses(now, motion=9000 * moving), []
        feel(state, sensed)
        while True:
            action = decide.next(state, sensed, hints)
            if action.kind == SLEEP:
                break
            if action.kind == decide.FIX:
                st.learn_fix(state, False)
            elif action.kind == decide.RECORD:
                st.learn_record(state)
            else:
                on_air.append(action.kind)
                unserved(state, action, seen)
        wakes.append(on_air)
        now += action.limit_s
    return wakes


def test_a_device_without_service_yet_searches_three_times_then_scans_without_needless_wakes():
    state = st.new()
    st.begin(state, NOW, 0)
    wakes = wakes_unserved(state, 48)
    asked = [kind for on_air in wakes for kind in on_air]
    assert asked[:3] == [decide.ATTACH] * 3 and decide.ATTACH not in asked[3:] and len(asked) > 5
    assert len(wakes) < 80


def test_in_silence_scans_last_long_enough_to_find_another_network_than_the_last():
    state = up_to_date(moving=1)
    limits_s = []
    for failed in range(6):
        state[st.SEARCHES_FAILED] = failed
        sensed = later((failed + 1) * 24 * HOUR)
        feel(state, sensed)
        state[st.SESSION_NOT_BEFORE] = state[st.DID_SCAN] = 0
        state[st.DID_FIX], state[st.WAITING], state[st.SEARCHES_FAILED] = st.NO, 1, failed
        for _ in range(6):
            action = decide.next(state, sensed, fixed.hints(1, SETTINGS))
            if action.kind == decide.SCAN:
                break
            (st.learn_fix(state, False) if action.kind == decide.FIX else st.learn_record(state))
        assert action.kind == decide.SCAN
        limits_s.append(action.limit_s)
    assert limits_s == [20, 20, 45, 45, 45, 90]


def test_where_a_network_is_heard_that_refuses_it_is_no_silence():
    state = up_to_date()
    wakes_unserved(state, 48, GERMANY)
    assert not networks.is_silent(state)


def test_a_card_with_profiles_attempts_some_times_where_nothing_is_heard_and_then_scans_seldom():
    for moving in (0, 1):
        state = up_to_date(65, moving)
        state[st.PROFILE_DUE] = 4
        wakes_unserved(state, 24, moving=moving)
        asked = [kind for on_air in wakes_unserved(state, 4 * 24, moving=moving) for kind in on_air]
        assert 8 <= len(asked) <= 24 and decide.ATTACH not in asked


def test_a_card_with_profiles_goes_on_trying_where_a_network_is_heard_that_refuses_it():
    state = up_to_date(65)
    state[st.PROFILE_DUE] = 4
    wakes_unserved(state, 48)
    assert networks.is_silent(state)
    asked = [kind for on_air in wakes_unserved(state, 48, GERMANY) for kind in on_air]
    assert not networks.is_silent(state) and asked.count(decide.ATTACH) >= 4


def test_after_a_border_scans_pause_too_where_nothing_is_heard():
    state = up_to_date(65, 1)
    state[st.PROFILE_DUE], state[st.MCC] = 4, 260  # by the route data it is in Germany
    wakes_unserved(state, 48, moving=1)
    asked = [kind for on_air in wakes_unserved(state, 24, moving=1) for kind in on_air]
    assert 2 <= len(asked) <= 8


def test_reports_are_spread_over_the_day_and_closer_where_many_are_left():
    state = up_to_date(2000)
    state[st.LAST_ATTEMPT] = NOW
    assert policy.wait_s(state) == 2100
    state[st.ATTEMPTS + 13] = NOW - 11 * HOUR  # eleven attempts ago
    assert policy.wait_s(state) == 3800
    state[st.IN_PSM] = 1
    assert policy.wait_s(state) == 2100
    state[st.ATTEMPTED] = NOW // 4100
    assert policy.wait_s(state) == 3800, "the card's data"
    state[st.ATTEMPTS + 1] = NOW - 20 * HOUR
    assert policy.wait_s(state) == 91800 - 20 * HOUR


def test_a_cell_of_another_chemistry_is_weak_at_another_voltage():
    state = up_to_date()
    for lower_mv, loaded_mv, open_mv in ((0, 3250, 3200), (300, 2950, 2900)):
        state[st.LOWER_MV], state[st.LOADED_MV] = lower_mv, loaded_mv - 1
        assert budget.sags(state) and not decide.may_connect(state, senses(NOW, mv=open_mv - 1))
        state[st.LOADED_MV] = loaded_mv
        assert not budget.sags(state) and decide.may_connect(state, senses(NOW, mv=open_mv))
        assert decide.may_connect(state, senses(NOW, mv=0))  # not known


def test_a_battery_of_which_the_settings_say_nothing_bears_a_report_in_twenty_hours():
    state = up_to_date()
    state[st.LAST_ATTEMPT] = NOW
    for after_s, mv, bears in (
        (20 * HOUR - 1, 3190, False),
        (20 * HOUR, 3190, True),
        (20 * HOUR, 2899, False),
        (60, 3200, True),
    ):
        state[st.NOW] = NOW + after_s
        assert decide.may_connect(state, senses(state[st.NOW], mv=mv)) == bears
    state[st.LAST_ATTEMPT] = -5  # before the power was lost
    state[st.NOW] = 60
    assert not decide.may_connect(state, senses(60, mv=3190))
    state[st.LAST_ATTEMPT] = state[st.LAST_SESSION] = 0  # it has never said anything
    assert not decide.may_connect(state, senses(60, mv=3190))
    state[st.NOW] = 20 * HOUR
    assert decide.may_connect(state, senses(state[st.NOW], mv=3190))


def test_a_weak_battery_keeps_the_fix_before_the_radio():
    kinds = []
    for sagging_mv in (0, 3200):
        state = up_to_date(2000, moving=1)
        state[st.LOADED_MV] = sagging_mv
        sensed = later(4 * HOUR, motion=900)
        feel(state, sensed)
        assert step(state, sensed)[0] == decide.FIX
        st.learn_fix(state, True)
        kinds.append(step(state, sensed)[0])
    assert kinds[0] in (decide.ATTACH, decide.SCAN) and kinds[1] == decide.RECORD
