"""What is known of networks: what a report over each of them costs, and where networks are heard.

`costs` are those of the device (scheduler/battery.py). A network is known by its PLMN; 0: none.
"""

from micropython import const

from locator import state as st

STANDING = const(5)
LEARNED = const(8)
"""From it on: places of which the fleet has learned the coverage, the best first."""
UNKNOWN_PLACE = const(2)
# Probability in 1000 that a network is heard on the move by kind of place, 0 the best, and where trains
# stand, before anything is learned; what weight that has, and the most that can be learned.
_PRIOR = (970, 900, 750, 500, 250, 950)
_PRIOR_WEIGHT = const(6)
_MOST_WEIGHT = const(40)
# Two counts in a number: looks in steps of 1/500, and those that heard a network.
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
# After looks in vain while standing: only movement helps.
LOOK_STANDING_S = (10800, 21600, 43200)
# Where reports cost little beside what their age is worth, one that was unlucky is not given up for hours.
AGE_RICH_MIN = const(15)
_LOOK_RICH_S = const(1800)
# So many searches in vain are bad luck. From then on there is silence, and pauses are nearly as long as those
# between reports of which each costs as much: what reports would have taken pays for the search. Where that
# is often they double on the move, from the first on, up to some times as long; where the train stands
# nothing but time changes what is heard.
_LUCK = const(4)
_SILENT_S = const(1800)
_SILENT_STANDING_S = const(13 * 1800)
_SILENT_MOST_S = const(12 * 3600)
_SILENT_DOUBLES = const(3)
_SILENT_RICH = const(4)
# What the dearest operator multiplies the cost of a report with, and some luck.
_DEAREST = const(10)
# A network's first number: PLMN, and half an hour in which another one was looked at instead, + 1.
_TIME_BITS = const(10)
_TIME = const(0x3FF)
_HALF_HOURS = const(1023)
_DAY_HALF_HOURS = const(48)


def weak_cost(dbm):
    """Percent of the cost at good signal."""
    return _WEAK_COST[min(max(dbm - WEAKEST_DBM, 0), len(_WEAK_COST) - 1)]


def cost_of(state, plmn):
    """mJ that a report at good signal draws over this network; 0: not known."""
    at = _find(state, plmn)
    return state[at + 1] if at else 0


