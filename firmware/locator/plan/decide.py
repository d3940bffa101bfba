"""The decision table: rules in order, the first that applies gives the next action.

Each rule is a function of (state, senses, hints) that returns an Action or None, and its name is
the reason. `hints` = (records not acknowledged, settings by the indexes of `locator.settings`).
"""

from micropython import const

from locator import settings as cfg
from locator.journal import record
from locator.plan import budget
from locator.plan import state as st
from locator.port import ON_LIGHT, ON_MOTION, ON_TAMPER

ATTACH = const(1)
FIX = const(2)
PROBE = const(3)
RECORD = const(4)
TALK = const(5)
SLEEP = const(6)

_FIX_LIMIT_URGENT_S = const(40)
_ORBITS_HOT_S = const(2 * 3600)  # the orbits that satellites tell hold for 2 to 4 h
_ORBITS_WARM_S = const(4 * 3600)
_ATTACH_LIMIT_S = const(50)
_WHOLE_SCAN_S = const(180)
# A network is heard but does not take us yet. First attach in a new network: 5 min uninterrupted
# (operators' requirement), cards whose applet rotates its IMSI need at least 3.
_ATTACH_PATIENCE_S = const(300)
_ATTACH_PATIENCE_AGAIN_S = const(120)
_ATTACH_PATIENCE_HELD_S = const(90)
_PROBE_LIMIT_S = const(20)
_MOST_BETWEEN_REPORTS_S = const(86400)
_URGENT_RETRY_S = const(60)
_MIN_UPLOAD_MV = const(3200)
_SAGGING_MV = const(3250)
_MIN_SLEEP_S = const(60)
_MAX_RETRY_MOVING_S = const(3600)
_MAX_RETRY_STANDING_S = const(4 * 3600)
_SHIPPING_S = const(20 * 86400)  # what a timer of 2^31 ms can hold


class Action:
    """`kind` as above, `reason` the rule's name, `limit_s`, and what else that kind needs."""

    def __init__(self, kind, reason, limit_s=0, patience_s=0, plmn=0, wake_on=0, mcc=0):
        self.kind = kind
        self.reason = reason
        self.limit_s = limit_s
        self.patience_s = patience_s
        self.plmn = plmn
        self.wake_on = wake_on
        self.mcc = mcc


def next(state, senses, hints):
    """The next `Action` of this wake. Same inputs, same answer."""
    for reason, rule in RULES:
        action = rule(state, senses, hints, reason)
        if action:
            return action
    return _sleep(state, senses, hints, "sleep")


def upload_due(state, senses, hints):
    """True when this wake should reach the agent."""
    now = state[st.NOW]
    if not may_upload(state, senses) or budget.wait_s(state):
        return False
    if state[st.LAST_TRY] and now - state[st.LAST_TRY] < spread_s(state, retry_s(state)):
        return False
    if state[st.URGENT] or not state[st.LAST_UPLOAD]:
        return True
    if budget.may_report_densely(state):
        return now - state[st.LAST_UPLOAD] >= hints[1][cfg.DENSE_INTERVAL_S] - _MIN_SLEEP_S
    return now - state[st.LAST_UPLOAD] >= upload_every_s(state, hints[1])


def may_upload(state, senses):
    """False while the network has no data for us, the battery is too weak or the day's messages are spent."""
    if state[st.NOW] < max(state[st.BARRED_UNTIL], state[st.DATA_UNTIL]) or not budget.messages_left(state):
        return False
    return senses[3] >= _MIN_UPLOAD_MV


def upload_every_s(state, settings):
    """Pause between reports when nothing is wrong: twice as long while the battery sags under load,
    a day at most."""
    seconds = settings[cfg.UPLOAD_EVERY_S]
    if 0 < state[st.LOADED_MV] < _SAGGING_MV:
        seconds = min(2 * seconds, _MOST_BETWEEN_REPORTS_S)
    return spread_s(state, seconds)


def spread_s(state, seconds):
    """`seconds`, up to an eighth longer at random."""
    return seconds + seconds * state[st.PHASE] // 2048


def retry_s(state):
    """Pause after the last try: doubles with each failure, shorter while moving: standing in a
    place without service, waiting does not help."""
    fails = state[st.TRY_FAILS]
    if not fails:
        return _URGENT_RETRY_S if state[st.URGENT] else 0
    if state[st.URGENT] and fails < 4:
        return _URGENT_RETRY_S << fails
    if state[st.MOVING]:
        return min(_MAX_RETRY_MOVING_S, 1200 << min(fails - 1, 4))
    return min(_MAX_RETRY_STANDING_S, 1800 << min(fails - 1, 4))


