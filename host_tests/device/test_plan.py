"""The decision table, row by row, and what the plan learns."""

from array import array

from locator import settings
from locator.journal import record, rtc
from locator.modem import DENIED, REGISTERED
from locator.plan import alarms, decide, regions
from locator.plan import state as st
from locator.port import (
    DEEPSLEEP_RESET,
    ON_LIGHT,
    ON_MOTION,
    ON_TAMPER,
    WAKE_LIGHT,
    WAKE_MOTION,
    WAKE_TIMER,
)

SETTINGS = settings.defaults()
HINTS = (5, SETTINGS)
HOUR = 3600
GERMANY, RUSSIA = 262001, 250001


def senses(now, wake=WAKE_TIMER, motion=0, lux=0, mv=3600):
    return now, wake, DEEPSLEEP_RESET, mv, -50, motion, lux, 0, 0, 0


def settled(now=100 * HOUR):
    """Standing, everything reported, nothing due."""
    state = st.new()
    for i in (st.LAST_WAKE, st.LAST_RECORD, st.LAST_FIX, st.LAST_UPLOAD, st.LAST_TRY):
        state[i] = now
    return state


def feel(state, told):
    st.feel(state, told)
    alarms.feel(state, told, SETTINGS)


def wake(state, told):
    """Walk one wake in which everything works; the kinds of action in order."""
    kinds = []
    feel(state, told)
    while True:
        action = decide.next(state, told, HINTS)
        kinds.append(action.kind)
        if action.kind == decide.SLEEP:
            return kinds, action
        if action.kind == decide.ATTACH:
            st.learn_attach(state, REGISTERED, GERMANY)
        elif action.kind == decide.FIX:
            st.learn_fix(state, True)
        elif action.kind == decide.RECORD:
            st.learn_record(state)
        elif action.kind == decide.TALK:
            st.learn_talk(state, True)


def test_first_wake_does_everything():
    kinds, _ = wake(st.new(), senses(2))
    assert kinds == [decide.ATTACH, decide.FIX, decide.RECORD, decide.TALK, decide.SLEEP]


def test_an_hour_later_only_a_fix():
    kinds, action = wake(settled(), senses(101 * HOUR))
    assert kinds == [decide.FIX, decide.RECORD, decide.SLEEP]
    assert action.limit_s == HOUR
    assert action.wake_on == ON_LIGHT | ON_TAMPER | ON_MOTION


def test_nothing_due_sleeps_on():
    kinds, action = wake(settled(), senses(100 * HOUR + 600))
    assert kinds == [decide.SLEEP]
    assert action.limit_s == 3000


def test_a_report_is_due_after_four_hours():
    state = settled()
    state[st.LAST_RECORD] = 104 * HOUR - 600
    kinds, _ = wake(state, senses(104 * HOUR))
    assert kinds == [decide.ATTACH, decide.TALK, decide.SLEEP]


def test_moving_halves_the_pause_and_disarms_motion():
    state = settled()
    kinds, action = wake(state, senses(100 * HOUR + 1800, motion=900))
    assert kinds[0] == decide.FIX
    assert action.limit_s == 1800
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
    assert kinds == [decide.SLEEP]
    assert action.wake_on == ON_LIGHT | ON_TAMPER | ON_MOTION


def test_no_fix_looks_for_a_cell_and_still_records():
    state = settled()
    told = senses(101 * HOUR)
    feel(state, told)
    assert decide.next(state, told, HINTS).kind == decide.FIX
    st.learn_fix(state, False)
    assert decide.next(state, told, HINTS).kind == decide.PROBE
    state[st.DID_PROBE] = st.YES
    assert decide.next(state, told, HINTS).kind == decide.RECORD


def test_pauses_grow_with_failures_and_are_shorter_on_the_move():
    state = settled()
    standing = []
    moving = []
    for fails in range(8):
        state[st.TRY_FAILS] = fails
        state[st.MOVING] = 0
        standing.append(decide.retry_s(state))
        state[st.MOVING] = 1
        moving.append(decide.retry_s(state))
    assert standing == sorted(standing) and standing[-1] == 4 * HOUR
    assert moving == sorted(moving) and moving[-1] == HOUR


