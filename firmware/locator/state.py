"""The scheduler's state from wake to wake: an array of 32-bit integers that fits in RTC memory.

Times are seconds since power-on; 0 means never.
"""

from array import array

from micropython import const

from locator import senses as sn
from locator import settings as cfg
from locator.codec import record
from locator.hal import WAKE_MOTION
from locator.modem import REGISTERED

# Index of each number in the state. Indexes are given by time of addition, not by subject.
OFFSET = const(0)  # epoch seconds = clock_s + OFFSET; 0: the time is unknown
OFFSET_QUALITY = const(1)  # record.TIME_* of the last setting
NOW = const(2)
ASLEEP_SINCE = const(3)
LAST_RECORD = const(4)
LAST_FIX = const(5)
FIX_FAILS = const(6)  # one after the other
LAST_SESSION = const(7)  # answered by the agent
LAST_ATTEMPT = const(8)
ATTEMPT_FAILS = const(9)  # one after the other
SENT_TODAY = const(10)  # messages
BEGAN = const(11)  # when the battery's days began
MOVING = const(12)
CHOSEN_PLMN = const(13)  # taken from a scan after others had failed; 0: the modem chooses
MCC = const(14)
LOCKED_PLMN = const(15)  # the only operator to use; 0: any
LOCKED_LOST = const(16)  # since when others are heard, or attempts fail; 0: it was heard last
BARRED_UNTIL = const(17)
EVENTS = const(18)  # record.EVENT_* bits for the next record
URGENT = const(19)
IN_PSM = const(22)  # the modem was left in PSM
ATTEMPTED = const(23)
FAILED = const(24)
IDENTITY_DAY = const(25)  # of the battery, on which the identity was sent, + 1
CONFIGURED = const(26)  # the modem keeps our configuration
LAST_PLMN = const(32)  # of the last attempt: asked for, used or heard; 0: none was heard
OPEN_PLMN = const(33)  # the operator in Russia on which data has passed
REFUSALS = const(34)  # for a permanent cause, one after the other
REFUSED_UNTIL = const(35)
NEXT_ATTEMPT = const(36)  # place in the ring
PHASE = const(37)  # 0 to 255, drawn at each attempt: no two devices keep step
LOADED_MV = const(38)  # battery while the modem was connected, last time; or GAVE_WAY_MV
TO_REPORT = const(39)  # bits of the downlink handlers with something to report (downlink/handlers.py)
ATTEMPTS = const(40)  # ring of the times of the last attempts
ATTEMPTS_KEPT = const(24)
RAISED = const(64)  # record.EVENT_* bits of the alarms that are raised and not over (alarms.py)
OUT_SINCE = const(65)  # since when the temperature is outside its band; 0: it is not
BLIND_SINCE = const(66)  # since when no satellites are found on the move; 0: they are
SKY_SATS = const(67)  # satellites of the last fix
CARD = const(68)  # hash of the ICCID; 0: never read
SHOCK_MG = const(69)  # a peak that the next wake counts
SEARCHED = const(70)  # how the modem is set to search, and since when (scheduler/regions.py); 0: all
EPHEMERIS = const(71)  # when GNSS had its last fix, if the modem's supply has stayed on since; else 0
PULLED_TODAY = const(72)  # pieces of a release asked for
REFUSED = const(73)  # sequence of the release that was refused last, and why (downlink/release.py)
REFUSED_WHY = const(74)
SKIP_FIX = const(75)  # the search for satellites ended in a fault: the next one is left out
DENSE_UNTIL = const(76)
DENSE_LEFT_J = const(77)
REQUEST = const(78)  # of a command, below
TRIAL = const(79)  # attempts left to reach the agent under new settings; -1: they have failed
ASSISTANCE_TRIED = const(80)  # download of assistance data
PATH = const(81)  # connection path to the agent (scheduler/path.py)
PATH_FAILS = const(82)  # of that path, one after the other
PATH_SINCE = const(83)
TLS_FAILED = const(84)  # handshakes, counted by themselves: the radio was fine
DATA_REFUSALS = const(85)  # of a PDP context for a permanent cause, one after the other
DATA_UNTIL = const(86)  # until then none is asked for
UNNAMED = const(87)  # refusals in a row whose cause is unknown

