"""Devices without a session since a border, a profile switch or a data bar. Imported only where that can
happen."""

from micropython import const

from locator import state as st
from locator.scheduler import budget, networks

NOTHING = const(0)
SCAN = const(1)
SESSION = const(2)

# Pauses between scans: on the move other networks are heard soon; if a stationary device hears the networks
# of the previous country, the border of the route data is in the wrong place.
_MOVING_S = const(600)
_STATIONARY_S = const(3600)
# Sessions leave some of the day's attempts for borders (scheduler/policy.py). So many may be used up when a
# scan is made on the way over a border, and when it is passed by the route data; two are for after it, or for
# an alarm.
_MOST_ON_THE_WAY = const(20)
_MOST_BEFORE = const(22)
# Each attempt of the last hours makes the next scan later; of those of half a day what is more than reports
# make.
_RECENT_S = const(4 * 3600)
_HALF_DAY_S = const(12 * 3600)
_OF_REPORTS = const(9)
# By the route data and its last point a train's position is known for so long.
_POINT_LASTS_S = const(86400)
# Where on a leg of the route the border lies is unknown, often just after the station: a scan at each
# sixth of it.
_LEG_PARTS = const(6)
_LEG_LEAST_S = const(600)
_LEG_FAILED = const(4)  # then the scans of a leg end


def due(state, forecast):
    """Return what to do now; `forecast` as in scheduler/policy.py. A scan comes first: it shows the country,
    and if no network is heard, an attempt is not worth its energy."""
    shut = is_shut(state)
    here = shut or is_unheard(state)
    if state[st.DID_SCAN]:
        heard = state[st.HEARD_PLMN]
        return SESSION if here and heard and state[st.LOCKED_PLMN] in (0, heard) else NOTHING
    if networks.rest_s(state):
        return NOTHING
    if here:
        if wait_s(state):
            return NOTHING
        return SESSION if shut else SCAN  # a scan would register; what comes before a report only listens
    return SCAN if _has_been_passed(state, forecast) or _may_be_behind(state, forecast) else NOTHING


def until(state, forecast):
    """When a device without a session since then, or on the way to a border, scans next; 1 << 28 s away
    for others."""
    rest_s = 2 * networks.rest_s(state)  # no network is heard anywhere
    if rest_s or is_unheard(state):
        return state[st.NOW] + max(rest_s, wait_s(state))
    may_come = state[st.MOVING] and _is_left(state, _MOST_ON_THE_WAY)
    pause_s = _leg_pause_s(state, forecast) if may_come else 0
    return state[st.NOW] + (max(pause_s, _leg_least_s(state, pause_s)) or 1 << 28)


def wait_s(state):
    """Return the seconds until the next scan of a device that `is_unheard`, 0 if it may be now."""
    pause_s = _STATIONARY_S * max(1, min(_failed(state), 4))
    if _runs(state):
        pause_s = _moving_s(_failed(state))
    return max(0, budget.wait_s(state), pause_s - _since_attempt_s(state))


def _has_been_passed(state, forecast):
    """Return whether the train has passed the border according to the route data and a scan is due. The route
    data may be ahead of the train: each scan of the last hours delays the next one."""
    if not is_abroad(state, forecast) or not _may_scan(state, _MOST_BEFORE):
        return False
    pause_s = _moving_s(max(_failed(state), _recent(state))) if _runs(state) else 4 * _STATIONARY_S
    return _since_attempt_s(state) >= pause_s


def _may_be_behind(state, forecast):
    """Return whether a train on the way over a border has run for a part of the leg since the previous scan.
    After a stop there is a scan, too, unless a fix has shown the position: on the move the route data are
    less sure of the border."""
    pause_s = _leg_pause_s(state, forecast)
    has_run = not state[st.EDGE] if state[st.MOVING] else state[st.EDGE] and state[st.DID_FIX] != st.YES
    if not pause_s or not has_run or not _may_scan(state, _MOST_ON_THE_WAY):
        return False
    return _since_attempt_s(state) >= _leg_least_s(state, pause_s)


def _leg_least_s(state, pause_s):
    """Return the least time from an attempt to a scan: half of a pause or more, since a session on departure
    comes later in its wake."""
    return pause_s // 2 * (1 + _recent(state) // 2)


def _may_scan(state, most):
    return _is_left(state, most) and (state[st.IN_PSM] or not budget.wait_s(state))


def _is_left(state, most):
    """Return whether fewer than `most` attempts were made in a day and the last point is not too old. A
    registered modem needs no attempt."""
    is_left = state[st.IN_PSM] or budget.since_attempt_s(state, most) >= budget.long(86400)
    return is_left and state[st.NOW] - state[st.POINT_AT] < _POINT_LASTS_S


def _moving_s(failed):
    return _MOVING_S * min(1 + failed // 2, 8)


def _runs(state):
    return state[st.MOVING] or state[st.EDGE]


def _failed(state):
    return max(state[st.SCANS_FAILED], state[st.ATTEMPT_FAILS])


def _recent(state):
    """Return the number of recent attempts that delay the next scan."""
    return max(_attempts(state, _RECENT_S), 2 * (_attempts(state, _HALF_DAY_S) - _OF_REPORTS))


def _attempts(state, seconds):
    """Return the number of attempts in the last so many seconds."""
    n = 0
    while n < st.ATTEMPTS_KEPT and budget.since_attempt_s(state, n + 1) < seconds:
        n += 1
    return n


def _since_attempt_s(state):
    """Return the seconds since the last attempt, also by a modem in PSM."""
    return min(budget.since_attempt_s(state, 1), state[st.NOW] - state[st.LAST_ATTEMPT])


def _leg_pause_s(state, forecast):
    """Return the seconds between scans on a leg over a border; 0 on any other, without a choice of profiles,
    after the border according to the route data, or after some failed scans."""
    if is_abroad(state, forecast) or state[st.SCANS_FAILED] >= _LEG_FAILED:
        return 0
    is_over = bool(forecast) and forecast.next_mcc not in (0, state[st.MCC])
    return max(_LEG_LEAST_S, forecast.leg_s // _LEG_PARTS) if is_over and state[st.PROFILE_DUE] else 0


def is_unheard(state):
    """Return whether there was no session since data was barred or, if the card has profiles, since a switch
    or a border."""
    if state[st.LOCKED_PLMN] != state[st.OPEN_PLMN]:
        return True
    if not state[st.PROFILE_DUE]:
        return False
    is_open = state[st.PROFILE_DUE] & (st.PROFILE_ASK | st.PROFILE_OPEN)
    return is_open != 0 or state[st.NETWORK] // 1000 not in (0, state[st.MCC])


def is_shut(state):
    """Return whether the policy allowed no profile when it was applied last (esim/switch.py)."""
    return 0 < state[st.PROFILE_UNTIL] == state[st.DATA_UNTIL]


def is_abroad(state, forecast):
    """Return whether the card has profiles to choose from, and the route leads, by the route data, through
    another country than that of the networks heard last."""
    return state[st.PROFILE_DUE] != 0 and bool(forecast) and forecast.mcc not in (0, state[st.MCC])
