"""Our policy: a menu by the joules a day that are left, probe then commit, learned coverage and costs.

Functions on integers in the style of `firmware/locator/plan`, to which they will move: seconds,
millijoules, kilometres, dBm, shares in 1000. One wake:

    ours.feel(...)              what the wake begins with
    ours.next(state, facts)     -> action, again and again until it is SLEEP
    state.learn_...(...)        what came of it

An upload is worth its energy when the square of its age outweighs the cost: with an interval T the
mean age is T / 2, so one more upload a day gains in proportion to T squared. The row of the menu says
how many minutes old a report is when an upload of one joule is worth it.
"""

from __future__ import annotations

from tools.lab.state import (
    DAY_S,
    HOUR_S,
    LOOK_STANDING_S,
    NEVER,
    TRIES_A_DAY,
    TRIES_SPARSE,
    WEAKEST_DBM,
    Facts,
    Journey,
    Row,
    State,
    place,
    weak_cost,
)

SLEEP, FIX, STILL, PROBE, UPLOAD, TRY = range(6)
"""STILL is a record without GNSS: the train stands where the last fix was made. UPLOAD goes over
`state.network_seen`; TRY lets the modem search, without a look before."""

RESELECT_S = 6 * HOUR_S
HEARD_HERE = 980
"""Where an upload has passed since the train stands."""
WEAK_SUCCESS = (500, 661, 791, 881, 935, 966, 982, 991, 995, 998, 999)
STILL_EVERY_S = 13 * HOUR_S // 2
"""A point of a standing train speaks for three hours before and after."""
ATTACH_BLIND = 30
"""Percent of the uploads in a new place that would attach to another network, without a look before."""
AHEAD_S = 6 * HOUR_S
"""A trip is planned to last so much longer than expected."""
FLOOR_AHEAD_S, FLOOR_SHARE = 6 * HOUR_S, 150
"""Sleep stays paid for until so much later, and by so many percent of the deviation."""
COST_SPREAD = ((550, 100), (330, 208), (120, 631))
"""What an unknown operator costs: (probability in 1000, percent of the cheapest)."""


def feel(state: State, facts: Facts, now: int, moving: int, left: int, journey: Journey) -> None:
    """A wake begins, with `left` mJ."""
    state.now, state.left = now, left
    state.did_fix = state.did_probe = state.did_upload = state.did_look_aside = 0
    state.network_seen = state.wanted = -1
    state.edge = 1 if moving != state.moving else 0
    if state.edge:
        state.moving = moving
        state.heard_here = state.looks = state.fix_fails = 0
        state.upload_not_before = min(state.upload_not_before, now)
        state.fix_not_before = min(state.fix_not_before, now)
    elif moving:
        state.parked = 0
    place(state, journey)
    if state.edge or now - state.row_at >= RESELECT_S:
        _select(state, facts, journey)
    if state.edge and not moving:
        state.stopped_at = now


def next(state: State, facts: Facts) -> int:
    """The next action of this wake."""
    if state.carried and state.left < state.floor:
        return SLEEP
    if not state.did_fix and _point_due(state, facts):
        return _point(state, facts)
    if state.did_upload or state.now < state.upload_not_before:
        return SLEEP
    if state.did_probe:
        return _commit(state, facts)
    return _approach(state, facts) if _may_try(state) else SLEEP


def _select(state: State, facts: Facts, journey: Journey) -> None:
    """The row for the joules a day that are left, and the sleep that must stay paid for."""
    state.row_at = state.now
    to_go_s = journey.to_go_s + AHEAD_S
    if not state.carried:
        carries = facts.carries_j * 1_000 // 24
        state.ends_at = state.ends_at or state.now + state.left // carries * HOUR_S
        if state.now + to_go_s <= state.ends_at:
            state.carried = 1
        to_go_s = min(to_go_s, state.ends_at - state.now)
    rate = state.left // 1_000 * 1_440 // (max(to_go_s, HOUR_S) // 60)
    state.row = row(facts.menu, rate)
    lasts_s = journey.to_go_s + FLOOR_AHEAD_S + journey.deviation_s * FLOOR_SHARE // 100
    state.floor = facts.sleep_a_day // 24 * (lasts_s // HOUR_S) + facts.scan


def row(menu: tuple[Row, ...], rate: int) -> Row:
    """The row for so many joules a day: intervals of the nearer one, ages and watches in between."""
    if rate <= menu[0].rate:
        return menu[0]
    for low, high in zip(menu, menu[1:]):  # noqa: B905, RUF007 as on MicroPython
        if rate < high.rate:
            part, whole = rate - low.rate, high.rate - low.rate
            near = low if 10 * part < 6 * whole else high
            age_min = low.age_min + (high.age_min - low.age_min) * part // whole
            linger_s = low.linger_s + (high.linger_s - low.linger_s) * part // whole
            return Row(rate, near.move_s, near.dwell_s, near.edge_s, age_min, linger_s)
    return menu[-1]


def _point(state: State, facts: Facts) -> int:
    """FIX, or STILL where that tells as much."""
    return STILL if facts.still and state.parked else FIX


