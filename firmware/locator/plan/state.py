"""What the plan remembers from wake to wake: an array of 32-bit integers that fits in RTC memory.

Times are seconds since power-on; 0 means never.
"""

from array import array

from micropython import const

from locator import settings as cfg
from locator.journal import record
from locator.modem import REGISTERED
from locator.port import WAKE_MOTION

# Index of each number in the state.
OFFSET = const(0)  # epoch seconds = clock_s + OFFSET; 0: the time is unknown
OFFSET_QUALITY = const(1)  # record.TIME_* of the last setting
NOW = const(2)
LAST_WAKE = const(3)
LAST_RECORD = const(4)
LAST_FIX = const(5)
FIX_FAILS = const(6)  # one after the other
LAST_UPLOAD = const(7)  # answered by the agent
LAST_TRY = const(8)
TRY_FAILS = const(9)  # one after the other
SENT_TODAY = const(10)  # messages
DAY = const(11)
MOVING = const(12)
CHOSEN_PLMN = const(13)  # taken from a scan after others had failed; 0: the modem chooses
MCC = const(14)
HELD_PLMN = const(15)  # the only operator to use; 0: any
HELD_LOST = const(16)  # since when every try to register with it fails; 0: none has
BARRED_UNTIL = const(17)
EVENTS = const(18)  # record.EVENT_* bits for the next record
URGENT = const(19)
PARKED = const(22)  # the modem was left in PSM
TRIED = const(23)
FAILED = const(24)
IDENTITY_DAY = const(25)  # day on which the identity was sent, + 1
CONFIGURED = const(26)  # the modem keeps our configuration
# Of this wake only:
DID_FIX = const(27)
DID_RECORD = const(28)
ATTACHED = const(29)  # 0 not tried, 1 registered, 2 not
DID_TALK = const(30)
DID_PROBE = const(31)
LAST_PLMN = const(32)  # of the last try: asked for, used or heard; 0: nobody was heard
OPEN_PLMN = const(33)  # the operator in Russia on which data has passed
REFUSALS = const(34)  # for a permanent cause, one after the other
REFUSED_UNTIL = const(35)
NEXT_TRY = const(36)  # place in the ring
PHASE = const(37)  # 0 to 255, drawn at each try: no two devices keep step
LOADED_MV = const(38)  # battery while the modem was connected, last time
TO_TELL = const(39)  # bits of the modules of orders with something to say (orders/desk.py)
TRIES = const(40)  # ring of the times of the last tries
TRIES_KEPT = const(24)
RAISED = const(64)  # record.EVENT_* bits of the alarms that are told and not over (alarms.py)
OUT_SINCE = const(65)  # since when the temperature is outside its band; 0: it is not
BLIND_SINCE = const(66)  # since when no satellites are found on the move; 0: they are
SKY_SATS = const(67)  # satellites of the last fix
CARD = const(68)  # stands for ICCID and IMSI; 0: never read
SHOCK_MG = const(69)  # a peak that the next wake counts
SEARCHED = const(70)  # the MCC for whose networks the modem is set to search (plan/regions.py); 0: all
ORBITS = const(71)  # when GNSS had its last fix, if the modem's supply has stayed on since; else 0
PULLED_TODAY = const(72)  # pieces of a release asked for
REFUSED = const(73)  # sequence of the release that was refused last, and why (orders/release.py)
REFUSED_WHY = const(74)
SKIP_FIX = const(75)  # the search for satellites ended in a fault: the next one is left out
DENSE_UNTIL = const(76)
DENSE_LEFT_J = const(77)
ERRAND = const(78)  # what a command has asked for, below
TRIAL = const(79)  # tries left to reach the agent under new settings; -1: they have failed
ORBITS_TRIED = const(80)  # download of predicted orbits
WAY = const(81)  # to the agent (plan/way.py)
WAY_FAILS = const(82)  # of that way, one after the other
WAY_SINCE = const(83)
TLS_FAILED = const(84)  # handshakes, counted by themselves: the radio was fine
DATA_REFUSALS = const(85)  # of a PDP context for a permanent cause, one after the other
DATA_UNTIL = const(86)  # until then none is asked for
UNTOLD = const(87)  # refusals in a row whose cause nobody has named
SIZE = const(88)

