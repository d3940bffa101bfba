"""The pacing table: what each energy per day pays for. Imported when a level is chosen.

A level is (joules a day, seconds between points on the move, and stationary, seconds from a point to one at a
stop or departure, minutes of age for a joule, seconds for which a stop is watched).

`python -m tools.lab train` writes the tables after the functions.
"""

from micropython import const

from locator import state as st
from locator.scheduler import energy, policy

_HOUR_S = const(3600)
# A trip is planned to last so much longer than expected.
AHEAD_S = const(6 * 3600)
# Sleep stays paid for until so much later than expected, and for one standard deviation more.
_FLOOR_AHEAD_S = const(6 * 3600)
# The sleep of so many days is not spent on the way, and that of more days not where joules gain little: the
# last stop may take days longer than the route data expects, and then it is too late to save. Where a report
# costs more than a day of sleep it pays for none. On a short trip it is at most one joule of so many that the
# battery gives.
_LATE_DAYS = (2, 6)
_LATE_PART = const(12)
# Between signs of life on the way. Near the destination, or without a route, they come sooner
# (policy.SIGN_S): that the device is heard counts there, not that it outlasts the stay.
_SIGN_S = const(3 * 86400)
_NEAR_S = const(8 * 86400)
_WAKES_ASLEEP = const(2)  # a day, where nothing but sleep is paid for (scheduler/policy.py)
_REUSE_SAVES_J = const(8)
# What lies ahead where neither the line nor the settings say.
_SOME_TIME_S = const(30 * 86400)
_AT_GOAL_S = const(2 * 86400)
_OVERDUE_S = const(6 * 3600)
# A battery that shall last for longer than the trip may hold less than it says, which shows only when it is
# nearly empty. So many of 16 joules are held back for that, but none of those that gain much.
_HELD = const(3)
_PLACE_LASTS_S = const(86400)
_BELIEVED_S = const(30 * 86400)
# A train comes nearer to its destination when so much less is to go, and is on a detour, or a ship that the
# route data does not know, when it has run for so long without.
_NEARER_S = const(6 * 3600)
_DETOUR_S = const(12 * 3600)
# From the level on in which a joule is worth so few minutes of age one of four joules is kept, for a trip
# that takes longer than expected, and for a battery that holds less. Near the goal there are more of them
# than it takes, and an error of two days would spend what the last week needs.
_LITTLE_MIN = const(350)
# When the energy ends is known within 30 years: a time of the device stays below 2^31.
_MOST_H = const(1 << 18)
# Of the settings.
_FRESH_REPORTS = const(1)
_DENSE_POINTS = const(2)
_CHEAP = const(3)
# After a longer interval the next fix costs more; those of the pacing table end there, or far beyond.
_HOT_S = const(7200)


