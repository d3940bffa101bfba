"""The policy: a pacing table by the remaining joules a day, scan before connecting, learned coverage and
costs.

    policy.feel(...)                      at the beginning of a wake
    policy.next(...)                      -> verdict, again and again until one of REST
    state.learn_..., networks.learn_...   with the result of each

`costs` are those of the device (scheduler/battery.py), energies are mJ. `forecast` holds what the route data
says about the place of the last fix: `to_go_s` to the end of the route and its standard deviation
`deviation_s`, `country_s` to the next border, `bin` of the place (0 to 4 by its coverage, the best first, -1:
unknown), `networks` of the country (PLMNs).

A session is worth its energy when the square of its age outweighs the cost: with an interval T the mean age
is T / 2, so one more report a day gains in proportion to T squared. The level of the pacing table says how
many minutes old a report is when one of a joule is worth it.
"""

from micropython import const

from locator import state as st
from locator.scheduler import budget, networks

# Verdicts: what is to be done, in tens, and why.
REST = const(0)
FIX = const(1)
REUSE = const(2)  # a record without GNSS: the train stands where the last fix was made
SCAN = const(3)
SESSION = const(4)  # over the network that a scan has found
ATTEMPT = const(5)  # the modem searches, without a scan before

REST_RESERVE = const(1)
REST_REPORTED = const(2)
REST_PAUSE = const(3)
REST_BUDGET = const(4)
REST_NO_NETWORK = const(5)
REST_NOT_WORTH = const(6)
REST_HEARD_NOT_WORTH = const(7)
REST_NOTHING_NEW = const(8)
FIX_EDGE = const(10)
FIX_MOVING = const(11)
FIX_STATIONARY = const(12)
FIX_FRESH = const(13)
REUSE_UNTIL = const(20)
REUSE_NOW = const(21)
REUSE_FRESH = const(22)
SCAN_FIRST = const(30)
ATTEMPT_OTHER = const(31)
SESSION_HEARD = const(40)
ATTEMPT_HEARD = const(50)

# Signs of life: near the destination a session is worth it so often, on the way each three days (pacing.py),
# whatever is left. One that costs as much as a day of sleep comes after so many minutes, on the reserve after
# twice as many, and after half where the device is on no route and has more.
SIGN_S = const(20 * 3600)
_SIGN_SLEEP_MIN = const(1080)
# One may take an eighth of what is left, one more with every 40 hours of silence, and at most a half.
_SIGN_EIGHTH_S = const(40 * 3600)
_SIGN_EIGHTHS = const(4)
_NEVER_S = const(1 << 28)
_ANY_MJ = const(1 << 28)
# Where a session has passed while stationary.
_HEARD_HERE = const(995)
# Percent of the sessions in a new place that would attach to another network, without a scan before.
_ATTACH_BLIND = const(30)
# Percent that weak signal adds to a session on the move and stationary, as far as is known before a scan.
_WEAK_MOVING = const(130)
_WEAK_STATIONARY = const(10)
# Where there is energy for it no report of so little is put off for longer: a dark spell may begin. Where
# there is more, none of twice as much over a network that is heard.
_DARK_S = const(9 * 3600)
_DARK_MJ = const(8000)
_DARK_AGE_MIN = const(490)
_DARK_HEARD_AGE_MIN = const(300)
# So old an ephemeris still makes the next fix cheap, or less dear.
_HOT_S = const(7200)
_AIDED_S = const(14400)
_RESELECT_S = const(6 * 3600)
_RESERVE_S = const(12 * 3600)
_WEAK_SUCCESS = (500, 661, 791, 881, 935, 966, 982, 991, 995, 998, 999)
# A point of a stationary train speaks for three hours before and after, and costs a wake: where a joule is
# worth less age than that it comes every two hours or hourly. Where reports go as often as operators allow,
# each brings such a point, and one comes between two of them.
_REUSE_EVERY_S = const(13 * 1800)
_REUSE_LEAST_S = const(3600)
_REUSE_RICH_S = const(2000)
_AGE_HOURLY_MIN = const(260)
_AGE_POOR_MIN = const(360)
# The part in percent of what weak signal adds that a scan saves.
_WEAK_SAVED = const(60)
_DAY_S = const(86400)
# On the move the ephemeris is renewed so long before the next fix would cost more, whatever the level where
# that fix would cost as much as so many.
_RENEW_S = const(900)
_HOT_FIXES = const(3)
# Reports a day, of them close to each other in half a day, seconds between the others: the attempts that
# operators allow are spread over the day, one is left for an alarm, four more for borders where the card has
# profiles. Reports may be closer where many are left, and where the modem sleeps registered and need not ask:
# so long as they come to no more than one connection in budget.CONNECTION_S.
_REPORTS = (23, 11, 3800)
_REPORTS_BESIDE_BORDERS = (19, 5, 4850)
_CLOSE_S = const(2100)
_CHECK_STOP_S = const(1800)
_CHECK_STOP_MOST_S = const(7200)