# Errands.
LOCATE = const(1)
LOCATED = const(2)
NOT_LOCATED = const(3)  # the record says what is known instead
SHIPPING = const(4)

# In TO_TELL, beside those of the other orders.
TELL_SETTINGS = const(1)
TELL_COMMANDS = const(2)
TELL_DIAGNOSTICS = const(8)
TELL_GONE = const(32)

_TIMES = (
    LAST_WAKE,
    LAST_FIX,
    LAST_TRY,
    BARRED_UNTIL,
    REFUSED_UNTIL,
    HELD_LOST,
    DENSE_UNTIL,
    OUT_SINCE,
    BLIND_SINCE,
    DATA_UNTIL,
    WAY_SINCE,
    ORBITS_TRIED,
)
_LOST_WITH_POWER = (
    NOW,
    DAY,  # what was sent in it is not: its messages and pulls are still to be counted
    OFFSET,
    OFFSET_QUALITY,
    LAST_RECORD,
    LAST_UPLOAD,
    PARKED,
    CONFIGURED,
    ERRAND,
    ORBITS,
    IDENTITY_DAY,
)

EVERYONE = const(0xFF)  # in TO_TELL: whoever has something to say

YES = const(1)
NO = const(2)

MCC_RUSSIA = const(250)
# Foreign cards have no data for 24 h after their first registration in Russia.
_BAR_S = const(25 * 3600)  # by a clock that may gain 2 % in the cold
_BAR_AGAIN_S = const(2 * 3600)
RECOUNT_S = const(60)
"""After a jolt the motion counts of so many seconds are what `feel` is given."""
_MOVING_RATE = const(5)
# For so long an operator that is not heard any more is held: a new one costs a day without data.
_HOLD_S = const(12 * 3600)
_JUMP_S = const(2700)
_DAY_S = const(86400)


def new():
    """The state of a device that has just been powered on."""
    return array("i", bytes(4 * SIZE))


def restart(state):
    """Turn the state kept in flash into that of a device that has lost power meanwhile.

    The clock begins at 0 again, and for how long it stood is unknown: all pauses go on as if no time
    had passed.
    """
    ring = range(TRIES, TRIES + TRIES_KEPT)
    for i in list(_TIMES) + list(ring):
        if state[i]:
            state[i] = (state[i] - state[NOW]) or -1
    for i in _LOST_WITH_POWER:
        state[i] = 0
    state[TO_TELL] = EVERYONE


def feel(state, senses):
    """Begin a wake: `senses` = (clock_s, wake reason, reset cause, battery mV, 0.1 C, motion, lux, shock mg,
    tilt degrees, lid open)."""
    now, wake_reason, motion = senses[0], senses[1], senses[5]
    for i in (DID_FIX, DID_RECORD, ATTACHED, DID_TALK, DID_PROBE):
        state[i] = 0
    if state[SKIP_FIX]:
        state[DID_FIX], state[SKIP_FIX] = NO, 0
    if now // _DAY_S != state[DAY]:
        state[DAY] = now // _DAY_S
        state[SENT_TODAY] = state[PULLED_TODAY] = 0
        # Once a day: an agent restored from a backup learns what is applied, and how the device fares.
        state[TO_TELL] |= TELL_SETTINGS | TELL_DIAGNOSTICS
    _feel_errand(state)
    _feel_motion(state, now, motion, wake_reason)
    state[NOW] = state[LAST_WAKE] = now


def _feel_errand(state):
    """What was asked for is told soon; whatever ends the sleep ends shipping mode."""
    if state[ERRAND]:
        state[URGENT] = 1
    if state[ERRAND] == SHIPPING:
        state[ERRAND] = 0
    elif state[ERRAND]:
        state[TO_TELL] |= TELL_COMMANDS


def _feel_motion(state, now, motion, wake_reason):
    elapsed_s = RECOUNT_S if wake_reason == WAKE_MOTION else max(60, now - state[LAST_WAKE])
    moving = 60 * motion // elapsed_s >= _MOVING_RATE
    if moving and not state[MOVING]:
        state[EVENTS] |= record.EVENT_DEPARTED
    elif not moving and state[MOVING]:
        state[EVENTS] |= record.EVENT_STOPPED
    state[MOVING] = 1 if moving else 0


