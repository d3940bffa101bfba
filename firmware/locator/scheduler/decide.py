"""The decision table: rules in order, the first that applies gives the next action.

Each rule is a function of (state, senses, hints) that returns an Action or None. `hints` is indexed by
PENDING, SETTINGS, COSTS and FORECAST. Times are seconds since power-on, energies mJ.

The policy decides whatever is not commanded, urgent or late, unless the settings fix the intervals.
"""

from micropython import const

from locator import senses as sn
from locator import settings as cfg
from locator import state as st
from locator.codec import record
from locator.scheduler import (
    ATTACH,
    COSTS,
    FIX,
    FORECAST,
    PENDING,
    RECORD,
    SCAN,
    SESSION,
    SETTINGS,
    Action,
    budget,
    networks,
    policy,
)

# Reasons, in addition to the verdicts of the policy.
SESSION_NOW = const(60)
SESSION_DENSE = const(61)
SESSION_LATE = const(62)
SESSION_PAUSE = const(63)
OTHER_PROFILE = const(64)
SCAN_BORDER = const(65)
FIX_REQUESTED = const(70)
FIX_PAUSE = const(71)
SCAN_FOR_CELL = const(72)
KEEP = const(73)
DELIVER = const(74)
SHIPPED = const(75)
REST_MAY_NOT = const(9)  # the policy wants the network, and an operator's limit or the battery forbids it

_FIX_LIMIT_URGENT_S = const(40)
_EPHEMERIS_HOT_S = const(2 * 3600)  # the ephemeris from the satellites holds for 2 to 4 h
_EPHEMERIS_WARM_S = const(4 * 3600)
_ATTACH_LIMIT_S = const(50)
_WHOLE_SCAN_S = const(180)
_FIRST_ATTEMPTS = const(3)  # of a device without a session yet
# A network is heard but does not take us yet. First attach in a new network: 5 min uninterrupted
# (operators' requirement), cards whose applet rotates its IMSI need at least 3. The second attempt in a row
# is the long one: a network is not known to be new before it has answered, and the first mostly fails on a
# weak signal. Less than two minutes on the move was tried, and cost a silence of more than a day.
_ATTACH_PATIENCE_S = const(300)
_ATTACH_PATIENCE_AGAIN_S = const(120)
_ATTACH_PATIENCE_LOCKED_S = const(90)
_ANY_MJ = const(1 << 28)
_SEARCH_MW = const(600)  # at most, with a SIM7600
_ATTACH_PATIENCE_PROFILES_S = const(60)  # where others may be better received
_SCAN_LIMIT_S = const(20)
_SCANS_FOR_ONE = const(2)
_BORDER_LIMIT_S = const(45)  # nothing is where the last network was
_LOST_LIMIT_S = const(90)  # to hear the next one nearly surely: pauses are hours
_LOST_POOR_LIMIT_S = const(60)
_URGENT_RETRY_S = const(60)
_MIN_SESSION_MV = const(3200)  # of Li-SOCl2
# Whatever the battery is said to be, a session is attempted so seldom down to what any kind bears: a device
# whose settings do not name its battery would never hear of it.
_LEAST_SESSION_MV = const(2900)
_WEAK_EVERY_S = const(20 * 3600)
_SPENT_EVERY_S = const(7 * 86400)  # where nothing is left by the account
_NEVER_S = const(1 << 28)
MIN_SLEEP_S = const(60)
_MAX_RETRY_MOVING_S = const(3600)
MAX_RETRY_STATIONARY_S = const(4 * 3600)
_RETRY_RESERVE_S = const(86400)  # where only sleep is paid for
_FRESH = (policy.FIX_FRESH, policy.REUSE_FRESH)
# Events that need no place of their own: the points before and after them show it.
_ON_THE_WAY = const(16 | 32 | 64)  # departed, stopped, country


