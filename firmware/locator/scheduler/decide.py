"""The decision table: rules in order, the first that applies gives the next action.

Each rule is a function of (state, senses, hints) that returns an Action or None. `hints` have the
indexes PENDING, SETTINGS, COSTS and JOURNEY.
What is not commanded, urgent or late is up to the policy, unless the settings say otherwise.
"""

from micropython import const

from locator import senses as sn
from locator import settings as cfg
from locator import state as st
from locator.codec import record
from locator.hal import ON_LIGHT, ON_MOTION, ON_TAMPER, WAKE_MOTION
from locator.scheduler import (
    ATTACH,
    COSTS,
    FIX,
    JOURNEY,
    PENDING,
    PROBE,
    RECORD,
    SETTINGS,
    SLEEP,
    TALK,
    Action,
    budget,
    networks,
    policy,
)

# Reasons, beside the verdicts of the policy.
REPORT_NOW = const(60)
REPORT_DENSE = const(61)
REPORT_LATE = const(62)
REPORT_PAUSE = const(63)
OTHER_PROFILE = const(64)
LOOK_BORDER = const(65)
PLACE_TOLD = const(70)
POINT_PAUSE = const(71)
LOOK_FOR_CELL = const(72)
KEEP = const(73)
TELL = const(74)
SHIPPED = const(75)
REST_MAY_NOT = const(9)

_FIX_LIMIT_URGENT_S = const(40)
_ORBITS_HOT_S = const(2 * 3600)  # the orbits that satellites tell hold for 2 to 4 h
_ORBITS_WARM_S = const(4 * 3600)
_ATTACH_LIMIT_S = const(50)
_WHOLE_SCAN_S = const(180)
_FIRST_TRIES = const(3)  # of a device that was never heard of
# A network is heard but does not take us yet. First attach in a new network: 5 min uninterrupted
# (operators' requirement), cards whose applet rotates its IMSI need at least 3. The second try in a row is
# the long one: nobody knows a network to be new before it has answered, and the first mostly fails on a weak
# signal. Less than two minutes on the move was tried, and cost a silence of more than a day.
_ATTACH_PATIENCE_S = const(300)
_ATTACH_PATIENCE_AGAIN_S = const(120)
_ATTACH_PATIENCE_HELD_S = const(90)
_ANY_MJ = const(1 << 28)
_SEARCH_MW = const(600)  # at most, with a SIM7600
_ATTACH_PATIENCE_PROFILES_S = const(60)  # where others may be better received
_PROBE_LIMIT_S = const(20)
_LOOKS_FOR_ONE = const(2)
_BORDER_LIMIT_S = const(45)  # nothing is where the last network was
_URGENT_RETRY_S = const(60)
_MIN_UPLOAD_MV = const(3200)  # of Li-SOCl2
# Whatever the battery is said to be, a report is tried so seldom down to what any kind bears: a device whose
# settings do not name its battery would never hear of it.
_LEAST_UPLOAD_MV = const(2900)
_WEAK_EVERY_S = const(7 * 86400)
_NEVER_S = const(1 << 28)
_MIN_SLEEP_S = const(60)
_PACED_SLEEP_S = const(900)
_JOLTED_S = const(300)  # so soon behind the wake before, a jolt that is no departure is one of many
_MAX_RETRY_MOVING_S = const(3600)
_MAX_RETRY_STANDING_S = const(4 * 3600)
_RETRY_SPENT_S = const(86400)  # where only sleep is paid for
_SHIPPING_S = const(20 * 86400)  # what a timer of 2^31 ms can hold
_FRESH = (policy.FIX_FRESH, policy.STILL_FRESH)
# Events that need no place of their own: the points before and behind them tell it.
_ON_THE_WAY = const(16 | 32 | 64)  # departed, stopped, country


def next(state, senses, hints):
    """The next `Action` of this wake. Same inputs, same answer."""
    state[st.WAITING] = hints[PENDING] + (1 if state[st.DID_FIX] and not state[st.DID_RECORD] else 0)
    for rule in RULES:
        action = rule(state, senses, hints)
        if action:
            return action
    return _sleep(state, senses, hints)


