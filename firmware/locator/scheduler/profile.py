"""The choice of the card's profile, and the stages of a switch. Pure integers, no I/O.

`p` is an array of SIZE integers that lasts in flash (esim/memory.py). Profiles are named by their number in
the policy, from 1 on; 0: none. `rows` of the policy are [MCC, number, number, ...], the best first; MCC 0:
everywhere else. All times are seconds since power-on.
"""

from array import array

from micropython import const

from locator import state as st
from locator.scheduler import budget

# In state[PROFILE_DUE], in addition to those of state.py.
KNOWN = const(4)  # there is a policy
UNKEPT = const(16)  # the flash did not take the access point of the profile in use
NOTICES = const(32)  # the card may have notifications for servers (esim/notices.py)

REPORT = const(128)  # in state[TO_REPORT]

PROFILE = const(0)  # the one with which the agent was reached last
TARGET = const(1)  # the one that is to be enabled
STAGE = const(2)
LEFT_S = const(3)  # of the trial: time in which there was a network and an attempt was allowed
REQUESTED = const(4)  # the profile requested by the agent; 0: the policy decides
FALLBACK = const(5)
MCC = const(6)  # of the costs
MCC_BEFORE = const(19)
NEXT = const(7)  # index in the ring
SWITCHED = const(8)  # ring of the times of the last switches
MOST_A_DAY = const(3)
COST = const(11)  # by profile, in this country: mean seconds to an answer * 256 + failures
MOST = const(8)
SIZE = const(20)

# Stages of a switch.
IDLE = const(0)
FORWARD = const(1)
BACK = const(2)
TO_FALLBACK = const(3)

TRIAL_S = const(600)
_LEAST_S = const(60)  # of the trial an attempt takes at least
DWELL_S = const(2 * 3600)
RETURN_S = const(6 * 3600)
_DAY_S = const(86400 + 5400)  # by a clock that may gain
_COST_MAX_S = const(3600)
APART_S = const(64)
"""Between two attempts of a wake, as operators want it: a minute, by a clock that may gain."""
# Half of a day's attempts stay for other purposes: (attempts, in so many seconds).
_ROOM = ((10, 3900), (12, 91800))

# Weights of failures by EMM cause (TS 24.301): at LIMIT another profile is chosen. Three groups: permanent
# for this IMSI, not this network, not this area. An unnamed cause weighs as one of the second group; faults
# of the network (17, 22, 42), and no network at all, weigh nothing: no profile helps there.
LIMIT = const(6)
_DEAD = (2, 3, 6, 7, 8)
_NOT_HERE = (11, 13, 14, -1)
_AREA = (12, 15)
_UNANSWERED = const(2)


_OF_THE_IMSI = (
    st.ATTEMPT_FAILS,
    st.PATH_FAILS,
    st.REFUSALS,
    st.REFUSED_UNTIL,
    st.UNNAMED,
    st.DATA_REFUSALS,
    st.DATA_UNTIL,
    st.LOCKED_PLMN,
    st.LOCKED_LOST,
    st.OPEN_PLMN,
    st.BARRED_UNTIL,
    st.CHOSEN_PLMN,
    st.IN_PSM,
    st.HEARD_PLMN,
)


def new():
    """Return the integers of an unknown card."""
    return array("i", bytes(4 * SIZE))


def weight(cause, heard):
    """Return the weight of an attempt to register that failed with this EMM cause (0: none was given);
    `heard`: a network was heard."""
    if cause in _DEAD:
        return LIMIT
    if cause in _NOT_HERE:
        return LIMIT // 2
    if cause in _AREA or (heard and not cause):
        return 2
    return 0


def weight_of_data(state):
    """Return the weight of a session that failed: its context was refused, or there was no answer. Where one
    operator is held (Russia) a switch begins the bar again: silence counts when it has lasted as long."""
    if state[st.DATA_REFUSALS]:
        return LIMIT // 2
    is_brief = state[st.NOW] - state[st.LAST_SESSION] < st.BAR_S
    return 0 if state[st.LOCKED_PLMN] and is_brief else _UNANSWERED


def choose(p, rows, mcc, now, full=0):
    """Return the number of the profile to use in that country: the one in use as long as it is allowed there,
    works, does not cost twice as much as another and not the fallback; then the best that has not failed; at
    last the one that failed least, the fallback among them. The last switch of a day goes to one that is good
    on both sides of the border."""
    _enter(p, mcc)
    if p[REQUESTED]:
        return p[REQUESTED]
    current = p[PROFILE]
    fallback = 0 if full >> p[FALLBACK] & 1 else p[FALLBACK]
    order = [number for number in _order(p, rows, mcc) if not full >> number & 1]
    good = [number for number in order if not _fails(p, number)]
    if current not in good and _is_last_today(p, now):
        before = _order(p, rows, p[MCC_BEFORE]) + [fallback]
        both = [
            number for number in good + [fallback] if number in before and number and not _fails(p, number)
        ]
        good = both or good
    if not good:
        known = order + [fallback] if fallback and fallback not in order else order
        tried = [
            (_fails(p, number), number not in order, number != current, i) for i, number in enumerate(known)
        ]
        return known[min(tried)[3]] if known else current
    best = good[0]
    if current in good and current != fallback:
        best = current
        for number in good:
            if 0 < 2 * _cost(p, number) < _cost(p, best):
                best = number
    return best