def select(state, costs, modem, forecast, least_s, priority, weaker_mj=0):
    """Choose the level for the joules a day that are left, and set aside the energy of the sleep.

    The energy is to last for the trip, and for `least_s` at least. If less than CARRIES_J a day is left until
    one deviation after the expected end, the device cannot report until the end: it uses CARRIES_J a day and
    ends early, instead of living long and reporting nothing. A weak battery still gives `weaker_mj` (0: it is
    healthy), which is spread over the trip unless it is too little.
    """
    reuse = costs.reuse and not state[st.NO_SENSOR]
    least_j = carries_j(modem, reuse) if priority == _DENSE_POINTS else 0
    choose(state, costs, least_j, TABLES[modem], forecast, least_s, weaker_mj)
    if priority == _FRESH_REPORTS:
        state[st.AGE_MIN] = max(1, state[st.AGE_MIN] * 5 // 8)
    elif priority == _DENSE_POINTS:
        state[st.MOVE_S], state[st.AGE_MIN] = state[st.MOVE_S] // 2, state[st.AGE_MIN] * 3 // 2
    elif priority == _CHEAP:
        thinner_s = min(state[st.MOVE_S] * 3 // 2, _HOT_S)
        state[st.MOVE_S], state[st.AGE_MIN] = max(state[st.MOVE_S], thinner_s), state[st.AGE_MIN] * 2


def choose(state, costs, carries_j, levels, forecast, least_s, weaker_mj=0):
    """Choose the level in a table `levels`, without priorities; `carries_j` joules a day are the least that
    is used (0: no least)."""
    left = state[st.LEFT]
    state[st.LEVEL_AT] = state[st.NOW]
    trip_s = _to_go_s(state, forecast)
    lasts_s = max(trip_s, least_s)
    # After the expected end some time is paced for, and little sleep withheld: it may be over any moment.
    some_s = _AT_GOAL_S if forecast.mcc else _SOME_TIME_S
    to_go_s = (lasts_s if lasts_s > 0 else some_s) + AHEAD_S
    to_go_min = max(_carried_s(state, carries_j, to_go_s, forecast.deviation_s), _HOUR_S) // 60
    asleep_an_hour = (costs.sleep_a_day + _WAKES_ASLEEP * costs.wake) // 24
    sure_s = (lasts_s if lasts_s > 0 else _OVERDUE_S) + _FLOOR_AHEAD_S
    sure_mj = asleep_an_hour * (sure_s // _HOUR_S) + costs.attach + costs.session_mj
    late_mj = 24 * asleep_an_hour if costs.session_mj < 24 * asleep_an_hour else 0
    longer_mj = min(asleep_an_hour * (forecast.deviation_s // _HOUR_S), max(0, left - sure_mj))
    if 0 < least_s == lasts_s:
        late_mj = longer_mj = 0  # the settings say when it ends
    whole_mj = left + energy.used_mj(state)
    late = [min(days * late_mj, whole_mj // _LATE_PART) for days in _LATE_DAYS]
    rate, rich = (max(left - each, 0) // 1000 * 1440 // to_go_min for each in late)
    rate = _paid(levels, max(rich, min(rate, _little(levels))))
    must_last = forecast.mcc and least_s > 0
    if weaker_mj:
        weaker = weaker_mj // 1000 * 1440 // to_go_min
        rate = min(rate, weaker if must_last else _of_weaker(levels, weaker))
        if must_last:
            state[st.LEFT] = min(left, weaker_mj)  # the reserve is kept of what there really is
    elif must_last and (not forecast.leg_s or least_s > trip_s + AHEAD_S):
        held = whole_mj // 16 * _HELD
        rate = min(rate, max((left - held) // 1000 * 1440 // to_go_min, _little(levels)))
    state[st.SIGN_S] = _SIGN_S if forecast.leg_s and lasts_s > _NEAR_S else policy.SIGN_S
    state[st.RESERVE] = sure_mj + longer_mj
    found = level(levels, rate)
    state[st.MOVE_S], state[st.DWELL_S], state[st.EDGE_S], state[st.AGE_MIN], state[st.LINGER_S] = found[1:]
    if state[st.NO_SENSOR]:  # it seems to stand where it runs, and to have stopped just now
        state[st.DWELL_S] = max(state[st.DWELL_S], state[st.MOVE_S])


def _carried_s(state, carries_j, to_go_s, deviation_s):
    """Return the seconds to pace for: `to_go_s`, or until the energy ends at `carries_j` joules a day, if
    that is before the end of the trip."""
    now, left = state[st.NOW], state[st.LEFT]
    if not carries_j:
        state[st.ENDS_AT] = -1 if left > 0 else now  # who lives on has another battery than it believes
    elif state[st.ENDS_AT] >= 0:
        carries_h = min(max(left, 0) // (carries_j * 1000 // 24), _MOST_H)
        state[st.ENDS_AT] = state[st.ENDS_AT] or now + carries_h * _HOUR_S
        ends_s = state[st.ENDS_AT] - now
        if to_go_s + deviation_s <= ends_s:
            state[st.ENDS_AT] = -1
        return min(to_go_s, ends_s)
    return to_go_s


def _to_go_s(state, forecast):
    """Return the seconds to the goal, at the pace of this trip. After an old point of a train that has moved
    since, the place is unknown, and the time that has passed is subtracted."""
    now = state[st.NOW]
    has_run = state[st.MOVING] or state[st.STOPPED_AT] > state[st.POINT_AT]
    if has_run and state[st.POINT_AT] and now - state[st.POINT_AT] > _PLACE_LASTS_S:
        return max(0, min(forecast.to_go_s, state[st.ARRIVES_AT] - now))
    to_go_s = _paced(state, forecast.to_go_s) + _detour_s(state, forecast.to_go_s)
    state[st.ARRIVES_AT] = now + to_go_s
    return to_go_s


def _paced(state, to_go_s):
    """Return `to_go_s` of the route data, scaled by how much longer than predicted the route so far has
    taken, never less than it. The prediction weighs as much as _BELIEVED_S of a trip."""
    if not to_go_s or not state[st.ROUTE_KM4]:
        return to_go_s
    if not state[st.ROUTE_SINCE]:
        state[st.ROUTE_SINCE], state[st.ROUTE_S] = state[st.NOW], to_go_s
    took_s = state[st.NOW] - state[st.ROUTE_SINCE] + _BELIEVED_S
    said_s = max(state[st.ROUTE_S] - to_go_s, 0) + _BELIEVED_S
    took_h, said_h = took_s // _HOUR_S, said_s // _HOUR_S
    return to_go_s // 60 * min(max(took_h, said_h), 3 * said_h) // said_h * 60


def _detour_s(state, to_go_s):
    """Return for how much longer a train will run that runs without coming nearer to the end of its route: as
    long as it has done so already, after half a day; 0 without a route and at its end. How long a stop lasts
    is in the route data."""
    now = state[st.NOW]
    if not state[st.PROGRESS_AT] or to_go_s < state[st.PROGRESS_S] - _NEARER_S:
        state[st.PROGRESS_S], state[st.PROGRESS_AT] = to_go_s, now
    return max(0, now - state[st.PROGRESS_AT] - _DETOUR_S) if state[st.MOVING] and to_go_s else 0


def _of_weaker(levels, rate):
    """Return the J a day to use of a weak battery that would give `rate` until the end. If that pays for
    little but sleep, it is used sooner, at the first level that watches stops, where a joule brings most."""
    return rate if rate > levels[1][0] else max(rate, next(each[0] for each in levels if each[5]))


def _paid(levels, rate):
    """Return the J a day that are used of `rate`: where they gain little, one of four is kept."""
    return rate - max(0, rate - _little(levels)) // 4


def _little(levels):
    """Return the J a day above which they gain little."""
    return next((each[0] for each in levels if each[4] <= _LITTLE_MIN), _MOST_H)


def carries_j(modem, reuse):
    """Return the least J a day with which the device reports until the end; `reuse`: a reused position counts
    as a point."""
    return CARRIES_J[modem] - (_REUSE_SAVES_J if reuse else 0)


def level(levels, rate):
    """Return the level for `rate` J a day: the intervals of the nearer one in the table, the ages and watches
    interpolated."""
    if rate <= levels[0][0]:
        return levels[0]
    for i in range(len(levels) - 1):
        low, high = levels[i], levels[i + 1]
        if rate < high[0]:
            part, whole = rate - low[0], high[0] - low[0]
            near = low if 10 * part < 6 * whole else high
            age_min, linger_s = (low[k] + (high[k] - low[k]) * part // whole for k in (4, 5))
            return (rate,) + tuple(near[1:4]) + (age_min, linger_s)
    return levels[-1]


CARRIES_J = {"bg95": 59, "sim7600": 90}
TABLES = {
    "bg95": (
        (22, 86400, 7200, 86400, 2500, 0),
        (30, 86400, 7200, 43200, 800, 0),
        (40, 43200, 7200, 21600, 600, 0),
        (52, 7200, 7200, 7200, 500, 1440000),
        (62, 5400, 7200, 5400, 350, 1440000),
        (72, 5400, 7200, 5400, 250, 1440000),
        (80, 5400, 7200, 1800, 200, 1440000),
        (120, 3600, 7200, 1800, 100, 1440000),
        (200, 1800, 3600, 1800, 20, 1440000),
        (400, 1800, 3600, 1800, 10, 1440000),
    ),
    "sim7600": (
        (33, 86400, 7200, 43200, 1200, 0),
        (45, 86400, 7200, 21600, 600, 0),
        (60, 43200, 7200, 14400, 400, 0),
        (80, 43200, 7200, 14400, 300, 1440000),
        (100, 14400, 7200, 7200, 250, 1440000),
        (120, 7200, 7200, 5400, 250, 1440000),
        (200, 5400, 7200, 1800, 110, 1440000),
        (300, 3600, 7200, 1800, 96, 1440000),
        (500, 1800, 7200, 1800, 42, 1440000),
        (800, 1800, 7200, 1800, 19, 1440000),
        (1500, 1800, 7200, 1800, 7, 1440000),
    ),
}