def next(state, senses, hints):
    """Return the next `Action` of this wake. The same inputs give the same answer."""
    state[st.WAITING] = hints[PENDING] + (1 if state[st.DID_FIX] and not state[st.DID_RECORD] else 0)
    for rule in RULES:
        action = rule(state, senses, hints)
        if action:
            return action
    from locator.scheduler import sleep

    return sleep.next(state, senses, hints)


def session_due(state, hints):
    """Return the reason for a report that does not depend on the policy, 0 if none is due."""
    if state[st.URGENT] or not state[st.LAST_SESSION]:
        return SESSION_NOW
    settings, since_s = hints[SETTINGS], state[st.NOW] - state[st.LAST_SESSION]
    if budget.may_report_densely(state) and since_s >= settings[cfg.DENSE_INTERVAL_S] - MIN_SLEEP_S:
        return SESSION_DENSE
    if state[st.NOW] < late_at(state, hints):
        return 0
    return SESSION_LATE if settings[cfg.PACED] else SESSION_PAUSE


def late_at(state, hints):
    """Return when a report is due that does not depend on the policy, if nothing else happens: never if it
    would take the energy of the sleep until the end. A device whose account is at zero and which still runs
    has another battery than it believes, and reports once a week."""
    if scans_first(state, hints[SETTINGS]):
        every_s = _NEVER_S  # the policy scans
    elif not hints[SETTINGS][cfg.PACED] or policy.affords(state, policy.late_mj(state, hints[COSTS])):
        every_s = budget.silent_s(state, hints[SETTINGS])
    else:
        every_s = _NEVER_S if state[st.LEFT] > 0 else _SPENT_EVERY_S
    return state[st.LAST_SESSION] + every_s


def may_attempt(state, senses):
    """Return whether the network may be asked for service: `may_connect` holds and the pauses are over. After
    a scan the radio is on already."""
    if not may_connect(state, senses):
        return False
    if state[st.DID_SCAN]:
        return state[st.HEARD_PLMN] != 0 and state[st.LOCKED_PLMN] in (0, state[st.HEARD_PLMN])
    if budget.wait_s(state):
        return False
    pause_s = budget.spread_s(state, retry_s(state))
    return not state[st.LAST_ATTEMPT] or state[st.NOW] - state[st.LAST_ATTEMPT] >= pause_s


def may_connect(state, senses):
    """Return whether the network has data for us, the battery is not known to be too weak and the day's
    messages are not used up."""
    return state[st.NOW] >= max(state[st.BARRED_UNTIL], state[st.DATA_UNTIL]) and is_able(state, senses)


def is_able(state, senses):
    """Return whether there are messages left and the battery is not known to be too weak."""
    return budget.messages_left(state) > 0 and (
        not senses[sn.BATTERY_MV] or _bears(state, senses[sn.BATTERY_MV])
    )


def _bears(state, battery_mv):
    if battery_mv >= _MIN_SESSION_MV - state[st.LOWER_MV]:
        return True
    last = state[st.LAST_ATTEMPT] or state[st.LAST_SESSION]
    return battery_mv >= _LEAST_SESSION_MV and state[st.NOW] - last >= _WEAK_EVERY_S


def retry_s(state):
    """Return the pause in seconds after the last attempt. It doubles with each failure, and again while the
    battery sags under load. It is shorter while moving: in a place without service waiting does not help, but
    for a battery that is too cold nothing else does."""
    fails = state[st.ATTEMPT_FAILS]
    if _is_known(state) and not state[st.URGENT] and policy.is_on_reserve(state):
        return _RETRY_RESERVE_S
    if not fails:
        return _URGENT_RETRY_S if state[st.URGENT] else 0
    if state[st.URGENT] and fails < 4:
        return _URGENT_RETRY_S << fails
    is_place = state[st.MOVING] and state[st.LOADED_MV] != st.GAVE_WAY_MV
    most_s, first_s = (_MAX_RETRY_MOVING_S, 1200) if is_place else (MAX_RETRY_STATIONARY_S, 1800)
    return min(most_s, first_s << min(fails - 1, 4)) << budget.sags(state)