def report_due(state, hints):
    """Why a report is due that the policy is not asked about; 0: none is."""
    if state[st.URGENT] or not state[st.LAST_UPLOAD]:
        return REPORT_NOW
    settings, since_s = hints[SETTINGS], state[st.NOW] - state[st.LAST_UPLOAD]
    if budget.may_report_densely(state) and since_s >= settings[cfg.DENSE_INTERVAL_S] - _MIN_SLEEP_S:
        return REPORT_DENSE
    if state[st.NOW] < late_at(state, hints):
        return 0
    return REPORT_LATE if settings[cfg.PACED] else REPORT_PAUSE


def late_at(state, hints):
    """When a report is due that the policy is not asked about, if nothing else happens: not where it would
    take the sleep to the end. Who lives on though nothing is left has another battery than it believes, and
    asks once a week."""
    if _looks_first(state, hints[SETTINGS]):
        every_s = _NEVER_S  # the policy looks
    elif not hints[SETTINGS][cfg.PACED] or policy.affords(state, policy.late_mj(state, hints[COSTS])):
        every_s = budget.silent_s(state, hints[SETTINGS])
    else:
        every_s = _NEVER_S if state[st.LEFT] > 0 else _WEAK_EVERY_S
    return state[st.LAST_UPLOAD] + every_s


def may_try(state, senses):
    """Whether the network may be asked for service: what `may_upload` says, and the pauses are over. Behind
    a look the radio is on already."""
    if not may_upload(state, senses):
        return False
    if state[st.DID_PROBE]:
        return state[st.SEEN] != 0 and state[st.HELD_PLMN] in (0, state[st.SEEN])
    if budget.wait_s(state):
        return False
    pause_s = budget.spread_s(state, retry_s(state))
    return not state[st.LAST_TRY] or state[st.NOW] - state[st.LAST_TRY] >= pause_s


def may_upload(state, senses):
    """False while the network has no data for us, the battery is known to be too weak or the day's messages
    are spent."""
    return state[st.NOW] >= max(state[st.BARRED_UNTIL], state[st.DATA_UNTIL]) and _is_able(state, senses)


def _is_able(state, senses):
    """Whether there are messages left, and a battery that is not known to be too weak."""
    return budget.messages_left(state) > 0 and (
        not senses[sn.BATTERY_MV] or _bears(state, senses[sn.BATTERY_MV])
    )


def _bears(state, battery_mv):
    if battery_mv >= _MIN_UPLOAD_MV - state[st.LOWER_MV]:
        return True
    last = state[st.LAST_TRY] or state[st.LAST_UPLOAD]
    return battery_mv >= _LEAST_UPLOAD_MV and state[st.NOW] - last >= _WEAK_EVERY_S


def retry_s(state):
    """Pause after the last try: doubles with each failure, shorter while moving: standing in a
    place without service, waiting does not help. Twice as long while the battery sags under load."""
    fails = state[st.TRY_FAILS]
    if not state[st.URGENT] and policy.is_spent(state) and (state[st.LAST_UPLOAD] or fails >= _FIRST_TRIES):
        return _RETRY_SPENT_S
    if not fails:
        return _URGENT_RETRY_S if state[st.URGENT] else 0
    if state[st.URGENT] and fails < 4:
        return _URGENT_RETRY_S << fails
    most_s, first_s = (_MAX_RETRY_MOVING_S, 1200) if state[st.MOVING] else (_MAX_RETRY_STANDING_S, 1800)
    return min(most_s, first_s << min(fails - 1, 4)) << budget.sags(state)


def _keep(state, senses, hints):
    """A fix, while the battery sags under load: the radio may bring the supply down."""
    held = state[st.DID_FIX] == st.YES and not state[st.DID_RECORD] and not state[st.ATTACHED]
    return Action(RECORD, KEEP) if held and budget.sags(state) else None


