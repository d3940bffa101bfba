"""The fleet's knowledge of coverage: how reliable it is, and whether a session waits for a better place
ahead.

Places of which the fleet has learned the coverage are of kinds 0 to 6, the best first. Imported where the
route data has such.
"""

from micropython import const

from locator import state as st

# The probability in 1000, by kind of place, that a network with low cost is heard; the first kinds are the
# good ones. Means of these and of the others.
_SHARES = (970, 900, 750, 500, 250, 100, 30)
_GOOD = const(3)
_MEANS = (873, 220)
_WELL_HEARD_DBM = const(-114)
# Of an error so much is learned, and in one number are two errors.
_SLOWLY = const(8)
_ERROR = const(1024)

# A train takes so long for a step of the forecast's `ahead`, stops in passing loops included.
_STEP_S = const(1100)
_LEAST_AGE_S = const(1800)
# A session may be delayed for it by half of its age.
_PARTS = const(2)


def share(state, kind):
    """Return the probability in 1000 that a network is well heard in a place. If good places prove no better
    than others, the differences between kinds disappear."""
    errors = _errors(state)
    group = 0 if kind < _GOOD else 1
    mean, gap = _MEANS[group], _MEANS[0] - _MEANS[1]
    trust = min(max(gap + errors[0] - errors[1], 0), gap)
    return min(max(mean + errors[group] + (_SHARES[kind] - mean) * trust // gap, 20), 980)


def learn(state, kind, dbm):
    """Learn from a scan in such a place, which has found a network at `dbm`, or none (0): fleet knowledge of
    another time, or of another route, soon loses its weight."""
    errors = _errors(state)
    well = 1000 if dbm and dbm >= _WELL_HEARD_DBM else 0
    errors[0 if kind < _GOOD else 1] += (well - share(state, kind)) // _SLOWLY
    good, other = (min(max(error, 1 - _ERROR), _ERROR - 1) + _ERROR for error in errors)
    state[st.FLEET_ERRORS] = good * 2 * _ERROR + other


def better_soon(state, costs, ahead, cost, scan):
    """Return whether a session at one of the places `ahead` of the train costs less than `cost` mJ here, of
    which the search for a network takes `scan`.

    The interval between reports is at its best when one is worth its cost, so what a little more of it costs
    grows with the square of the part by which it is longer.
    """
    age_s = max(_LEAST_AGE_S, state[st.NOW] - state[st.LAST_SESSION])
    late_s = 0
    for kind in ahead:
        late_s += _STEP_S
        if kind < 0 or _PARTS * late_s > age_s:
            return False
        there = cost - scan + costs.scan_mj * 1000 // share(state, kind)
        part = 100 * late_s // age_s
        if there + there * part * part // 10000 < cost:
            return True
    return False


def _errors(state):
    """Return the learned corrections of the fleet's shares, in 1000: [of good places, of others]."""
    both = state[st.FLEET_ERRORS]
    return [both // (2 * _ERROR) - _ERROR, both % (2 * _ERROR) - _ERROR] if both else [0, 0]