def _keep(state, senses, hints):
    """The battery sags under load: a fix is recorded before the radio is used, as the supply may collapse."""
    is_fix_waiting = state[st.DID_FIX] == st.YES and not state[st.DID_RECORD] and not state[st.ATTACHED]
    return Action(RECORD, KEEP) if is_fix_waiting and budget.sags(state) else None


def _border(state, senses, hints):
    """No session since a border crossing, a profile switch or a data bar; or the route data shows a border
    that was passed or is near: a network scan, and a session if a network is heard."""
    if state[st.ATTACHED] or not may_lack_data(state) or not may_connect(state, senses):
        return None
    from locator.scheduler import border

    due = border.due(state, hints[FORECAST])
    if due == border.SESSION:
        return _attach(state, SCAN_BORDER)
    return Action(SCAN, SCAN_BORDER, _BORDER_LIMIT_S) if due else None


def may_lack_data(state):
    """Return whether no session shows yet that data passes here: after a border, a profile switch or in a
    country that bars data."""
    if not state[st.LAST_SESSION] or policy.is_on_reserve(state):
        return False
    return state[st.PROFILE_DUE] or state[st.LOCKED_PLMN] != state[st.OPEN_PLMN]


def _due(state, senses, hints):
    """A session that is urgent, requested or late."""
    reason = 0 if state[st.ATTACHED] else session_due(state, hints)
    if not reason or not may_attempt(state, senses):
        return None
    if scans_first(state, hints[SETTINGS]) and not state[st.DID_SCAN]:
        is_time = state[st.NOW] >= state[st.SESSION_NOT_BEFORE]
        return Action(SCAN, reason, _scan_limit_s(state)) if is_time else None
    most_mj = policy.late_mj(state, hints[COSTS]) if reason == SESSION_LATE else _ANY_MJ
    return _point_first(state, hints) or _attach(state, reason, most_mj)


def scans_first(state, settings):
    """Return whether no network is heard, so that a scan precedes every attempt, with its own pauses
    (scheduler/networks.py). The first attempts of a device without a session yet are whole searches."""
    if not settings[cfg.PACED] or not networks.is_silent(state):
        return False
    return _is_known(state)


def _is_known(state):
    """Return whether the device had a session since power-on, its first attempts are over, or its battery
    collapsed in an attempt: whole searches would cause that again."""
    return (
        state[st.LAST_SESSION] > 0
        or state[st.ATTEMPT_FAILS] >= _FIRST_ATTEMPTS
        or state[st.LOADED_MV] == st.GAVE_WAY_MV
    )


def _scan_limit_s(state):
    """Return the limit of a scan in seconds. Within the usual limit a modem finds the network again that it
    had, and no other one. If that was not found, the train may have left its country."""
    if networks.is_lost(state):
        return _LOST_LIMIT_S if state[st.AGE_MIN] <= networks.FOUND_MIN else _LOST_POOR_LIMIT_S
    return _BORDER_LIMIT_S if state[st.SEARCHES_FAILED] >= _SCANS_FOR_ONE else _SCAN_LIMIT_S


def _point_first(state, hints):
    """Return the action for the fix that a report takes along, None if there is one. The fix comes before the
    network: a BG95 cannot use its receiver for up to a minute and more after a registration."""
    if state[st.DID_FIX] or state[st.DID_SCAN]:
        return None
    reason = _position_due(state, hints[SETTINGS])
    pays = hints[SETTINGS][cfg.PACED] and not policy.is_on_reserve(state)
    if not reason and pays and policy.fresh(state, hints[COSTS]) == policy.FIX_FRESH:
        reason = policy.FIX_FRESH
    return _fix(state, reason, hints) if reason else None


