"""Decisions with a known position on the route."""

import routes
import scratch
from locator import settings as cfg
from locator import state as st
from locator.actions import recovery as trouble
from locator.scheduler import ahead, battery, policy

DAY_S = 86400


class Fix:
    """1e-5 degrees."""

    def __init__(self, lat, lon):
        self.lat, self.lon = lat, lon


START, TOWARDS_END, ELSEWHERE = Fix(5000000, 2000000), Fix(5180000, 2100000), Fix(1000000, 2000000)


def at_destination():
    """Return (state, folder) of a device at the end of its last trip, with the route data of the next."""
    folder, state = scratch.folder(), st.new()
    with open(folder + "/route", "wb") as f:
        f.write(routes.made())
    for i in (st.NOW, st.LAST_FIX, st.POINT_AT, st.ASLEEP_SINCE):
        state[i] = 40 * DAY_S
    state[st.POSITION_HOLDS] = 1
    return state, folder


def wake(state, folder, settings, after_s=3600):
    """A wake begins."""
    st.begin(state, state[st.NOW] + after_s, False)
    return ahead.begin(state, "bg95", settings, 200, 0, folder)[1]


def test_days_that_the_battery_is_to_last_go_on_after_a_loss_of_power():
    state, folder, settings = st.new(), scratch.folder(), cfg.defaults()
    settings[cfg.TARGET_DAYS] = 365
    floors = []
    for days, lose in ((300, False), (0, True), (0, False)):
        if lose:
            trouble.restart(state)
        wake(state, folder, settings, days * DAY_S + 7 * 3600)
        floors.append(state[st.RESERVE])
    assert floors[0] > floors[1] > floors[2] > floors[0] * 98 // 100
    state[st.BEGAN] = state[st.NOW]
    wake(state, folder, settings, 7 * 3600)
    assert state[st.RESERVE] > 4 * floors[0]


def test_a_battery_that_is_empty_by_its_account_is_not_kept_for_an_end_that_is_over():
    state, folder, settings = st.new(), scratch.folder(), cfg.defaults()
    state[st.ENERGY_MJ] = 1_000_000_000  # a new battery without the command new-battery
    for _ in range(3):
        forecast = wake(state, folder, settings, 7 * 3600)
        assert state[st.LEFT] < 0 and not policy.is_on_reserve(state)
        state[st.POINT_AT], state[st.POSITION_HOLDS], state[st.WAITING] = state[st.NOW], 1, 1
        assert policy.next(state, battery.COSTS["bg95"], forecast) == policy.SCAN_FIRST


def test_whether_the_energy_lasts_is_decided_again_where_the_new_line_is_met():
    state, folder = at_destination()
    settings = cfg.defaults()
    settings[cfg.TARGET_DAYS], settings[cfg.BATTERY_MAH] = 1, 150
    settings[cfg.PRIORITY] = 2  # dense points: others are thinned out instead
    assert wake(state, folder, settings) is ahead.NewRoute
    assert state[st.ENDS_AT] > state[st.NOW]  # 30 days are too many
    ahead.found(state, ELSEWHERE, folder)
    assert state[st.ENDS_AT] and state[st.LEVEL_AT]
    ahead.found(state, START, folder)
    assert not state[st.ENDS_AT] and not state[st.LEVEL_AT]
    assert wake(state, folder, settings).to_go_s > 0
    assert state[st.ENDS_AT] == -1
    chosen = state[st.LEVEL_AT]
    ahead.found(state, TOWARDS_END, folder)
    assert state[st.ENDS_AT] == -1 and state[st.LEVEL_AT] == chosen