def feel(state, left, forecast):
    """Begin a wake with `left` mJ, after state.feel has set NOW, MOVING and EDGE. Return whether the level is
    to be chosen again (pacing.select)."""
    state[st.LEFT] = left
    if state[st.EDGE]:
        _turn(state)
    elif state[st.MOVING]:
        state[st.POSITION_HOLDS], state[st.STOPPED_AT] = 0, state[st.NOW]
    arrive(state, forecast)
    return state[st.EDGE] or _since_s(state, st.LEVEL_AT) >= _RESELECT_S


def _turn(state):
    """End the pauses, as the train has stopped or departed. The pause between searches for satellites goes on
    for a while: the place is still the one where none were found, also after a short move."""
    now = state[st.NOW]
    state[st.HEARD_HERE] = state[st.SCANS_FAILED] = 0
    state[st.SESSION_NOT_BEFORE] = min(state[st.SESSION_NOT_BEFORE], now + networks.rest_s(state))
    if state[st.MOVING]:
        state[st.DEPARTED_AT] = min(
            now, now - state[st.STOPPED_AT] + max(state[st.POINT_AT], state[st.DEPARTED_AT])
        )
        state[st.FIX_NOT_BEFORE] = min(state[st.FIX_NOT_BEFORE], now + _CHECK_STOP_S)
    elif state[st.EDGE] != st.SHORT_MOVE:
        state[st.STOPPED_AT], state[st.FIX_NOT_BEFORE], state[st.FIX_FAILS] = now, 0, 0
    else:
        state[st.POSITION_HOLDS] = 2 if state[st.POINT_AT] > state[st.STOPPED_AT] else 0
        if state[st.FIX_FAILS]:
            st.pause_fix(state)


def arrive(state, forecast):
    """Set the kind of the place from the forecast."""
    kind = forecast.bin if forecast.bin >= 0 else networks.UNKNOWN_PLACE
    here = kind if state[st.MOVING] else networks.STATIONARY
    state[st.PLACE] = networks.LEARNED + kind if forecast.learned else here


def next(state, costs, forecast):
    """Return the next verdict of this wake; `verdict // 10` is what to do."""
    if is_on_reserve(state):
        return REST_RESERVE
    point = 0 if state[st.DID_FIX] or _is_short(state) else point_due(state, costs)
    return point or report(state, costs, forecast)


def report(state, costs, forecast):
    """Return the verdict on the network, as if no point were due."""
    if state[st.DID_SESSION]:
        return REST_REPORTED
    if state[st.NOW] < state[st.SESSION_NOT_BEFORE]:
        return REST_PAUSE
    if state[st.DID_SCAN]:
        return _commit(state, costs, forecast)
    return REST_BUDGET if wait_s(state) else _approach(state, costs, forecast)


def point_due(state, costs):
    """Return the verdict for a fix or a reused position that is worth its energy now, 0 if none is."""
    gap_s, stopped_s = _since_s(state, st.POINT_AT), state[st.NOW] - state[st.STOPPED_AT]
    if costs.reuse and state[st.POSITION_HOLDS]:
        if state[st.EDGE] and gap_s > 0:
            return REUSE_UNTIL if state[st.MOVING] else REUSE_NOW
        return REUSE_NOW if gap_s >= reuse_every_s(state) else 0
    if state[st.NOW] < state[st.FIX_NOT_BEFORE]:
        return 0
    if (
        state[st.EDGE]
        and gap_s >= state[st.EDGE_S]
        and (not state[st.MOVING] or stopped_s > state[st.EDGE_S])
    ):
        return FIX_EDGE
    if state[st.MOVING]:
        return FIX_MOVING if state[st.NOW] >= _moving_at(state, costs) else 0
    return FIX_STATIONARY if gap_s >= state[st.DWELL_S] and stopped_s <= state[st.LINGER_S] else 0