# What the policy has learned and decided (scheduler/policy.py, scheduler/pacing.py, scheduler/networks.py).
MOVE_S = const(20)  # between points on the move
DWELL_S = const(21)  # while stationary
EDGE_S = const(27)  # after the last point a stop or a departure is worth one
AGE_MIN = const(28)  # so old a report is when one of a joule is worth it
LINGER_S = const(29)  # for so long a stop is watched
LEVEL_AT = const(30)  # when these were chosen
RESERVE = const(31)  # mJ that must stay for sleep to the end
ENDS_AT = const(88)  # when the energy ends; -1: it lasts for the whole trip, 0: not known
STOPPED_AT = const(89)
POINT_AT = const(90)  # of the last fix, or reused position
POSITION_HOLDS = const(91)  # 1: no movement since that fix; 2: no more than a short move
FIX_NOT_BEFORE = const(92)
SESSION_NOT_BEFORE = const(93)
SCANS_FAILED = const(94)  # network scans, one after the other
HEARD_HERE = const(95)  # dBm at which a session has passed while stationary; 0: none has
NETWORK = const(96)  # PLMN registered with; 0: none
PLACES = const(97)  # how often a network was heard, by kind of place
NETWORKS = const(103)  # pairs of numbers by network, the newest first
NETWORKS_KEPT = const(7)
ALLOWED_PLMN = const(117)  # the only operator that the modem may use, as it was set last; 0: any
PROFILE_BYTES = const(118)  # over its profile, not counted yet
PROFILE_DUE = const(119)  # bits: why the eSIM profiles are to be checked
PROFILE_UNTIL = const(120)  # then the policy of the profiles is asked again; 0: never
PROFILE_FAILS = const(121)  # weight of the failures of the profile in this country
IMSI = const(122)  # hash of it; 0: never read
ENERGY_MJ = const(123)  # mJ: board, modem, GNSS (scheduler/energy.py)
ROUTE_KM4 = const(126)  # where on the line the last fix was, + 1 (scheduler/route.py); 0: not on it
FLEET_ERRORS = const(127)  # of what the fleet knows of coverage (scheduler/networks.py)
SEARCHES_FAILED = const(128)  # searches for a network since the agent was reached last
SCAN_MJ = const(129)  # what a scan takes, as learned; 0: not known
SEARCH_MJ = const(130)  # the same of an attempt that finds no network
ARRIVES_AT = const(131)  # as it was expected at the last point
ROUTE_SINCE = const(132)  # when the first point on the line of the trip was made
ROUTE_S = const(133)  # seconds to its end, as the route data said then
COPIED_AT = const(134)  # when all of this was copied to flash last
DOWNLOADED_TODAY = const(135)  # messages about a profile for the card
HOLDS_MJ = const(
    136
)  # the battery when warm, as its voltage has shown; 0: as configured (scheduler/battery.py)
LOADED_DC = const(137)  # how warm it was when LOADED_MV was measured
SIGN_S = const(138)  # between signs of life (scheduler/policy.py)
PROGRESS_S = const(139)  # to the end of the route, when the train came nearer to it last
PROGRESS_AT = const(140)  # and when that was
DEPARTED_AT = const(141)  # when the train departed, less how long it has run since the last point
SIZE = const(142)

# Of this wake only: not kept.
DID_FIX = const(142)
DID_RECORD = const(143)
ATTACHED = const(144)  # 0 not attempted, 1 registered, 2 not
DID_SESSION = const(145)
DID_SCAN = const(146)
LEFT = const(147)  # mJ
EDGE = const(148)  # 1: the train has stopped or departed; SHORT_MOVE
WAITING = const(149)  # points
HEARD_PLMN = const(150)  # PLMN that a scan has found; 0: none
HEARD_DBM = const(151)
WANTED = const(152)  # PLMN of another network to select
DID_SELECT = const(153)
PLACE = const(154)  # kind of place
VERDICT = const(155)  # the policy's last verdict
LOWER_MV = const(156)  # than Li-SOCl2: the kind of the battery (scheduler/battery.py)
NO_SENSOR = const(157)  # 1: nothing feels motion, no accelerometer or one that has failed
_ALL = const(158)

