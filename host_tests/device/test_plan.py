"""The decision table, rule by rule, and the learning of the state."""

from array import array

import fixed
from fixed import senses
from locator import clock as timing
from locator import state as st
from locator.actions import recovery as trouble
from locator.codec import record
from locator.hal import ON_LIGHT, ON_MOTION, ON_TAMPER, WAKE_LIGHT, WAKE_MOTION
from locator.journal import rtc
from locator.modem import DENIED, REGISTERED
from locator.scheduler import SCAN, SLEEP, alarms, border, budget, decide, networks, policy, regions

SETTINGS = fixed.unpaced()
HINTS = fixed.hints(5, SETTINGS)
HOUR = 3600
NOW_LATE = 100 * HOUR
GERMANY, RUSSIA = 262001, 250001


def settled(now=100 * HOUR):
    """A stationary device, everything reported, nothing due."""
    state = st.new()
    for i in (st.NOW, st.LAST_RECORD, st.LAST_FIX, st.LAST_SESSION, st.LAST_ATTEMPT):
        state[i] = now
    return state


def feel(state, sensed):
    st.feel(state, sensed)
    alarms.feel(state, sensed, SETTINGS)


def wake(state, sensed):
    """Walk one wake in which everything works; the kinds of action in order."""
    kinds = []
    feel(state, sensed)
    while True:
        action = decide.next(state, sensed, HINTS)
        kinds.append(action.kind)
        if action.kind == SLEEP:
            return kinds, action
        if action.kind == decide.ATTACH:
            st.learn_attach(state, REGISTERED, GERMANY)
        elif action.kind == decide.FIX:
            st.learn_fix(state, True)
        elif action.kind == decide.RECORD:
            st.learn_record(state)
        elif action.kind == decide.SESSION:
            st.learn_session(state, True)


def test_first_wake_does_everything():
    kinds, _ = wake(st.new(), senses(2))
    assert kinds == [decide.FIX, decide.ATTACH, decide.RECORD, decide.SESSION, SLEEP]


def test_an_hour_later_only_a_fix():
    kinds, action = wake(settled(), senses(101 * HOUR))
    assert kinds == [decide.FIX, decide.RECORD, SLEEP]
    assert action.limit_s == HOUR
    assert action.wake_on == ON_LIGHT | ON_TAMPER | ON_MOTION


def test_nothing_due_sleeps_on():
    kinds, action = wake(settled(), senses(100 * HOUR + 600))
    assert kinds == [SLEEP]
    assert action.limit_s == 3000


def test_a_report_is_due_after_four_hours():
    state = settled()
    state[st.LAST_RECORD] = 104 * HOUR - 600
    kinds, _ = wake(state, senses(104 * HOUR))
    assert kinds == [decide.ATTACH, decide.SESSION, SLEEP]


def test_on_the_move_the_timer_is_enough():
    state = settled()
    kinds, action = wake(state, senses(100 * HOUR + 1800, motion=900))
    assert kinds[0] == decide.FIX
    assert action.wake_on == ON_LIGHT | ON_TAMPER


def test_departure_and_stop_are_events_with_a_record():
    state = settled()
    feel(state, senses(100 * HOUR + 300, WAKE_MOTION, motion=20))
    assert state[st.EVENTS] == record.EVENT_DEPARTED
    assert decide.next(state, senses(100 * HOUR + 300), HINTS).kind == decide.FIX
    st.learn_record(state)
    feel(state, senses(100 * HOUR + 3000))
    assert state[st.EVENTS] == record.EVENT_STOPPED


def test_a_bump_is_no_departure():
    state = settled()
    kinds, action = wake(state, senses(100 * HOUR + 300, WAKE_MOTION, motion=3))
    assert kinds == [SLEEP]
    assert action.wake_on == ON_LIGHT | ON_TAMPER | ON_MOTION


def test_no_fix_scans_for_a_cell_and_still_records():
    state = settled()
    sensed = senses(101 * HOUR)
    feel(state, sensed)
    assert decide.next(state, sensed, HINTS).kind == decide.FIX
    st.learn_fix(state, False)
    assert decide.next(state, sensed, HINTS).kind == decide.SCAN
    state[st.DID_SCAN] = st.YES
    assert decide.next(state, sensed, HINTS).kind == decide.RECORD


