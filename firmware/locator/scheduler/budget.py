"""The operators' retry budgets: how often the network may be asked for service, and how many messages may be
sent.

Limits of a resold card (1NCE, "Suggested Limits": 24 attaches and 120 messages a day on LTE-M) and
of network friendliness (Telefonica REQ_008: retries a minute apart and 10 in an hour at most). The
windows slide over the last attempts. An attempt counts from the moment it begins; the state is in flash by
then, so that neither a reset nor a power cut forgets it. A network scan is an attempt, too: the modem
registers as soon as its radio is on. An attempt in which the network refuses a PDP context asks for one twice
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
_MOST_IN_RUSSIA_S = const(60 * 3600)  # three days of silence begin the bar again
# The silence that is reported to the agent as the longest: four times the age at which a report of ten joules
# is worth them.
_SILENT_S = const(12 * 3600)
_SILENT_AGES_S = const(760)
_SILENT_RESERVE_S = const(9 * 86400)
_SAGGING_MV = const(3250)  # of Li-SOCl2, as the next
_MOST_AN_HOUR = const(10)
_MOST_A_DAY = st.ATTEMPTS_KEPT
_ASKED_BY_ITSELF = const(2)  # other networks, by a modem that one has refused
_MOST_WITH_EXTRAS = const(12)  # a day: neither scans nor dense reports use what others may need
# In a day of ours; any 24 hours touch two of them.
_MESSAGES_A_DAY = const(60)
# Of these, the pieces of a release; what is left is for reports.
_PULLS_A_DAY = const(40)
_DOWNLOADS_A_DAY = const(60)
_STRONG_MV = const(3350)  # under the load of a connection

# Reports may be closer than they are spread so long as they come to no more than 21 connections a day, 4 MB a
# month.
CONNECTION_S = const(4114)

_AWAKE_MW = const(600)  # what a wake draws at most: a SIM7600 that is connected

_EPHEMERIS_S = const(4 * 3600)  # as long as an ephemeris may be used


def wait_s(state):
    """Return the seconds until the network may be asked again, 0 if it may be now."""
    until = state[st.REFUSED_UNTIL]
    for back, window_s in ((1, _APART_S), (_MOST_AN_HOUR, 3600), (_MOST_A_DAY, 86400)):
        time = attempt_at(state, back)
        if time:
            until = max(until, time + long(window_s))
    return max(0, until - state[st.NOW])


def since_attempt_s(state, back):
    """Return the seconds since the attempt `back` before the next; without end if there was none."""
    time = attempt_at(state, back)
    return state[st.NOW] - time if time else 1 << 28


def attempt_at(state, back):
    """Return the time of the attempt `back` before the next, 0 if there was none."""
    return state[st.ATTEMPTS + (state[st.NEXT_ATTEMPT] - back) % st.ATTEMPTS_KEPT]


def may_scan(state):
    """Return whether the radio may be switched on only to see which cell is heard."""
    return bool(state[st.IN_PSM]) or _may_extra(state)  # in PSM: it is registered already


def _may_extra(state):
    return not wait_s(state) and since_attempt_s(state, _MOST_WITH_EXTRAS) >= long(86400)


def is_dense(state):
    """Return whether points are to be dense: until their time or their energy is over."""
    return state[st.NOW] < state[st.DENSE_UNTIL] and state[st.DENSE_LEFT_J] > 0


def may_report_densely(state):
    """Return whether a report may be due only because points are dense: half of the day's attempts and
    messages are kept from that."""
    return is_dense(state) and messages_left(state) > _MESSAGES_A_DAY // 2 and _may_extra(state)


def spend(state, awake_s):
    """Charge the most that a wake of `awake_s` can have taken to the dense points."""
    if is_dense(state):
        state[st.DENSE_LEFT_J] -= 1 + awake_s * _AWAKE_MW // 1000


def begin_attempt(state, now, phase):
    """Count the attempt that begins, unless a scan has done so just now or the modem is registered and
    sleeps. `phase`, a random byte, makes the next pauses longer."""
    state[st.PHASE] = phase
    state[st.ATTEMPTED] += 1
    state[st.LAST_ATTEMPT] = now
    if not (state[st.DID_SCAN] or state[st.IN_PSM]):
        count(state, now)


def begin_scan(state, now):
    """Count the network scan that begins."""
    if not state[st.IN_PSM]:
        count(state, now)


def end_attempt(state, now):
    """Note the end of an attempt: the network may have been asked only then, after a long search."""
    if not state[st.IN_PSM]:
        state[st.ATTEMPTS + (state[st.NEXT_ATTEMPT] - 1) % st.ATTEMPTS_KEPT] = now


def asked_on(state, now):
    """Count the attempts that come with a refusal: the modem may have asked other networks by itself."""
    for _ in range(_ASKED_BY_ITSELF):
        count(state, now)


def long(seconds):
    """Return `seconds` as operators count them in seconds of the device's clock: a sixteenth more."""
    return seconds + seconds // 16