def _moving_at(state, costs):
    """Return when the next fix on the move is due: before the ephemeris is so old that the fix would cost
    more, unless fixes are rare and cost nearly as much with it."""
    due = state[st.POINT_AT] + state[st.MOVE_S] if state[st.POINT_AT] else state[st.NOW]
    renews = costs.fixes[2] > _HOT_FIXES * costs.fixes[0]
    for lasts_s in (_HOT_S, _AIDED_S):
        holds_until = state[st.EPHEMERIS] + lasts_s
        if state[st.NOW] <= holds_until < due and (renews or state[st.MOVE_S] <= lasts_s):
            return holds_until - _RENEW_S
    return due


def reuse_every_s(state):
    """Return the seconds between two records with a reused position."""
    age_min = state[st.AGE_MIN]
    if age_min > _AGE_HOURLY_MIN:
        return _REUSE_EVERY_S if age_min > _AGE_POOR_MIN else 2 * _REUSE_LEAST_S
    return _REUSE_RICH_S if age_min < networks.AGE_RICH_MIN else _REUSE_LEAST_S


def _approach(state, costs, forecast):
    """Return SCAN, a fresh point or ATTEMPT if a report is worth what it is expected to cost here, else
    REST."""
    if not state[st.WAITING] and state[st.POINT_AT] == state[st.NOW]:
        return REST_NOTHING_NEW
    point = _fresh_mj(state, costs)
    once = _first_mj(state, costs, forecast)
    cost = _report_mj(state, costs, state[st.NETWORK])
    least = min(cost, costs.session_mj) + point
    if not _pays_off(state, costs, least, least + once):
        return REST_NOT_WORTH
    other = _other(state, costs, forecast)
    if other:
        cost = min(cost, _report_mj(state, costs, other))
        once += costs.search_mj  # it may not be there
    weak = _weak_mj(state, cost)
    saved = 0 if state[st.HEARD_HERE] else weak * _WEAK_SAVED // 100
    scan, blind = _search_costs(state, costs)
    blind += saved
    scans = other or scan < blind or networks.is_silent(state)
    heard = cost + weak - saved + point
    total = heard + (scan if scans else blind)
    pays = heard + networks.scan_mj(state, costs) if scans else total
    if not _pays_off(state, costs, total, pays + once):
        return REST_NOT_WORTH
    if _better_soon(state, costs, forecast, total, scan):
        return REST_NOT_WORTH
    if scans:
        state[st.WANTED] = other
        return ATTEMPT_OTHER if other else SCAN_FIRST
    return _freshly(state, costs, SESSION_HEARD if state[st.HEARD_PLMN] else ATTEMPT_HEARD)


def _better_soon(state, costs, forecast, cost, scan):
    """Return whether the fleet knows a place not far ahead where a report costs less than `cost` here."""
    if not forecast.ahead or not state[st.MOVING]:
        return False
    from locator.scheduler import fleet

    return fleet.better_soon(state, costs, forecast.ahead, cost, scan)


def _commit(state, costs, forecast):
    """Return SESSION if the network that was heard is worth its cost, before it a fresh point; else REST."""
    heard, dbm = state[st.HEARD_PLMN], state[st.HEARD_DBM]
    if not heard:
        return REST_NO_NETWORK
    passes = _WEAK_SUCCESS[min(max(dbm - networks.WEAKEST_DBM, 0), len(_WEAK_SUCCESS) - 1)]
    cost = _report_mj(state, costs, heard) * networks.weak_cost(dbm) // 100 * 1000 // passes
    operators = state[st.DID_SELECT] or state[st.NETWORK] not in forecast.networks
    if heard != state[st.NETWORK] and not operators:
        cost += costs.attach  # in a new country, or for a cheaper network, it has to be paid once
    once = _first_mj(state, costs, forecast)
    cost += _fresh_mj(state, costs)
    if not _pays_off(state, costs, cost, cost + once, is_heard=True):
        pause_s = 1 if state[st.MOVING] else networks.SCAN_STATIONARY_S[0]
        state[st.SESSION_NOT_BEFORE] = state[st.NOW] + pause_s
        return REST_HEARD_NOT_WORTH
    return _freshly(state, costs, SESSION_HEARD)