def _report(state, senses, hints):
    """Urgent, asked for, or late."""
    reason = 0 if state[st.ATTACHED] else report_due(state, hints)
    if not reason or not may_try(state, senses):
        return None
    if _looks_first(state, hints[SETTINGS]) and not state[st.DID_PROBE]:
        is_time = state[st.NOW] >= state[st.UPLOAD_NOT_BEFORE]
        return Action(PROBE, reason, _look_limit_s(state)) if is_time else None
    most_mj = policy.late_mj(state, hints[COSTS]) if reason == REPORT_LATE else _ANY_MJ
    return _point_first(state, hints) or _attach(state, reason, most_mj)


def _looks_first(state, settings):
    """Whether there is silence in which nothing is tried that a look does not promise, with pauses of its own
    (scheduler/networks.py). The first tries of a device that was never heard of are whole searches."""
    if not settings[cfg.PACED] or not networks.is_silent(state):
        return False
    return state[st.LAST_UPLOAD] > 0 or state[st.TRY_FAILS] >= _FIRST_TRIES


def _look_limit_s(state):
    """How long a look may take: in so short a time as usual a modem finds the network again that it had, and
    no other one. Where that was looked for in vain, the train may have left its country."""
    return _BORDER_LIMIT_S if state[st.VAIN] >= _LOOKS_FOR_ONE else _PROBE_LIMIT_S


def _point_first(state, hints):
    """The fix that a report takes along, unless there is one: it comes before the network, which would keep
    the receiver of a BG95 for up to a minute and more behind a registration."""
    if state[st.DID_FIX] or state[st.DID_PROBE]:
        return None
    reason = _place_due(state, hints[SETTINGS])
    pays = hints[SETTINGS][cfg.PACED] and not policy.is_spent(state)
    if not reason and pays and policy.fresh(state, hints[COSTS]) == policy.FIX_FRESH:
        reason = policy.FIX_FRESH
    return _fix(state, reason, hints) if reason else None


def _border(state, senses, hints):
    """Not heard of since a border, a switch of profiles or a bar of data, or by the guide behind a border or
    on the way over one: a look first, and a report where a network is heard."""
    if state[st.ATTACHED] or not _may_be_unheard(state) or not may_upload(state, senses):
        return None
    from locator.scheduler import border

    due = border.due(state, hints[JOURNEY])
    if due == border.REPORT:
        return _attach(state, LOOK_BORDER)
    return Action(PROBE, LOOK_BORDER, _BORDER_LIMIT_S) if due else None


def _may_be_unheard(state):
    if not state[st.LAST_UPLOAD] or policy.is_spent(state):
        return False
    return state[st.CARD_DUE] or state[st.HELD_PLMN] != state[st.OPEN_PLMN]


