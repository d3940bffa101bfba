"""The operators' budgets: how often the network may be asked for service, and how much may be said.

Limits of a resold card (1NCE, "Suggested Limits": 24 attaches and 120 messages a day on LTE-M) and
of network friendliness (Telefonica REQ_008: retries a minute apart and 10 in an hour at most). The
windows slide over the last tries. A try counts from the moment it begins; the state is in flash by
then, so that neither a reset nor a power cut forgets it. To look for a cell is a try, too: the modem
registers as soon as its radio is on. A try in which the network refuses a PDP context asks for one twice
at most, a time server included, so 20 times an hour (TS.34 8.2.3: 30 after a permanent refusal); one that is
granted is given up once at most (`locator/mending.py`). `now` is the moment itself, later than the beginning
of the wake.

All times are the device's own, whose clock gains in sleep (boards: 0.2 to 5 %, more while it cools
down): each window and pause is a sixteenth longer by it than operators count.
"""

from micropython import const

from locator.modem import UNTOLD
from locator.plan import state as st

_APART_S = const(60)
_MOST_AN_HOUR = const(10)
_MOST_A_DAY = st.TRIES_KEPT
_MOST_WITH_EXTRAS = const(12)  # a day: neither looks nor dense reports eat into what others may need
# In a day of ours; any 24 hours touch two of them.
_MESSAGES_A_DAY = const(60)
# Of these, the pieces of a release; what is left is for reports.
_PULLS_A_DAY = const(40)
_PULL_MV = const(3350)  # under the load of a connection

_AWAKE_MW = const(600)  # what a wake draws at most: a SIM7600 that is connected

# EMM causes (TS 24.301) that no second try mends: this card is not wanted here. The pauses are in
# hours (TS.34, Telefonica REQ_009).
_PERMANENT = (2, 3, 6, 7, 8)
_ORBITS_S = const(4 * 3600)  # as long as an ephemeris may be used
_DATA_PERMANENT = (8, 27, 28, 29, 30, 32, 33)  # ESM causes (TS.34 8.2.3 REQ_003)
_PAUSES_H = (1, 4, 8, 16, 24, 36, 48, 72, 96)
# Refusals whose cause nobody names are taken for permanent after so many in a row, but as another network
# may yet take the card, the pauses grow to a day only.
_MOST_UNTOLD = const(5)
_LAST_UNTOLD = const(4)


def wait_s(state):
    """Seconds until the network may be asked again, 0 when it may be now."""
    until = state[st.REFUSED_UNTIL]
    for back, window_s in ((1, _APART_S), (_MOST_AN_HOUR, 3600), (_MOST_A_DAY, 86400)):
        time = state[st.TRIES + (state[st.NEXT_TRY] - back) % st.TRIES_KEPT]
        if time:
            until = max(until, time + _long(window_s))
    return max(0, until - state[st.NOW])


def may_look(state):
    """Whether the radio may be switched on only to see which cell is heard."""
    if state[st.PARKED]:
        return True  # registered already
    return _may_extra(state)


def _may_extra(state):
    time = state[st.TRIES + (state[st.NEXT_TRY] - _MOST_WITH_EXTRAS) % st.TRIES_KEPT]
    return not wait_s(state) and (not time or state[st.NOW] - time >= _long(86400))


def is_dense(state):
    """Whether points shall be dense: until their time or their energy is over."""
    return state[st.NOW] < state[st.DENSE_UNTIL] and state[st.DENSE_LEFT_J] > 0


def may_report_densely(state):
    """Whether a report is due only because points are dense: half of the day's tries and messages are
    not for that."""
    return is_dense(state) and messages_left(state) > _MESSAGES_A_DAY // 2 and _may_extra(state)


def spend(state, awake_s):
    """A wake was so long: what it took at most is charged to the dense points."""
    if is_dense(state):
        state[st.DENSE_LEFT_J] -= 1 + awake_s * _AWAKE_MW // 1000


def begin_try(state, now, phase):
    """The network is about to be asked. `phase`, a random byte, makes the next pauses longer."""
    state[st.PHASE] = phase
    state[st.TRIED] += 1
    state[st.LAST_TRY] = now
    _count(state, now)


def begin_look(state, now):
    """The radio is about to be switched on to look for a cell."""
    if not state[st.PARKED]:
        _count(state, now)


def _long(seconds):
    return seconds + seconds // 16


def _count(state, now):
    state[st.TRIES + state[st.NEXT_TRY]] = now
    state[st.NEXT_TRY] = (state[st.NEXT_TRY] + 1) % st.TRIES_KEPT


def refused(state, now, cause):
    """The network has refused the card for this EMM cause, UNTOLD if nobody named it; 0: it has not."""
    if cause in _PERMANENT:
        state[st.REFUSED_UNTIL] = now + _pause_s(state, st.REFUSALS)
    if cause:
        state[st.UNTOLD] = state[st.UNTOLD] + 1 if cause == UNTOLD else 0
    if cause == UNTOLD and state[st.UNTOLD] >= _MOST_UNTOLD:
        state[st.REFUSED_UNTIL] = now + _pause_s(state, st.REFUSALS, _LAST_UNTOLD)


def data_refused(state, now, cause):
    """The network has refused a PDP context for this ESM cause, 0 if it named none. After temporary
    causes the pauses are those of any failure (`decide.retry_s`)."""
    if cause in _DATA_PERMANENT:
        state[st.DATA_UNTIL] = now + _pause_s(state, st.DATA_REFUSALS)


def _pause_s(state, counter, last=8):
    step = min(state[counter], last)
    state[counter] += 1
    return _long(3600 * _PAUSES_H[step])


def orbits_due(state):
    """Whether predicted orbits pay, 40 kB on the connection that is there for a search that takes 23 s less:
    when those that the satellites told are too old, once a day, and only with the time known."""
    cold = not state[st.ORBITS] or state[st.NOW] - state[st.ORBITS] > _ORBITS_S
    return cold and state[st.OFFSET] != 0 and state[st.NOW] - (state[st.ORBITS_TRIED] or -86400) >= 86400


def accepted(state):
    """The network has taken the card."""
    state[st.REFUSALS] = state[st.REFUSED_UNTIL] = state[st.UNTOLD] = 0


def messages_left(state):
    """How many messages may still be sent today."""
    return max(0, _MESSAGES_A_DAY - state[st.SENT_TODAY])


def pulls_left(state):
    """How many pieces of a release may still be asked for today; none on a battery that is not good."""
    if state[st.LOADED_MV] < _PULL_MV:
        return 0
    return max(0, _PULLS_A_DAY - state[st.PULLED_TODAY])