SHORT_MOVE = const(2)
"""In EDGE: what was taken for a departure has ended within the yard, by so few counts."""

# In REQUEST.
LOCATE = const(1)
LOCATED = const(2)
NOT_LOCATED = const(3)  # the record says what is known instead
SHIPPING = const(4)

# In TO_REPORT, in addition to those of the other handlers.
REPORT_SETTINGS = const(1)
REPORT_COMMANDS = const(2)
REPORT_PULL = const(4)  # a piece of a release is wanted
REPORT_DIAGNOSTICS = const(8)
REPORT_GONE = const(32)
REPORT_ROUTE = const(64)
REPORT_WAKES = const(256)

# In PROFILE_DUE, in addition to those of scheduler/profile.py.
PROFILE_ASK = const(1)  # the policy of the profiles is to be asked before the next attempt to register
PROFILE_AGAIN = const(2)  # another profile follows in this wake
PROFILE_OPEN = const(8)  # a switch waits for the agent's acknowledgement

REPORT_ALL = const(0x1FF)  # in TO_REPORT: every handler

YES = const(1)
NO = const(2)
REUSED = const(3)  # stationary where the last fix was made

GAVE_WAY_MV = const(1)  # in LOADED_MV: the supply failed in the last attempt

MCC_RUSSIA = const(250)
# Foreign cards have no data for 24 h after their first registration in Russia; by a clock that gains up to
# 5 % until a fix sets it right.
BAR_S = const(86400 + 900)
# After it signal may be what fails.
_BAR_AGAIN_S = const(1800)  # four times so long after some attempts
_BAR_FIRST_ATTEMPTS = const(4)
RECOUNT_S = const(60)
"""After a jolt the motion counts of so many seconds are what `feel` is given."""
_MOVING_RATE = const(5)
# Counts of a short move or a lift at most: six minutes of running.
_SHORT_MOVE_MOST = const(150)
# For so long an operator that is not heard any more is held: a new one costs a day without data.
_LOCK_S = const(12 * 3600)
_JUMP_S = const(2700)
# No search for satellites for so long after those that failed, one after the other; on the move, where the
# sky changes, the first pause comes twice.
_SEARCH_PAUSES_S = (1800, 7200, 21600, 43200)
_AGE_SHORT_MIN = const(450)
_DAY_S = const(86400)


def new(kept=b""):
    """The state of a device that has just been powered on, or from an array that was `kept`."""
    state = array("i", kept)
    state.extend(array("i", bytes(4 * (_ALL - len(state)))))
    return state


def kept(state):
    """The part of the state that is kept over the sleep."""
    return memoryview(state)[:SIZE]


def feel(state, senses):
    """Begin a wake: `senses` have the indexes of locator.senses."""
    now, wake_reason, motion = senses[sn.CLOCK_S], senses[sn.WAKE_REASON], senses[sn.MOTIONS]
    before = day(state)
    _feel_motion(state, now, motion, wake_reason)
    if state[SKIP_FIX]:
        state[DID_FIX], state[SKIP_FIX] = NO, 0
    if day(state) != before:
        state[SENT_TODAY] = state[PULLED_TODAY] = state[DOWNLOADED_TODAY] = 0
        # Once a day: an agent restored from a backup learns what is applied, and how the device fares.
        state[TO_REPORT] |= REPORT_SETTINGS | REPORT_DIAGNOSTICS | REPORT_ROUTE
    _feel_request(state)


def day(state):
    """Which of the battery's days this is, from 0; power that was lost does not end them."""
    return (state[NOW] - state[BEGAN]) // _DAY_S


def _feel_request(state):
    """The result of a request is reported soon; whatever ends the sleep ends shipping mode."""
    if state[REQUEST]:
        state[URGENT] = 1
    if state[REQUEST] == SHIPPING:
        state[REQUEST] = 0
    elif state[REQUEST]:
        state[TO_REPORT] |= REPORT_COMMANDS


