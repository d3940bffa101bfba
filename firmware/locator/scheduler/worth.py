"""What a report costs here, and whether its age and the energy that is left are worth that.

A session is worth its energy when the square of its age outweighs the cost: with an interval T the mean age
is T / 2, so one more report a day gains in proportion to T squared. The level of the pacing table says how
many minutes old a report is when one of a joule is worth it.
"""

from micropython import const

from locator import state as st
from locator.scheduler import budget, networks

# Signs of life: near the destination a session is worth it so often, on the way each three days (pacing.py),
# whatever is left. One that costs as much as a day of sleep comes after so many minutes, on the reserve after
# twice as many, and after half where the device is on no route and has more.
SIGN_S = const(20 * 3600)
_SIGN_SLEEP_MIN = const(1080)
# One may take an eighth of what is left, one more with every 40 hours of silence, and at most a half.
_SIGN_EIGHTH_S = const(40 * 3600)
_SIGN_EIGHTHS = const(4)
NEVER_S = const(1 << 28)
_ANY_MJ = const(1 << 28)
# Where a session has passed while stationary.
_HEARD_HERE = const(995)
# Percent of the sessions in a new place that would attach to another network, without a scan before.
_ATTACH_BLIND = const(30)
# Percent that weak signal adds to a session on the move and stationary, as far as is known before a scan.
_WEAK_MOVING = const(130)
_WEAK_STATIONARY = const(10)
# Where there is energy for it no report of so little is put off for longer: a dark spell may begin.
_DARK_S = const(9 * 3600)
_DARK_MJ = const(8000)
_DARK_AGE_MIN = const(490)
# So old an ephemeris still makes the next fix cheap, or less dear.
HOT_S = const(7200)
AIDED_S = const(14400)


def is_on_reserve(state):
    """Return whether the remaining energy only covers sleep until the end and no sign of life is due. Without
    a sign of life neither agent nor device would know how the trip continues."""
    return is_short(state) and not (_is_overdue(state) and state[st.NOW] >= state[st.SESSION_NOT_BEFORE])


def is_short(state):
    """Return whether the remaining energy only covers sleep until the end."""
    return state[st.ENDS_AT] < 0 and state[st.LEFT] < state[st.RESERVE]


def _is_overdue(state):
    """Return whether a sign of life is due, as there was no session for long, and can be paid."""
    return state[st.NOW] - state[st.LAST_SESSION] >= state[st.SIGN_S] and state[st.LEFT] > 0


def pays_off(state, costs, cost, pays):
    """Return whether the age of the last report outweighs `cost` mJ, and the `pays` mJ of this attempt can be
    paid."""
    least_s = age_s(state, costs, cost, min(cost, pays))
    return affords(state, pays) and since_s(state, st.LAST_SESSION) >= least_s


def age_s(state, costs, cost, pays):
    """Return the age in seconds at which a report is worth its energy: `cost` mJ with all the scans that are
    expected, `pays` mJ with one."""
    age_min = _age_min(state)
    # `root` of mJ x 1024 / 1000 is 32 times the root of the joules.
    worth_s = 60 * (age_min * (networks.root(cost * 128 // 125) + 1) // 32)
    if cost <= _DARK_MJ and age_min <= _DARK_AGE_MIN:
        return min(worth_s, _DARK_S)
    sleep_s = 30 * (_SIGN_SLEEP_MIN * pays // costs.sleep_a_day)
    rarely = 2 if is_short(state) else 1 if state[st.ROUTE_KM4] else 0
    return min(worth_s, max(state[st.SIGN_S], sleep_s << rarely))


def affords(state, cost):
    """Return whether `cost` mJ can be paid in addition to the sleep until the end, if the energy lasts so
    long."""
    return spare_mj(state) >= cost


def spare_mj(state):
    """Return the mJ that may be used in addition to the sleep until the end, if the energy lasts so long."""
    if state[st.ENDS_AT] >= 0:
        return _ANY_MJ
    spare = state[st.LEFT] - state[st.RESERVE]
    return max(spare, _sign_mj(state)) if _is_overdue(state) else spare


def _sign_mj(state):
    """Return the mJ that a sign of life may take: the more of what is left, the longer the silence was, as a
    device that sleeps until its energy ends delivers nothing."""
    eighths = (state[st.NOW] - state[st.LAST_SESSION]) // _SIGN_EIGHTH_S
    return state[st.LEFT] // 8 * min(max(eighths, 1), _SIGN_EIGHTHS)


def _age_min(state):
    return state[st.AGE_MIN] << 1 if budget.sags(state) else state[st.AGE_MIN]


def late_mj(state, costs):
    """Return the mJ that a late report may take: its network has to be searched for and may be weak."""
    return 3 * report_mj(state, costs, state[st.NETWORK]) + costs.attach + networks.search_mj(state, costs)


def report_mj(state, costs, plmn):
    """Return the expected mJ of a report over `plmn` at good signal."""
    return (networks.cost_of(state, plmn) or 2 * costs.session_mj) + costs.wake


def weak_mj(state, cost):
    """Return the mJ that weak signal is expected to add to a report of `cost` mJ."""
    if state[st.HEARD_HERE]:
        return cost * (networks.weak_cost(state[st.HEARD_HERE]) - 100) // 100
    return cost * (_WEAK_MOVING if state[st.MOVING] else _WEAK_STATIONARY) // 100


def search_costs(state, costs):
    """Return the mJ that finding a network is expected to cost here: (with a scan before, without)."""
    here = state[st.HEARD_HERE]
    share = _HEARD_HERE if here else networks.share(state, state[st.PLACE])
    if not here and not state[st.MOVING]:
        share >>= min(state[st.SCANS_FAILED], 4)
    share = max(share, 20)
    blind = (1000 - share) * networks.search_mj(state, costs) // share
    scan = networks.scan_mj(state, costs) * 1000 // share
    return scan, blind + (0 if here else costs.attach * _ATTACH_BLIND // 100)


def first_mj(state, costs, forecast):
    """Return the mJ of the first registration in a country, which is paid once in any case; 0 if it was
    paid."""
    network = state[st.NETWORK]
    if not network or network in forecast.networks or 0 < network // 1000 == state[st.MCC]:
        return 0
    return costs.search_mj + costs.attach


def fresh_mj(state, costs):
    """Return the mJ of a point for the report, by the age of the ephemeris; 0 if there is a point already or
    none can be had."""
    if state[st.POINT_AT] == state[st.NOW] or state[st.DID_FIX]:
        return 0
    if costs.reuse and state[st.POSITION_HOLDS]:
        return costs.wake
    if state[st.NOW] < state[st.FIX_NOT_BEFORE]:
        return 0
    age_s = since_s(state, st.EPHEMERIS)
    return costs.fixes[0 if age_s <= HOT_S else 1 if age_s <= AIDED_S else 2]


def since_s(state, i):
    """Return the seconds since the time at index `i` of the state, NEVER_S if that is 0."""
    return state[st.NOW] - state[i] if state[i] else NEVER_S