def record_every_s(state, hints):
    """Pause between records: the interval while standing, half of it on the move; less on command."""
    interval_s = hints[1][cfg.INTERVAL_S]
    if state[st.MOVING]:
        interval_s //= 2
    return min(interval_s, hints[1][cfg.DENSE_INTERVAL_S]) if budget.is_dense(state) else interval_s


def _attach(state, senses, hints, reason):
    if state[st.ATTACHED] or not upload_due(state, senses, hints):
        return None
    # A whole scan takes longer than the limit: every third try in vain is one.
    whole = not state[st.LAST_UPLOAD] or state[st.TRY_FAILS] % 3 == 2
    limit_s, mcc = (_WHOLE_SCAN_S, 0) if whole else (_ATTACH_LIMIT_S, state[st.MCC])
    plmn = state[st.HELD_PLMN] or state[st.CHOSEN_PLMN]
    return Action(ATTACH, reason, limit_s, _patience_s(state), plmn, mcc=mcc)


def _patience_s(state):
    if state[st.HELD_PLMN]:
        return _ATTACH_PATIENCE_HELD_S
    return _ATTACH_PATIENCE_S if state[st.TRY_FAILS] < 2 else _ATTACH_PATIENCE_AGAIN_S


def record_due(state, hints):
    """True when something is to be told, or the last record is long enough ago."""
    if state[st.EVENTS] or not state[st.LAST_RECORD] or state[st.ERRAND] == st.LOCATE:
        return True
    return state[st.NOW] - state[st.LAST_RECORD] >= record_every_s(state, hints) - _MIN_SLEEP_S


def _fix(state, senses, hints, reason):
    if state[st.DID_FIX] or not record_due(state, hints):
        return None
    limit_s = fix_limit_s(state, hints[1][cfg.FIX_LIMIT_S])
    if state[st.URGENT]:
        limit_s = _FIX_LIMIT_URGENT_S
    return Action(FIX, reason, limit_s)


def fix_limit_s(state, cold_s):
    """How long a search for satellites may take, `cold_s` for one that knows nothing: less while the orbits
    of the last fix are still good, and on every other try in vain."""
    if not state[st.ORBITS]:
        return cold_s
    age_s = state[st.NOW] - state[st.ORBITS]
    if age_s <= _ORBITS_HOT_S:
        return cold_s * 4 // 9
    if age_s <= _ORBITS_WARM_S:
        return cold_s * 2 // 3
    return cold_s // 2 if state[st.FIX_FAILS] % 2 else cold_s


def _probe(state, senses, hints, reason):
    """No fix, and no cell seen in this wake: where we are heard tells something too."""
    if state[st.DID_FIX] != st.NO or state[st.ATTACHED] or state[st.DID_PROBE]:
        return None
    if not budget.may_look(state):
        return None
    return Action(PROBE, reason, _PROBE_LIMIT_S)


def _record(state, senses, hints, reason):
    if state[st.DID_RECORD] or not record_due(state, hints):
        return None
    return Action(RECORD, reason)


def _talk(state, senses, hints, reason):
    if state[st.ATTACHED] != st.YES or state[st.DID_TALK]:
        return None
    return Action(TALK, reason)


def _sleep(state, senses, hints, reason):
    """Until the next record is due, or an urgent report may be tried again; in shipping mode until
    something happens."""
    now = state[st.NOW]
    # The interrupts are levels: an open door would wake us again at once.
    wake_on = 0 if state[st.RAISED] & record.EVENT_LIGHT else ON_LIGHT
    if not state[st.RAISED] & record.EVENT_TAMPER:
        wake_on |= ON_TAMPER
    if state[st.ERRAND] == st.SHIPPING:
        return Action(SLEEP, "shipping mode", _SHIPPING_S, wake_on=ON_MOTION | wake_on)
    until = state[st.LAST_RECORD] + record_every_s(state, hints)
    if (state[st.URGENT] or state[st.ERRAND]) and may_upload(state, senses):
        retry_at = state[st.LAST_TRY] + spread_s(state, retry_s(state))
        until = min(until, max(retry_at, now + budget.wait_s(state)))
    if not state[st.MOVING]:
        wake_on |= ON_MOTION  # to see the departure; on the move the timer is enough
    return Action(SLEEP, reason, max(_MIN_SLEEP_S, until - now), wake_on=wake_on)


RULES = (
    ("report due", _attach),
    ("record due", _fix),
    ("no fix, look for a cell", _probe),
    ("keep it", _record),
    ("registered, tell the agent", _talk),
)
