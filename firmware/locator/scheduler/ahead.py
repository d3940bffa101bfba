"""What lies ahead: the energy that is left, and the way. Imported where a wake begins, and at a fix."""

import os

from micropython import const

from locator import settings as cfg
from locator import state as st
from locator import unload
from locator.scheduler import battery, policy

_GUIDE = "/guide"
_DAY_S = const(86400)
_UNTOLD_DAYS = const(365)  # the setting's default: nobody has said how long


class NoLine:
    """The journey of which nothing is known."""

    to_go_s = deviation_s = country_s = learned = mcc = next_mcc = leg_s = 0
    bin = -1
    networks = ahead = ()


def begin(state, modem, settings, temperature_dc, folder):
    """A wake has begun: how much is left, where we are, which row of the menu. (Costs, journey) for the
    policy; the guide is in `folder`."""
    costs, journey = battery.COSTS[modem], _look_up(state, folder, None)
    state[st.LOWER_MV] = battery.LOWER_MV[settings[cfg.BATTERY_KIND]]
    if policy.feel(state, battery.left_mj(state, settings, temperature_dc), journey):
        from locator.scheduler import menu

        least_s = settings[cfg.TARGET_DAYS] * _DAY_S - (state[st.NOW] - state[st.BEGAN])
        if journey is not NoLine and settings[cfg.TARGET_DAYS] == _UNTOLD_DAYS:
            least_s = 0  # the trip says it
        menu.select(state, costs, modem, journey, least_s, settings[cfg.PRIORITY])
    if not settings[cfg.PACED]:
        state[st.ENDS_AT] = 0  # the settings hold, whatever is left
    return costs, journey


def found(state, fix, folder):
    """There is a fix: the journey that begins there."""
    journey = _look_up(state, folder, fix)
    policy.arrive(state, journey)
    return journey


def ran_s(state):
    """Seconds that the train has run since the last point, as far as is known: it may have stood before."""
    return 0 if state[st.EDGE] or not state[st.POINT_AT] else state[st.NOW] - state[st.POINT_AT]


def _look_up(state, folder, fix):
    try:
        os.stat(folder + _GUIDE)
    except OSError:  # no trip
        return NoLine
    if not (fix or state[st.GUIDE_KM4]):
        return NoLine
    from locator.scheduler import guide

    journey, known = NoLine, guide.load(folder)
    unload("scheduler.guide", "scheduler.guide_file")
    if known and fix:
        before = state[st.GUIDE_KM4]
        state[st.GUIDE_KM4] = 1 + known.find(100 * fix.lat, 100 * fix.lon, before - 1)
        if state[st.GUIDE_KM4] and not before:  # until now nobody knew how far it is
            st.plan_anew(state)
    if known and state[st.GUIDE_KM4]:
        now = state[st.NOW]
        since_s, stood_s = ran_s(state), now - state[st.STOPPED_AT]
        journey = known.journey(state[st.GUIDE_KM4] - 1, state[st.MOVING] == 1, since_s, stood_s)
    return journey
