"""The policy by itself: when a point is due, when a session is worth it, and the learned data on networks."""

from locator import state as st
from locator.modem import UNNAMED
from locator.scheduler import battery, energy, networks, operators, pacing, policy, refusals

HOUR = 3600
DAY = 24 * HOUR
NOW = 30 * DAY
COSTS = battery.COSTS["bg95"]
ASLEEP_MJ = COSTS.sleep_a_day + 2 * COSTS.wake


class Forecast:
    to_go_s = 20 * DAY
    deviation_s = 2 * DAY
    country_s = 5 * DAY
    bin = 0
    networks = costs = ahead = ()
    learned = 0
    mcc = 262
    leg_s = 86400


class AlmostThere(Forecast):
    to_go_s = 10 * HOUR
    deviation_s = HOUR


def up_to_date(joules_a_day=100, moving=0, now=NOW):
    """Everything was done just now, and so much a day is left."""
    state = st.new()
    st.begin(state, now, moving)
    state[st.EDGE] = 0
    for i in (st.LAST_FIX, st.EPHEMERIS, st.POINT_AT, st.LAST_SESSION, st.STOPPED_AT):
        state[i] = now
    state[st.POSITION_HOLDS] = 1 - moving
    state[st.NETWORK] = 46000
    policy.feel(state, 1000 * joules_a_day * 20, Forecast)
    pacing.select(state, COSTS, "bg95", Forecast, 0, 0)
    return state


def later(state, seconds, moving=None, waiting=1):
    """The next wake."""
    left = state[st.LEFT]
    st.begin(state, state[st.NOW] + seconds, state[st.MOVING] if moving is None else moving)
    state[st.WAITING] = waiting
    policy.feel(state, left, Forecast)
    return verdict(state)


def verdict(state):
    return policy.next(state, COSTS, Forecast) // 10


def test_nothing_is_due_at_once():
    assert later(up_to_date(), 600, waiting=0) == policy.REST


def test_on_the_move_points_come_at_the_pace_of_the_level():
    state = up_to_date(moving=1)
    state[st.SESSION_NOT_BEFORE] = NOW + DAY
    assert later(state, state[st.MOVE_S] - 60) == policy.REST
    assert later(state, 60) == policy.FIX
    st.learn_fix(state, True)
    assert verdict(state) == policy.REST


def test_a_stationary_train_reuses_its_position():
    state = up_to_date()
    state[st.SESSION_NOT_BEFORE] = NOW + DAY
    assert later(state, HOUR - 60) == policy.REST
    assert later(state, 60) == policy.REUSE
    st.learn_reused(state)
    assert verdict(state) == policy.REST
    assert later(state, 60, moving=1) == policy.REUSE, "here until now"
    st.learn_reused(state)
    assert later(state, state[st.MOVE_S]) == policy.FIX


def test_a_stop_is_worth_a_fix():
    state = up_to_date(120, moving=1)
    state[st.SESSION_NOT_BEFORE] = NOW + DAY
    assert later(state, 1900, moving=0) == policy.FIX


