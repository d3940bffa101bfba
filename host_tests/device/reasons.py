"""One wake for each reason that a decision can have: (reason, action, rule, what makes the wake).

The last is a function that returns (state, senses, hints). A rule is its place in `decide.RULES`.
"""

import fixed
from locator import settings as cfg
from locator import state as st
from locator.hal import DEEPSLEEP_RESET, WAKE_MOTION, WAKE_TIMER
from locator.scheduler import ATTACH, FIX, RECORD, SCAN, SESSION, SLEEP, decide, networks, pacing, policy

HOUR = 3600
NOW = 30 * 24 * HOUR
LATER = NOW + 99 * HOUR
HERE, OTHER = 262001, 262003
KEEPS, BORDER, DUE, AGAIN, POSITION, PACED, CELL, RECORDS, SESSIONS = range(9)
NO_RULE = -1


class Line:
    """A forecast: a country with two networks, the second known to be the cheaper one."""

    to_go_s, deviation_s, country_s, leg_s = 20 * 24 * HOUR, 0, 9 * 24 * HOUR, 24 * HOUR
    bin, learned, mcc = 0, 0, 262
    networks, costs, shares, ahead = (HERE, OTHER), (0, 100), (0, 0), ()


def wake(after_s, numbers, moving=0, moved=None, joules=100, left=1 << 29, pending=5, paced=1, forecast=None):
    """A wake so long after everything was done by a device that has so many joules a day: it ran (1) or stood
    then, and has `moved` since or not; `numbers` are of its state, by their places."""
    settings = cfg.defaults() if paced else fixed.unpaced()
    hints = fixed.hints(pending, settings)
    if forecast:
        hints = hints[:3] + (forecast,)
    state = st.new()
    st.begin(state, NOW, moving)
    state[st.EDGE] = 0
    for i in (st.LAST_RECORD, st.LAST_FIX, st.EPHEMERIS, st.POINT_AT, st.LAST_SESSION, st.STOPPED_AT):
        state[i] = NOW
    state[st.POSITION_HOLDS], state[st.NETWORK], state[st.MCC] = 1 - moving, HERE, 262
    policy.feel(state, 1000 * joules * 30, hints[3])
    pacing.select(state, hints[2], "bg95", hints[3], 0, 0)
    moved = moving if moved is None else moved
    reason = WAKE_MOTION if moved and not moving else WAKE_TIMER
    motion = 20 if reason == WAKE_MOTION else after_s // 4 * moved
    senses = NOW + after_s, reason, DEEPSLEEP_RESET, 3600, -50, motion, 0, 0, 0, 0
    st.feel(state, senses)
    policy.feel(state, left, hints[3])
    for place in numbers:
        state[place] = numbers[place]
    return state, senses, hints


def heard(after_s, dbm, numbers):
    """After a scan that has found the network at `dbm`."""
    state, senses, hints = wake(after_s, numbers)
    networks.learn_scan(state, hints[2], HERE, dbm)
    return state, senses, hints


def dear():
    """Reports over the network in use have cost ten times the least."""
    state, senses, hints = wake(9 * HOUR, {st.DID_FIX: st.REUSED}, forecast=Line)
    networks.learn_session(state, hints[2], True, HERE, 12400)
    return state, senses, hints