def fresh(state, costs):
    """Return the verdict for a point that goes with a report, without GNSS where a reused position says as
    much; 0 if there is a point already or none can be had."""
    point = REUSE_FRESH if costs.reuse and state[st.POSITION_HOLDS] else FIX_FRESH
    return point if _fresh_mj(state, costs) else 0


def _freshly(state, costs, verdict):
    """Return the verdict for the point that comes first, else `verdict`, or REST if there is nothing to
    report."""
    return fresh(state, costs) or (verdict if state[st.WAITING] else REST_NOTHING_NEW)


def until(state, costs, forecast, not_before):
    """Return when the next wake is worth it, as far as is known now, with no report before `not_before`. A
    departure wakes the device by itself; for stops it wakes and checks."""
    now = state[st.NOW]
    point = never = now + _NEVER_S
    is_short = _is_short(state)
    if is_short:
        point = now + _RESERVE_S
    elif costs.reuse and state[st.POSITION_HOLDS]:
        point = state[st.POINT_AT] + reuse_every_s(state)
    elif state[st.MOVING]:
        point = max(_moving_at(state, costs), state[st.FIX_NOT_BEFORE])
        # Between two points only where they are so dense that energy is no matter.
        least_s = _CHECK_STOP_S if state[st.MOVE_S] <= 2 * _CHECK_STOP_S else state[st.MOVE_S]
        never = now + min(least_s, _CHECK_STOP_MOST_S)
    elif now - state[st.STOPPED_AT] <= state[st.LINGER_S]:
        point = max(state[st.POINT_AT] + state[st.DWELL_S], state[st.FIX_NOT_BEFORE])
    if not (state[st.WAITING] or state[st.POSITION_HOLDS] or is_short):
        if min(point, never) < now + _NEVER_S:
            return min(point, never)  # until then there is nothing to report
        not_before = max(not_before, state[st.FIX_NOT_BEFORE])  # a report has a point of its own
    cost = _report_mj(state, costs, state[st.NETWORK])
    cost += _weak_mj(state, cost) + max(costs.wake, _fresh_mj(state, costs))
    searched = cost + min(_search_costs(state, costs))
    pays = min(searched, cost + networks.scan_mj(state, costs))
    worth_at = state[st.LAST_SESSION] + _age_s(state, costs, searched, pays)
    report = max(worth_at, state[st.SESSION_NOT_BEFORE], not_before)
    if report <= now and (is_short or not affords(state, pays + _first_mj(state, costs, forecast))):
        report = now + _RESERVE_S  # it cannot be paid
    return min(point, never, max(report, now + (wait_s(state) or _CHECK_STOP_S)))


def _other(state, costs, forecast):
    """Return the PLMN of another network of this country that is worth an attempt, 0 if none is."""
    known = networks.cost_of(state, state[st.NETWORK])
    stays = state[st.DID_SELECT] or state[st.LOCKED_PLMN] or state[st.NETWORK] not in forecast.networks
    if stays or 2 * known < 3 * costs.session_mj:
        return 0
    from locator.scheduler import operators

    return operators.choose(state, costs, forecast, known)


def wait_s(state):
    """Return the seconds until the operators' limits and the card's data allow a report, 0 if they do now."""
    most, close, even_s = _REPORTS_BESIDE_BORDERS if state[st.PROFILE_DUE] else _REPORTS
    is_cheap = (state[st.ATTEMPTED] - state[st.FAILED]) * budget.CONNECTION_S < state[st.NOW]
    is_close = is_cheap if state[st.IN_PSM] else budget.since_attempt_s(state, close) >= _DAY_S // 2
    apart_s = (_CLOSE_S if is_close else even_s) - _since_s(state, st.LAST_ATTEMPT)
    return max(0, apart_s, budget.long(_DAY_S) - budget.since_attempt_s(state, most))


