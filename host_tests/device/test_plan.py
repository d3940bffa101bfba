"""The decision table, rule by rule, and the learning of the state."""

from array import array

import fixed
from locator import clock as timing
from locator import state as st
from locator.actions import recovery as trouble
from locator.codec import record
from locator.hal import DEEPSLEEP_RESET, ON_LIGHT, ON_MOTION, ON_TAMPER, WAKE_LIGHT, WAKE_MOTION, WAKE_TIMER
from locator.journal import rtc
from locator.modem import DENIED, REGISTERED
from locator.scheduler import ATTACH, SCAN, SLEEP, alarms, border, budget, decide, networks, policy, regions

SETTINGS = fixed.unpaced()
HINTS = fixed.hints(5, SETTINGS)
HOUR = 3600
NOW_LATE = 100 * HOUR
GERMANY, RUSSIA = 262001, 250001


def senses(now, wake=WAKE_TIMER, motion=0, lux=0, mv=3600):
    return now, wake, DEEPSLEEP_RESET, mv, -50, motion, lux, 0, 0, 0


def settled(now=100 * HOUR):
    """Standing, everything reported, nothing due."""
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
    standing = []
    moving = []
    for fails in range(8):
        state[st.ATTEMPT_FAILS] = fails
        state[st.MOVING] = 0
        standing.append(decide.retry_s(state))
        state[st.MOVING] = 1
        moving.append(decide.retry_s(state))
    assert standing == sorted(standing) and standing[-1] == 4 * HOUR
    assert moving == sorted(moving) and moving[-1] == HOUR


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


class Way:
    """All of a forecast that a border needs."""

    def __init__(self, mcc, next_mcc=0, leg_s=0):
        self.mcc, self.next_mcc, self.leg_s = mcc, next_mcc, leg_s


def _at_border(mcc=460, here=401, *beyond):
    """(state, what `decide._border` says there) of a device with profiles that is in `here` by the route
    data."""
    state = st.new()
    state[st.MCC], state[st.NOW], state[st.LAST_ATTEMPT], state[st.LAST_SESSION] = mcc, 20000, 10000, 10000
    state[st.PROFILE_DUE], state[st.MOVING], state[st.NETWORK] = 4, 1, 1000 * mcc
    return state, lambda: decide._border(state, senses(20000), (0, None, None, Way(here, *beyond)))


def test_after_a_border_a_device_with_profiles_scans_by_the_route_data():
    state, said = _at_border()
    assert said().kind == SCAN
    state[st.PROFILE_DUE] = 0
    assert said() is None  # without profiles a border can wait
    state, said = _at_border(here=460)
    assert said() is None
    state, said = _at_border(here=0)
    assert said() is None


def test_on_the_way_over_a_border_it_scans_at_each_sixth_of_the_leg():
    for leg_s, pause_s in ((900, 600), (14400, 2400)):
        way = Way(460, 401, leg_s)
        state, said = _at_border(460, 460, 401, leg_s)
        state[st.EDGE] = 1
        assert said() is None  # it has departed just now
        assert border.until(state, way) == state[st.NOW] + pause_s
        state[st.EDGE], state[st.PROFILE_DUE] = 0, 0
        assert said() is None and border.until(state, way) > state[st.NOW] + 4 * HOUR
        state[st.PROFILE_DUE] = 4
        budget.count(state, state[st.NOW] - pause_s + 100)  # a report on departure
        assert said().kind == SCAN
        budget.begin_scan(state, state[st.NOW])
        assert said() is None and border.until(state, way) == state[st.NOW] + pause_s


def test_on_the_way_over_a_border_failed_scans_come_to_an_end():
    way = Way(460, 401, 900)
    state, said = _at_border(460, 460, 401, 900)
    state[st.EDGE], looks = 0, 0
    for _ in range(40):
        state[st.NOW] += 600
        if said():
            looks += 1
            budget.begin_scan(state, state[st.NOW])
            networks.learn_scan(state, HINTS[2], 0, 0)
            state[st.DID_SCAN] = 0
    assert looks == 4 and border.until(state, way) > state[st.NOW] + 4 * HOUR


def test_a_stop_after_a_border_is_looked_up_unless_a_fix_has_its_place():
    state, said = _at_border(460, 460, 401, 900)
    state[st.MOVING], state[st.EDGE] = 0, 1
    assert said().kind == SCAN
    state[st.DID_FIX] = st.YES
    assert said() is None
    state[st.DID_FIX] = st.NO
    assert said().kind == SCAN  # indoors
    state[st.EDGE] = 0
    assert said() is None  # it is stationary, and has scanned
    state, said = _at_border(401, 401, 401, 900)
    state[st.EDGE], state[st.MOVING] = 1, 0
    assert said() is None  # beyond


def test_on_the_move_a_scan_is_made_along_with_a_fix():
    state, said = _at_border(460, 460, 401, 900)
    state[st.EDGE], state[st.DID_FIX] = 0, st.YES
    assert said().kind == SCAN


def test_scans_before_a_border_leave_attempts_for_after_it():
    for here, mcc, network, most in ((460, 460, 460000, 20), (401, 460, 460000, 22), (401, 401, 460000, 24)):
        state, said = _at_border(460, here, 401, 900)
        state[st.NOW] = state[st.POINT_AT] = 100000
        state[st.MCC], state[st.NETWORK] = mcc, network
        for i in range(most):
            assert said().kind == SCAN
            budget.count(state, 20000 + 1000 * i)
        assert said() is None


