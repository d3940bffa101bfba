"""The policy of the profiles and the course of a switch, as pure integers."""

import random

from locator import state as st
from locator.scheduler import profile

ROAMING, CIS, EUROPE, CHINA = 1, 2, 3, 4
ROWS = [[460, CHINA], [401, CIS], [250, CIS, ROAMING], [257, EUROPE], [262, EUROPE, ROAMING], [0, ROAMING]]
HOUR_S = 3600
DAY_S = 91800  # by a clock that may gain


def using(number, mcc=0):
    p = profile.new()
    p[profile.PROFILE], p[profile.FALLBACK], p[profile.MCC] = number, ROAMING, mcc
    return p


def switched(p, number, now):
    profile.begin(p, number, now)
    profile.answered(p, 30)


def test_the_table_decides_where_the_profile_in_use_is_not_allowed():
    p = using(ROAMING)
    assert profile.choose(p, ROWS, 460, 0) == CHINA
    switched(p, CHINA, 10)
    assert profile.choose(p, ROWS, 460, 99) == CHINA
    assert profile.choose(p, ROWS, 401, 99) == CIS
    switched(p, CIS, 20)
    assert profile.choose(p, ROWS, 250, 99) == CIS  # good on both sides
    assert profile.choose(p, ROWS, 310, 99) == ROAMING  # everywhere else
    assert profile.choose(using(CIS), [], 310, 99) == ROAMING  # no table: the fallback
    assert profile.choose(using(0), [], 310, 99) == ROAMING


def test_a_profile_that_failed_in_a_country_is_chosen_last_there_only():
    p = using(CIS, 250)
    profile.failed(p)
    assert profile.choose(p, ROWS, 250, 0) == ROAMING
    p[profile.PROFILE] = ROAMING
    profile.failed(p)
    assert profile.choose(p, ROWS, 250, 0) == ROAMING  # both have: that in use
    profile.failed(p)
    assert profile.choose(p, ROWS, 250, 0) == CIS  # it has less often
    assert profile.choose(p, ROWS, 401, 0) == CIS
    assert profile.choose(p, ROWS, 250, 0) == CIS  # forgotten beyond the border


def test_where_only_one_is_allowed_and_fails_the_fallback_has_its_turn():
    p = using(CIS, 401)
    profile.failed(p)
    assert profile.choose(p, ROWS, 401, 0) == ROAMING
    p[profile.PROFILE] = ROAMING
    profile.failed(p)
    profile.failed(p)
    assert profile.choose(p, ROWS, 401, 0) == CIS  # it has failed less often
    profile.forget_failures(p)
    assert profile.choose(p, ROWS, 401, 0) == CIS


def test_the_fallback_is_not_stayed_with():
    p = using(ROAMING, 250)
    assert profile.choose(p, ROWS, 250, 0) == CIS
    profile.begin(p, CIS, 5)
    assert profile.give_up(p) and p[profile.TARGET] == ROAMING
    profile.answered(p, 60)
    assert profile.choose(p, ROWS, 250, 0) == ROAMING
    profile.forget_failures(p)
    assert profile.choose(p, ROWS, 250, 0) == CIS


def test_a_network_that_costs_twice_as_much_is_left():
    p = using(CIS, 250)
    rows = [[250, CIS, EUROPE]]
    for number, seconds in ((CIS, 100), (EUROPE, 60)):
        p[profile.TARGET] = number
        profile.answered(p, seconds)
    p[profile.PROFILE] = CIS
    assert profile.choose(p, rows, 250, 0) == CIS
    for _ in range(8):
        p[profile.TARGET] = CIS
        profile.answered(p, 200)
    assert profile.choose(p, rows, 250, 0) == EUROPE


def test_the_request_of_the_agent():
    p = using(CIS, 250)
    p[profile.REQUESTED] = EUROPE
    assert profile.choose(p, ROWS, 250, 0) == EUROPE
    profile.begin(p, EUROPE, 0)
    assert profile.attempt_failed(p, 900, 0, True)
    assert (p[profile.STAGE], p[profile.TARGET], p[profile.REQUESTED]) == (profile.BACK, CIS, 0)
    assert profile.answered(p, 30) == profile.BACK
    assert profile.choose(p, ROWS, 250, 0) == CIS


def test_back_and_to_the_fallback():
    p = using(CHINA, 401)
    profile.begin(p, CIS, 0)
    assert not profile.attempt_failed(p, 300, 11, True)
    assert not profile.attempt_failed(p, 5000, 0, False)  # no network was heard: no fault of the profile
    assert not profile.attempt_failed(p, 240, 0, True)
    assert profile.attempt_failed(p, 10, 0, True)  # a minute at least
    assert (p[profile.STAGE], p[profile.TARGET], p[profile.PROFILE]) == (profile.BACK, CHINA, CHINA)
    assert profile.attempt_failed(p, 1, 8, False)  # this IMSI is dead here
    assert (p[profile.STAGE], p[profile.TARGET]) == (profile.TO_FALLBACK, ROAMING)
    assert not profile.attempt_failed(p, 1, 7, True)
    assert (p[profile.STAGE], p[profile.PROFILE]) == (profile.IDLE, ROAMING)
    assert profile.choose(p, ROWS, 401, 0) == CIS  # the only one for this country


