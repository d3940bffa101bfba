"""A fixed schedule in place of the firmware's policy (locator/scheduler/policy.py), for the demo's
comparison.

A point, always by satellites, is due POINT_EVERY_S after the one before it fell due; a report goes with the
first point that is REPORT_EVERY_S after the last one. Everything else is the firmware's own: the order in
a wake, what is urgent or late, its back-off, the operators' budgets. `tools.world.demo.baselines` puts other
numbers in.
"""

from locator import state as st
from micropython import const

POINT_EVERY_S = const(3600)
REPORT_EVERY_S = const(3600)

FIX_FRESH = const(13)
REUSE_FRESH = const(22)
SIGN_S = const(20 * 3600)

FIX = const(1)
REUSE = const(2)
SCAN = const(3)
SCAN_FIRST = const(30)
ATTEMPT_OTHER = const(31)
_REST_REPORTED = const(2)
_REST_NOT_WORTH = const(6)
_POINT = const(11)
_REPORT = const(63)
_EARLY_S = const(60)
# In the place of what only our policy keeps.
_POINT_DUE = st.MOVE_S
_DUE_AT = st.LEVEL_AT


def feel(state, left, forecast):
    """A wake has begun."""
    state[st.LEFT] = left
    if state[st.MOVING] and not state[st.EDGE]:
        state[st.POSITION_HOLDS] = 0
    due = not state[_DUE_AT] or state[st.NOW] - state[_DUE_AT] >= POINT_EVERY_S - _EARLY_S
    state[_POINT_DUE] = 1 if due else 0
    if due:
        state[_DUE_AT] = state[st.NOW]
    return False


def arrive(state, forecast):
    """The place does not matter."""


def next(state, costs, forecast):
    """The next verdict of this wake."""
    if state[_POINT_DUE] and not state[st.DID_FIX]:
        return _POINT
    return report(state, costs, forecast)


def report(state, costs, forecast):
    """Return the verdict on the network, as if no point were due."""
    if state[st.DID_SESSION]:
        return _REST_REPORTED
    due = state[st.NOW] - state[st.LAST_SESSION] >= REPORT_EVERY_S - _EARLY_S
    return _REPORT if due and state[_POINT_DUE] else _REST_NOT_WORTH


def fresh(state, costs):
    """A report takes the point that is due with it."""
    return _POINT if state[_POINT_DUE] and not state[st.DID_FIX] else 0


def is_on_reserve(state):
    """Return whether energy is kept for sleep: never."""
    return False


def affords(state, cost):
    """Return whether `cost` mJ can be paid: always."""
    return True


def spare_mj(state):
    """Return the mJ that may be used: any number."""
    return 1 << 28


def late_mj(state, costs):
    """Return the mJ that a late report may take: any number."""
    return 1 << 28


def until(state, costs, forecast, not_before):
    """When the next point is due."""
    return state[_DUE_AT] + POINT_EVERY_S
