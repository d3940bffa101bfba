"""A device with pacing a month into its trip, for tests of the decision table."""

import fixed
from fixed import senses
from locator import settings as cfg
from locator import state as st
from locator.scheduler import decide, pacing, policy

SETTINGS = cfg.defaults()
HINTS = fixed.hints(5, SETTINGS)
HOUR = 3600
NOW = 30 * 24 * HOUR
GERMANY = 262001
FORECAST = HINTS[3]


def up_to_date(joules_a_day=100, moving=0):
    """Everything was done just now, with a network, and so much a day is left."""
    state = st.new()
    st.begin(state, NOW, moving)
    state[st.EDGE] = 0
    for i in (st.LAST_RECORD, st.LAST_FIX, st.EPHEMERIS, st.POINT_AT, st.LAST_SESSION, st.STOPPED_AT):
        state[i] = NOW
    state[st.POSITION_HOLDS], state[st.NETWORK], state[st.MCC] = 1 - moving, GERMANY, 262
    policy.feel(state, 1000 * joules_a_day * 30, FORECAST)
    pacing.select(state, HINTS[2], "bg95", FORECAST, 0, 0)
    return state


def feel(state, sensed, left=1 << 29):
    st.feel(state, sensed)
    policy.feel(state, left, FORECAST)


def step(state, sensed, hints=HINTS):
    action = decide.next(state, sensed, hints)
    return action.kind, action.reason


def later(seconds, **kwargs):
    return senses(NOW + seconds, **kwargs)
