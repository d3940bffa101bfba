"""The energy account: what a wake spends, what is left in the cold."""

from locator import settings as cfg
from locator import state as st
from locator.scheduler import battery, energy


def test_each_activity_of_a_wake_is_charged_at_its_own_power():
    account = energy.Account("bg95", 0)
    state = st.new()
    assert account.to(energy.START, 1500) == energy.ALONE
    account.to(energy.SEARCH, 4000)
    account.to(energy.SESSION, 14000)
    assert 2000 < account.mj(energy.SEARCH) < 3000
    account.settle(state, 24000, 77)
    parts = list(state[st.ENERGY_MJ : st.ENERGY_MJ + 3])
    assert energy.used_mj(state) == sum(parts) > account.mj(energy.SEARCH, energy.SESSION)
    assert parts[1] > parts[0] > parts[2] == 0
    assert state[st.ASLEEP_SINCE] == 77


def test_satellites_are_charged_to_their_part():
    account = energy.Account("sim7600", 0)
    account.to(energy.FIND, 0)
    state = st.new()
    account.settle(state, 10000, 10)
    assert state[st.ENERGY_MJ + 2] == 2350


def test_sleep_is_charged_when_it_is_over():
    state = st.new()
    state[st.ASLEEP_SINCE], state[st.NOW] = 1000, 1000 + 86400
    energy.Account("bg95", 0).slept(state)
    assert state[st.ENERGY_MJ] == 18662 and state[st.ENERGY_MJ + 1] == 2160
    state[st.IN_PSM], state[st.ENERGY_MJ + 1] = 1, 0
    energy.Account("bg95", 0).slept(state)
    assert state[st.ENERGY_MJ + 1] == 1209


def test_cold_withholds_charge_by_kind():
    assert [battery.usable(0, dc) for dc in (250, 200, 0, -150, -400, -700)] == [100, 100, 95, 83, 55, 25]
    for kind in (0, 1, 2):
        parts = [battery.usable(kind, dc) for dc in range(-700, 300, 10)]
        assert parts == sorted(parts)
    assert battery.usable(1, -400) < battery.usable(2, -400) < battery.usable(0, -400)


def test_remaining_energy_is_that_of_the_coldest_temperature_ahead():
    state, settings = st.new(), cfg.defaults()
    now = battery.left_mj(state, settings, 200)
    assert now == battery.left_mj(state, settings, -300)
    assert battery.left_mj(state, settings, -400) < now
    state[st.ENERGY_MJ + 1] = 5000
    assert battery.left_mj(state, settings, 200) == now - 5000
    settings[cfg.BATTERY_MAH] = 100000
    assert 0 < battery.left_mj(state, settings, 200) < 1 << 30