def _feel_motion(state, now, motion, wake_reason):
    elapsed_s = RECOUNT_S if wake_reason == WAKE_MOTION else max(60, now - state[NOW])
    departed = has_departed(state)
    begin(state, now, 60 * motion // elapsed_s >= _MOVING_RATE)
    if motion < 0:  # it may have run and stopped: no stop is reported, none lasts, no position is reused
        state[NO_SENSOR], state[STOPPED_AT] = 1, state[NOW]
        state[EDGE] = state[POSITION_HOLDS] = state[HEARD_HERE] = 0
    if state[EDGE]:
        # Counts of the minute after a jolt do not show how far it has run before.
        if departed and not state[MOVING] and motion < _SHORT_MOVE_MOST and wake_reason != WAKE_MOTION:
            state[EDGE] = SHORT_MOVE
        state[EVENTS] |= record.EVENT_DEPARTED if state[MOVING] else record.EVENT_STOPPED


def has_departed(state):
    """Whether the wake before was a departure that may prove to be a short move, on the move: else STOPPED_AT
    is that wake. What was counted before the power went is not known."""
    return state[NOW] != 0 and state[STOPPED_AT] != state[NOW]


def begin(state, now, moving):
    """Begin a wake: nothing is done yet. Set NOW, MOVING and EDGE."""
    for i in range(SIZE, _ALL):
        state[i] = 0
    if moving and state[MOVING] == 1 and has_departed(state):
        state[FIX_FAILS] = 0  # it was no short move: the sky is another
    state[NOW] = now
    state[EDGE] = 1 if moving != (state[MOVING] == 1) else 0
    state[MOVING] = 1 if moving else 0


def alarm(state, event, settings):
    """Note `event` (record.EVENT_*) for the next record, and report it at once if the settings say so."""
    state[EVENTS] |= event
    if settings[cfg.ALARMS] & event:
        state[URGENT] = 1
        state[SESSION_NOT_BEFORE] = min(state[SESSION_NOT_BEFORE], state[NOW])


def credible(state, clock_s, epoch_s):
    """Whether the network's time can be right: no clock of ours drifts by more between two contacts,
    but networks send a wrong zone or year."""
    return state[OFFSET] == 0 or abs(epoch_s - clock_s - state[OFFSET]) <= _JUMP_S


def learn_time(state, clock_s, epoch_s, quality):
    """Set the wall clock unless a better source has set it in this hour."""
    if state[OFFSET] == 0 or quality >= state[OFFSET_QUALITY] or _stale(state):
        if state[BARRED_UNTIL] and state[OFFSET] and credible(state, clock_s, epoch_s):
            state[BARRED_UNTIL] += state[OFFSET] - (epoch_s - clock_s)
        state[OFFSET] = epoch_s - clock_s
        state[OFFSET_QUALITY] = quality


def replan(state):
    """There is another amount of energy, or another route: the next wake chooses the level of the pacing
    table, and decides again whether the energy lasts to the end."""
    state[LEVEL_AT] = state[ENDS_AT] = state[ROUTE_SINCE] = state[PROGRESS_AT] = 0


def learn_fix(state, found):
    """A fix was found (True) or not within its limit."""
    state[DID_FIX] = YES if found else NO
    if found:
        state[LAST_FIX] = state[EPHEMERIS] = state[POINT_AT] = state[NOW]
        state[FIX_FAILS] = 0
        state[POSITION_HOLDS] = 0 if state[NO_SENSOR] else 1 - state[MOVING]
        return
    state[FIX_FAILS] += 1
    pause_fix(state)


def pause_fix(state):
    """The searches for satellites here have failed: none for a while, a longer one where energy is short."""
    fails = state[FIX_FAILS] + (1 if state[AGE_MIN] > _AGE_SHORT_MIN else -state[MOVING])
    step = min(max(1, fails), len(_SEARCH_PAUSES_S))
    state[FIX_NOT_BEFORE] = state[NOW] + _SEARCH_PAUSES_S[step - 1]


def learn_reused(state):
    """A record says that the position is unchanged, or was until now."""
    state[DID_FIX] = REUSED
    state[POINT_AT] = state[NOW]
    if state[MOVING]:
        state[POSITION_HOLDS] = 0


def learn_record(state):
    """A record is in flash, and its events with it."""
    if not state[DID_FIX] and state[POSITION_HOLDS]:
        learn_reused(state)
    state[DID_RECORD] = YES
    state[LAST_RECORD] = state[NOW]
    state[EVENTS] = 0
    if state[REQUEST] == LOCATE:
        state[REQUEST] = LOCATED if state[DID_FIX] == YES else NOT_LOCATED


def learn_attach(state, result, plmn):
    """`result` of an attempt to register; `plmn` of the serving cell, or of any heard, or 0."""
    state[ATTACHED] = YES if result == REGISTERED else NO
    state[LAST_PLMN] = state[CHOSEN_PLMN] or plmn
    if plmn:
        learn_country(state, plmn)
    if result == REGISTERED:
        state[LOCKED_LOST] = 0
        if plmn and state[MCC] == MCC_RUSSIA:
            _lock(state, plmn)
        return
    learn_failure(state)
    state[IN_PSM] = 0  # the modem is not registered any more: GNSS may switch its radio off
    _miss_locked(state)


def learn_heard(state, plmn):
    """A network scan has heard this operator: a modem that is held to one hears others where that one is not.
    0: none, which says nothing of the one that is held."""
    if plmn == state[LOCKED_PLMN]:
        state[LOCKED_LOST] = 0
    elif plmn:
        _miss_locked(state)


def _miss_locked(state):
    """The operator that is held is not there, or does not serve: after some time it is held no longer."""
    if not state[LOCKED_PLMN]:
        return
    if not state[LOCKED_LOST]:
        state[LOCKED_LOST] = state[NOW]
    elif state[NOW] - state[LOCKED_LOST] >= _LOCK_S:
        state[LOCKED_PLMN] = state[LOCKED_LOST] = 0


def _lock(state, plmn):
    """Stay with one operator: each change of it begins the bar again."""
    if plmn != state[LOCKED_PLMN]:
        state[LOCKED_PLMN] = plmn
        state[BARRED_UNTIL] = 0


def learn_country(state, plmn):
    """A network was heard, served or not."""
    mcc = plmn // 1000
    if mcc == state[MCC]:
        return
    if state[MCC]:
        state[EVENTS] |= record.EVENT_COUNTRY
        state[POSITION_HOLDS] = 0  # whatever the accelerometer has felt
    state[MCC] = mcc
    state[PROFILE_DUE] |= state[PROFILE_DUE] and PROFILE_ASK
    state[LOCKED_PLMN] = state[LOCKED_LOST] = state[BARRED_UNTIL] = state[OPEN_PLMN] = 0
    if state[CHOSEN_PLMN] // 1000 != mcc:
        state[CHOSEN_PLMN] = 0


def learn_session(state, answered):
    """A session was answered by the agent to the end (True) or broke off."""
    state[DID_SESSION] = YES if answered else NO
    if answered:
        state[LAST_SESSION] = state[NOW]
        state[ATTEMPT_FAILS] = state[URGENT] = state[PATH_FAILS] = state[DATA_REFUSALS] = state[
            SEARCHES_FAILED
        ] = 0
        state[OPEN_PLMN] = state[LOCKED_PLMN]
        return
    learn_failure(state)
    if state[LOCKED_PLMN] != state[OPEN_PLMN]:
        # Registered but no data yet: first the full bar, then short patience.
        pause_s = _BAR_AGAIN_S << (2 if state[ATTEMPT_FAILS] > _BAR_FIRST_ATTEMPTS else 0)
        state[BARRED_UNTIL] = state[NOW] + (pause_s if state[BARRED_UNTIL] else BAR_S)


def learn_failure(state):
    """The agent was not reached."""
    state[FAILED] += 1
    state[ATTEMPT_FAILS] += 1
    if state[ATTEMPT_FAILS] > 1:
        state[CHOSEN_PLMN] = 0
    if state[TRIAL] > 0:
        state[TRIAL] = state[TRIAL] - 1 or -1


def _stale(state):
    return state[NOW] - state[LAST_FIX] > 3600