def alarm(state, event, settings):
    """Note `event` (record.EVENT_*) for the next record, and report it at once if the settings say so."""
    state[EVENTS] |= event
    if settings[cfg.ALARMS] & event:
        state[URGENT] = 1


def credible(state, clock_s, epoch_s):
    """Whether the network's time can be right: no clock of ours drifts by more between two contacts,
    but networks send a wrong zone or year."""
    return state[OFFSET] == 0 or abs(epoch_s - clock_s - state[OFFSET]) <= _JUMP_S


def learn_time(state, clock_s, epoch_s, quality):
    """Set the wall clock unless a better source has set it in this hour."""
    if state[OFFSET] == 0 or quality >= state[OFFSET_QUALITY] or _stale(state):
        state[OFFSET] = epoch_s - clock_s
        state[OFFSET_QUALITY] = quality


def learn_fix(state, found):
    """A fix was found (True) or not within its limit."""
    state[DID_FIX] = YES if found else NO
    if found:
        state[LAST_FIX] = state[ORBITS] = state[NOW]
        state[FIX_FAILS] = 0
    else:
        state[FIX_FAILS] += 1


def learn_record(state):
    """A record is in flash: its events are told."""
    state[DID_RECORD] = YES
    state[LAST_RECORD] = state[NOW]
    state[EVENTS] = 0
    if state[ERRAND] == LOCATE:
        state[ERRAND] = LOCATED if state[DID_FIX] == YES else NOT_LOCATED


def learn_attach(state, result, plmn):
    """`result` of an attempt to register; `plmn` of the serving cell, or of any heard, or 0."""
    state[ATTACHED] = YES if result == REGISTERED else NO
    state[LAST_PLMN] = state[CHOSEN_PLMN] or plmn
    if plmn:
        _learn_country(state, plmn)
    if result == REGISTERED:
        state[HELD_LOST] = 0
        if plmn and state[MCC] == MCC_RUSSIA:
            _hold(state, plmn)
        return
    learn_failure(state)
    state[PARKED] = 0  # the modem is not registered any more: GNSS may switch its radio off
    if not state[HELD_PLMN]:
        return
    if not state[HELD_LOST]:
        state[HELD_LOST] = state[NOW]
    elif state[NOW] - state[HELD_LOST] >= _HOLD_S:
        state[HELD_PLMN] = state[HELD_LOST] = 0


def _hold(state, plmn):
    """Stay with one operator: each change of it begins the bar anew."""
    if plmn != state[HELD_PLMN]:
        state[HELD_PLMN] = plmn
        state[BARRED_UNTIL] = 0


def _learn_country(state, plmn):
    mcc = plmn // 1000
    if mcc == state[MCC]:
        return
    if state[MCC]:
        state[EVENTS] |= record.EVENT_COUNTRY
    state[MCC] = mcc
    state[HELD_PLMN] = state[HELD_LOST] = state[BARRED_UNTIL] = state[OPEN_PLMN] = 0
    if state[CHOSEN_PLMN] // 1000 != mcc:
        state[CHOSEN_PLMN] = 0


def learn_talk(state, answered):
    """A conversation was answered by the agent to the end (True) or broke off."""
    state[DID_TALK] = YES if answered else NO
    if answered:
        state[LAST_UPLOAD] = state[NOW]
        state[TRY_FAILS] = state[URGENT] = state[WAY_FAILS] = state[DATA_REFUSALS] = 0
        state[OPEN_PLMN] = state[HELD_PLMN]
        return
    learn_failure(state)
    if state[HELD_PLMN] != state[OPEN_PLMN]:
        # Registered but no data yet: first the full bar, then short patience.
        first = state[BARRED_UNTIL] == 0
        state[BARRED_UNTIL] = state[NOW] + (_BAR_S if first else _BAR_AGAIN_S)


def learn_failure(state):
    """The agent was not reached."""
    state[FAILED] += 1
    state[TRY_FAILS] += 1
    if state[TRY_FAILS] > 1:
        state[CHOSEN_PLMN] = 0
    if state[TRIAL] > 0:
        state[TRIAL] = state[TRIAL] - 1 or -1


def _stale(state):
    return state[NOW] - state[LAST_FIX] > 3600
