"""Who was not heard of since a border, since a switch of profiles, or since data was barred. Imported where
that can be."""

from micropython import const

from locator import state as st
from locator.scheduler import budget, networks

NOTHING = const(0)
LOOK = const(1)
REPORT = const(2)

# Between looks: on the move what is heard changes; standing where the networks of the country before are
# heard, the guide has put the border in the wrong place.
_MOVING_S = const(600)
_STANDING_S = const(3600)
# Of the day's tries reports leave some for borders (scheduler/policy.py). So many may be used up when a
# look is made on the way over a border, and when the guide tells that it is passed; two are for behind it,
# or for an alarm.
_MOST_ON_THE_WAY = const(20)
_MOST_BEFORE = const(22)
# Each try of the last hours makes the next look later; of those of half a day what is more than reports make.
_RECENT_S = const(4 * 3600)
_HALF_DAY_S = const(12 * 3600)
_OF_REPORTS = const(9)
# The guide tells where a train is by its last point.
_POINT_LASTS_S = const(86400)
# Where on a leg of the line the border lies nobody knows, often just behind the station: a look at each
# quarter of it.
_LEG_PARTS = const(4)
_LEG_LEAST_S = const(600)


def due(state, journey):
    """What to do about it now; `journey` as in scheduler/policy.py. A look comes first: what is heard tells
    the country, and without it an attempt is not worth its energy."""
    shut = is_shut(state)
    here = shut or is_unheard(state)
    if state[st.DID_PROBE]:
        seen = state[st.SEEN]
        return REPORT if here and seen and state[st.HELD_PLMN] in (0, seen) else NOTHING
    if networks.rest_s(state):
        return NOTHING
    if here:
        if wait_s(state):
            return NOTHING
        return REPORT if shut else LOOK  # a look would register; what comes before a report only listens
    return LOOK if _has_been_passed(state, journey) or _may_be_behind(state, journey) else NOTHING


def until(state, journey):
    """When who was not heard of, or runs towards a border, looks next; a time without end for others."""
    rest_s = 2 * networks.rest_s(state)  # nothing is heard, wherever it is looked
    if rest_s or is_unheard(state):
        return state[st.NOW] + max(rest_s, wait_s(state))
    may_come = state[st.MOVING] and _is_left(state, _MOST_ON_THE_WAY)
    pause_s = _leg_pause_s(state, journey) if may_come else 0
    return state[st.NOW] + (max(pause_s, _leg_least_s(state, pause_s)) or 1 << 28)


def wait_s(state):
    """Seconds until the next look of one that `is_unheard`, 0 when it may be now."""
    pause_s = _STANDING_S * max(1, min(_vain(state), 4))
    if _runs(state):
        pause_s = _moving_s(_vain(state))
    return max(0, budget.wait_s(state), pause_s - _since_try_s(state))


def _has_been_passed(state, journey):
    """Whether the guide has the train behind the border, and it is time for a look. The guide may be ahead of
    the train: each look of the last hours makes the next one later."""
    if not is_abroad(state, journey) or not _may_look(state, _MOST_BEFORE):
        return False
    pause_s = _moving_s(max(_vain(state), _recent(state))) if _runs(state) else 4 * _STANDING_S
    return _since_try_s(state) >= pause_s


def _may_be_behind(state, journey):
    """Whether a train that is on its way over a border has run, since the look before, for a part of the leg.
    A stop is asked about too, unless a fix has told where it is: on the move the guide does not tell the
    border so well."""
    pause_s = _leg_pause_s(state, journey)
    has_run = not state[st.EDGE] if state[st.MOVING] else state[st.EDGE] and state[st.DID_FIX] != st.YES
    if not pause_s or not has_run or not _may_look(state, _MOST_ON_THE_WAY):
        return False
    return _since_try_s(state) >= _leg_least_s(state, pause_s)


def _leg_least_s(state, pause_s):
    """From a try to a look: half of a pause, since a report on departure comes later in its wake, or more."""
    return pause_s // 2 * (1 + _recent(state) // 2)


def _may_look(state, most):
    return _is_left(state, most) and (state[st.PARKED] or not budget.wait_s(state))


def _is_left(state, most):
    """Whether less than so many tries were made in a day, and the guide's word is not too old. A modem that
    is registered asks nobody."""
    is_left = state[st.PARKED] or budget.since_try_s(state, most) >= budget.long(86400)
    return is_left and state[st.NOW] - state[st.POINT_AT] < _POINT_LASTS_S


def _moving_s(vain):
    return _MOVING_S * min(1 + vain // 2, 8)


def _runs(state):
    return state[st.MOVING] or state[st.EDGE]


def _vain(state):
    return max(state[st.LOOKS], state[st.TRY_FAILS])


def _recent(state):
    """How many tries of late make the next look later."""
    return max(_tries(state, _RECENT_S), 2 * (_tries(state, _HALF_DAY_S) - _OF_REPORTS))


def _tries(state, seconds):
    """How many there were in the last so many seconds."""
    n = 0
    while n < st.TRIES_KEPT and budget.since_try_s(state, n + 1) < seconds:
        n += 1
    return n


def _since_try_s(state):
    """Since the network was asked, also by a modem that sleeps registered."""
    return min(budget.since_try_s(state, 1), state[st.NOW] - state[st.LAST_TRY])


def _leg_pause_s(state, journey):
    """Seconds between looks on a leg that leads over a border, 0 on any other, with nothing to choose, behind
    the border by the guide, or after as many looks in vain."""
    if is_abroad(state, journey) or state[st.LOOKS] >= _LEG_PARTS:
        return 0
    is_over = bool(journey) and journey.next_mcc not in (0, state[st.MCC])
    return max(_LEG_LEAST_S, journey.leg_s // _LEG_PARTS) if is_over and state[st.CARD_DUE] else 0


def is_unheard(state):
    """Whether the agent has not heard of us since data was barred or, where the card has profiles, since a
    switch or a border."""
    if state[st.HELD_PLMN] != state[st.OPEN_PLMN]:
        return True
    if not state[st.CARD_DUE]:
        return False
    is_open = state[st.CARD_DUE] & (st.CARD_ASK | st.CARD_OPEN)
    return is_open != 0 or state[st.NETWORK] // 1000 not in (0, state[st.MCC])


def is_shut(state):
    """Whether the policy let no profile be used when it was asked last (esim/switch.py)."""
    return 0 < state[st.CARD_UNTIL] == state[st.DATA_UNTIL]


def is_abroad(state, journey):
    """Whether the card has profiles to choose from, and the way leads, by the guide, through another country
    than that of the networks heard last."""
    return state[st.CARD_DUE] != 0 and bool(journey) and journey.mcc not in (0, state[st.MCC])