def _point_due(state: State, facts: Facts) -> bool:
    gap_s, stood_s = state.now - state.point_at, state.now - state.stopped_at
    if facts.still and state.parked:
        return gap_s >= STILL_EVERY_S or (state.edge > 0 and gap_s > 0)
    if state.now < state.fix_not_before:
        return False
    if state.edge and gap_s >= state.row.edge_s and (not state.moving or stood_s > state.row.edge_s):
        return True
    if state.moving:
        return gap_s >= state.row.move_s
    return gap_s >= state.row.dwell_s and stood_s <= state.row.linger_s


def _approach(state: State, facts: Facts) -> int:
    """PROBE, FIX or TRY when an upload is worth what it is expected to cost here, else SLEEP."""
    if not state.waiting and state.point_at == state.now:
        return SLEEP
    share = HEARD_HERE if state.heard_here else state.heard[state.place] * 1_000 // state.looked[state.place]
    if not state.heard_here and not state.moving:
        share >>= min(state.looks, 4)
    share = max(share, 20)
    probe = facts.probe * 1_000 // share
    blind = (1_000 - share) * facts.scan // share + (
        0 if state.heard_here else facts.attach * ATTACH_BLIND // 100
    )
    fresh = _fresh_cost(state, facts)
    if not _worth(state, _cost(state, facts, state.network) + fresh + min(probe, blind)):
        return SLEEP
    if probe < blind:
        return PROBE
    if fresh:
        return _point(state, facts)
    if not state.waiting:
        return SLEEP
    return UPLOAD if state.network_seen >= 0 else _or_other(state, facts, state.network, TRY)


def _commit(state: State, facts: Facts) -> int:
    """UPLOAD when the network that was seen is worth its cost, FIX or PROBE before it, else SLEEP."""
    if state.network_seen < 0:
        return SLEEP
    cost = _cost(state, facts, state.network_seen) * weak_cost(state.dbm_seen) // 100
    cost = cost * 1_000 // _weak_success(state.dbm_seen)
    if state.network_seen != state.network and state.network in state.networks:
        cost += facts.attach  # in a new country it has to be paid once, soon or late
    fresh = _fresh_cost(state, facts)
    if not _worth(state, cost + fresh):
        state.upload_not_before = state.now + (1 if state.moving else LOOK_STANDING_S[0])
        return SLEEP
    if fresh:
        return _point(state, facts)
    return _or_other(state, facts, state.network_seen, UPLOAD) if state.waiting else SLEEP


def _worth(state: State, cost: int) -> bool:
    """Whether the age of what the agent knows outweighs `cost` mJ, and half as much again can be paid."""
    if state.carried and 2 * (state.left - state.floor) < 3 * cost:
        return False
    ratio = min((state.now - state.upload_at) // 60 * 32 // state.row.age_min, 30_000)
    return ratio * ratio >= cost * 128 // 125


def _or_other(state: State, facts: Facts, network: int, action: int) -> int:
    """`action`, or PROBE of another network of this country that is worth a look.

    Worth it: what the uploads still to come in this country would save beats attach and looks.
    """
    now_costs = state.costs.get(network)
    if now_costs is None or state.did_look_aside:
        return action
    # Between two uploads lie about age_min * sqrt(J); a root is not needed to this accuracy.
    interval_s = 60 * state.row.age_min * (3 + now_costs // 4_000) // 2 + HOUR_S
    uploads = state.country_s // interval_s
    best_gain = 0
    for other in state.networks:
        if other == network or state.now - state.tried.get(other, NEVER) < DAY_S:
            continue
        known = state.costs.get(other)
        if known is not None:
            saves = now_costs - known
        else:
            saves = sum(p * max(0, now_costs - facts.upload * c // 100) for p, c in COST_SPREAD) // 1_000
        gain = uploads * saves - facts.attach * 13 // 10 - 2 * facts.probe
        if gain > best_gain:
            state.wanted, best_gain = other, gain
    return PROBE if state.wanted >= 0 else action


def _cost(state: State, facts: Facts, network: int) -> int:
    """Expected mJ of an upload at good signal."""
    return state.costs.get(network, 2 * facts.upload) + facts.wake


def _fresh_cost(state: State, facts: Facts) -> int:
    """Of a point for the upload, 0 where there is one or none can be had: ephemeris ages."""
    if state.point_at == state.now or state.did_fix:
        return 0
    if facts.still and state.parked:
        return facts.wake
    if state.now < state.fix_not_before:
        return 0
    gap_s = state.now - state.fix_at
    return facts.fixes[0 if gap_s <= 2 * HOUR_S else 1 if gap_s <= 4 * HOUR_S else 2]


def _may_try(state: State) -> bool:
    """The operators' budget: TRIES_A_DAY at most, sparser when many are spent."""
    if state.now - state.tries[0] < DAY_S:
        return False
    if state.now - state.tries[TRIES_A_DAY - TRIES_SPARSE] < DAY_S:
        return state.now - state.tries[-1] >= 2 * HOUR_S
    return True


def _weak_success(dbm: int) -> int:
    return WEAK_SUCCESS[min(max(dbm - WEAKEST_DBM, 0), len(WEAK_SUCCESS) - 1)]
