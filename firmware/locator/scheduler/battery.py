"""Energy costs and the remaining energy of the battery, in millijoules: model values that a bench measurement
replaces. Imported where a wake begins."""

from collections import namedtuple

from micropython import const

from locator import settings as cfg
from locator import state as st
from locator.scheduler import energy

# Part of the capacity in percent that a battery gives at -60, -40, -30, -20, -10, 0 and 20 C, and mJ a mAh:
# Li-SOCl2, LiFePO4, NMC.
_AT_C = (-60, -40, -30, -20, -10, 0, 20)
_USABLE = ((25, 55, 68, 80, 87, 95, 100), (5, 25, 42, 60, 73, 85, 100), (10, 35, 50, 70, 80, 90, 100))
_MJ_A_MAH = (12960, 11520, 12960)
LOWER_MV = (0, 300, 0)
"""So much less than Li-SOCl2 each kind has, as full and as warm."""
# A Li-SOCl2 cell keeps its voltage, less in the cold, until the last 8 percent of what it gives, where it has
# so much less, which no connection explains. By the account more than a part of what was used is left.
_PLATEAU_MV = const(3580)  # at 0 C
_COLD_DC = const(-200)
_KNEE_MV = const(110)
_FALLS = const(80)  # in 1000 of what it gives
_FALLS_MV = const(900)
_SURELY_MORE = const(8)
# Of what it gives: the end of it, where the voltage falls, is not counted on.
_COUNTED = const(92)

Costs = namedtuple(
    "Costs", ("wake", "fixes", "session_mj", "attach", "search_mj", "scan_mj", "sleep_a_day", "reuse")
)
"""What one class of modem costs, mJ: a wake; fixes (hot, aided, cold) alone in a wake; a session of a device
that is registered, at good signal; an attach to another network; a search that finds no network; a network
scan; a day of sleep. `reuse`: whether a reused position counts as a point."""
COSTS = {
    "bg95": Costs(400, (1600, 3400, 8000), 1200, 8800, 25000, 1500, 18662, True),
    "sim7600": Costs(400, (8000, 9200, 14000), 40000, 4000, 60000, 25000, 32140, True),
}
"""By the name of a modem's folder."""


def left_mj(state, settings, temperature_dc):
    """Return the mJ that the battery will still give, at this temperature or at the coldest one to come."""
    kind = settings[cfg.BATTERY_KIND]
    coldest_dc = min(temperature_dc, settings[cfg.COLDEST_DC])
    given = settings[cfg.BATTERY_MAH] * usable(kind, coldest_dc) // 100 * _COUNTED // 100
    return given * _MJ_A_MAH[kind] - energy.used_mj(state)


def weaker_mj(state, settings, temperature_dc, battery_mv):
    """Return the mJ that a weak Li-SOCl2 cell still gives at this temperature, 0 if its capacity is as
    declared.

    Near its end the voltage falls and shows what the cell holds. In the cold, which withholds a part, it
    falls long before the cell is empty in the warmth; a voltage that has not fallen where it should refutes
    the estimate. A board that does not measure the battery (0) has the voltage of the last connection, at the
    temperature of that time, and 1 where power was lost. Other kinds are not known well enough.
    """
    used_mj = energy.used_mj(state)
    if not battery_mv:
        battery_mv, temperature_dc = state[st.LOADED_MV], state[st.LOADED_DC]
    if settings[cfg.BATTERY_KIND] or battery_mv < 2 or state[st.LEFT] < used_mj // _SURELY_MORE:
        return 0
    gives = usable(0, temperature_dc)
    fallen_mv = plateau_mv(temperature_dc) - battery_mv
    is_falling = fallen_mv >= _KNEE_MV
    left = _FALLS * max(0, _FALLS_MV - (fallen_mv if is_falling else _KNEE_MV)) // _FALLS_MV
    holds_mj = used_mj // (10 * gives) * (1000 + left)
    if is_falling or state[st.HOLDS_MJ] < holds_mj:
        state[st.HOLDS_MJ] = holds_mj if is_falling else 0
    return state[st.HOLDS_MJ] and max(1, state[st.HOLDS_MJ] // 100 * gives - used_mj)


def plateau_mv(temperature_dc):
    """Return the voltage in mV of a Li-SOCl2 cell at this temperature, long before its end."""
    return _PLATEAU_MV + temperature_dc * 2 // 5 + min(0, temperature_dc - _COLD_DC) // 4


def usable(kind, temperature_dc):
    """Return the percentage of its capacity that a battery of this kind gives at this temperature."""
    given, last = _USABLE[kind], len(_AT_C) - 1
    at = 0
    while at < last - 1 and temperature_dc > 10 * _AT_C[at + 1]:
        at += 1
    low, high = 10 * _AT_C[at], 10 * _AT_C[at + 1]
    within = min(max(temperature_dc, low), high) - low
    return given[at] + (given[at + 1] - given[at]) * within // (high - low)