def test_an_empty_battery_does_not_transmit():
    state = settled()
    told = senses(200 * HOUR, mv=3100)
    feel(state, told)
    assert state[st.EVENTS] & record.EVENT_BATTERY
    assert not decide.upload_due(state, told, HINTS)


def test_russia_is_waited_out_on_one_operator():
    state = settled()
    state[st.MCC] = 401
    feel(state, senses(110 * HOUR))
    st.learn_attach(state, REGISTERED, RUSSIA)
    assert state[st.EVENTS] & record.EVENT_COUNTRY
    assert state[st.HELD_PLMN] == RUSSIA
    st.learn_talk(state, False)
    for hours, due in ((1, False), (12, False), (23, False), (26, True)):
        told = senses((110 + hours) * HOUR)
        feel(state, told)
        assert decide.upload_due(state, told, HINTS) == due
    assert decide.next(state, told, HINTS).plmn == RUSSIA


def test_an_operator_held_is_let_go_when_it_is_not_heard_any_more():
    state = settled()
    state[st.MCC], state[st.HELD_PLMN] = 250, RUSSIA
    for hour in range(12):
        state[st.NOW] = (100 + hour) * HOUR
        st.learn_attach(state, DENIED, 0)
        assert state[st.HELD_PLMN] == RUSSIA
    state[st.NOW] = 112 * HOUR
    st.learn_attach(state, DENIED, 0)
    assert state[st.HELD_PLMN] == 0


def test_registered_without_a_readable_cell_holds_on():
    state = settled()
    state[st.MCC], state[st.HELD_PLMN], state[st.BARRED_UNTIL] = 250, RUSSIA, 7
    st.learn_attach(state, REGISTERED, 0)
    assert state[st.HELD_PLMN] == RUSSIA and state[st.BARRED_UNTIL] == 7


def test_an_alarm_that_may_not_be_told_does_not_keep_us_awake():
    state = settled()
    told = senses(100 * HOUR + 100, WAKE_LIGHT, lux=300, mv=3150)
    kinds, action = wake(state, told)
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
    told = senses(105 * HOUR)
    feel(state, told)
    assert not decide.upload_due(state, told, HINTS)
    state[st.LOADED_MV] = 3400
    assert decide.upload_due(state, told, HINTS)


def test_the_limit_of_a_search_for_satellites_follows_the_age_of_the_orbits():
    state = st.new()
    state[st.NOW] = 50 * HOUR
    assert decide.fix_limit_s(state, 90) == 90
    state[st.FIX_FAILS] = 1  # nothing was ever found: the whole time again
    assert decide.fix_limit_s(state, 90) == 90
    limits = []
    for age_h in (0, 2, 3, 4, 5):
        state[st.ORBITS] = (50 - age_h) * HOUR
        limits.append([])
        for fails in (0, 1, 2):
            state[st.FIX_FAILS] = fails
            limits[-1].append(decide.fix_limit_s(state, 90))
    assert limits == [[40] * 3, [40] * 3, [60] * 3, [60] * 3, [90, 45, 90]]


def test_orbits_are_lost_with_the_modem_s_supply():
    state = settled()
    st.learn_fix(state, True)
    assert state[st.ORBITS] == state[st.NOW]
    st.restart(state)
    assert state[st.ORBITS] == 0


def test_every_third_try_in_vain_scans_everything():
    state = settled()
    limits, wide = [], []
    state[st.MCC] = 401
    for fails in range(6):
        state[st.TRY_FAILS] = fails
        state[st.LAST_TRY] = 0
        told = senses(200 * HOUR)
        feel(state, told)
        action = decide.next(state, told, HINTS)
        limits.append(action.limit_s)
        wide.append(action.mcc == 0)
    assert limits == [50, 50, 180, 50, 50, 180]
    assert wide == [False, False, True, False, False, True]


