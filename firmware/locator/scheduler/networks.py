"""Learned data on networks: the cost of a session over each of them, and where networks are heard.

`costs` are those of the device (scheduler/battery.py). A network is identified by its PLMN; 0 means none.
Energies are millijoules (mJ) at the battery.
"""

from micropython import const

from locator import state as st

STATIONARY = const(5)
LEARNED = const(8)
"""From it on: places of which the fleet has learned the coverage, the best first."""
UNKNOWN_PLACE = const(2)
# Probability in 1000 that a network is heard on the move by kind of place, 0 the best, and where trains
# stand, before anything is learned; what weight that has, and the most that can be learned.
_PRIOR = (970, 900, 750, 500, 250, 950)
_PRIOR_WEIGHT = const(6)
_MOST_WEIGHT = const(40)
# Two counts in a number: scans in steps of 1/500, and those that heard a network.
_STEP = const(500)
_COUNT_BITS = const(15)
_COUNT = const(0x7FFF)

WEAKEST_DBM = const(-122)
# Percent of the cost at good signal, from WEAKEST_DBM upwards.
_WEAK_COST = (
    924, 852, 748, 619, 489, 384, 311, 265, 238, 220, 207, 196,
    185, 173, 161, 148, 137, 128, 120, 114, 110, 107, 105, 100,
)  # fmt: skip
_USUAL_DBM = const(-90)
# After failed scans while stationary: only movement helps.
SCAN_STATIONARY_S = (10800, 21600, 43200)
# Where sessions cost little compared with what their age is worth, a failed one does not pause for hours.
AGE_RICH_MIN = const(15)
_SCAN_RICH_S = const(1800)
# So many failed searches are bad luck. From then on there is silence, and pauses are nearly as long as those
# between reports of which each costs as much: what reports would have taken pays for the search. Where that
# is often they double on the move, from the first on, up to some times as long; where the train stands
# nothing but time changes what is heard.
_LUCK = const(4)
_SILENT_S = const(1800)
_SILENT_STATIONARY_S = const(13 * 1800)
_SILENT_MOST_S = const(12 * 3600)
# Where a joule is worth so few minutes of age, coverage that is back is found within hours.
_FOUND_S = const(17100)
FOUND_MIN = const(350)
_SILENT_DOUBLES = const(3)
_SILENT_RICH = const(4)
# What the dearest operator multiplies the cost of a report with, and some luck.
_DEAREST = const(10)
# A network's first number: PLMN, and half an hour in which it was selected instead of another, + 1.
_TIME_BITS = const(10)
_TIME = const(0x3FF)
_HALF_HOURS = const(1023)
_DAY_HALF_HOURS = const(48)


def weak_cost(dbm):
    """Return the cost of a session at this RSRP in dBm, in percent of the cost at good signal."""
    return _WEAK_COST[min(max(dbm - WEAKEST_DBM, 0), len(_WEAK_COST) - 1)]


def cost_of(state, plmn):
    """Return the mJ of a report over this network at good signal, 0 if it is unknown."""
    at = _find(state, plmn)
    return state[at + 1] if at else 0


