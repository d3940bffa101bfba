"""Settings and hints for tests of the scheduler at fixed intervals."""

from locator import settings
from locator import state as st
from locator.hal import DEEPSLEEP_RESET, WAKE_TIMER
from locator.scheduler import battery, decide
from locator.scheduler.ahead import NoRoute


def unpaced():
    """The settings with fixed pauses."""
    found = settings.defaults()
    found[settings.PACED] = 0
    return found


def hints(pending, reported):
    """What the decision table takes in addition to state and senses."""
    return pending, reported, battery.COSTS["bg95"], NoRoute


def senses(now, wake=WAKE_TIMER, motion=0, lux=0, mv=3600):
    """What a device feels at that time."""
    return now, wake, DEEPSLEEP_RESET, mv, -50, motion, lux, 0, 0, 0


def attach(state, senses, reported):
    """The attempt to register of this wake, after the fix that goes before it."""
    action = decide.next(state, senses, reported)
    if action.kind == decide.FIX:
        state[st.DID_FIX] = st.YES
        action = decide.next(state, senses, reported)
    return action


def upload_due(state, senses, reported):
    """Whether this wake is to reach the agent with the settings `reported`."""
    return decide.may_attempt(state, senses) and decide.session_due(state, reported) != 0
