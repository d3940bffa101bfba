"""What our policy remembers from wake to wake, and how it learns.

Integers in the style of `firmware/locator/plan`: seconds, millijoules, kilometres, dBm, shares in 1000.
"""

from __future__ import annotations

from typing import NamedTuple

HOUR_S, DAY_S = 3_600, 86_400
NEVER = -(1 << 28)
ENDLESS_S = 400 * HOUR_S

PLACES_KM = (5, 8, 12, 18)
PLACES_HEARD = (970, 900, 750, 500, 250, 950)
"""Probability of coverage on the move by distance to the nearest place, and where trains stand, before
anything is learned."""
STANDING = 5
PRIOR_WEIGHT, MOST_WEIGHT = 6, 40
UNKNOWN_PLACE = 2
WEAKEST_DBM = -122
WEAK_COST = (
    *(924, 852, 748, 619, 489, 384, 311, 265, 238, 220, 207, 196),
    *(185, 173, 161, 148, 137, 128, 120, 114, 110, 107, 105, 100),
)
"""Percent of the cost at good signal, from WEAKEST_DBM upwards."""
SEARCH_IN_VAIN_S = (1_800, 2 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S)
"""After searches for satellites in vain while standing."""
LOOK_STANDING_S = (3 * HOUR_S, 9 * HOUR_S // 2, 6 * HOUR_S, 9 * HOUR_S, 12 * HOUR_S)
"""After looks in vain while standing: only movement helps."""
DEAREST = 10
"""What the dearest operator multiplies the cost of an upload with, and some luck."""
TRIES_A_DAY, TRIES_SPARSE = 22, 16


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


def place(state: State, journey: Journey) -> None:
    """What the line tells here."""
    state.place = _bin(journey.place_km) if state.moving else STANDING
    state.country_s, state.networks = journey.country_s, journey.networks


def learn_fix(state: State, found: bool, journey: Journey) -> None:
    """A search for satellites has ended; `journey` is that of the place found."""
    state.did_fix = 1
    if found:
        place(state, journey)
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
        clean = max(1, cost - facts.wake) * 100 // (weak_cost(state.dbm_seen) if state.did_probe else 100)
        # What is dearer than the dearest operator was the signal, or luck.
        clean = min(clean, DEAREST * facts.upload)
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


def _count(state: State) -> None:
    state.tries = [*state.tries[1:], state.now]


def _bin(place_km: int) -> int:
    if place_km < 0:
        return UNKNOWN_PLACE
    for index, least_km in enumerate(PLACES_KM):
        if place_km < least_km:
            return index
    return len(PLACES_KM)


def weak_cost(dbm: int) -> int:
    """Percent of the cost at good signal."""
    return WEAK_COST[min(max(dbm - WEAKEST_DBM, 0), len(WEAK_COST) - 1)]
