"""The outlook of a wake: the remaining energy, and the route ahead. Imported where a wake begins, and at a
fix."""

import os

from micropython import const

from locator import settings as cfg
from locator import state as st
from locator import unload
from locator.scheduler import battery, energy, policy

_FILE = "/route"
_HOUR_S = const(3600)
_DAY_S = const(86400)
_LEAST_PERCENT = const(150)
_UNSET_DAYS = const(365)  # the setting's default: no duration was set


class NoRoute:
    """The forecast if nothing is known of the route."""

    to_go_s = deviation_s = country_s = learned = mcc = next_mcc = leg_s = 0
    bin = -1
    networks = ahead = ()


NewRoute = NoRoute()
"""There is one, and the next fix says where on it the device is."""


def begin(state, modem, settings, temperature_dc, battery_mv, folder):
    """Begin a wake: set the remaining energy, the place and the level of the pacing table. Return (costs,
    forecast) for the policy; the route data is in the directory `folder`."""
    costs, forecast = battery.COSTS[modem], _look_up(state, folder, None)
    state[st.LOWER_MV] = battery.LOWER_MV[settings[cfg.BATTERY_KIND]]
    is_due = policy.feel(state, battery.left_mj(state, settings, temperature_dc), forecast)
    weaker_mj = battery.weaker_mj(state, settings, temperature_dc, battery_mv)
    if is_due or weaker_mj:
        from locator.scheduler import pacing

        least_s = _least_s(state, settings[cfg.TARGET_DAYS], costs, forecast)
        pacing.select(state, costs, modem, forecast, least_s, settings[cfg.PRIORITY], weaker_mj)
    if not settings[cfg.PACED]:
        state[st.ENDS_AT] = 0  # the settings hold, whatever is left
    return costs, forecast


def _least_s(state, target_days, costs, forecast):
    """Return the seconds for which the energy has to last whatever the trip says. If not even sleep lasts so
    long, the setting is ignored, and the length of the trip is unknown: a full battery is spent six times as
    fast as by sleep alone, one that is nearly spent 1.5 times."""
    if target_days == _UNSET_DAYS and forecast is not NoRoute:
        return 0  # the trip says it
    least_h = (target_days * _DAY_S - (state[st.NOW] - state[st.BEGAN])) // _HOUR_S
    left_j = max(state[st.LEFT], 0) // 1000
    asleep_h = left_j * 1000 // (costs.sleep_a_day // 24)
    if least_h <= asleep_h * 5 // 4:
        return least_h * _HOUR_S
    part = 100 * left_j // (left_j + energy.used_mj(state) // 1000 + 1)
    return asleep_h * 100 // max(_LEAST_PERCENT, 100 + part * part // 20) * _HOUR_S


def found(state, fix, folder):
    """Return the forecast from the place of `fix`."""
    forecast = _look_up(state, folder, fix)
    policy.arrive(state, forecast)
    return forecast


def ran_s(state):
    """Return the seconds that the train has run since the last point, without its stops."""
    since = max(state[st.POINT_AT], state[st.DEPARTED_AT])
    return 0 if state[st.EDGE] or not state[st.POINT_AT] else state[st.NOW] - since


def _look_up(state, folder, fix):
    try:
        os.stat(folder + _FILE)
    except OSError:  # no trip
        return NoRoute
    if not (fix or state[st.ROUTE_KM4]):
        return NewRoute
    from locator.scheduler import route

    forecast, known = NoRoute, route.load(folder)
    unload("scheduler.route", "scheduler.route_file")
    if known and fix:
        before = state[st.ROUTE_KM4]
        state[st.ROUTE_KM4] = 1 + known.find(100 * fix.lat, 100 * fix.lon, before - 1)
        if state[st.ROUTE_KM4] and not before:  # until now the distance was unknown
            st.replan(state)
    if known and state[st.ROUTE_KM4]:
        now = state[st.NOW]
        since_s, stopped_s = ran_s(state), now - state[st.STOPPED_AT]
        forecast = known.forecast(state[st.ROUTE_KM4] - 1, state[st.MOVING] == 1, since_s, stopped_s)
    return forecast