def test_pauses_grow_with_failures_and_are_shorter_on_the_move():
    state = settled()
    stationary = []
    moving = []
    for fails in range(8):
        state[st.ATTEMPT_FAILS] = fails
        state[st.MOVING] = 0
        stationary.append(decide.retry_s(state))
        state[st.MOVING] = 1
        moving.append(decide.retry_s(state))
    assert stationary == sorted(stationary) and stationary[-1] == 4 * HOUR
    assert moving == sorted(moving) and moving[-1] == HOUR


def test_a_supply_that_has_given_way_is_tried_no_sooner_on_the_move():
    state = settled()
    state[st.ATTEMPT_FAILS] = 5
    pauses = []
    for loaded_mv in (3200, st.GAVE_WAY_MV):
        for moving in (0, 1):
            state[st.LOADED_MV], state[st.MOVING] = loaded_mv, moving
            pauses.append(decide.retry_s(state) // HOUR)
    assert pauses == [8, 2, 8, 8]


def test_an_empty_battery_does_not_transmit():
    state = settled()
    sensed = senses(119 * HOUR, mv=3100)
    feel(state, sensed)
    assert state[st.EVENTS] & record.EVENT_BATTERY
    assert not fixed.upload_due(state, sensed, HINTS)


def test_russia_is_waited_out_on_one_operator():
    state = settled()
    state[st.MCC] = 401
    feel(state, senses(110 * HOUR))
    st.learn_attach(state, REGISTERED, RUSSIA)
    assert state[st.EVENTS] & record.EVENT_COUNTRY
    assert state[st.LOCKED_PLMN] == RUSSIA
    st.learn_session(state, False)
    for hours, due in ((1, False), (12, False), (23, False), (26, True)):
        sensed = senses((110 + hours) * HOUR)
        feel(state, sensed)
        assert fixed.upload_due(state, sensed, HINTS) == due
    assert decide.next(state, sensed, HINTS).kind == SCAN
    networks.learn_scan(state, HINTS[2], RUSSIA, -90)
    assert decide.next(state, sensed, HINTS).plmn == RUSSIA


def test_a_locked_operator_is_let_go_when_it_is_not_heard_any_more():
    state = settled()
    state[st.MCC], state[st.LOCKED_PLMN] = 250, RUSSIA
    for hour in range(12):
        state[st.NOW] = (100 + hour) * HOUR
        st.learn_attach(state, DENIED, 0)
        assert state[st.LOCKED_PLMN] == RUSSIA
    state[st.NOW] = 112 * HOUR
    st.learn_attach(state, DENIED, 0)
    assert state[st.LOCKED_PLMN] == 0


def test_scans_that_hear_only_others_let_a_locked_operator_go():
    for between, goes in ((RUSSIA + 1, True), (0, True), (RUSSIA, False)):
        state = settled()
        state[st.MCC], state[st.LOCKED_PLMN] = 250, RUSSIA
        for hour, plmn in ((100, RUSSIA + 1), (111, between), (112, RUSSIA + 1)):
            assert state[st.LOCKED_PLMN] == RUSSIA
            state[st.NOW] = hour * HOUR
            networks.learn_scan(state, HINTS[2], plmn, -90)
        assert (state[st.LOCKED_PLMN] == 0) == goes, between


def test_registered_without_a_readable_cell_holds_on():
    state = settled()
    state[st.MCC], state[st.LOCKED_PLMN], state[st.BARRED_UNTIL] = 250, RUSSIA, 7
    st.learn_attach(state, REGISTERED, 0)
    assert state[st.LOCKED_PLMN] == RUSSIA and state[st.BARRED_UNTIL] == 7


def test_an_alarm_that_may_not_be_reported_does_not_keep_us_awake():
    state = settled()
    sensed = senses(100 * HOUR + 100, WAKE_LIGHT, lux=300, mv=3150)
    kinds, action = wake(state, sensed)
    assert decide.ATTACH not in kinds
    assert action.limit_s >= 1800


def test_an_open_door_is_not_waited_for():
    state = settled()
    _, action = wake(state, senses(100 * HOUR + 100, WAKE_LIGHT, lux=300))
    assert action.wake_on == ON_TAMPER | ON_MOTION
    _, action = wake(state, senses(101 * HOUR + 100, lux=0))
    assert action.wake_on == ON_LIGHT | ON_TAMPER | ON_MOTION


def test_a_battery_that_sags_reports_half_as_often():
    state = settled()
    state[st.LOADED_MV] = 3240
    sensed = senses(105 * HOUR)
    feel(state, sensed)
    assert not fixed.upload_due(state, sensed, HINTS)
    state[st.LOADED_MV] = 3400
    assert fixed.upload_due(state, sensed, HINTS)


def test_the_limit_of_a_search_for_satellites_follows_the_age_of_the_ephemeris():
    state = st.new()
    state[st.NOW] = 50 * HOUR
    assert decide.fix_limit_s(state, 90) == 90
    state[st.FIX_FAILS] = 1  # nothing was ever found: the whole time again
    assert decide.fix_limit_s(state, 90) == 90
    limits = []
    for age_h in (0, 2, 3, 4, 5):
        state[st.EPHEMERIS] = (50 - age_h) * HOUR
        limits.append([])
        for fails in (0, 1, 2):
            state[st.FIX_FAILS] = fails
            limits[-1].append(decide.fix_limit_s(state, 90))
    assert limits == [[40] * 3, [40] * 3, [60] * 3, [60] * 3, [90, 45, 90]]


def test_the_ephemeris_is_lost_with_the_modem_s_supply():
    state = settled()
    st.learn_fix(state, True)
    assert state[st.EPHEMERIS] == state[st.NOW]
    trouble.restart(state)
    assert state[st.EPHEMERIS] == 0


def test_every_third_failed_attempt_scans_everything():
    state = settled()
    limits, wide = [], []
    state[st.MCC] = 401
    for fails in range(6):
        state[st.ATTEMPT_FAILS] = fails
        state[st.LAST_ATTEMPT] = 0
        sensed = senses(200 * HOUR)
        feel(state, sensed)
        action = fixed.attach(state, sensed, HINTS)
        limits.append(action.limit_s)
        wide.append(action.mcc == 0)
    assert limits == [50, 50, 180, 50, 50, 180]
    assert wide == [False, False, True, False, False, True]


def test_a_device_that_was_never_connected_makes_three_full_scans_first():
    state = settled()
    state[st.LAST_SESSION] = 0
    limits, patience = [], []
    for fails in range(9):
        state[st.ATTEMPT_FAILS], state[st.LAST_ATTEMPT] = fails, 0
        sensed = senses(200 * HOUR)
        feel(state, sensed)
        action = fixed.attach(state, sensed, HINTS)
        limits.append(action.limit_s)
        patience.append(action.patience_s)
    assert limits == [180, 180, 180, 50, 50, 180, 50, 50, 180]
    assert patience == [300, 300, 300, 120, 120, 300, 120, 120, 300]


def test_after_a_power_loss_in_an_attempt_only_every_third_search_is_whole():
    state = settled()
    state[st.LAST_SESSION], state[st.LOADED_MV] = 0, st.GAVE_WAY_MV
    limits = []
    for fails in range(1, 7):
        state[st.ATTEMPT_FAILS], state[st.LAST_ATTEMPT] = fails, 0
        sensed = senses(200 * HOUR)
        feel(state, sensed)
        state[st.DID_FIX] = state[st.DID_RECORD] = st.YES
        limits.append(decide.next(state, sensed, HINTS).limit_s)
    assert limits == [50, 180, 50, 50, 180, 50]
    state[st.ENDS_AT], state[st.LEFT], state[st.RESERVE], state[st.ATTEMPT_FAILS] = -1, 0, 1000, 1
    assert decide.retry_s(state) == 86400
    state[st.LOADED_MV] = 3300
    assert decide.retry_s(state) < 86400


def test_each_country_on_the_way_has_a_region_and_neighbours_share_bands():
    way = [regions.region(mcc) for mcc in (460, 401, 250, 257, 260, 262)]
    assert None not in way and regions.region(428) == way[0] and regions.region(310) is None
    assert way[1] == way[2] == way[3] and way[4] == way[5]
    for i in range(5):
        assert len(set(way[i][1]) & set(way[i + 1][1])) >= 2


def test_the_search_is_set_once_in_each_country_and_not_after_a_scan():
    state = settled()
    assert regions.must_set(state, GERMANY // 1000)
    regions.learn_set(state, GERMANY // 1000)
    assert not regions.must_set(state, GERMANY // 1000)
    assert regions.must_set(state, 260) and regions.must_set(state, 0)
    state[st.HEARD_PLMN] = 260003
    assert not regions.must_set(state, 260)


def on_gsm(hours, moved, mcc=262):
    """Whether the modem is to search again, so many hours after it was set to, when it is on GSM."""
    state = settled()
    state[st.NOW], state[st.MOVING] = 100 * HOUR, 0
    regions.learn_set(state, mcc)
    state[st.STOPPED_AT] = state[st.NOW] + (HOUR if moved else -HOUR)
    state[st.NOW] += hours * HOUR
    regions.learn_gsm(state, mcc)
    again = regions.searches_again(state)
    assert regions.must_set(state, 0) and regions.must_set(state, mcc) == again
    regions.learn_set(state, mcc)
    assert not regions.searches_again(state)
    return again


def test_a_device_on_gsm_looks_for_lte_m_elsewhere_or_a_day_later():
    assert not on_gsm(1, True) and on_gsm(2, True)
    assert not on_gsm(23, False) and on_gsm(24, False)
    assert not on_gsm(24, True, 401) and not on_gsm(24, True, 310)


def test_a_network_that_is_wrong_by_an_hour_or_a_year_is_not_believed():
    state = settled()
    assert st.credible(state, 100, 845000000)
    st.learn_time(state, 100, 845000000, record.TIME_NETWORK)
    assert st.credible(state, 14500, 845014700)
    for wrong in (3600, -3600, 20 * 365 * 86400):
        assert not st.credible(state, 14500, 845014400 + wrong)


def test_an_agent_that_is_wrong_by_years_is_not_believed_unless_the_network_agrees():
    year, ours, state = 365 * 86400, 845000000 - 100, settled()
    assert timing.believes(state, 100, 845000000)
    st.learn_time(state, 100, 845000000, record.TIME_NETWORK)
    for drift in (-20 * HOUR, 0, 20 * HOUR):
        assert timing.believes(state, 100, 845000000 + drift)
    for wrong in (-20 * year, -year, -25 * HOUR, 25 * HOUR, year, 10 * year):
        sensed = 845000000 + wrong
        assert not timing.believes(state, 100, sensed) and not timing.believes(state, 100, sensed, ours)
        assert timing.believes(state, 100, sensed, ours + wrong + 600)


def test_without_data_once_it_was_open_is_a_failure_like_any_other():
    state = settled()
    feel(state, senses(110 * HOUR))
    st.learn_attach(state, REGISTERED, RUSSIA)
    st.learn_session(state, True)
    feel(state, senses(114 * HOUR))
    st.learn_attach(state, REGISTERED, RUSSIA)
    st.learn_session(state, False)
    sensed = senses(115 * HOUR)
    feel(state, sensed)
    assert fixed.upload_due(state, sensed, HINTS)


def test_another_operator_in_russia_begins_the_bar_again():
    state = settled()
    feel(state, senses(110 * HOUR))
    st.learn_attach(state, REGISTERED, RUSSIA)
    st.learn_session(state, True)
    st.learn_attach(state, REGISTERED, RUSSIA + 1)
    st.learn_session(state, False)
    sensed = senses(133 * HOUR)
    feel(state, sensed)
    assert not fixed.upload_due(state, sensed, HINTS)


def test_another_country_is_reported_and_frees_the_operator():
    state = settled()
    state[st.MCC], state[st.LOCKED_PLMN] = 250, RUSSIA
    st.learn_attach(state, REGISTERED, 257001)
    assert state[st.MCC] == 257 and state[st.LOCKED_PLMN] == 0


def test_the_state_survives_in_rtc_memory_and_damage_is_seen():
    state = settled()
    data = rtc.pack(st.kept(state))
    assert 4 * st.SIZE <= 576
    assert rtc.unpack(data, st.SIZE) == state[: st.SIZE]
    for broken in (b"", data[:-1], data[:20] + b"\x01" + data[21:], data[1:]):
        assert rtc.unpack(broken, st.SIZE) is None


def test_the_state_of_a_release_with_fewer_numbers_is_not_read():
    # Its log, which lies after it, would be: as pauses of years, for instance.
    older = array("i", [7] * (st.SIZE - 8))
    assert rtc.unpack(rtc.pack(older, bytes(230)), st.SIZE) is None
    assert rtc.log_of(rtc.pack(older, bytes(230)), st.SIZE) == b""


def test_a_better_clock_wins():
    state = settled()
    state[st.NOW] = 100
    st.learn_time(state, 100, 845000000, record.TIME_NETWORK)
    st.learn_time(state, 100, 845000009, record.TIME_GNSS)
    state[st.LAST_FIX] = 100
    st.learn_time(state, 100, 845000900, record.TIME_NETWORK)
    assert state[st.OFFSET] == 845000009 - 100


def test_an_operator_chosen_from_a_scan_is_kept_until_two_attempts_in_a_row_fail():
    state = settled()
    state[st.MCC] = 262
    state[st.ATTEMPT_FAILS], state[st.CHOSEN_PLMN] = 4, 262003
    st.learn_attach(state, REGISTERED, 262003)
    st.learn_session(state, True)
    sensed = senses(105 * HOUR)
    feel(state, sensed)
    assert fixed.attach(state, sensed, HINTS).plmn == 262003
    st.learn_attach(state, DENIED, 0)
    assert state[st.CHOSEN_PLMN] == 262003
    st.learn_attach(state, DENIED, GERMANY)
    assert state[st.CHOSEN_PLMN] == 0 and state[st.LAST_PLMN] == 262003


def test_a_chosen_operator_that_fails_at_once_is_not_kept():
    state = settled()
    state[st.ATTEMPT_FAILS], state[st.CHOSEN_PLMN] = 4, 262003
    st.learn_attach(state, REGISTERED, 262003)
    st.learn_session(state, False)
    assert state[st.CHOSEN_PLMN] == 0 and state[st.LAST_PLMN] == 262003


def test_a_chosen_operator_is_forgotten_in_the_next_country():
    state = settled()
    state[st.MCC], state[st.CHOSEN_PLMN] = 260, 260003
    st.learn_attach(state, DENIED, GERMANY)
    assert state[st.CHOSEN_PLMN] == 0
    state[st.CHOSEN_PLMN] = 260003
    st.learn_attach(state, REGISTERED, 260003)  # a scan beyond the next border
    assert state[st.CHOSEN_PLMN] == 260003 and state[st.MCC] == 260


def test_a_modem_that_did_not_register_is_not_left_registered():
    state = settled()
    state[st.IN_PSM] = 1
    st.learn_attach(state, REGISTERED, GERMANY)
    assert state[st.IN_PSM] == 1
    st.learn_attach(state, DENIED, GERMANY)
    assert state[st.IN_PSM] == 0


def test_no_needless_wake_between_scans():
    for mcc, held in ((401, 0), (250, RUSSIA)):
        for moving in (0, 1):
            state = settled(20000)
            state[st.MCC], state[st.NETWORK], state[st.MOVING] = mcc, 460000, moving
            state[st.LOCKED_PLMN], state[st.PROFILE_DUE] = held, 0 if held else 4
            state[st.LAST_ATTEMPT] = 10000
            assert border.is_unheard(state)
            assert decide.next(state, senses(20000), HINTS).kind == SCAN
            budget.begin_scan(state, 20000)
            networks.learn_scan(state, HINTS[2], 0, 0)
            action = decide.next(state, senses(20000), HINTS)
            assert action.kind == SLEEP and action.limit_s == (600 if moving else HOUR)
            st.begin(state, 20000 + action.limit_s, moving)
            assert decide._border(state, senses(state[st.NOW]), HINTS).kind == SCAN


def test_a_barred_device_wakes_at_the_end_of_the_bar_and_not_for_ordinary_reports():
    for bar in (st.BARRED_UNTIL, st.DATA_UNTIL):
        for heard in (20000, 20000 - 26 * HOUR):  # the report is late, too
            state = settled(100000)
            state[st.MCC], state[st.NETWORK], state[st.LOCKED_PLMN], state[st.MOVING] = 250, RUSSIA, RUSSIA, 1
            state[st.ATTEMPT_FAILS], state[st.LAST_ATTEMPT], state[st.LAST_SESSION] = 4, 98400, 80000 + heard
            budget.count(state, 98400)
            for barred_for_s, asleep_s in ((100, 200), (500, 500)):
                state[bar] = 100000 + barred_for_s
                action = decide.next(state, senses(100000), HINTS)
                assert action.kind == SLEEP and action.limit_s == asleep_s


def test_a_barred_device_on_a_weak_battery_does_not_wake_for_the_end_of_the_bar():
    state = settled(100000)
    state[st.MCC], state[st.NETWORK], state[st.LOCKED_PLMN], state[st.MOVING] = 250, RUSSIA, RUSSIA, 1
    state[st.BARRED_UNTIL], state[st.LAST_ATTEMPT] = 100500, 98400
    assert decide.next(state, senses(100000, mv=2000), HINTS).limit_s >= 1800


def test_reports_leave_attempts_for_borders_where_the_card_has_profiles_and_do_not_bunch():
    for due, most, longest_s in ((0, 23, 8 * HOUR), (4, 19, 4 * HOUR)):
        state = settled(100000)
        state[st.PROFILE_DUE], state[st.LAST_ATTEMPT], state[st.ATTEMPTED] = due, 0, 1000
        made = []
        for now in range(100000, 100000 + 20 * 86400, 300):
            state[st.NOW] = now
            if not policy.wait_s(state):
                budget.begin_attempt(state, now, 0)
                made.append(now)
        assert max([made[i] - made[i - 1] for i in range(1, len(made))]) <= longest_s
        in_a_day = [sum([1 for each in made if now - 86400 < each <= now]) for now in made]
        assert most - 2 <= max(in_a_day) <= most


def test_a_fix_is_kept_before_the_radio_may_bring_a_weak_battery_down():
    for mv, then in ((3400, decide.ATTACH), (3200, decide.RECORD)):
        state = settled(NOW_LATE)
        state[st.LAST_SESSION] = state[st.LAST_ATTEMPT] = state[st.LAST_RECORD] = 1000
        state[st.LOADED_MV], state[st.MOVING] = mv, 1
        sensed = senses(NOW_LATE)
        assert decide.next(state, sensed, HINTS).kind == decide.FIX
        st.learn_fix(state, True)
        assert decide.next(state, sensed, HINTS).kind == then
        state[st.DID_RECORD] = st.YES
        assert decide.next(state, sensed, HINTS).kind == decide.ATTACH


def test_a_bar_of_data_ends_by_the_clock_as_it_is_set_right():
    state = settled(1000)
    st.learn_time(state, 1000, 845000000, record.TIME_GNSS)
    state[st.MCC] = 250
    st.learn_attach(state, REGISTERED, RUSSIA)
    st.learn_session(state, False)
    until = state[st.BARRED_UNTIL]
    assert 86400 < until - 1000 < 26 * 3600
    st.learn_time(state, 1000 + 7272, 845007200, record.TIME_GNSS)  # it has gained 72 s
    assert state[st.BARRED_UNTIL] == until + 72
    st.learn_time(state, 1000 + 7300, 846007200, record.TIME_GNSS)
    assert state[st.BARRED_UNTIL] == until + 72  # no clock gains so much: the time before was wrong