def test_each_country_on_the_way_has_a_region_and_neighbours_share_bands():
    way = [regions.region(mcc) for mcc in (460, 401, 250, 257, 260, 262)]
    assert None not in way and regions.region(428) == way[0] and regions.region(310) is None
    assert way[1] == way[2] == way[3] and way[4] == way[5]
    for i in range(5):
        assert len(set(way[i][1]) & set(way[i + 1][1])) >= 2


def test_a_network_that_is_wrong_by_an_hour_or_a_year_is_not_believed():
    state = settled()
    assert st.credible(state, 100, 845000000)
    st.learn_time(state, 100, 845000000, record.TIME_NETWORK)
    assert st.credible(state, 14500, 845014700)
    for wrong in (3600, -3600, 20 * 365 * 86400):
        assert not st.credible(state, 14500, 845014400 + wrong)


def test_without_data_once_it_was_open_is_a_failure_like_any_other():
    state = settled()
    feel(state, senses(110 * HOUR))
    st.learn_attach(state, REGISTERED, RUSSIA)
    st.learn_talk(state, True)
    feel(state, senses(114 * HOUR))
    st.learn_attach(state, REGISTERED, RUSSIA)
    st.learn_talk(state, False)
    told = senses(115 * HOUR)
    feel(state, told)
    assert decide.upload_due(state, told, HINTS)


def test_another_operator_in_russia_begins_the_bar_anew():
    state = settled()
    feel(state, senses(110 * HOUR))
    st.learn_attach(state, REGISTERED, RUSSIA)
    st.learn_talk(state, True)
    st.learn_attach(state, REGISTERED, RUSSIA + 1)
    st.learn_talk(state, False)
    told = senses(133 * HOUR)
    feel(state, told)
    assert not decide.upload_due(state, told, HINTS)


def test_another_country_is_told_and_frees_the_operator():
    state = settled()
    state[st.MCC], state[st.HELD_PLMN] = 250, RUSSIA
    st.learn_attach(state, REGISTERED, 257001)
    assert state[st.MCC] == 257 and state[st.HELD_PLMN] == 0


def test_the_state_survives_in_rtc_memory_and_damage_is_seen():
    state = settled()
    data = rtc.pack(state)
    assert len(data) <= 512
    assert rtc.unpack(data, st.SIZE) == state
    for broken in (b"", data[:-1], data[:20] + b"\x01" + data[21:], data[1:]):
        assert rtc.unpack(broken, st.SIZE) is None


def test_the_state_of_a_release_with_fewer_numbers_is_not_read():
    # Its log, which lies behind it, would be: as pauses of years, for instance.
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


def test_an_operator_chosen_from_a_scan_is_kept_until_two_tries_in_a_row_fail():
    state = settled()
    state[st.MCC] = 262
    state[st.TRY_FAILS], state[st.CHOSEN_PLMN] = 4, 262003
    st.learn_attach(state, REGISTERED, 262003)
    st.learn_talk(state, True)
    told = senses(105 * HOUR)
    feel(state, told)
    assert decide.next(state, told, HINTS).plmn == 262003
    st.learn_attach(state, DENIED, 0)
    assert state[st.CHOSEN_PLMN] == 262003
    st.learn_attach(state, DENIED, GERMANY)
    assert state[st.CHOSEN_PLMN] == 0 and state[st.LAST_PLMN] == 262003


def test_a_chosen_operator_that_fails_at_once_is_not_kept():
    state = settled()
    state[st.TRY_FAILS], state[st.CHOSEN_PLMN] = 4, 262003
    st.learn_attach(state, REGISTERED, 262003)
    st.learn_talk(state, False)
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
    state[st.PARKED] = 1
    st.learn_attach(state, REGISTERED, GERMANY)
    assert state[st.PARKED] == 1
    st.learn_attach(state, DENIED, GERMANY)
    assert state[st.PARKED] == 0
