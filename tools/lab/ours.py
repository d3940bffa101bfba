"""Our policy: a menu by the joules a day that are left, probe then commit, learned coverage and costs.

Functions on integers in the style of `firmware/locator/plan`, to which they will move: seconds,
millijoules, kilometres, dBm, shares in 1000. One wake:

    feel(...)                                   what the wake begins with
    next(state, facts)                          -> action, again and again until it is SLEEP
    learn_fix, learn_probe, learn_upload        what came of it

An upload is worth its energy when the square of its age outweighs the cost: with an interval T the
mean age is T / 2, so one more upload a day gains in proportion to T squared. The row of the menu says
how many minutes old a report is when an upload of one joule is worth it.
"""

from __future__ import annotations

from typing import NamedTuple

SLEEP, FIX, STILL, PROBE, UPLOAD, TRY = range(6)
"""STILL is a record without GNSS: the train stands where the last fix was made. UPLOAD goes over
`state.network_seen`; TRY lets the modem search, without a look before."""

HOUR_S, DAY_S = 3_600, 86_400
NEVER = -(1 << 28)
RESELECT_S = 6 * HOUR_S
ENDLESS_S = 400 * HOUR_S

PLACES_KM = (5, 8, 12, 18)
PLACES_HEARD = (970, 900, 750, 500, 250, 950)
"""Probability of coverage on the move by distance to the nearest place, and where trains stand, before
anything is learned."""
STANDING = 5
PRIOR_WEIGHT, MOST_WEIGHT = 6, 40
HEARD_HERE = 980
"""Where an upload has passed since the train stands."""
UNKNOWN_PLACE = 2
WEAKEST_DBM = -122
WEAK_COST = (
    *(924, 852, 748, 619, 489, 384, 311, 265, 238, 220, 207, 196),
    *(185, 173, 161, 148, 137, 128, 120, 114, 110, 107, 105, 100),
)
"""Percent of the cost at good signal, from WEAKEST_DBM upwards."""
WEAK_SUCCESS = (500, 661, 791, 881, 935, 966, 982, 991, 995, 998, 999)
STILL_EVERY_S = 13 * HOUR_S // 2
"""A point of a standing train speaks for three hours before and after."""
SEARCH_IN_VAIN_S = (1_800, 2 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S)
"""After searches for satellites in vain while standing."""
LOOK_STANDING_S = (3 * HOUR_S, 9 * HOUR_S // 2, 6 * HOUR_S, 9 * HOUR_S, 12 * HOUR_S)
"""After looks in vain while standing: only movement helps."""
TRIES_A_DAY, TRIES_SPARSE = 22, 16
ATTACH_BLIND = 30
"""Percent of the uploads in a new place that would attach to another network, without a look before."""
AHEAD_S, DEVIATION_SHARE = 6 * HOUR_S, 0
"""A trip is planned to last so much longer than expected, and by so many percent of its deviation."""
FLOOR_AHEAD_S, FLOOR_SHARE = 6 * HOUR_S, 150
"""For so long sleep, at least, stays paid for."""
COST_SPREAD = ((550, 100), (330, 208), (120, 631))
"""What an unknown operator costs: (probability in 1000, percent of the cheapest)."""


class Row(NamedTuple):
    """What a budget buys: seconds between fixes moving and standing, since the last fix to a stop or
    departure worth one, minutes of age for a joule, how long a stop is watched."""

    rate: int
    move_s: int
    dwell_s: int
    edge_s: int
    age_min: int
    linger_s: int


class Facts(NamedTuple):
    """What the device is built with: costs in mJ (`fixes` hot, aided and cold), the menu, and the rate below
    which no row is worth it.

    A mission that has less than `carries_j` a day cannot be carried through: it spends so much and ends
    early, instead of living long and telling nothing.
    """

    wake: int
    fixes: tuple[int, int, int]
    upload: int
    attach: int
    scan: int
    probe: int
    sleep_a_day: int
    carries_j: int
    still: bool
    menu: tuple[Row, ...]


class Journey(NamedTuple):
    """What the line tells at the place of the last fix: seconds to go and their standard deviation, to
    the next border, km to the nearest place (-1: unknown), networks of the country."""

    to_go_s: int
    deviation_s: int
    country_s: int
    place_km: int
    networks: tuple[int, ...]


class State:
    """What is remembered from wake to wake."""

    def __init__(self, facts: Facts) -> None:
        self.now = 0
        self.left = 0
        self.row = facts.menu[0]
        self.row_at = NEVER
        self.floor = 0
        self.carried = 0  # 1: the energy lasts for the whole trip
        self.ends_at = 0  # when it is gone, if it does not
        self.moving = 0
        self.edge = 0
        self.stopped_at = 0
        self.fix_at = NEVER
        self.point_at = NEVER  # of a fix or "still here"
        self.parked = 0  # no movement since the last fix
        self.fix_not_before = 0
        self.fix_fails = 0
        self.waiting = 0
        self.upload_at = 0
        self.upload_not_before = 0
        self.looks = 0
        self.heard_here = 0
        self.network = -1  # registered with
        self.costs: dict[int, int] = {}  # mJ of an upload at good signal, by network
        self.tried: dict[int, int] = {}  # when another network was looked at
        self.heard = [share * PRIOR_WEIGHT for share in PLACES_HEARD]
        self.looked = [1_000 * PRIOR_WEIGHT] * len(PLACES_HEARD)
        self.tries = [NEVER] * TRIES_A_DAY  # ring of times
        self.place = UNKNOWN_PLACE
        self.country_s = 0
        self.networks: tuple[int, ...] = ()
        # Of this wake only:
        self.did_fix = 0
        self.did_probe = 0
        self.did_upload = 0
        self.network_seen = -1
        self.dbm_seen = 0
        self.wanted = -1  # another network to look at
        self.did_look_aside = 0


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
    _place(state, journey)
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


def learn_fix(state: State, found: bool, journey: Journey) -> None:
    """A search for satellites has ended; `journey` is that of the place found."""
    state.did_fix = 1
    if found:
        _place(state, journey)
        state.fix_at = state.point_at = state.now
        state.parked = 1 - state.moving
        state.fix_fails = 0
        state.waiting += 1
        return
    step = min(state.fix_fails, len(SEARCH_IN_VAIN_S) - 1)
    state.fix_not_before = state.now + (SEARCH_IN_VAIN_S[0] if state.moving else SEARCH_IN_VAIN_S[step])
    state.fix_fails += 1


def learn_still(state: State) -> None:
    """A record says that the train stands where it stood, or has stood there until now."""
    state.did_fix = 1
    state.point_at = state.now
    state.waiting += 1
    state.parked = 1 - state.moving


def learn_probe(state: State, network: int, dbm: int) -> None:
    """A network was seen, or none (-1)."""
    if network != state.network:
        _count(state)
    if state.wanted >= 0:
        state.tried[state.wanted] = state.now
        state.wanted, state.did_look_aside = -1, 1
        if network >= 0 and dbm > WEAKEST_DBM + 9:
            state.network_seen, state.dbm_seen = network, dbm
        return
    state.did_probe = 1
    state.network_seen, state.dbm_seen = network, dbm
    _learn_place(state, network >= 0)
    if network < 0:
        _wait(state)


def learn_upload(state: State, facts: Facts, done: bool, network: int, cost: int) -> None:
    """An upload has ended; `cost` mJ of it alone, 0 when no network was found."""
    if network != state.network:
        _count(state)
    state.did_upload = 1
    state.network = network
    if cost:
        clean = max(1, cost - facts.wake) * 100 // (_weak_cost(state.dbm_seen) if state.did_probe else 100)
        old = state.costs.get(network)
        state.costs[network] = clean if old is None else (7 * old + 3 * clean) // 10
    if done:
        state.upload_at = state.now
        state.waiting = state.looks = 0
        state.heard_here = 1 - state.moving
        return
    if not state.did_probe and not cost:
        _count(state)
        _learn_place(state, False)
    _wait(state)


def _place(state: State, journey: Journey) -> None:
    state.place = _bin(journey.place_km) if state.moving else STANDING
    state.country_s, state.networks = journey.country_s, journey.networks


def _select(state: State, facts: Facts, journey: Journey) -> None:
    """The row for the joules a day that are left, and the sleep that must stay paid for."""
    state.row_at = state.now
    to_go_s = journey.to_go_s + AHEAD_S + journey.deviation_s * DEVIATION_SHARE // 100
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
    cost = _cost(state, facts, state.network_seen) * _weak_cost(state.dbm_seen) // 100
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
    """Whether the age of what the agent knows outweighs `cost` mJ."""
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


def _wait(state: State) -> None:
    """After a look or an upload in vain: the next place while moving, hours while standing."""
    pause_s = 1 if state.moving else LOOK_STANDING_S[min(state.looks, len(LOOK_STANDING_S) - 1)]
    state.upload_not_before = state.now + pause_s
    state.looks += 1
    state.heard_here = 0


def _learn_place(state: State, heard: bool) -> None:
    """Coverage at such distances from a place; old observations fade."""
    if state.heard_here and heard:
        return
    place = state.place
    state.looked[place] += 1_000
    state.heard[place] += 1_000 if heard else 0
    if state.looked[place] > 1_000 * MOST_WEIGHT:
        state.looked[place] = state.looked[place] * 9 // 10
        state.heard[place] = state.heard[place] * 9 // 10


def _may_try(state: State) -> bool:
    """The operators' budget: TRIES_A_DAY at most, sparser when many are spent."""
    if state.now - state.tries[0] < DAY_S:
        return False
    if state.now - state.tries[TRIES_A_DAY - TRIES_SPARSE] < DAY_S:
        return state.now - state.tries[-1] >= 2 * HOUR_S
    return True


def _count(state: State) -> None:
    state.tries = [*state.tries[1:], state.now]


def _bin(place_km: int) -> int:
    if place_km < 0:
        return UNKNOWN_PLACE
    for index, least_km in enumerate(PLACES_KM):
        if place_km < least_km:
            return index
    return len(PLACES_KM)


def _weak_cost(dbm: int) -> int:
    return WEAK_COST[min(max(dbm - WEAKEST_DBM, 0), len(WEAK_COST) - 1)]


def _weak_success(dbm: int) -> int:
    return WEAK_SUCCESS[min(max(dbm - WEAKEST_DBM, 0), len(WEAK_SUCCESS) - 1)]