def test_nowhere_to_go_back_to():
    p = using(0)
    profile.begin(p, ROAMING, 0)
    assert not profile.give_up(p)
    assert p[profile.PROFILE] == ROAMING
    p = using(0)
    profile.begin(p, CIS, 0)
    assert profile.give_up(p) and p[profile.STAGE] == profile.TO_FALLBACK


def test_weights():
    assert [profile.weight(cause, True) for cause in (2, 3, 6, 7, 8)] == [profile.LIMIT] * 5
    assert [profile.weight(cause, True) for cause in (17, 22, 42)] == [0, 0, 0]
    assert profile.weight(11, True) == profile.weight(-1, False) == profile.LIMIT // 2
    assert 0 < profile.weight(15, True) == profile.weight(0, True) < profile.LIMIT // 2
    assert profile.weight(0, False) == 0
    state = st.new()
    unanswered = profile.weight_of_data(state)
    state[st.DATA_REFUSALS] = 1
    assert profile.weight_of_data(state) > unanswered > 0


def test_a_bar_is_not_begun_again_for_a_few_sessions_without_an_answer():
    state = st.new()
    unanswered = profile.weight_of_data(state)
    state[st.NOW], state[st.LOCKED_PLMN] = 9 * 86400, 250001
    state[st.LAST_SESSION] = state[st.NOW] - 6 * HOUR_S
    assert profile.weight_of_data(state) == 0  # signal is weak between two towns
    state[st.LAST_SESSION] = state[st.NOW] - 25 * HOUR_S
    assert profile.weight_of_data(state) == unanswered
    state[st.LAST_SESSION], state[st.DATA_REFUSALS] = state[st.NOW], 1
    assert profile.weight_of_data(state) > unanswered


def test_a_registration_that_is_barred_is_waited_for():
    state = st.new()
    assert not profile.waits(state)
    state[st.LOCKED_PLMN] = 250001
    assert profile.waits(state)
    state[st.OPEN_PLMN] = 250001
    assert not profile.waits(state)
    state[st.REFUSED_UNTIL] = state[st.BARRED_UNTIL] = 99
    profile.fresh(state)
    assert not state[st.REFUSED_UNTIL] and not state[st.LOCKED_PLMN] and not state[st.BARRED_UNTIL]


def test_switches_are_two_hours_apart_and_three_a_day():
    p = using(CIS)
    assert profile.wait_s(p, 0) == 0
    switched(p, CHINA, 1000)
    assert profile.wait_s(p, 1000) == 2 * HOUR_S
    for hour in (3, 6):
        assert profile.wait_s(p, hour * HOUR_S) == 0
        switched(p, CIS, hour * HOUR_S)
    assert profile.wait_s(p, 9 * HOUR_S) == 1000 + DAY_S - 9 * HOUR_S
    assert profile.wait_s(p, 27 * HOUR_S) == 0
    assert profile.wait_s(p, 5) <= DAY_S  # after a loss of power the clock begins again
    assert profile.wait_s(p, 5 + DAY_S) == 0  # and the pause with it, once


def test_a_border_flapped_fifty_times():
    for seed in range(20):
        rng = random.Random(seed) if hasattr(random, "Random") else random
        p = using(CIS, 250)
        now, times = 0, []
        for _ in range(100):
            now += rng.randint(600, 7200)
            mcc = 257 if p[profile.MCC] == 250 else 250
            target = profile.choose(p, ROWS, mcc, now)
            if target != p[profile.PROFILE] and not profile.wait_s(p, now):
                switched(p, target, now)
                times.append(now)
        for time in times:
            assert len([other for other in times if time <= other < time + 86400]) <= 3
        assert p[profile.PROFILE] in (CIS, EUROPE, ROAMING)
        assert len(times) > 3


def test_the_last_switch_of_a_day_is_to_a_profile_good_on_both_sides():
    p = using(CIS, 250)
    assert profile.choose(p, ROWS, 257, 0) == EUROPE
    switched(p, EUROPE, 100)
    assert profile.choose(p, ROWS, 250, 9000) == CIS
    switched(p, CIS, 9000)
    assert profile.choose(p, ROWS, 257, 18000) == ROAMING
    switched(p, ROAMING, 18000)
    assert profile.wait_s(p, 30000) > 0