def test_scans_that_hear_the_country_before_make_the_next_one_later():
    for here, parts in ((460, (300, 600, 600, 900)), (401, (600, 1200, 1200, 1800))):
        state, said = _at_border(460, here, 401, 900)
        for pause_s in parts:
            budget.begin_scan(state, state[st.NOW])
            networks.learn_scan(state, HINTS[2], 460001, -80)
            state[st.DID_SCAN] = 0
            state[st.NOW] += pause_s - 1
            assert said() is None
            state[st.NOW] += 1
            assert said().kind == SCAN


def test_where_the_route_data_knows_of_no_point_for_a_day_it_knows_no_border():
    for here in (460, 401):
        state, said = _at_border(460, here, 401, 900)
        state[st.NOW] = 200000
        state[st.POINT_AT] = 200000 - 86399
        state[st.LAST_ATTEMPT] = 100000
        assert said().kind == SCAN
        state[st.POINT_AT] = 200000 - 86400
        assert said() is None


def test_a_scan_that_hears_the_next_country_leads_to_an_attempt_at_once():
    state, said = _at_border()
    networks.learn_scan(state, HINTS[2], 0, 0)
    assert said() is None  # nothing is heard
    state, said = _at_border()
    st.learn_country(state, 401001)
    networks.learn_scan(state, HINTS[2], 401001, -90)
    action = said()
    assert (action.kind, action.reason) == (ATTACH, decide.SCAN_BORDER)


def test_until_it_has_registered_in_the_new_country_it_goes_on():
    state, said = _at_border()
    state[st.MCC] = 401
    assert said().kind == SCAN
    state[st.NETWORK] = 401001
    assert said() is None


def test_scans_after_a_border_are_far_apart_where_nothing_changes():
    state, said = _at_border()
    budget.count(state, 19000)
    for after_s, looks, moving, is_due in (
        (500, 0, 1, False),
        (600, 0, 1, True),
        (1700, 4, 1, False),
        (1800, 4, 1, True),
        (4700, 20, 1, False),
        (4800, 20, 1, True),
        (3600, 0, 0, False),  # it stands, and hears the country before
        (4 * 3600, 0, 0, True),
    ):
        state[st.NOW], state[st.SCANS_FAILED], state[st.MOVING] = 19000 + after_s, looks, moving
        assert (said() is not None) == is_due
    state[st.MCC] = 401
    for after_s, looks, is_due in ((3500, 1, False), (3600, 1, True), (3600, 2, False), (7200, 2, True)):
        state[st.NOW], state[st.SCANS_FAILED] = 19000 + after_s, looks
        assert (said() is not None) == is_due


def test_an_open_switch_is_gone_on_with_as_soon_as_the_operators_allow():
    state, said = _at_border(here=460)
    state[st.PROFILE_DUE] |= st.PROFILE_OPEN
    assert said().kind == SCAN
    budget.count(state, 19500)
    assert said() is None
    state[st.NOW] = 19500 + 1200
    assert said().kind == SCAN
    state[st.REFUSED_UNTIL] = 30000
    assert said() is None
    state[st.REFUSED_UNTIL] = 0
    state[st.BARRED_UNTIL] = 30000
    assert said() is None  # the bar of a day is neither success nor failure


def test_when_the_bar_is_over_the_locked_operator_is_looked_for():
    state, said = _at_border(mcc=250, here=250)
    state[st.PROFILE_DUE] = 0
    assert said() is None
    st.learn_attach(state, REGISTERED, RUSSIA)
    state[st.ATTACHED] = 0
    state[st.BARRED_UNTIL] = 20001
    assert said() is None
    state[st.BARRED_UNTIL] = 20000
    assert said().kind == SCAN
    networks.learn_scan(state, HINTS[2], 250002, -80)
    assert said() is None  # to register there would begin the bar again
    networks.learn_scan(state, HINTS[2], RUSSIA, -80)
    assert said().plmn == RUSSIA


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


def test_a_modem_that_sleeps_registered_pauses_between_failed_attempts_too():
    state, said = _at_border(here=460)
    state[st.PROFILE_DUE] |= st.PROFILE_OPEN
    state[st.IN_PSM] = 1
    assert said().kind == SCAN
    budget.begin_attempt(state, state[st.NOW], 0)
    state[st.NOW] += 599
    assert said() is None
    state[st.NOW] += 1
    assert said().kind == SCAN


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


def test_a_day_in_a_yard_at_a_border_leaves_attempts_for_after_it():
    way = Way(460, 401, 1800)
    for moving_s, standing_s in ((600, 600), (1200, 600), (2700, 900)):
        state, said = _at_border(460, 460, 401, 1800)
        state[st.NOW], state[st.LAST_ATTEMPT], looks = 200000, 0, 0
        for now in range(200000, 200000 + 24 * HOUR, 300):
            state[st.NOW] = state[st.POINT_AT] = now
            runs = (now - 200000) % (moving_s + standing_s) < moving_s
            state[st.EDGE], state[st.MOVING] = int(runs != bool(state[st.MOVING])), int(runs)
            if said():
                looks += 1
                budget.begin_scan(state, now)
                networks.learn_scan(state, HINTS[2], 460001, -80)
                state[st.DID_SCAN] = 0
        assert 4 <= looks <= 20
        state[st.MCC] = 401  # over
        assert said().kind == SCAN and border.until(state, way) == state[st.NOW]


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


def test_without_a_line_there_is_no_border():
    from locator.scheduler.ahead import NoRoute

    state = st.new()
    state[st.PROFILE_DUE], state[st.NOW] = 4, 20000
    assert not border.is_abroad(state, NoRoute) and not border.is_abroad(state, None)