def count(state, now):
    """Count an attempt that begins at `now`."""
    state[st.ATTEMPTS + state[st.NEXT_ATTEMPT]] = now
    state[st.NEXT_ATTEMPT] = (state[st.NEXT_ATTEMPT] + 1) % st.ATTEMPTS_KEPT


def refused(state, now, cause):
    """Learn that the network has refused the card for this EMM cause: UNNAMED without a cause, 0 if it has
    not."""
    if cause:
        from locator.scheduler import refusals

        refusals.learn(state, now, cause)


def assistance_due(state):
    """Return whether assistance data is worth 40 kB on the present connection: the ephemeris from the
    satellites is too old, it is the first time today, and the time is known. The next search takes 23 s
    less."""
    cold = not state[st.EPHEMERIS] or state[st.NOW] - state[st.EPHEMERIS] > _EPHEMERIS_S
    return cold and state[st.OFFSET] != 0 and state[st.NOW] - (state[st.ASSISTANCE_TRIED] or -86400) >= 86400


def accepted(state):
    """Note that the network has accepted the card."""
    state[st.REFUSALS] = state[st.REFUSED_UNTIL] = state[st.UNNAMED] = 0


def session_every_s(state, settings):
    """Return the longest pause in seconds between reports when nothing is wrong: twice as long while the
    battery sags under load and the intervals are fixed, a day at most."""
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
    """Return the seconds until the next session at the latest, as reported to the agent. With the policy it
    is a multiple of the age at which a session is worth its energy; a week and an attempt more where only
    sleep is paid for."""
    most_s = session_every_s(state, settings)
    if settings[cfg.PACED] and state[st.ENDS_AT] < 0 and state[st.LEFT] < state[st.RESERVE]:
        return max(most_s, _SILENT_RESERVE_S)
    return min(most_s, max(_SILENT_S, _SILENT_AGES_S * state[st.AGE_MIN])) if settings[cfg.PACED] else most_s


def spread_s(state, seconds):
    """Return `seconds`, up to an eighth longer at random."""
    return seconds + seconds * state[st.PHASE] // 2048


def sags(state):
    """Return whether the battery was weak under load: then reports are half as often."""
    return 0 < state[st.LOADED_MV] < _SAGGING_MV - state[st.LOWER_MV]


def messages_left(state):
    """Return the number of messages that may still be sent today."""
    return max(0, _MESSAGES_A_DAY - state[st.SENT_TODAY])


def pulls_left(state):
    """Return the number of pieces of a release that may still be requested today; 0 on a battery that is not
    good."""
    return max(0, _PULLS_A_DAY - state[st.PULLED_TODAY]) if is_strong(state) else 0


def downloads_left(state):
    """Return the number of messages about a profile download that may still be sent today, in addition to all
    others."""
    return max(0, _DOWNLOADS_A_DAY - state[st.DOWNLOADED_TODAY])


def is_strong(state):
    """Return whether the battery was good under the load of a connection; true if nothing can measure it."""
    return not 0 < state[st.LOADED_MV] < _STRONG_MV - state[st.LOWER_MV]
