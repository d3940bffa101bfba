"""One wake for each reason that a decision can have: (reason, action, rule, what makes the wake).

The last is a function that returns (state, senses, hints). A rule is its place in `decide.RULES`.
"""

import fixed
from locator import settings as cfg
from locator import state as st
from locator.hal import DEEPSLEEP_RESET, WAKE_MOTION, WAKE_TIMER
from locator.scheduler import ATTACH, FIX, PROBE, RECORD, SLEEP, TALK, decide, menu, networks, policy

HOUR = 3600
NOW = 30 * 24 * HOUR
LATER = NOW + 99 * HOUR
HERE, OTHER = 262001, 262003
KEEPS, BORDER, REPORT, AGAIN, PLACE, PACED, CELL, RECORDS, TALKS = range(9)
NO_RULE = -1


class Line:
    """A journey through a country with two networks, the second known to be the cheaper one."""

    to_go_s, deviation_s, country_s = 20 * 24 * HOUR, 0, 9 * 24 * HOUR
    bin, learned, mcc = 0, 0, 262
    networks, costs, shares, ahead = (HERE, OTHER), (0, 100), (0, 0), ()


def wake(after_s, numbers, moving=0, moved=None, joules=100, left=1 << 29, pending=5, paced=1, journey=None):
    """A wake so long after everything was done by a device that has so many joules a day: it ran (1) or stood
    then, and has `moved` since or not; `numbers` are of its state, by their places."""
    settings = cfg.defaults() if paced else fixed.unpaced()
    hints = fixed.hints(pending, settings)
    if journey:
        hints = hints[:3] + (journey,)
    state = st.new()
    st.begin(state, NOW, moving)
    state[st.EDGE] = 0
    for i in (st.LAST_RECORD, st.LAST_FIX, st.ORBITS, st.POINT_AT, st.LAST_UPLOAD, st.STOPPED_AT):
        state[i] = NOW
    state[st.UNMOVED], state[st.NETWORK], state[st.MCC] = 1 - moving, HERE, 262
    policy.feel(state, 1000 * joules * 30, hints[3])
    menu.select(state, hints[2], "bg95", hints[3], 0, 0)
    moved = moving if moved is None else moved
    reason = WAKE_MOTION if moved and not moving else WAKE_TIMER
    motion = 20 if reason == WAKE_MOTION else after_s // 4 * moved
    told = NOW + after_s, reason, DEEPSLEEP_RESET, 3600, -50, motion, 0, 0, 0, 0
    st.feel(state, told)
    policy.feel(state, left, hints[3])
    for place in numbers:
        state[place] = numbers[place]
    return state, told, hints


def seen(after_s, dbm, numbers):
    """Behind a look that has found the network at `dbm`."""
    state, told, hints = wake(after_s, numbers)
    networks.learn_look(state, hints[2], HERE, dbm)
    return state, told, hints


def dear():
    """Reports over the network in use have cost ten times the least."""
    state, told, hints = wake(9 * HOUR, {st.DID_FIX: st.SPARED}, journey=Line)
    networks.learn_upload(state, hints[2], True, HERE, 12400)
    return state, told, hints