def wait_s(p, now):
    """Return the seconds until another switch is allowed: three a day, two hours apart."""
    until = 0
    for back, window_s in ((1, DWELL_S), (MOST_A_DAY, _DAY_S)):
        at = SWITCHED + (p[NEXT] - back) % MOST_A_DAY
        if p[at]:
            p[at] = min(p[at], max(1, now))  # a later time is of before a loss of power
            until = max(until, p[at] + window_s)
    return max(0, until - now)


def apart_s(state, now):
    """Return the seconds until the operators' pause after the last attempt is over, after which another may
    follow in this wake."""
    time = budget.attempt_at(state, 1)
    return max(0, time + APART_S - now) if time else 0


def may_attempt_again(state):
    """Return whether hour and day have room for one more attempt in this wake (limits as in
    scheduler/budget.py)."""
    for back, window_s in _ROOM:
        time = budget.attempt_at(state, back)
        if time and state[st.NOW] - time < window_s:
            return False
    return True


def forget_failures(p):
    """Forget the failures, which may be over after some hours."""
    for i in range(COST, COST + MOST):
        p[i] &= ~0xFF


def waits(state):
    """Return whether a network has registered the device and bars its data, as in Russia: neither success nor
    failure, and a switch would begin the bar again."""
    return state[st.LOCKED_PLMN] != 0 and state[st.LOCKED_PLMN] != state[st.OPEN_PLMN]


def fresh(state):
    """Clear the refusals of the previous IMSI, which do not apply to the new one (TS.34 8.2.4 REQ_003)."""
    for i in _OF_THE_IMSI:
        state[i] = 0


def begin(p, target, now):
    """Begin the switch to `target`; the intent is in `p` before it is executed."""
    p[TARGET], p[STAGE], p[LEFT_S] = target, FORWARD, TRIAL_S
    _count(p, now)


def failed(p):
    """Note that the profile in use has failed in this country."""
    _fail(p, p[PROFILE])


def attempt_failed(p, seconds, cause, heard):
    """Note that an attempt with the new profile has failed after so many seconds. Return whether another
    profile follows."""
    if heard:
        p[LEFT_S] -= max(TRIAL_S // 2 if cause in _NOT_HERE else _LEAST_S, seconds)
    if cause not in _DEAD and p[LEFT_S] > 0:
        return False
    return give_up(p)


def give_up(p):
    """Give up the new profile: return to the previous one, then to the fallback profile. Return whether there
    is one; else the new one stays, as if the agent had been reached with it, until the policy is applied
    again."""
    _fail(p, p[TARGET])
    if p[TARGET] == p[REQUESTED]:
        p[REQUESTED] = 0
    if p[STAGE] == FORWARD and p[PROFILE] and p[PROFILE] != p[TARGET]:
        p[STAGE], p[TARGET] = BACK, p[PROFILE]
    elif p[STAGE] != TO_FALLBACK and p[FALLBACK] and p[FALLBACK] != p[TARGET]:
        p[STAGE], p[TARGET] = TO_FALLBACK, p[FALLBACK]
    else:
        p[STAGE], p[PROFILE] = IDLE, p[TARGET]
        return False
    p[LEFT_S] = TRIAL_S
    return True


def answered(p, seconds):
    """Note that the agent has answered with the target in use, so many seconds after the attempt began.
    Return the stage that this has ended."""
    stage = p[STAGE]
    p[PROFILE], p[STAGE] = p[TARGET], IDLE
    number = p[PROFILE]
    if 0 < number <= MOST:
        mean = _cost(p, number)
        seconds = min(seconds, _COST_MAX_S)
        mean = (3 * mean + seconds) // 4 if mean else max(1, seconds)
        p[COST + number - 1] = mean << 8
    return stage


def _is_last_today(p, now):
    time = p[SWITCHED + (p[NEXT] - MOST_A_DAY + 1) % MOST_A_DAY]
    return time != 0 and now - min(time, now) < _DAY_S


def _order(p, rows, mcc):
    everywhere: list = []
    for row in rows:
        if row[0] == mcc:
            return row[1:]
        if row[0] == 0:
            everywhere = row[1:]
    return everywhere or [p[FALLBACK] or p[PROFILE]]


def _enter(p, mcc):
    """Clear the failures, as the country is another."""
    if mcc and p[MCC] != mcc:
        p[MCC_BEFORE], p[MCC] = p[MCC], mcc
        for i in range(COST, COST + MOST):
            p[i] = 0


def _fails(p, number):
    return p[COST + number - 1] & 0xFF if 0 < number <= MOST else 0


def _cost(p, number):
    return p[COST + number - 1] >> 8 if 0 < number <= MOST else 0


def _fail(p, number):
    if 0 < number <= MOST and p[COST + number - 1] & 0xFF < 0xFF:
        p[COST + number - 1] += 1


def _count(p, now):
    p[SWITCHED + p[NEXT]] = max(1, now)
    p[NEXT] = (p[NEXT] + 1) % MOST_A_DAY
