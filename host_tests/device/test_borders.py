"""Scans at and behind a border: when one is due, and when they come to an end."""

import fixed
from fixed import senses
from locator import state as st
from locator.modem import REGISTERED
from locator.scheduler import ATTACH, SCAN, border, budget, decide, networks

HINTS = fixed.hints(5, fixed.unpaced())
HOUR = 3600
RUSSIA = 250001


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


def test_without_a_line_there_is_no_border():
    from locator.scheduler.ahead import NoRoute

    state = st.new()
    state[st.PROFILE_DUE], state[st.NOW] = 4, 20000
    assert not border.is_abroad(state, NoRoute) and not border.is_abroad(state, None)