CASES = (
    (policy.REST_FLOOR, SLEEP, NO_RULE, lambda: wake(60, {}, left=0)),
    (policy.REST_REPORTED, SLEEP, NO_RULE, lambda: wake(60, {st.ATTACHED: st.YES, st.DID_TALK: st.YES})),
    (policy.REST_PAUSE, SLEEP, NO_RULE, lambda: wake(60, {st.UPLOAD_NOT_BEFORE: LATER})),
    (policy.REST_BUDGET, SLEEP, NO_RULE, lambda: wake(60, {st.LAST_TRY: NOW})),
    (policy.REST_NO_NETWORK, SLEEP, NO_RULE, lambda: wake(60, {st.DID_PROBE: st.YES})),
    (policy.REST_NOT_WORTH, SLEEP, NO_RULE, lambda: wake(600, {})),
    (policy.REST_SEEN_NOT_WORTH, SLEEP, NO_RULE, lambda: seen(1800, -121, {})),
    (policy.REST_NOTHING_NEW, SLEEP, NO_RULE, lambda: wake(600, {st.POINT_AT: NOW + 600}, pending=0)),
    (decide.REST_MAY_NOT, SLEEP, NO_RULE, lambda: wake(1740, {st.MOVE_S: LATER}, moving=1, joules=2000)),
    (policy.FIX_EDGE, FIX, PACED, lambda: wake(2 * HOUR, {st.UPLOAD_NOT_BEFORE: LATER}, moving=1, moved=0)),
    (policy.FIX_MOVING, FIX, PACED, lambda: wake(4 * HOUR, {st.UPLOAD_NOT_BEFORE: LATER}, moving=1)),
    (policy.FIX_STANDING, FIX, PACED, lambda: wake(4 * HOUR, {st.UNMOVED: 0, st.UPLOAD_NOT_BEFORE: LATER})),
    (policy.FIX_FRESH, FIX, PACED, lambda: wake(1800, {st.UNMOVED: 0, st.HEARD_HERE: -90}, joules=2000)),
    (policy.STILL_UNTIL, RECORD, PACED, lambda: wake(2 * HOUR, {st.LAST_TRY: NOW + 2 * HOUR}, moved=1)),
    (policy.STILL_HERE, RECORD, PACED, lambda: wake(2 * HOUR, {st.UPLOAD_NOT_BEFORE: LATER})),
    (policy.STILL_FRESH, RECORD, PACED, lambda: wake(600, {st.ATTACHED: st.YES})),
    (
        policy.PROBE_FIRST,
        PROBE,
        PACED,
        lambda: wake(9 * HOUR, {st.DID_FIX: st.YES}, moving=1),
    ),
    (policy.PROBE_OTHER, ATTACH, PACED, dear),
    (
        policy.UPLOAD_SEEN,
        ATTACH,
        PACED,
        lambda: seen(9 * HOUR, -90, {st.DID_FIX: st.YES}),
    ),
    (
        policy.TRY_HEARD,
        ATTACH,
        PACED,
        lambda: wake(9 * HOUR, {st.HEARD_HERE: -90, st.DID_FIX: st.SPARED}),
    ),
    (decide.REPORT_NOW, ATTACH, REPORT, lambda: wake(60, {st.URGENT: 1, st.DID_FIX: st.YES})),
    (
        decide.REPORT_DENSE,
        ATTACH,
        REPORT,
        lambda: wake(600, {st.DENSE_UNTIL: LATER, st.DENSE_LEFT_J: 99, st.DID_FIX: st.YES}),
    ),
    (decide.REPORT_LATE, ATTACH, REPORT, lambda: wake(199 * HOUR, {st.AGE_MIN: 100000})),
    (decide.REPORT_PAUSE, ATTACH, REPORT, lambda: wake(4 * HOUR, {st.DID_FIX: st.YES}, paced=0)),
    (
        decide.OTHER_PROFILE,
        ATTACH,
        AGAIN,
        lambda: wake(60, {st.ATTACHED: st.NO, st.CARD_DUE: st.CARD_AGAIN, st.LAST_TRY: NOW + 60}),
    ),
    (decide.LOOK_BORDER, PROBE, BORDER, lambda: wake(9 * HOUR, {st.CARD_DUE: 4, st.MCC: 260}, moving=1)),
    (decide.PLACE_TOLD, FIX, PLACE, lambda: wake(60, {st.LAST_RECORD: 0})),
    (decide.POINT_PAUSE, FIX, PLACE, lambda: wake(HOUR, {}, paced=0)),
    (decide.LOOK_FOR_CELL, PROBE, CELL, lambda: wake(60, {st.DID_FIX: st.NO, st.PARKED: 1})),
    (decide.KEEP, RECORD, RECORDS, lambda: wake(60, {st.DID_FIX: st.YES})),
    (decide.KEEP, RECORD, KEEPS, lambda: wake(60, {st.DID_FIX: st.YES, st.URGENT: 1, st.LOADED_MV: 3100})),
    (
        decide.TELL,
        TALK,
        TALKS,
        lambda: wake(60, {st.DID_FIX: st.YES, st.DID_RECORD: st.YES, st.ATTACHED: st.YES}),
    ),
    (decide.SHIPPED, SLEEP, NO_RULE, lambda: wake(60, {st.ERRAND: st.SHIPPING})),
)
