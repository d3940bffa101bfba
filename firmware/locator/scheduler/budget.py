"""The operators' budgets: how often the network may be asked for service, and how much may be said.

Limits of a resold card (1NCE, "Suggested Limits": 24 attaches and 120 messages a day on LTE-M) and
of network friendliness (Telefonica REQ_008: retries a minute apart and 10 in an hour at most). The
windows slide over the last tries. A try counts from the moment it begins; the state is in flash by
then, so that neither a reset nor a power cut forgets it. To look for a cell is a try, too: the modem
registers as soon as its radio is on. A try in which the network refuses a PDP context asks for one twice
at most, a time server included, so 20 times an hour (TS.34 8.2.3: 30 after a permanent refusal); one that is
granted is given up once at most (`locator/session/reconnect.py`). `now` is the moment itself, later than
the beginning of the wake.

All times are the device's own, whose clock gains in sleep (boards: 0.2 to 5 %, more while it cools
down): each window and pause is a sixteenth longer by it than operators count.
"""

from micropython import const

from locator import settings as cfg
from locator import state as st

_APART_S = const(60)
_MOST_BETWEEN_REPORTS_S = const(86400)
_MOST_IN_RUSSIA_S = const(60 * 3600)  # three days of silence begin the bar anew
# What the agent is told to expect: four times the age at which a report of ten joules is worth them.
_SILENT_S = const(12 * 3600)
_SILENT_AGES_S = const(760)
_SILENT_SPENT_S = const(9 * 86400)
_SAGGING_MV = const(3250)  # of Li-SOCl2, as the next
_MOST_AN_HOUR = const(10)
_MOST_A_DAY = st.TRIES_KEPT
_ASKED_BY_ITSELF = const(2)  # other networks, by a modem that one has refused
_MOST_WITH_EXTRAS = const(12)  # a day: neither looks nor dense reports eat into what others may need
# In a day of ours; any 24 hours touch two of them.
_MESSAGES_A_DAY = const(60)
# Of these, the pieces of a release; what is left is for reports.
_PULLS_A_DAY = const(40)
_PULL_MV = const(3350)  # under the load of a connection

# Reports may be closer than they are spread so long as they come to no more than 21 connections a day, 4 MB a
# month.
CONNECTION_S = const(4114)

_AWAKE_MW = const(600)  # what a wake draws at most: a SIM7600 that is connected

_ORBITS_S = const(4 * 3600)  # as long as an ephemeris may be used


def wait_s(state):
    """Seconds until the network may be asked again, 0 when it may be now."""
    until = state[st.REFUSED_UNTIL]
    for back, window_s in ((1, _APART_S), (_MOST_AN_HOUR, 3600), (_MOST_A_DAY, 86400)):
        time = try_at(state, back)
        if time:
            until = max(until, time + long(window_s))
    return max(0, until - state[st.NOW])


def since_try_s(state, back):
    """Seconds since the try so many before the next; without end when there was none."""
    time = try_at(state, back)
    return state[st.NOW] - time if time else 1 << 28


def try_at(state, back):
    """When the network was asked, so many tries before the next; 0: never."""
    return state[st.TRIES + (state[st.NEXT_TRY] - back) % st.TRIES_KEPT]


def may_look(state):
    """Whether the radio may be switched on only to see which cell is heard."""
    return bool(state[st.PARKED]) or _may_extra(state)  # parked: it is registered already


def _may_extra(state):
    return not wait_s(state) and since_try_s(state, _MOST_WITH_EXTRAS) >= long(86400)


def is_dense(state):
    """Whether points shall be dense: until their time or their energy is over."""
    return state[st.NOW] < state[st.DENSE_UNTIL] and state[st.DENSE_LEFT_J] > 0


def may_report_densely(state):
    """Whether a report is due only because points are dense: half of the day's tries and messages are
    not for that."""
    return is_dense(state) and messages_left(state) > _MESSAGES_A_DAY // 2 and _may_extra(state)


def spend(state, awake_s):
    """A wake was so long: what it took at most is charged to the dense points."""
    if is_dense(state):
        state[st.DENSE_LEFT_J] -= 1 + awake_s * _AWAKE_MW // 1000