def looked_lately(state, plmn):
    """Whether this network was looked at in the last day, to leave another one for it."""
    at = _find(state, plmn)
    time = state[at] & _TIME if at else 0
    return time != 0 and (state[st.NOW] // 1800 + 1 - time) % _HALF_HOURS < _DAY_HALF_HOURS


def share(state, place):
    """Probability in 1000 that a network is heard in such a place."""
    if place >= LEARNED:
        from locator.scheduler import fleet

        return fleet.share(state, place - LEARNED)
    counts = state[st.PLACES + place] or _prior(place)
    return (counts >> _COUNT_BITS) * 1000 // (counts & _COUNT)


def is_silent(state):
    """Whether a network was searched for in vain: it is looked for before anything is tried again. Who has
    other profiles has to try some times: the next may be served, unless nothing at all is heard."""
    return state[st.VAIN] > (_LUCK if state[st.CARD_DUE] else 0)


def look_mj(state, costs):
    """What a look for a network takes: as learned, or else as built in."""
    return state[st.LOOK_MJ] or costs.probe


def search_mj(state, costs):
    """The same of an attempt to report that finds no network."""
    return state[st.SEARCH_MJ] or costs.scan


def learned(before, prior, found):
    """A cost by what it was, or by what is built in, and what it is found to be now."""
    return (3 * (before or prior) + found) // 4


def learn_search(state, costs, cost):
    """An attempt to report has found no network, for so many mJ."""
    state[st.SEARCH_MJ] = learned(state[st.SEARCH_MJ], costs.scan, cost)


def learn_look(state, costs, plmn, dbm, cost=0):
    """A network was seen at so many dBm, or none (0): one that was chosen and is not it is not there. The
    look has taken `cost` mJ, 0: not known."""
    if cost:
        state[st.LOOK_MJ] = learned(state[st.LOOK_MJ], costs.probe, cost)
    state[st.DID_PROBE] = st.YES
    state[st.SEEN], state[st.SEEN_DBM] = plmn, dbm
    _learn_place(state, dbm if plmn else 0)
    if plmn != state[st.CHOSEN_PLMN]:
        state[st.CHOSEN_PLMN] = 0
    if not plmn:
        _wait(state, costs)


def look_aside(state):
    """Another network is tried, and stayed with where it serves."""
    at = _take(state, state[st.WANTED])
    state[at] = state[at] & ~_TIME | (state[st.NOW] // 1800 % _HALF_HOURS + 1)
    state[st.CHOSEN_PLMN] = state[st.WANTED]
    state[st.WANTED], state[st.DID_LOOK_ASIDE] = 0, 1


def learn_upload(state, costs, done, plmn, cost, is_heard=False):
    """A report has ended over this network, heard at SEEN_DBM (0: not known), or none was found, though one
    may be heard that refuses the device; `cost` mJ of the report alone, 0: not known."""
    state[st.NETWORK] = plmn
    if cost:
        clean = max(1, cost - costs.wake) * 100 // weak_cost(state[st.SEEN_DBM])
        # What is dearer than the dearest operator was the signal, or luck.
        clean = min(clean, _DEAREST * costs.upload)
        at = _take(state, plmn)
        state[at + 1] = (7 * state[at + 1] + 3 * clean) // 10 if state[at + 1] else clean
    if done:
        state[st.LOOKS] = 0
        state[st.HEARD_HERE] = 0 if state[st.MOVING] else state[st.SEEN_DBM] or _USUAL_DBM
        return
    if state[st.DID_LOOK_ASIDE]:
        state[st.CHOSEN_PLMN] = 0  # the one before is heard here still
        return
    if not state[st.DID_PROBE] and not cost:
        _learn_place(state, 0)
    _wait(state, costs, is_heard or cost > 0)


def _wait(state, costs, is_heard=False):
    """After a look or a report in vain: the next place while moving, hours while standing; in silence longer
    and longer. A network that is heard and carries nothing is no silence."""
    step = min(state[st.LOOKS], len(LOOK_STANDING_S) - 1)
    pause_s = LOOK_STANDING_S[step] if state[st.AGE_MIN] > AGE_RICH_MIN else _LOOK_RICH_S << step
    if state[st.MOVING]:
        pause_s = 1
    state[st.VAIN] = min(state[st.VAIN], _LUCK) if is_heard else state[st.VAIN] + 1
    if state[st.VAIN] > _LUCK:
        pause_s = _silence_s(state, costs)
    state[st.UPLOAD_NOT_BEFORE] = state[st.NOW] + pause_s
    state[st.LOOKS] += 1
    state[st.HEARD_HERE] = 0


def rest_s(state):
    """What is left of a pause when the train has stopped or departed: half of it in silence, else nothing."""
    return max(0, state[st.UPLOAD_NOT_BEFORE] - state[st.NOW]) // 2 if state[st.VAIN] > _LUCK else 0


def _silence_s(state, costs):
    """Until the next look in silence."""
    paid_s = 30 * state[st.AGE_MIN] * root(10 * look_mj(state, costs)) // 100
    grown_s = _SILENT_STANDING_S
    if state[st.MOVING]:
        grown_s = min(_SILENT_S << min(state[st.VAIN] - _LUCK - 1, _SILENT_DOUBLES), _SILENT_RICH * paid_s)
    return min(max(grown_s, paid_s), _SILENT_MOST_S)


def root(n):
    """The whole part of the square root of a number from 1 to 2^32."""
    found = 1 << 16
    while True:
        better = (found + n // found) // 2
        if better >= found:
            return found
        found = better


def _learn_place(state, dbm):
    """Coverage in such a place, where a network was heard at `dbm` or none (0); old observations fade."""
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
    """Counts of a place of which nothing is known."""
    return _PRIOR[place] * _PRIOR_WEIGHT * _STEP // 1000 << _COUNT_BITS | _PRIOR_WEIGHT * _STEP


def _find(state, plmn):
    """Place of a network's numbers in the state, 0 when it is not known."""
    for at in range(st.NETWORKS, st.NETWORKS + 2 * st.NETWORKS_KEPT, 2):
        if state[at] >> _TIME_BITS == plmn:
            return at
    return 0


def _take(state, plmn):
    """The same for one that is used: it comes first, the one not used for longest makes room."""
    at = _find(state, plmn)
    first, cost = (state[at], state[at + 1]) if at else (plmn << _TIME_BITS, 0)
    at = at or st.NETWORKS + 2 * st.NETWORKS_KEPT - 2
    while at > st.NETWORKS:
        state[at], state[at + 1] = state[at - 2], state[at - 1]
        at -= 2
    state[at], state[at + 1] = first, cost
    return at