def test_failed_searches_are_further_and_further_apart_while_stationary():
    state = up_to_date()
    pauses = []
    for _ in range(5):
        st.learn_fix(state, False)
        pauses.append((state[st.FIX_NOT_BEFORE] - state[st.NOW]) // 1800)
    assert pauses == [1, 4, 12, 24, 24]


def test_a_scan_then_a_report_where_coverage_is_not_certain():
    state = up_to_date(moving=1)
    Forecast.bin = 3
    action = later(state, 12 * HOUR)
    if action == policy.FIX:
        st.learn_fix(state, True)
        action = verdict(state)
    Forecast.bin = 0
    assert action == policy.SCAN
    networks.learn_scan(state, COSTS, 46000, -90)
    assert verdict(state) == policy.SESSION


def report_after_h(joules_a_day, report_mj):
    """Hours after the last report to the next one, where it takes so much."""
    state = up_to_date(joules_a_day)
    state[st.NETWORKS], state[st.NETWORKS + 1], state[st.HEARD_HERE] = 46000 << 10, report_mj, -90
    for hour in range(72):
        state[st.NOW], state[st.WAITING], state[st.DID_FIX] = NOW + hour * HOUR, 1, st.YES
        if policy.report(state, COSTS, Forecast) // 10 != policy.REST:
            return hour


def test_no_report_that_costs_little_is_put_off_for_long_as_a_dark_may_begin():
    assert report_after_h(70, 5000) == report_after_h(70, 7000) == 9
    assert report_after_h(70, 13000) > 12, "it costs much"
    assert report_after_h(50, 6000) > 12, "there is little energy"


def test_after_a_failed_scan_only_movement_helps():
    state = up_to_date()
    pauses = []
    for _ in range(4):
        networks.learn_scan(state, COSTS, 0, 0)
        pauses.append((state[st.SESSION_NOT_BEFORE] - state[st.NOW]) // 1800)
        assert verdict(state) == policy.REST
    assert pauses == [6, 12, 24, 24]
    later(state, 60, moving=1)
    assert state[st.SESSION_NOT_BEFORE] == state[st.NOW]


def silent(state, looks, scan_mj=1500):
    """Seconds of the pause after so many more failed scans."""
    for _ in range(looks):
        networks.learn_scan(state, COSTS, 0, 0, scan_mj)
    return state[st.SESSION_NOT_BEFORE] - state[st.NOW]


def test_without_coverage_pauses_grow_while_moving_and_a_stop_halves_the_remaining_pause():
    state = up_to_date(80)
    later(state, 60, moving=1)
    assert silent(state, 1) == 1  # the next place may be better
    pauses_s = [silent(state, 4)] + [silent(state, 1) for _ in range(6)]
    assert pauses_s == sorted(pauses_s) and 1800 < pauses_s[0] < pauses_s[-1] <= 12 * 3600
    later(state, 60, moving=0)
    assert state[st.SESSION_NOT_BEFORE] - state[st.NOW] == (pauses_s[-1] - 60) // 2


def test_expensive_scans_are_made_seldom_and_never_more_than_half_a_day_apart():
    for joules_a_day in (120, 80, 65, 50):
        cheap, dear = (silent(up_to_date(joules_a_day, moving=1), 12, each) for each in (1500, 12000))
        assert cheap <= dear <= 12 * 3600
    assert cheap < dear


def test_costs_of_scans_and_searches_are_learned_from_weak_priors():
    state = up_to_date()
    assert (
        networks.scan_mj(state, COSTS) == COSTS.scan_mj
        and networks.search_mj(state, COSTS) == COSTS.search_mj
    )
    networks.learn_scan(state, COSTS, 46000, -90, 5500)
    networks.learn_search(state, COSTS, 45000)
    assert networks.scan_mj(state, COSTS) == 2500 and networks.search_mj(state, COSTS) == 30000


def test_in_silence_nothing_is_tried_blindly_and_an_answer_ends_it():
    state = up_to_date()
    later(state, 60, moving=1)
    silent(state, 1)
    later(state, 30 * 3600, moving=1)
    assert policy.report(state, COSTS, Forecast) == policy.SCAN_FIRST
    assert networks.is_silent(state)
    st.learn_session(state, True)
    assert not networks.is_silent(state)


def test_where_reports_are_cheap_the_first_pauses_are_short():
    state = up_to_date(2000)
    networks.learn_scan(state, COSTS, 0, 0)
    assert state[st.SESSION_NOT_BEFORE] - state[st.NOW] == 1800


def test_another_network_that_is_not_there_costs_no_pause_and_is_tried_again_a_day_later():
    state = up_to_date()
    networks.learn_session(state, COSTS, True, 46000, 12400)
    state[st.WANTED] = 46001
    networks.select_operator(state)
    networks.learn_session(state, COSTS, False, 46000, 0)
    assert state[st.CHOSEN_PLMN] == 0 and state[st.SESSION_NOT_BEFORE] <= state[st.NOW]
    assert networks.cost_of(state, 46001) == 0
    state[st.NOW] += 47 * 1800
    assert networks.selected_lately(state, 46001)
    state[st.NOW] += 1800
    assert not networks.selected_lately(state, 46001)


def test_another_network_that_has_refused_us_is_never_worth_it_unless_it_has_served():
    for cause, cost in ((11, 1000000), (14, 1000000), (3, 1000000), (UNNAMED, 1000000), (22, 0), (15, 0)):
        state = up_to_date()
        networks.learn_session(state, COSTS, True, 46000, 12400)
        state[st.WANTED] = 46001
        networks.select_operator(state)
        refusals.learn(state, 0, cause)
        assert networks.cost_of(state, 46001) == cost and networks.cost_of(state, 46000) == 12000
    networks.learn_session(state, COSTS, True, 46001, 2400)
    networks.learn_session(state, COSTS, True, 46000, 12400)
    state[st.WANTED] = 46001
    networks.select_operator(state)
    refusals.learn(state, 0, 11)
    assert networks.cost_of(state, 46001) == 2000


def test_the_cost_of_a_network_is_learned_and_bounded():
    state = up_to_date()
    networks.learn_session(state, COSTS, True, 46000, 400 + 2000)
    assert networks.cost_of(state, 46000) == 2000
    networks.learn_session(state, COSTS, True, 46000, 400 + 1000)
    assert networks.cost_of(state, 46000) == 1700
    networks.learn_session(state, COSTS, True, 46001, 1000000)
    assert networks.cost_of(state, 46001) == 12000
    assert networks.cost_of(state, 46002) == 0


def test_the_network_that_was_not_used_for_longest_makes_room():
    state = up_to_date()
    for plmn in range(1, 10):
        networks.learn_session(state, COSTS, True, plmn, 1400 + plmn)
        networks.learn_session(state, COSTS, True, 1, 1401)
    known = [plmn for plmn in range(1, 10) if networks.cost_of(state, plmn)]
    assert known == [1, 4, 5, 6, 7, 8, 9]


def test_a_reused_position_comes_as_often_as_can_be_paid():
    pauses = [policy.reuse_every_s(up_to_date(joules)) for joules in (70, 100, 150, 500)]
    assert pauses == [2 * HOUR, HOUR, HOUR, 2000]
    poor = up_to_date()
    poor[st.AGE_MIN] = 400
    assert policy.reuse_every_s(poor) == 13 * 1800


def test_the_largest_numbers_fit_in_a_word():
    state = up_to_date()
    networks.learn_session(state, battery.COSTS["sim7600"], True, 999999, 1 << 29)
    state[st.WANTED], state[st.NOW] = 999999, 1 << 29
    networks.select_operator(state)
    assert networks.selected_lately(state, 999999)
    assert networks.cost_of(state, 999999) == 400000
    state[st.HEARD_HERE] = 0
    for _ in range(200):
        networks.learn_scan(state, COSTS, 46000, -90)
    assert networks.share(state, networks.STATIONARY) > 980


def test_another_network_is_looked_at_once_a_day_when_it_may_save_much():
    state = up_to_date()
    Forecast.networks, Forecast.costs = (46000, 46001), (0, 0)
    networks.learn_session(state, COSTS, True, 46000, 12400)
    assert operators.choose(state, COSTS, Forecast, 46000) == 46001
    state[st.WANTED] = 46001
    networks.select_operator(state)
    assert operators.choose(state, COSTS, Forecast, 46000) == 0
    state[st.NOW] += DAY
    assert operators.choose(state, COSTS, Forecast, 46000) == 46001
    Forecast.costs = (0, 900)  # the fleet knows that it is dear
    fresh = up_to_date()
    networks.learn_session(fresh, COSTS, True, 46000, 9000)
    assert operators.choose(fresh, COSTS, Forecast, 9000) == 0
    Forecast.networks = Forecast.costs = ()


def test_a_network_that_was_chosen_and_is_not_heard_is_given_up():
    for seen, chosen in ((46001, 46001), (46000, 0), (0, 0)):
        state = up_to_date()
        state[st.CHOSEN_PLMN] = 46001
        networks.learn_scan(state, COSTS, seen, -80 if seen else 0)
        assert state[st.CHOSEN_PLMN] == chosen


def test_neighbour_cells_of_the_fleet_are_next_to_the_network_in_use():
    """Where all take more than the device was built to believe, as over GSM, none is worth a search."""
    state = up_to_date()
    Forecast.networks, Forecast.costs = (46000, 46001), (290, 290)
    networks.learn_session(state, COSTS, True, 46000, 9400)
    assert operators.choose(state, COSTS, Forecast, 9000) == 0
    Forecast.costs = (290, 100)
    assert operators.choose(state, COSTS, Forecast, 9000) == 46001
    Forecast.costs = (100, 65535)
    assert operators.choose(state, COSTS, Forecast, 400000) == 0
    Forecast.networks = Forecast.costs = ()


def test_the_more_networks_were_dear_the_less_is_hoped_of_another():
    state = up_to_date()
    Forecast.networks, Forecast.costs = (46000, 46001), (0, 0)
    chosen = []
    for plmn in (25001, 25002, 40101, 40177, 46000):
        networks.learn_session(state, COSTS, True, plmn, 9400)
        state[st.NETWORK] = 46000
        chosen.append(operators.choose(state, COSTS, Forecast, 9000))
    assert chosen[0] == 46001 and chosen[-1] == 0
    networks.learn_session(state, COSTS, True, 25701, 1600)  # there are cheap ones
    state[st.NETWORK] = 46000
    assert operators.choose(state, COSTS, Forecast, 9000) == 46001
    Forecast.networks = Forecast.costs = ()


def test_more_energy_never_buys_less():
    levels = [pacing.level(pacing.TABLES["bg95"], rate) for rate in range(20, 500, 7)]
    for i in range(len(levels) - 1):
        assert levels[i][4] >= levels[i + 1][4] and levels[i][1] >= levels[i + 1][1]


def test_no_level_takes_more_fixes_than_it_pays_for():
    for modem, start_s in (("bg95", 0), ("sim7600", 12)):  # a BG95 sleeps registered
        account = energy.Account(modem, 0)
        account.to(energy.START, 0)
        account.to(energy.FIND, 1000 * start_s)
        account.to(energy.ALONE, 1000 * start_s + 10000)
        fix_mj = account.mj(energy.START, energy.FIND)
        levels = pacing.TABLES[modem]
        assert levels[0][1] == DAY
        for rate, move_s, *_ in levels[1:]:  # a train runs for two days of five
            assert DAY // move_s * fix_mj * 2 // 5 + battery.COSTS[modem].sleep_a_day < 1000 * rate, rate


def fixes_in_two_days(modem, move_s):
    """How many a device takes that runs all the time."""
    state, costs, found = up_to_date(moving=1), battery.COSTS[modem], 0
    while state[st.NOW] < NOW + 2 * DAY + HOUR:
        state[st.MOVE_S], state[st.LEFT] = move_s, 1 << 30
        st.begin(state, policy.until(state, costs, Forecast, 1 << 30), 1)
        if policy.point_due(state, costs):
            st.learn_fix(state, True)
            found += 1
    return found


def test_rare_fixes_are_as_rare_as_the_level_says_where_a_hot_one_costs_as_much():
    for move_s, fixes in ((DAY, 2), (DAY // 2, 4), (4 * HOUR, 12), (2 * HOUR, 24)):
        assert abs(fixes_in_two_days("sim7600", move_s) - fixes) <= 1, move_s
        assert 24 <= fixes_in_two_days("bg95", move_s) <= 28, "a cold one costs five hot ones"


def test_a_device_that_feels_no_motion_takes_no_more_fixes_than_one_that_runs():
    for joules_a_day, fixes in ((25, 1), (35, 1), (45, 2), (60, 12)):
        state, found = up_to_date(), []
        for hour in range(24 * 8):
            st.begin(state, NOW + hour * HOUR, 0)
            state[st.NO_SENSOR], state[st.STOPPED_AT], state[st.POSITION_HOLDS] = 1, state[st.NOW], 0
            state[st.LEFT] = 1 << 30
            pacing.choose(state, COSTS, 0, (pacing.level(pacing.TABLES["bg95"], joules_a_day),), Forecast, 0)
            if policy.point_due(state, COSTS):
                st.learn_fix(state, True)
                found.append(hour)
        assert len(found) // 8 <= fixes <= -(-len(found) // 8), (joules_a_day, found)


def test_where_a_joule_buys_little_one_of_four_is_kept_for_the_unexpected():
    paid = (("bg95", 60, 60), ("bg95", 70, 68), ("bg95", 80, 76), ("bg95", 120, 106), ("bg95", 160, 136))
    for modem, joules_a_day, paid_j in paid + (("sim7600", 400, 320),):
        state = up_to_date()
        left = 1000 * joules_a_day * (Forecast.to_go_s + pacing.AHEAD_S) // DAY
        left += (0 if modem == "sim7600" else 2 if joules_a_day < 62 else 6) * ASLEEP_MJ
        policy.feel(state, left, Forecast)
        pacing.select(state, battery.COSTS[modem], modem, Forecast, 0, 0)
        least, most = (pacing.level(pacing.TABLES[modem], rate)[4] for rate in (paid_j, paid_j - 1))
        assert least <= state[st.AGE_MIN] <= most


def test_near_the_destination_the_sleep_of_days_is_kept_where_reports_are_cheap():
    ages = []
    for modem, left in (("bg95", 2 * ASLEEP_MJ), ("bg95", 4 * ASLEEP_MJ), ("sim7600", 4 * ASLEEP_MJ)):
        ages.append(age_near_the_destination(modem, left, used=40 * ASLEEP_MJ))
    assert ages[0] == pacing.TABLES["bg95"][0][4] > ages[1] > ages[2]


def test_on_a_short_trip_little_of_the_battery_is_kept_for_a_late_arrival():
    left = 2 * ASLEEP_MJ
    assert age_near_the_destination("bg95", left, used=0) < pacing.TABLES["bg95"][0][4]


def age_near_the_destination(modem, left, used):
    """The minutes of age for a joule where so many mJ are left and so many are used."""
    state = up_to_date()
    state[st.ENERGY_MJ] = used
    policy.feel(state, left, AlmostThere)
    pacing.select(state, battery.COSTS[modem], "bg95", AlmostThere, 0, 0)
    return state[st.AGE_MIN]


def test_a_trip_that_is_early_so_far_is_not_believed_to_be_so_to_its_end():
    """The days that a line says are those of its usual stops: one long one is still to come."""
    ages = []
    for took_days in (1, 5, 25):
        state = up_to_date(60)
        state[st.ROUTE_KM4], state[st.ROUTE_SINCE] = 1, state[st.NOW] - took_days * DAY
        state[st.ROUTE_S] = Forecast.to_go_s + 5 * DAY
        pacing.select(state, COSTS, "bg95", Forecast, 0, 0)
        ages.append(state[st.AGE_MIN])
    assert ages[0] == ages[1] < ages[2]


def test_a_train_that_comes_no_nearer_to_its_destination_is_expected_to_run_on():
    ages = []
    for moving in (1, 0):
        state = up_to_date(60, moving)
        state[st.PROGRESS_AT] = 0
        for elapsed_s in (0, 12 * HOUR, 4 * DAY):
            st.begin(state, NOW + elapsed_s, moving)
            policy.feel(state, 60 * 20 * 1000, Forecast)
            state[st.POINT_AT] = state[st.NOW]
            pacing.select(state, COSTS, "bg95", Forecast, 0, 0)
            ages.append(state[st.AGE_MIN])
    assert ages[0] == ages[1] < ages[2], "it saves as on a longer trip"
    assert ages[3] == ages[4] == ages[5], "how long a stop lasts is in the route data"


class Nearer(Forecast):
    to_go_s = Forecast.to_go_s - 7 * HOUR


def test_without_a_route_and_at_its_end_no_detour_shortens_the_time_that_is_paced_for():
    class AtTheEnd(Forecast):
        to_go_s = deviation_s = 0

    ages = []
    for elapsed_s in (0, 13 * HOUR, 4 * DAY):
        state = up_to_date(60, 1)
        state[st.PROGRESS_S], state[st.PROGRESS_AT] = 0, NOW
        st.begin(state, NOW + elapsed_s, 1)
        policy.feel(state, 10 * ASLEEP_MJ, AtTheEnd)
        state[st.POINT_AT] = state[st.NOW]
        pacing.select(state, COSTS, "bg95", AtTheEnd, 0, 0)
        ages.append(state[st.AGE_MIN])
    assert ages[0] == ages[1] == ages[2]


def test_a_train_that_comes_nearer_is_on_no_detour():
    state = up_to_date(60, 1)
    for forecast, is_longer in ((Forecast, True), (Nearer, False)):
        st.begin(state, NOW + 4 * DAY, 1)
        policy.feel(state, 60 * 20 * 1000, forecast)
        state[st.POINT_AT] = state[st.NOW]
        pacing.select(state, COSTS, "bg95", forecast, 0, 0)
        assert (state[st.ARRIVES_AT] - state[st.NOW] > Forecast.to_go_s) == is_longer


def test_a_weak_network_that_is_heard_is_used_after_nine_hours_where_there_is_energy():
    for joules_a_day, goes in ((90, True), (60, False)):
        state = up_to_date(joules_a_day)
        st.begin(state, NOW + 9 * HOUR + 60, 0)
        state[st.WAITING], state[st.POINT_AT], state[st.DID_SCAN] = 1, state[st.NOW], st.YES
        state[st.HEARD_PLMN], state[st.HEARD_DBM] = 46000, networks.WEAKEST_DBM + 4
        policy.feel(state, 1000 * joules_a_day * 20, Forecast)
        assert (verdict(state) == policy.SESSION) == goes


def test_points_beyond_the_budget_are_thinned_unless_dense_points_are_wanted():
    dense = 2
    for priority, lasts in ((0, True), (dense, False)):
        state = up_to_date(joules_a_day=20)
        st.replan(state)
        pacing.select(state, COSTS, "bg95", Forecast, 0, priority)
        assert (state[st.ENDS_AT] == -1) == lasts
    assert up_to_date(joules_a_day=100)[st.ENDS_AT] == -1


def test_sleep_stays_paid_for():
    state = up_to_date()
    state[st.LEFT] = state[st.RESERVE] - 1
    assert later(state, 24 * HOUR) == policy.REST


class AtGoal(Forecast):
    to_go_s, leg_s = 8 * DAY, 0


class ShortTrip(Forecast):
    to_go_s = 4 * DAY


def kept(left_j, forecast=ShortTrip, least_s=0):
    """Sleep that is kept, in hours, of so many joules that are left."""
    state = up_to_date()
    state[st.LEFT] = 1000 * left_j
    pacing.select(state, COSTS, "bg95", forecast, least_s, 0)
    return state[st.RESERVE] * 24 / (COSTS.sleep_a_day + 2 * COSTS.wake)


def test_the_sleep_of_one_deviation_is_kept_for_a_longer_trip():
    assert 6 * 24 < kept(180) == kept(4000) < 7 * 24
    assert kept(60) < kept(100) < kept(180), "of less energy, no more than there is"
    assert kept(60) > 4 * 24, "whatever is left, the sleep to the end stays paid for"
    assert 22 * 24 < kept(4000, Forecast)


def test_a_registration_that_cannot_be_paid_causes_no_wakes():
    once_mj = COSTS.search_mj + COSTS.attach
    for spare_mj, sleeps in ((once_mj, True), (2 * once_mj, False)):
        state = up_to_date()
        state[st.MCC], state[st.WAITING] = 404, 1
        st.begin(state, NOW + DAY, 0)
        state[st.POINT_AT], state[st.WAITING], state[st.LEFT] = NOW + DAY, 1, state[st.RESERVE] + spare_mj
        assert (policy.until(state, COSTS, Forecast, 0) - state[st.NOW] >= HOUR) == sleeps, spare_mj


def test_a_stationary_device_without_a_point_still_wakes_for_a_report():
    """Its searches for satellites have failed, and the level watches no stop: only motion would wake it."""
    state = up_to_date(24)
    state[st.POSITION_HOLDS] = state[st.LINGER_S] = state[st.WAITING] = 0
    state[st.FIX_NOT_BEFORE] = NOW + 2 * DAY
    assert NOW + 2 * DAY <= policy.until(state, COSTS, Forecast, 0) < NOW + 8 * DAY
    state[st.FIX_NOT_BEFORE] = 0
    assert policy.until(state, COSTS, Forecast, 0) < NOW + 8 * DAY


def test_a_trip_of_known_length_reserves_no_energy_for_a_longer_one():
    assert kept(400, least_s=5 * DAY) < 6 * 24 < kept(400)
    assert kept(400, least_s=DAY) == kept(400), "the route says more"


def on_reserve(forecast, left=1.0, modem="bg95", days=15):
    """Stationary, of the sleep to the end so much is left, where there was enough for so many days of it."""
    state, costs = up_to_date(), battery.COSTS[modem]
    state[st.MCC] = state[st.NETWORK] // 1000
    state[st.LEFT] = days * costs.sleep_a_day
    pacing.select(state, costs, modem, forecast, 0, 0)
    state[st.LEFT] = int(left * state[st.RESERVE]) - 1
    return state


def heard_of(state, costs=COSTS):
    """After how many hours the next report is made, where it sleeps until it wakes for something."""
    began = state[st.NOW]
    while state[st.NOW] - began < 9 * DAY:
        until = policy.until(state, costs, AtGoal, 0)
        assert until - state[st.NOW] >= 1800, "needless wakes"
        left = state[st.LEFT]
        st.begin(state, until, 0)
        state[st.WAITING], state[st.LEFT] = 1, left
        found = policy.next(state, costs, AtGoal)
        if found == policy.REUSE_NOW:  # a point alone
            st.learn_reused(state)
            found = policy.next(state, costs, AtGoal)
        if found // 10 in (policy.SCAN, policy.ATTEMPT, policy.REUSE):
            return (state[st.NOW] - began) / HOUR
    return 9 * 24


def test_a_device_at_the_goal_with_energy_for_sleep_only_reports_within_a_day():
    for left in (1.0, 0.6, 0.2):
        assert heard_of(on_reserve(AtGoal, left)) <= 21
    state = on_reserve(AtGoal)
    state[st.LEFT] = 4 * COSTS.session_mj  # it would take too much of that
    assert heard_of(state) == 9 * 24


def test_signs_of_life_that_cost_more_than_sleep_come_less_often():
    dear, least = battery.COSTS["sim7600"], pacing.TABLES["sim7600"][0][4]
    state = on_reserve(AtGoal, modem="sim7600", days=30)
    state[st.AGE_MIN] = least
    networks.learn_session(state, dear, True, 46000, 40000)
    assert 40 < heard_of(state, dear) < 8 * 24
    for session_mj, on_route, within_a_day in ((19000, 0, True), (50000, 0, True), (50000, 1, False)):
        state = on_reserve(AtGoal, 2, "sim7600")
        state[st.AGE_MIN] = least
        networks.learn_session(state, dear, True, 46000, session_mj)
        state[st.ROUTE_KM4] = on_route
        assert (heard_of(state, dear) <= 24) is within_a_day


def test_on_the_way_signs_of_life_come_after_three_days_whatever_is_left():
    """A device that sleeps until its energy ends delivers nothing of what it holds."""
    for left in (1.0, 0.9, 0.2):
        assert 3 * 24 <= heard_of(on_reserve(Forecast, left)) < 4 * 24


def test_an_expensive_uplink_postpones_the_sign_of_life_by_less_than_a_week():
    state = on_reserve(Forecast)
    state[st.AGE_MIN] = pacing.TABLES["bg95"][0][4]
    networks.learn_session(state, COSTS, True, 46000, 20000)
    assert 3 * 24 <= heard_of(state) < 4 * 24


def test_after_a_longer_silence_a_registration_abroad_may_take_a_larger_part_of_the_energy():
    due = []
    for silent_h in (21, 100, 170):
        state = on_reserve(AtGoal, 0.6)
        state[st.NETWORK] = 25001  # of another country
        state[st.LEFT] = 80_000
        state[st.LAST_SESSION] = state[st.NOW] - silent_h * HOUR
        state[st.WAITING] = 1
        due.append(policy.report(state, COSTS, AtGoal) >= policy.SCAN_FIRST)
    assert due == [False, False, True]


def test_coverage_that_is_back_is_found_within_five_hours_where_there_is_energy():
    for moving in (0, 1):
        for scan_mj in (5000, 19000, 50000):
            for j_a_day in (70, 100):
                assert silent(up_to_date(j_a_day, moving), 12, scan_mj) <= 5 * HOUR
    assert silent(up_to_date(50), 12, 19000) > 5 * HOUR


def test_a_network_that_is_heard_after_silence_and_does_not_serve_is_tried_again_soon():
    state = up_to_date(100)
    assert silent(state, 8, 19000) > HOUR and networks.is_lost(state)
    networks.learn_scan(state, COSTS, 46000, -90)
    assert networks.scan_mj(state, COSTS) == COSTS.scan_mj
    networks.learn_session(state, COSTS, False, 46000, 20000)
    assert state[st.SESSION_NOT_BEFORE] - state[st.NOW] == 1800 and not networks.is_lost(state)