def begin_try(state, now, phase):
    """The network is about to be asked, unless a look has done so just now or the modem is registered and
    sleeps. `phase`, a random byte, makes the next pauses longer."""
    state[st.PHASE] = phase
    state[st.TRIED] += 1
    state[st.LAST_TRY] = now
    if not (state[st.DID_PROBE] or state[st.PARKED]):
        count(state, now)


def begin_look(state, now):
    """The radio is about to be switched on to look for a cell."""
    if not state[st.PARKED]:
        count(state, now)


def end_try(state, now):
    """It is over: the network may have been asked at its end, after a long search."""
    if not state[st.PARKED]:
        state[st.TRIES + (state[st.NEXT_TRY] - 1) % st.TRIES_KEPT] = now


def asked_on(state, now):
    """One network has refused the modem, which may have asked others by itself: each counts as a try."""
    for _ in range(_ASKED_BY_ITSELF):
        count(state, now)


def long(seconds):
    """As operators count so many seconds at least."""
    return seconds + seconds // 16


def count(state, now):
    """A try has begun."""
    state[st.TRIES + state[st.NEXT_TRY]] = now
    state[st.NEXT_TRY] = (state[st.NEXT_TRY] + 1) % st.TRIES_KEPT


def refused(state, now, cause):
    """The network has refused the card for this EMM cause, UNTOLD if nobody named it; 0: it has not."""
    if cause:
        from locator.scheduler import refusals

        refusals.learn(state, now, cause)


def orbits_due(state):
    """Whether predicted orbits pay, 40 kB on the connection that is there for a search that takes 23 s less:
    when those that the satellites told are too old, once a day, and only with the time known."""
    cold = not state[st.ORBITS] or state[st.NOW] - state[st.ORBITS] > _ORBITS_S
    return cold and state[st.OFFSET] != 0 and state[st.NOW] - (state[st.ORBITS_TRIED] or -86400) >= 86400


def accepted(state):
    """The network has taken the card."""
    state[st.REFUSALS] = state[st.REFUSED_UNTIL] = state[st.UNTOLD] = 0


def upload_every_s(state, settings):
    """Pause between reports at most, when nothing is wrong: without a pace of its own twice as long while the
    battery sags under load, a day at most."""
    if settings[cfg.PACED]:
        most_s = settings[cfg.REPORT_MOST_S]
        if state[st.MCC] == st.MCC_RUSSIA:
            most_s = min(most_s, _MOST_IN_RUSSIA_S)
        return spread_s(state, most_s * 7 // 8)
    seconds = settings[cfg.UPLOAD_EVERY_S]
    if sags(state):
        seconds = min(2 * seconds, _MOST_BETWEEN_REPORTS_S)
    return spread_s(state, seconds)


def silent_s(state, settings):
    """Until the next report at the latest, as the agent is told: some times the age at which one is worth its
    energy, with a pace of its own; a week and a try more where only sleep is paid for."""
    most_s = upload_every_s(state, settings)
    if settings[cfg.PACED] and state[st.ENDS_AT] < 0 and state[st.LEFT] < state[st.FLOOR]:
        return max(most_s, _SILENT_SPENT_S)
    return min(most_s, max(_SILENT_S, _SILENT_AGES_S * state[st.AGE_MIN])) if settings[cfg.PACED] else most_s


def spread_s(state, seconds):
    """`seconds`, up to an eighth longer at random."""
    return seconds + seconds * state[st.PHASE] // 2048


def sags(state):
    """Whether the battery was weak under load: then reports are half as often."""
    return 0 < state[st.LOADED_MV] < _SAGGING_MV - state[st.LOWER_MV]


def messages_left(state):
    """How many messages may still be sent today."""
    return max(0, _MESSAGES_A_DAY - state[st.SENT_TODAY])


def pulls_left(state):
    """How many pieces of a release may still be asked for today; none on a battery that is not good. One that
    nothing can measure counts as good."""
    is_bad = 0 < state[st.LOADED_MV] < _PULL_MV - state[st.LOWER_MV]
    return 0 if is_bad else max(0, _PULLS_A_DAY - state[st.PULLED_TODAY])