def is_on_reserve(state):
    """Return whether the remaining energy only covers sleep until the end and no sign of life is due. Without
    a sign of life neither agent nor device would know how the trip continues."""
    return _is_short(state) and not (_is_overdue(state) and state[st.NOW] >= state[st.SESSION_NOT_BEFORE])


def _is_short(state):
    """Return whether the remaining energy only covers sleep until the end."""
    return state[st.ENDS_AT] < 0 and state[st.LEFT] < state[st.RESERVE]


def _is_overdue(state):
    """Return whether a sign of life is due, as there was no session for long, and can be paid."""
    return state[st.NOW] - state[st.LAST_SESSION] >= state[st.SIGN_S] and state[st.LEFT] > 0


def _pays_off(state, costs, cost, pays, is_heard=False):
    """Return whether the age of the last report outweighs `cost` mJ, and the `pays` mJ of this attempt can be
    paid; `is_heard`: a scan has just found the network."""
    least_s = _age_s(state, costs, cost, min(cost, pays), is_heard)
    return affords(state, pays) and _since_s(state, st.LAST_SESSION) >= least_s


def _age_s(state, costs, cost, pays, is_heard=False):
    """Return the age in seconds at which a report is worth its energy: `cost` mJ with all the scans that are
    expected, `pays` mJ with one."""
    age_min = _age_min(state)
    # `root` of mJ x 1024 / 1000 is 32 times the root of the joules.
    worth_s = 60 * (age_min * (networks.root(cost * 128 // 125) + 1) // 32)
    dark_mj = 2 * _DARK_MJ if is_heard and age_min <= _DARK_HEARD_AGE_MIN else _DARK_MJ
    if cost <= dark_mj and age_min <= _DARK_AGE_MIN:
        return min(worth_s, _DARK_S)
    sleep_s = 30 * (_SIGN_SLEEP_MIN * pays // costs.sleep_a_day)
    rarely = 2 if _is_short(state) else 1 if state[st.ROUTE_KM4] else 0
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
    return 3 * _report_mj(state, costs, state[st.NETWORK]) + costs.attach + networks.search_mj(state, costs)


def _report_mj(state, costs, plmn):
    """Return the expected mJ of a report over `plmn` at good signal."""
    return (networks.cost_of(state, plmn) or 2 * costs.session_mj) + costs.wake


def _weak_mj(state, cost):
    """Return the mJ that weak signal is expected to add to a report of `cost` mJ."""
    if state[st.HEARD_HERE]:
        return cost * (networks.weak_cost(state[st.HEARD_HERE]) - 100) // 100
    return cost * (_WEAK_MOVING if state[st.MOVING] else _WEAK_STATIONARY) // 100


def _search_costs(state, costs):
    """Return the mJ that finding a network is expected to cost here: (with a scan before, without)."""
    here = state[st.HEARD_HERE]
    share = _HEARD_HERE if here else networks.share(state, state[st.PLACE])
    if not here and not state[st.MOVING]:
        share >>= min(state[st.SCANS_FAILED], 4)
    share = max(share, 20)
    blind = (1000 - share) * networks.search_mj(state, costs) // share
    scan = networks.scan_mj(state, costs) * 1000 // share
    return scan, blind + (0 if here else costs.attach * _ATTACH_BLIND // 100)


def _first_mj(state, costs, forecast):
    """Return the mJ of the first registration in a country, which is paid once in any case; 0 if it was
    paid."""
    network = state[st.NETWORK]
    if not network or network in forecast.networks or 0 < network // 1000 == state[st.MCC]:
        return 0
    return costs.search_mj + costs.attach


def _fresh_mj(state, costs):
    """Return the mJ of a point for the report, by the age of the ephemeris; 0 if there is a point already or
    none can be had."""
    if state[st.POINT_AT] == state[st.NOW] or state[st.DID_FIX]:
        return 0
    if costs.reuse and state[st.POSITION_HOLDS]:
        return costs.wake
    if state[st.NOW] < state[st.FIX_NOT_BEFORE]:
        return 0
    age_s = _since_s(state, st.EPHEMERIS)
    return costs.fixes[0 if age_s <= _HOT_S else 1 if age_s <= _AIDED_S else 2]


def _since_s(state, i):
    """Return the seconds since the time at index `i` of the state, _NEVER_S if that is 0."""
    return state[st.NOW] - state[i] if state[i] else _NEVER_S
