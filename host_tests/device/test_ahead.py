"""How long the energy must last: by the route, by the settings, or by neither."""

import routes
import scratch
from locator import settings as cfg
from locator import state as st
from locator.actions import recovery
from locator.scheduler import ahead, battery, pacing, policy, route_file

HOUR = 3600
DAY = 24 * HOUR
COSTS = battery.COSTS["bg95"]


def planned_h(target_days, after_s=60, km4=0, mah=17000):
    """Hours for which sleep stays paid for, with route data where the last fix was at `km4` of the route;
    None: before any fix."""
    folder = scratch.folder()
    if km4 is None or km4 >= 0:
        with open(folder + route_file.FILE, "wb") as f:
            f.write(routes.made())
    settings, state = cfg.defaults(), st.new()
    settings[cfg.TARGET_DAYS], settings[cfg.BATTERY_MAH] = target_days, mah
    st.begin(state, after_s, 1)
    state[st.ROUTE_KM4] = 0 if km4 is None else 1 + km4
    ahead.begin(state, "bg95", settings, 200, 0, folder)
    asleep_mj = state[st.RESERVE] - COSTS.attach - COSTS.session_mj
    return asleep_mj // ((COSTS.sleep_a_day + 2 * COSTS.wake) // 24)


def test_without_a_line_the_settings_say_it_and_then_some_hours_are_kept():
    assert [planned_h(days, km4=-1) // 24 for days in (7, 60, 365)] == [7, 60, 365]
    assert planned_h(7, 6 * DAY, km4=-1) // 24 == 1
    assert planned_h(7, 8 * DAY, km4=-1) == 12


def test_the_default_trip_length_does_not_extend_the_planned_time():
    trip_h = planned_h(7, 6 * DAY)
    assert 30 < trip_h < 5 * 24
    assert planned_h(cfg.defaults()[cfg.TARGET_DAYS]) == trip_h
    assert (
        planned_h(366) // 24 == planned_h(364) // 24 + 2
    )  # as configured, for the container may wait at its goal
    assert planned_h(365, km4=1200) == 12  # it has arrived


def test_a_trip_whose_place_is_not_known_yet_is_no_year_of_sleep():
    assert planned_h(cfg.defaults()[cfg.TARGET_DAYS], km4=-1) // 24 == 365
    assert planned_h(cfg.defaults()[cfg.TARGET_DAYS], km4=None) == 12, "or no fix would ever say it"
    assert planned_h(60, km4=None) // 24 == 60


def test_an_arrived_device_saves_nothing_for_a_session_it_cannot_afford():
    folder, state = scratch.folder(), st.new()
    with open(folder + route_file.FILE, "wb") as f:
        f.write(routes.made())
    settings = cfg.defaults()
    settings[cfg.BATTERY_MAH] = 30
    st.begin(state, 60, 1)
    state[st.ROUTE_KM4], state[st.ENDS_AT] = 1201, -1
    ahead.begin(state, "bg95", settings, 200, 0, folder)
    assert not policy.is_on_reserve(state) and state[st.AGE_MIN] > 60


def test_a_trip_of_unknown_length_takes_more_of_a_full_battery_than_of_a_spent_one():
    settings, state = cfg.defaults(), st.new()
    settings[cfg.TARGET_DAYS], settings[cfg.BATTERY_MAH] = 364, 500
    st.begin(state, 60, 1)
    ahead.begin(state, "bg95", settings, 200, 0, scratch.folder())
    days = state[st.LEFT] // (6 * COSTS.sleep_a_day)
    assert 30 < days < 60 and days <= planned_h(364, km4=-1, mah=500) // 24 < days + 4
    assert not policy.is_on_reserve(state) and state[st.AGE_MIN] < pacing.TABLES["bg95"][1][4]
    state[st.ENERGY_MJ], state[st.LEVEL_AT] = state[st.LEFT] * 9 // 10, 0
    ahead.begin(state, "bg95", settings, 200, 0, scratch.folder())
    kept_h, asleep_h = (state[i] // (COSTS.sleep_a_day // 24) for i in (st.RESERVE, st.LEFT))
    assert asleep_h * 2 // 3 < kept_h < asleep_h * 3 // 4, "what is left is not used up in silence"
    assert planned_h(200, km4=-1, mah=500) // 24 == 200, "that is what sleep lives through"


def test_when_the_energy_ends_is_a_time_of_the_device():
    years = 8 * 365 * DAY
    for left, carries_j in ((1 << 30, 1), (1 << 30, 52), (-5000000, 52)):
        state = st.new()
        state[st.NOW], state[st.LEFT] = years, left
        pacing.choose(state, COSTS, carries_j, pacing.TABLES["bg95"], ahead.NoRoute, 3650 * DAY)
        assert state[st.ENDS_AT] == -1 or years <= state[st.ENDS_AT] < 1 << 31
    assert state[st.ENDS_AT] == years, "an account that is overdrawn has no sleep to save for"


SPENT_MIN = next(each[4] for each in pacing.TABLES["bg95"] if each[1] <= 7200)
"""Of a cell that reaches no goal: the first level whose fixes come before the ephemeris is old."""


def level_of(battery_mv=3600, loaded_mv=3550, dc=0, used_j=3000, kind=0, loaded_dc=0):
    """Minutes of age of the level that is chosen, with much energy left by the account."""
    settings, state = cfg.defaults(), st.new()
    settings[cfg.TARGET_DAYS], settings[cfg.BATTERY_MAH] = 60, 3000
    settings[cfg.BATTERY_KIND] = kind
    st.begin(state, 9 * DAY, 1)
    state[st.LOADED_MV], state[st.LOADED_DC], state[st.ENERGY_MJ] = loaded_mv, loaded_dc, 1000 * used_j
    ahead.begin(state, "bg95", settings, dc, battery_mv, scratch.folder())
    return state[st.AGE_MIN]


def test_a_cell_that_comes_to_its_end_too_early_is_spent_slowly():
    usual, slow = level_of(), SPENT_MIN
    assert usual < slow == level_of(3460, loaded_mv=3200)
    assert level_of(3480) == usual, "less than any connection explains"
    assert level_of(0, loaded_mv=3460) == slow, "only the modem measures it"
    assert level_of(0, loaded_mv=0) == level_of(0, loaded_mv=1) == usual, "the voltage is unknown"
    assert level_of(0, loaded_mv=3500, dc=200, loaded_dc=-200) == usual, "it was cold then"
    assert level_of(0, loaded_mv=3460, dc=-300, loaded_dc=0) == slow, "it was warm then"
    for dc, cold_mv in ((-200, 3500), (-400, 3380), (-500, 3300), (-600, 3220)):
        assert level_of(cold_mv, dc=dc) == level_of(3600, dc=dc), "it is cold"
        assert level_of(cold_mv - 170, dc=dc) == slow
    assert level_of(3100, kind=1) == level_of(3600, kind=1), "other kinds fall from the first day on"


def weaker_mj(state, dc, fallen_mv, used_mj):
    """The remaining energy of a cell weaker than configured, where its voltage has fallen so much."""
    state[st.LEFT], state[st.ENERGY_MJ] = 90000000, used_mj
    return battery.weaker_mj(state, cfg.defaults(), dc, battery.plateau_mv(dc) - fallen_mv)


def test_the_voltage_of_a_nearly_empty_cell_limits_the_remaining_energy():
    left_mj = [weaker_mj(st.new(), 200, fallen_mv, 930000) for fallen_mv in (109, 110, 450, 900, 1200)]
    assert left_mj == [0, 65100, 37200, 1, 1]


def test_remaining_energy_is_spent_until_the_goal_or_sooner():
    state = st.new()
    left_mj = weaker_mj(state, 200, 110, 30000000)
    ages = []
    for days in (100, 50, 30):
        pacing.select(state, COSTS, "bg95", ahead.NoRoute, days * DAY, 0, left_mj)
        ages.append(state[st.AGE_MIN])
    assert ages[0] == SPENT_MIN < ages[1], "no goal is reached on so little"
    assert ages[2] < ages[1], "with so much one is"


def test_a_weak_cell_spends_more_energy_on_fresher_positions_where_fixes_are_cheap():
    ages, days = [], 30
    for j_a_day in (60, 80):
        state = st.new()
        state[st.LEFT] = 1 << 29
        left_mj = (days + 1) * j_a_day * 1000
        pacing.select(state, battery.COSTS["sim7600"], "sim7600", ahead.NoRoute, days * DAY, 0, left_mj)
        ages.append(state[st.AGE_MIN])
    assert ages[1] < ages[0]


def test_capacity_learned_in_the_cold_holds_in_the_warmth():
    state = st.new()
    assert weaker_mj(state, 0, 5, 600000) == 0
    assert weaker_mj(state, -300, 450, 653000) == 25912, "68 percent of it, of them 4 are left"
    assert weaker_mj(state, 0, 5, 660000) == 288480, "95 percent of it"
    assert weaker_mj(state, 0, 5, 950000) == 0, "it would have fallen: it was something else"
    assert weaker_mj(state, 0, 5, 660000) == 0


def test_a_cell_at_its_expected_end_is_spent_as_planned():
    settings = cfg.defaults()
    for left_mj, ends in ((400, True), (370, False)):
        state = st.new()
        state[st.LEFT], state[st.ENERGY_MJ] = left_mj, 3000
        assert bool(battery.weaker_mj(state, settings, 0, 3400)) == ends


RATES = tuple((j_a_day, 7200, 7200, 7200, 950 - 10 * j_a_day, 0) for j_a_day in (0, 60, 1000))
"""A pacing table whose minutes of age say the joules a day; more than 60 gain little."""


class Trip:
    deviation_s, mcc, leg_s = DAY, 262, 86400


def spent_mj(holds, asked_days=47, known=True):
    """What each hour of a trip of 36 days and the wait after it takes, with 100 J for each day that is asked
    for, and a cell that holds this percentage of them."""
    trip, all_mj, spent = Trip(), 100000 * asked_days, []
    for hour in range(24 * asked_days):
        used_mj, state = sum(spent), st.new()
        trip.to_go_s = max(36 * DAY - hour * HOUR, 0)
        trip.leg_s = DAY if trip.to_go_s else 0
        state[st.NOW], state[st.LEFT], state[st.ENERGY_MJ] = hour * HOUR, all_mj - used_mj, used_mj
        left_mj = max(holds * all_mj // 100 - used_mj, 0)
        weaker_mj = max(1, left_mj) if known and left_mj < 7 * holds * all_mj // 10000 else 0
        pacing.choose(state, COSTS, 0, RATES, trip, asked_days * DAY - hour * HOUR, weaker_mj)
        spent.append(min(max(100 * (950 - state[st.AGE_MIN]), COSTS.sleep_a_day + 3000) // 24, left_mj))
    return spent


def test_a_device_that_waits_at_its_goal_lasts_even_with_a_weaker_cell():
    for holds in (75, 85, 100):
        assert min(spent_mj(holds)) > 0, "every hour is paid for"
    healthy = spent_mj(100, known=False)
    assert min(healthy) >= 60000 // 24, "what gains much is used"
    assert min(spent_mj(75, 36)) == 0, "who does not wait spends it on the way"


def test_a_weak_cell_that_waits_at_its_goal_is_only_asleep_there():
    for stay_days in (0, 7):  # as long as a stop there usually lasts
        state, trip = st.new(), Trip()
        trip.to_go_s, trip.leg_s = stay_days * DAY, 0
        state[st.NOW], state[st.LEFT] = 40 * DAY, 1700000
        pacing.choose(state, COSTS, 0, pacing.TABLES["bg95"], trip, 7 * DAY, 150000)
        assert state[st.LEFT] == 150000 < state[st.RESERVE] and state[st.SIGN_S] == policy.SIGN_S


def test_a_train_has_run_since_its_departure_and_not_since_a_point_before_a_stop():
    state = st.new()
    state[st.NOW], state[st.MOVING], state[st.POINT_AT] = 10 * DAY, 0, 5 * DAY
    assert ahead.ran_s(state) == 5 * DAY, "no departure was felt"
    st.begin(state, 11 * DAY, 1)
    policy.feel(state, 1 << 28, ahead.NoRoute)
    assert ahead.ran_s(state) == 0
    st.begin(state, 11 * DAY + 3600, 1)
    policy.feel(state, 1 << 28, ahead.NoRoute)
    assert ahead.ran_s(state) == 3600
    state[st.POINT_AT] = 11 * DAY + 3000
    assert ahead.ran_s(state) == 600


def test_a_stop_without_a_point_ends_no_run():
    state = st.new()
    st.begin(state, 10 * DAY, 1)
    policy.feel(state, 1 << 28, ahead.NoRoute)
    state[st.POINT_AT] = 10 * DAY
    for after_h, moving, ran_h in (
        (11, 1, 11),
        (11.5, 0, 0),
        (15, 1, 0),
        (16, 1, 12.5),
        (17, 0, 0),
        (19, 1, 0),
        (20, 1, 14.5),
    ):
        st.begin(state, 10 * DAY + int(after_h * HOUR), moving)
        policy.feel(state, 1 << 28, ahead.NoRoute)
        assert ahead.ran_s(state) == ran_h * HOUR, after_h


def test_a_loss_of_power_changes_nothing_of_how_long_the_train_has_run():
    state = st.new()
    st.begin(state, 11 * DAY, 1)
    state[st.POINT_AT] = 5 * DAY
    policy.feel(state, 1 << 28, ahead.NoRoute)
    st.begin(state, 11 * DAY + HOUR, 1)
    recovery.restart(state, 40)
    st.begin(state, 40, 1)
    state[st.EDGE] = 0
    assert ahead.ran_s(state) == HOUR