CASES = (
    (policy.REST_RESERVE, SLEEP, NO_RULE, lambda: wake(60, {}, left=0)),
    (policy.REST_REPORTED, SLEEP, NO_RULE, lambda: wake(60, {st.ATTACHED: st.YES, st.DID_SESSION: st.YES})),
    (policy.REST_PAUSE, SLEEP, NO_RULE, lambda: wake(60, {st.SESSION_NOT_BEFORE: LATER})),
    (policy.REST_BUDGET, SLEEP, NO_RULE, lambda: wake(60, {st.LAST_ATTEMPT: NOW})),
    (policy.REST_NO_NETWORK, SLEEP, NO_RULE, lambda: wake(60, {st.DID_SCAN: st.YES})),
    (policy.REST_NOT_WORTH, SLEEP, NO_RULE, lambda: wake(600, {})),
    (policy.REST_HEARD_NOT_WORTH, SLEEP, NO_RULE, lambda: heard(1800, -121, {})),
    (policy.REST_NOTHING_NEW, SLEEP, NO_RULE, lambda: wake(600, {st.POINT_AT: NOW + 600}, pending=0)),
    (decide.REST_MAY_NOT, SLEEP, NO_RULE, lambda: wake(1740, {st.MOVE_S: LATER}, moving=1, joules=2000)),
    (policy.FIX_EDGE, FIX, PACED, lambda: wake(2 * HOUR, {st.SESSION_NOT_BEFORE: LATER}, moving=1, moved=0)),
    (policy.FIX_MOVING, FIX, PACED, lambda: wake(4 * HOUR, {st.SESSION_NOT_BEFORE: LATER}, moving=1)),
    (
        policy.FIX_STATIONARY,
        FIX,
        PACED,
        lambda: wake(4 * HOUR, {st.POSITION_HOLDS: 0, st.SESSION_NOT_BEFORE: LATER}),
    ),
    (
        policy.FIX_FRESH,
        FIX,
        PACED,
        lambda: wake(1800, {st.POSITION_HOLDS: 0, st.HEARD_HERE: -90}, joules=2000),
    ),
    (policy.REUSE_UNTIL, RECORD, PACED, lambda: wake(2 * HOUR, {st.LAST_ATTEMPT: NOW + 2 * HOUR}, moved=1)),
    (policy.REUSE_NOW, RECORD, PACED, lambda: wake(2 * HOUR, {st.SESSION_NOT_BEFORE: LATER})),
    (policy.REUSE_FRESH, RECORD, PACED, lambda: wake(600, {st.ATTACHED: st.YES})),
    (
        policy.SCAN_FIRST,
        SCAN,
        PACED,
        lambda: wake(9 * HOUR, {st.DID_FIX: st.YES}, moving=1),
    ),
    (policy.ATTEMPT_OTHER, ATTACH, PACED, dear),
    (
        policy.SESSION_HEARD,
        ATTACH,
        PACED,
        lambda: heard(9 * HOUR, -90, {st.DID_FIX: st.YES}),
    ),
    (
        policy.ATTEMPT_HEARD,
        ATTACH,
        PACED,
        lambda: wake(9 * HOUR, {st.HEARD_HERE: -90, st.DID_FIX: st.REUSED}),
    ),
    (decide.SESSION_NOW, ATTACH, DUE, lambda: wake(60, {st.URGENT: 1, st.DID_FIX: st.YES})),
    (
        decide.SESSION_DENSE,
        ATTACH,
        DUE,
        lambda: wake(600, {st.DENSE_UNTIL: LATER, st.DENSE_LEFT_J: 99, st.DID_FIX: st.YES}),
    ),
    (decide.SESSION_LATE, ATTACH, DUE, lambda: wake(199 * HOUR, {st.AGE_MIN: 100000})),
    (decide.SESSION_PAUSE, ATTACH, DUE, lambda: wake(4 * HOUR, {st.DID_FIX: st.YES}, paced=0)),
    (
        decide.OTHER_PROFILE,
        ATTACH,
        AGAIN,
        lambda: wake(60, {st.ATTACHED: st.NO, st.PROFILE_DUE: st.PROFILE_AGAIN, st.LAST_ATTEMPT: NOW + 60}),
    ),
    (decide.SCAN_BORDER, SCAN, BORDER, lambda: wake(9 * HOUR, {st.PROFILE_DUE: 4, st.MCC: 260}, moving=1)),
    (decide.FIX_REQUESTED, FIX, POSITION, lambda: wake(60, {st.LAST_RECORD: 0})),
    (decide.FIX_PAUSE, FIX, POSITION, lambda: wake(HOUR, {}, paced=0)),
    (decide.SCAN_FOR_CELL, SCAN, CELL, lambda: wake(60, {st.DID_FIX: st.NO, st.IN_PSM: 1})),
    (decide.KEEP, RECORD, RECORDS, lambda: wake(60, {st.DID_FIX: st.YES})),
    (decide.KEEP, RECORD, KEEPS, lambda: wake(60, {st.DID_FIX: st.YES, st.URGENT: 1, st.LOADED_MV: 3100})),
    (
        decide.DELIVER,
        SESSION,
        SESSIONS,
        lambda: wake(60, {st.DID_FIX: st.YES, st.DID_RECORD: st.YES, st.ATTACHED: st.YES}),
    ),
    (decide.SHIPPED, SLEEP, NO_RULE, lambda: wake(60, {st.REQUEST: st.SHIPPING})),
)