def selected_lately(state, plmn):
    """Return whether this network was selected instead of another one within the last day."""
    at = _find(state, plmn)
    time = state[at] & _TIME if at else 0
    return time != 0 and (state[st.NOW] // 1800 + 1 - time) % _HALF_HOURS < _DAY_HALF_HOURS


def share(state, place):
    """Return the probability in 1000 that a network is heard in a place of this kind."""
    if place >= LEARNED:
        from locator.scheduler import fleet

        return fleet.share(state, place - LEARNED)
    counts = state[st.PLACES + place] or _prior(place)
    return (counts >> _COUNT_BITS) * 1000 // (counts & _COUNT)


def is_silent(state):
    """Return whether so many searches have failed that a scan comes before the next attempt. A device with
    other profiles attempts some times more: another profile may be served, unless nothing at all is heard."""
    return state[st.SEARCHES_FAILED] > (_LUCK if state[st.PROFILE_DUE] else 0)


def is_lost(state):
    """Return whether more searches have failed in a row than bad luck explains."""
    return state[st.SEARCHES_FAILED] > _LUCK


def scan_mj(state, costs):
    """Return the mJ of a network scan, as learned or, before that, as built in."""
    return state[st.SCAN_MJ] or costs.scan_mj


def search_mj(state, costs):
    """Return the mJ of an attempt to report that finds no network, as learned or, before that, as built
    in."""
    return state[st.SEARCH_MJ] or costs.search_mj


def learned(before, prior, found):
    """Return the new estimate of a cost: three parts of `before` (of `prior` if that is 0) and one of
    `found`."""
    return (3 * (before or prior) + found) // 4


def learn_search(state, costs, cost):
    """Learn from an attempt to report that has found no network and has taken `cost` mJ."""
    state[st.SEARCH_MJ] = learned(state[st.SEARCH_MJ], costs.search_mj, cost)


def learn_scan(state, costs, plmn, dbm, cost=0):
    """Learn from a scan that has heard `plmn` at `dbm`, or none (0), and has taken `cost` mJ (0: unknown). A
    network that was selected and was not heard is selected no longer."""
    if cost:
        state[st.SCAN_MJ] = learned(state[st.SCAN_MJ], costs.scan_mj, cost)
    state[st.DID_SCAN] = st.YES
    state[st.HEARD_PLMN], state[st.HEARD_DBM] = plmn, dbm
    _learn_place(state, dbm if plmn else 0)
    st.learn_heard(state, plmn)
    if plmn != state[st.CHOSEN_PLMN]:
        state[st.CHOSEN_PLMN] = 0
    if not plmn:
        _wait(state, costs)
    elif is_lost(state):
        state[st.SCAN_MJ] = 0  # scans are short again


def select_operator(state):
    """Select the wanted network; it is kept if it serves."""
    at = _take(state, state[st.WANTED])
    state[at] = state[at] & ~_TIME | (state[st.NOW] // 1800 % _HALF_HOURS + 1)
    state[st.CHOSEN_PLMN] = state[st.WANTED]
    state[st.WANTED], state[st.DID_SELECT] = 0, 1


def learn_session(state, costs, done, plmn, cost, is_heard=False):
    """Learn from the end of a report. `plmn` is its network, heard at HEARD_DBM (0: unknown), or 0 if none
    was found; `is_heard`: a network is heard but refuses the device. `cost` is the mJ of the report alone, 0
    if unknown."""
    state[st.NETWORK] = plmn
    if cost:
        clean = max(1, cost - costs.wake) * 100 // weak_cost(state[st.HEARD_DBM])
        # What is dearer than the dearest operator was the signal, or luck.
        clean = min(clean, _DEAREST * costs.session_mj)
        at = _take(state, plmn)
        state[at + 1] = (7 * state[at + 1] + 3 * clean) // 10 if state[at + 1] else clean
    if done:
        state[st.SCANS_FAILED] = 0
        state[st.HEARD_HERE] = 0 if state[st.MOVING] else state[st.HEARD_DBM] or _USUAL_DBM
        return
    if state[st.DID_SELECT]:
        state[st.CHOSEN_PLMN] = 0  # the one before is heard here still
        return
    if not state[st.DID_SCAN] and not cost:
        _learn_place(state, 0)
    _wait(state, costs, is_heard or cost > 0)


def _wait(state, costs, is_heard=False):
    """Begin the pause after a scan or a failed session: until the next place while moving, hours while
    stationary, longer and longer in silence. A network that is heard and carries nothing is no silence."""
    step = min(state[st.SCANS_FAILED], len(SCAN_STATIONARY_S) - 1)
    pause_s = SCAN_STATIONARY_S[step] if state[st.AGE_MIN] > AGE_RICH_MIN else _SCAN_RICH_S << step
    if state[st.MOVING]:
        pause_s = 1
    failed = state[st.SEARCHES_FAILED]
    if is_heard and is_lost(state):
        pause_s = min(pause_s, _SILENT_S)  # it is back
    state[st.SEARCHES_FAILED] = min(failed, _LUCK) if is_heard else failed + 1
    if is_lost(state):
        pause_s = _silence_s(state, costs)
    state[st.SESSION_NOT_BEFORE] = state[st.NOW] + pause_s
    state[st.SCANS_FAILED] += 1
    state[st.HEARD_HERE] = 0


def rest_s(state):
    """Return the seconds that are left of a pause after a departure or stop: half of it in silence, else
    0."""
    if not is_lost(state):
        return 0
    return max(0, state[st.SESSION_NOT_BEFORE] - state[st.NOW]) // 2


def _silence_s(state, costs):
    """Return the seconds until the next scan in silence."""
    paid_s = 30 * state[st.AGE_MIN] * root(10 * scan_mj(state, costs)) // 100
    grown_s = _SILENT_STATIONARY_S
    if state[st.MOVING]:
        doubled = min(state[st.SEARCHES_FAILED] - _LUCK - 1, _SILENT_DOUBLES)
        grown_s = min(_SILENT_S << doubled, _SILENT_RICH * paid_s)
    return min(max(grown_s, paid_s), _most_s(state))


def _most_s(state):
    """Return the longest pause in seconds."""
    return _FOUND_S if state[st.AGE_MIN] <= FOUND_MIN else _SILENT_MOST_S


def root(n):
    """Return the integer square root of a number from 1 to 2^32."""
    found = 1 << 16
    while True:
        better = (found + n // found) // 2
        if better >= found:
            return found
        found = better


def _learn_place(state, dbm):
    """Learn the coverage of such a place, where a network was heard at `dbm` or none (0); old observations
    fade."""
    if state[st.HEARD_HERE] and dbm:
        return
    if state[st.PLACE] >= LEARNED:
        from locator.scheduler import fleet

        fleet.learn(state, state[st.PLACE] - LEARNED, dbm)
        return
    at = st.PLACES + state[st.PLACE]
    counts = state[at] or _prior(state[st.PLACE])
    looked = (counts & _COUNT) + _STEP
    found = (counts >> _COUNT_BITS) + (_STEP if dbm else 0)
    if looked > _STEP * _MOST_WEIGHT:
        looked, found = looked * 9 // 10, found * 9 // 10
    state[at] = found << _COUNT_BITS | looked


def _prior(place):
    """Return the packed counts of a kind of place before anything is learned."""
    return _PRIOR[place] * _PRIOR_WEIGHT * _STEP // 1000 << _COUNT_BITS | _PRIOR_WEIGHT * _STEP


def _find(state, plmn):
    """Return the index of a network's numbers in the state, 0 if it is unknown."""
    for at in range(st.NETWORKS, st.NETWORKS + 2 * st.NETWORKS_KEPT, 2):
        if state[at] >> _TIME_BITS == plmn:
            return at
    return 0


def _take(state, plmn):
    """Return the index of the numbers of a network that is used: they move to the front, and a new network
    takes the place of the one that was not used for longest."""
    at = _find(state, plmn)
    first, cost = (state[at], state[at + 1]) if at else (plmn << _TIME_BITS, 0)
    at = at or st.NETWORKS + 2 * st.NETWORKS_KEPT - 2
    while at > st.NETWORKS:
        state[at], state[at + 1] = state[at - 2], state[at - 1]
        at -= 2
    state[at], state[at + 1] = first, cost
    return at