def _attach(state, reason, most_mj=_ANY_MJ):
    """With a wait for a network that takes no more than `most_mj`, nor the sleep to the end."""
    fails = state[st.TRY_FAILS]
    # A whole scan takes longer than the limit: every third try in vain is one, and each of the first.
    whole = (not state[st.LAST_UPLOAD] and fails < _FIRST_TRIES) or fails % 3 == 2
    limit_s, mcc = (_WHOLE_SCAN_S, 0) if whole else (_ATTACH_LIMIT_S, state[st.MCC])
    if state[st.ENDS_AT] < 0 and not state[st.URGENT]:
        most_mj = min(most_mj, policy.spare_mj(state))
    patience_s = min(_patience_s(state, whole), max(limit_s, most_mj // _SEARCH_MW))
    return Action(ATTACH, reason, limit_s, patience_s, state[st.HELD_PLMN] or state[st.CHOSEN_PLMN], mcc=mcc)


def _again(state, senses, hints):
    """The attempt has failed, and the card has another profile for this country."""
    if not state[st.CARD_DUE] & st.CARD_AGAIN or state[st.ATTACHED] != st.NO:
        return None
    return Action(ATTACH, OTHER_PROFILE, _WHOLE_SCAN_S, _ATTACH_PATIENCE_AGAIN_S)


def _patience_s(state, whole):
    if state[st.HELD_PLMN]:
        return _ATTACH_PATIENCE_HELD_S
    if state[st.CARD_DUE]:
        return _ATTACH_PATIENCE_PROFILES_S
    is_long = (whole and not state[st.LAST_UPLOAD]) or state[st.TRY_FAILS] == 1
    return _ATTACH_PATIENCE_S if is_long else _ATTACH_PATIENCE_AGAIN_S


def _place(state, senses, hints):
    """Something has happened, or a point is asked for: with its place, unless that is known."""
    reason = 0 if state[st.DID_FIX] else _place_due(state, hints[SETTINGS])
    return _fix(state, reason, hints) if reason else None


def _place_due(state, settings):
    if state[st.ERRAND] == st.LOCATE or not state[st.LAST_RECORD]:
        return PLACE_TOLD
    if (state[st.EVENTS] & ~_ON_THE_WAY and state[st.UNMOVED] != 1) or _may_have_lost_gnss(state, settings):
        return PLACE_TOLD
    if settings[cfg.PACED] and not budget.is_dense(state):
        return 0
    over = state[st.NOW] - state[st.LAST_RECORD] >= point_every_s(state, settings) - _MIN_SLEEP_S
    return POINT_PAUSE if state[st.EVENTS] or over else 0


def _may_have_lost_gnss(state, settings):
    """Whether a search tells if that alarm is to be raised (scheduler/alarms.py)."""
    if not state[st.MOVING] or not state[st.BLIND_SINCE] or state[st.RAISED] & record.EVENT_GNSS:
        return False
    return state[st.NOW] - state[st.BLIND_SINCE] >= settings[cfg.GNSS_LOST_S]


def point_every_s(state, settings):
    """Pause between points that the policy is not asked about."""
    if settings[cfg.PACED]:
        return settings[cfg.DENSE_INTERVAL_S]
    interval_s = settings[cfg.INTERVAL_S]
    return min(interval_s, settings[cfg.DENSE_INTERVAL_S]) if budget.is_dense(state) else interval_s


def _fix(state, reason, hints):
    limit_s = fix_limit_s(state, hints[SETTINGS][cfg.FIX_LIMIT_S])
    return Action(FIX, reason, _FIX_LIMIT_URGENT_S if state[st.URGENT] else limit_s)


def _paced(state, senses, hints):
    """What the policy says."""
    if not hints[SETTINGS][cfg.PACED]:
        return None
    served = state[st.ATTACHED] == st.YES and not (state[st.DID_TALK] or policy.is_spent(state))
    verdict = (
        policy.fresh(state, hints[COSTS]) if served else policy.next(state, hints[COSTS], hints[JOURNEY])
    )
    state[st.WHY] = verdict
    looked = state[st.DID_PROBE] != 0
    if (verdict >= 20 or (looked and verdict >= 10)) and _is_open(state, senses, hints[SETTINGS]):
        # The network comes before a point without GNSS, which then tells the cell as well; behind a look
        # before any, since it has the radio.
        first = verdict if verdict >= 30 else _network_first(state, hints, verdict)
        if first:
            return _network(state, first)
    if (verdict in _FRESH and state[st.ATTACHED] != st.YES) or verdict >= 30:
        if verdict == policy.FIX_FRESH and _is_open(state, senses, hints[SETTINGS]):
            return _fix(state, verdict, hints)
        state[st.WHY] = REST_MAY_NOT
    elif verdict >= 10:
        return _fix(state, verdict, hints) if verdict < 20 else Action(RECORD, verdict)
    return None


def _is_open(state, senses, settings):
    """Whether the policy may use the network."""
    early = state[st.NOW] - state[st.LAST_UPLOAD] < settings[cfg.REPORT_LEAST_S]
    return not (state[st.ATTACHED] or early) and may_try(state, senses)


def _network_first(state, hints, verdict):
    """What the policy would say of the network if the point were there; 0: nothing."""
    if verdict in _FRESH:
        return verdict
    state[st.DID_FIX] = st.SPARED
    state[st.WAITING] += 1
    then = policy.report(state, hints[COSTS], hints[JOURNEY])
    state[st.DID_FIX] = 0
    return then if then >= 30 else 0


def _network(state, verdict):
    if verdict == policy.PROBE_FIRST:
        return Action(PROBE, verdict, _look_limit_s(state))
    if verdict == policy.PROBE_OTHER:
        networks.look_aside(state)
    return _attach(state, verdict)


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


def _cell(state, senses, hints):
    """No fix, and no cell seen in this wake: where we are heard tells something too."""
    if state[st.DID_FIX] != st.NO or state[st.ATTACHED] or state[st.DID_PROBE]:
        return None
    asked = state[st.ERRAND] or state[st.URGENT] or not hints[SETTINGS][cfg.PACED]
    if not (state[st.PARKED] or asked) or not budget.may_look(state):
        return None
    return Action(PROBE, LOOK_FOR_CELL, _PROBE_LIMIT_S)


def _record(state, senses, hints):
    """What was found, and what has happened."""
    return Action(RECORD, KEEP) if record_due(state, hints) else None


def record_due(state, hints):
    """Whether there is something to keep."""
    if state[st.DID_RECORD]:
        return False
    return bool(state[st.DID_FIX] or state[st.EVENTS] or _place_due(state, hints[SETTINGS]))


def _talk(state, senses, hints):
    """Registered: the agent is told all."""
    is_silent = state[st.ATTACHED] == st.YES and not state[st.DID_TALK]
    return Action(TALK, TELL) if is_silent else None


def _sleep(state, senses, hints):
    """Until the next point or report is due, as far as that is known, or something happens; in shipping mode
    until something happens."""
    now, settings = state[st.NOW], hints[SETTINGS]
    # The interrupts are levels: an open door would wake us again at once.
    wake_on = 0 if state[st.RAISED] & record.EVENT_LIGHT else ON_LIGHT
    if not state[st.RAISED] & record.EVENT_TAMPER:
        wake_on |= ON_TAMPER
    if state[st.ERRAND] == st.SHIPPING:
        return Action(SLEEP, SHIPPED, _SHIPPING_S, wake_on=ON_MOTION | wake_on)
    allowed = _allowed_at(state, senses, settings)
    if settings[cfg.PACED]:
        late = max(allowed, late_at(state, hints))
        report = max(allowed, state[st.LAST_UPLOAD] + settings[cfg.REPORT_LEAST_S])
        until = max(min(policy.until(state, hints[COSTS], report), late), now + _PACED_SLEEP_S)
    if not settings[cfg.PACED] or budget.is_dense(state):
        until = state[st.LAST_RECORD] + point_every_s(state, settings)
    if _is_able(state, senses):
        if report_due(state, hints) or state[st.ERRAND]:
            until = min(until, allowed)
        if _may_be_unheard(state):
            from locator.scheduler import border

            until = min(until, max(_open_at(state, senses), border.until(state, hints[JOURNEY])))
    if not state[st.MOVING]:  # on the move the timer is enough
        if _is_jolted(state, senses):
            until = min(until, now + _PACED_SLEEP_S)
        else:
            wake_on |= ON_MOTION  # to see the departure
    return Action(SLEEP, state[st.WHY], max(_MIN_SLEEP_S, until - now), wake_on=wake_on)


def _is_jolted(state, senses):
    """Whether something shakes it and does not carry it away: jolts are not to wake it for a while."""
    return senses[sn.WAKE_REASON] == WAKE_MOTION and state[st.NOW] - state[st.ASLEEP_SINCE] < _JOLTED_S


def _allowed_at(state, senses, settings):
    """When the network may be asked next, as far as that is known."""
    retry_at = state[st.LAST_TRY] + budget.spread_s(state, retry_s(state))
    if _looks_first(state, settings):
        retry_at = max(retry_at, state[st.UPLOAD_NOT_BEFORE])
    return max(_open_at(state, senses), retry_at, state[st.NOW] + budget.wait_s(state))


def _open_at(state, senses):
    """When data is open for us again; for a better battery, or other messages, some hours are waited."""
    able_at = state[st.NOW] if _is_able(state, senses) else state[st.NOW] + _MAX_RETRY_STANDING_S
    return max(able_at, state[st.BARRED_UNTIL], state[st.DATA_UNTIL])


RULES = (_keep, _border, _report, _again, _place, _paced, _cell, _record, _talk)