def _attach(state, reason, most_mj=_ANY_MJ):
    """Return the action for an attempt that waits for a network: at most `most_mj`, and never at the expense
    of the sleep until the end."""
    fails = state[st.ATTEMPT_FAILS]
    # A whole scan takes longer than the limit: every third failed attempt is one, and each of the first.
    whole = not _is_known(state) or fails % 3 == 2
    limit_s, mcc = (_WHOLE_SCAN_S, 0) if whole else (_ATTACH_LIMIT_S, state[st.MCC])
    if state[st.ENDS_AT] < 0 and not state[st.URGENT]:
        most_mj = min(most_mj, policy.spare_mj(state))
    patience_s = min(_patience_s(state, whole), max(limit_s, most_mj // _SEARCH_MW))
    plmn = state[st.LOCKED_PLMN] or state[st.CHOSEN_PLMN]
    return Action(ATTACH, reason, limit_s, patience_s, plmn, mcc=mcc)


def _again(state, senses, hints):
    """The attempt has failed, and the card has another profile for this country: an attempt with that."""
    if not state[st.PROFILE_DUE] & st.PROFILE_AGAIN or state[st.ATTACHED] != st.NO:
        return None
    return Action(ATTACH, OTHER_PROFILE, _WHOLE_SCAN_S, _ATTACH_PATIENCE_AGAIN_S)


def _patience_s(state, whole):
    if state[st.LOCKED_PLMN]:
        return _ATTACH_PATIENCE_LOCKED_S
    if state[st.PROFILE_DUE]:
        return _ATTACH_PATIENCE_PROFILES_S
    is_long = (whole and not state[st.LAST_SESSION]) or state[st.ATTEMPT_FAILS] == 1
    return _ATTACH_PATIENCE_S if is_long else _ATTACH_PATIENCE_AGAIN_S


def _position(state, senses, hints):
    """An event has happened, or a position is requested: a fix, unless the position is known."""
    reason = 0 if state[st.DID_FIX] else _position_due(state, hints[SETTINGS])
    return _fix(state, reason, hints) if reason else None


def _position_due(state, settings):
    if state[st.REQUEST] == st.LOCATE or not state[st.LAST_RECORD]:
        return FIX_REQUESTED
    happened = state[st.EVENTS] & ~_ON_THE_WAY and state[st.POSITION_HOLDS] != 1
    if happened or _may_have_lost_gnss(state, settings):
        return FIX_REQUESTED
    if settings[cfg.PACED] and not budget.is_dense(state):
        return 0
    over = state[st.NOW] - state[st.LAST_RECORD] >= point_every_s(state, settings) - MIN_SLEEP_S
    return FIX_PAUSE if state[st.EVENTS] or over else 0


def _may_have_lost_gnss(state, settings):
    """Return whether a search for satellites decides if that alarm is raised (scheduler/alarms.py)."""
    if not state[st.MOVING] or not state[st.BLIND_SINCE] or state[st.RAISED] & record.EVENT_GNSS:
        return False
    return state[st.NOW] - state[st.BLIND_SINCE] >= settings[cfg.GNSS_LOST_S]


def point_every_s(state, settings):
    """Return the pause in seconds between points that do not depend on the policy."""
    if settings[cfg.PACED]:
        return settings[cfg.DENSE_INTERVAL_S]
    interval_s = settings[cfg.INTERVAL_S]
    return min(interval_s, settings[cfg.DENSE_INTERVAL_S]) if budget.is_dense(state) else interval_s


def _fix(state, reason, hints):
    limit_s = fix_limit_s(state, hints[SETTINGS][cfg.FIX_LIMIT_S])
    return Action(FIX, reason, _FIX_LIMIT_URGENT_S if state[st.URGENT] else limit_s)


def _paced(state, senses, hints):
    """The policy: a fix, a record, a network scan or a session, if it is worth its energy."""
    if not hints[SETTINGS][cfg.PACED]:
        return None
    served = state[st.ATTACHED] == st.YES and not (state[st.DID_SESSION] or policy.is_on_reserve(state))
    verdict = (
        policy.fresh(state, hints[COSTS]) if served else policy.next(state, hints[COSTS], hints[FORECAST])
    )
    state[st.VERDICT] = verdict
    kind = verdict // 10
    least = policy.FIX if state[st.DID_SCAN] else policy.REUSE
    if kind >= least and _is_open(state, senses, hints[SETTINGS]):
        # The network comes before a point without GNSS, which then has the cell as well; after a scan
        # before any, since it has the radio.
        first = verdict if kind >= policy.SCAN else _network_first(state, hints, verdict)
        if first:
            return _network(state, first)
    if (verdict in _FRESH and state[st.ATTACHED] != st.YES) or kind >= policy.SCAN:
        if verdict == policy.FIX_FRESH and _is_open(state, senses, hints[SETTINGS]):
            return _fix(state, verdict, hints)
        state[st.VERDICT] = REST_MAY_NOT
    elif kind >= policy.FIX:
        return _fix(state, verdict, hints) if kind == policy.FIX else Action(RECORD, verdict)
    return None


def _is_open(state, senses, settings):
    """Return whether the policy may use the network."""
    early = state[st.NOW] - state[st.LAST_SESSION] < settings[cfg.REPORT_LEAST_S]
    return not (state[st.ATTACHED] or early) and may_attempt(state, senses)


def _network_first(state, hints, verdict):
    """Return the policy's verdict on the network as if the point were there already, 0 if it is to rest."""
    if verdict in _FRESH:
        return verdict
    state[st.DID_FIX] = st.REUSED
    state[st.WAITING] += 1
    then = policy.report(state, hints[COSTS], hints[FORECAST])
    state[st.DID_FIX] = 0
    return then if then // 10 >= policy.SCAN else 0


def _network(state, verdict):
    if verdict == policy.SCAN_FIRST:
        return Action(SCAN, verdict, _scan_limit_s(state))
    if verdict == policy.ATTEMPT_OTHER:
        networks.select_operator(state)
    return _attach(state, verdict)


def fix_limit_s(state, cold_s):
    """Return the limit in seconds of a search for satellites; `cold_s` is that of a cold start. It is less
    while the ephemeris of the last fix is still good, and on every other attempt that fails."""
    if not state[st.EPHEMERIS]:
        return cold_s
    age_s = state[st.NOW] - state[st.EPHEMERIS]
    if age_s <= _EPHEMERIS_HOT_S:
        return cold_s * 4 // 9
    if age_s <= _EPHEMERIS_WARM_S:
        return cold_s * 2 // 3
    return cold_s // 2 if state[st.FIX_FAILS] % 2 else cold_s


def _cell(state, senses, hints):
    """Neither a fix nor a cell in this wake: the serving cell, as an approximate position."""
    if state[st.DID_FIX] != st.NO or state[st.ATTACHED] or state[st.DID_SCAN]:
        return None
    asked = state[st.REQUEST] or state[st.URGENT] or not hints[SETTINGS][cfg.PACED]
    if not (state[st.IN_PSM] or asked) or not budget.may_scan(state):
        return None
    return Action(SCAN, SCAN_FOR_CELL, _SCAN_LIMIT_S)


def _record(state, senses, hints):
    """A record of the fix or cell that was found, and of the events."""
    return Action(RECORD, KEEP) if record_due(state, hints) else None


def record_due(state, hints):
    """Return whether there is something to record."""
    if state[st.DID_RECORD]:
        return False
    return bool(state[st.DID_FIX] or state[st.EVENTS] or _position_due(state, hints[SETTINGS]))


def _session(state, senses, hints):
    """Registered: a session, which delivers everything."""
    is_silent = state[st.ATTACHED] == st.YES and not state[st.DID_SESSION]
    return Action(SESSION, DELIVER) if is_silent else None


RULES = (_keep, _border, _due, _again, _position, _paced, _cell, _record, _session)
