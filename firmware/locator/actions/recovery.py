"""Start of a wake after a loss of power, incoming calls, and unexpected exceptions. Imported only then."""

from micropython import const

from locator import state as st
from locator.codec import checked, record
from locator.journal import log as logs
from locator.scheduler import ATTACH, FIX, RECORD, budget, energy

_GAVE_WAY_MS = const(45000)
"""A wake in which the supply gives way has used about what so long a search for a network takes."""

_TIMES = (
    st.LAST_FIX,
    st.BARRED_UNTIL,
    st.REFUSED_UNTIL,
    st.LOCKED_LOST,
    st.DENSE_UNTIL,
    st.OUT_SINCE,
    st.BLIND_SINCE,
    st.DATA_UNTIL,
    st.STOPPED_AT,
    st.DEPARTED_AT,
    st.POINT_AT,
    st.ARRIVES_AT,
    st.PROGRESS_AT,
    st.ROUTE_SINCE,
    st.FIX_NOT_BEFORE,
    st.SESSION_NOT_BEFORE,
    st.PATH_SINCE,
    st.ASSISTANCE_TRIED,
    st.PROFILE_UNTIL,
)
_LOST_WITH_POWER = (
    st.NOW,
    st.OFFSET,
    st.OFFSET_QUALITY,
    st.LAST_RECORD,
    st.LAST_SESSION,
    st.IN_PSM,
    st.CONFIGURED,
    st.REQUEST,
    st.EPHEMERIS,
    st.IDENTITY_DAY,
    st.LEVEL_AT,
    st.ENDS_AT,
    st.POSITION_HOLDS,
    st.HEARD_HERE,
    st.NETWORK,
    st.COPIED_AT,
)


def power_was_lost(state, numbers, journal, modem, now=0):
    """Turn `state`, as it was kept in flash, into the one that goes on; `modem` is a class of modem, the
    clock shows `now`. Returns it."""
    began = max(state[st.LAST_ATTEMPT], state[st.ATTEMPTS + (state[st.NEXT_ATTEMPT] - 1) % st.ATTEMPTS_KEPT])
    if began and began >= state[st.NOW]:
        state[st.LAST_ATTEMPT] = began  # a scan drains the supply as much: it has the same pause
        _in_attempt(state, modem)
    restart(state, now)
    state[st.EVENTS] |= record.EVENT_POWER_ON
    try:
        numbers.count_power_on()
    except OSError:  # the flash is full
        journal.make_room()
        numbers.save()
    return state


def cut_off(state, folder):
    """The wake before has not ended in deep sleep: what it did may not be noted, and nothing of a download
    (esim/download.py) may stay in `folder`."""
    state[st.TO_REPORT] = st.REPORT_ALL
    for name in ("/package", "/answers"):
        checked.remove(folder + name)


def _in_attempt(state, modem):
    """The copy is of the last attempt or scan. Whether the supply gave way in it, or after it, is unknown: it
    counts as failed, its energy is estimated, and the battery is weak until the next connection shows
    otherwise."""
    account = energy.Account(modem, 0)
    account.to(energy.SEARCH, 0)
    account.settle(state, _GAVE_WAY_MS, state[st.NOW])
    state[st.ATTEMPT_FAILS] += 1
    state[st.LOADED_MV] = st.GAVE_WAY_MV
    if state[st.IN_PSM]:
        budget.count(state, state[st.LAST_ATTEMPT])  # the modem may have had to ask


def restart(state, now=0):
    """Turn the state kept in flash into that of a device that has lost power meanwhile.

    The clock has begun at 0 again, unless only RTC memory is lost, and shows `now`. For how long it stood is
    unknown: all pauses go on as if no time had passed.
    """
    gone_s = state[st.NOW] - now
    attempts = [st.LAST_ATTEMPT] + list(range(st.ATTEMPTS, st.ATTEMPTS + st.ATTEMPTS_KEPT))
    for i in list(_TIMES) + attempts:
        if state[i]:
            state[i] -= gone_s
            if i in attempts:  # else one would be the last one again, whenever power is lost next
                state[i] = min(state[i], now - 1)
            state[i] = state[i] or -1
    state[st.BEGAN] -= gone_s
    owed = state[st.ATTEMPTED] - state[st.FAILED] - state[st.NOW] // budget.CONNECTION_S
    state[st.ATTEMPTED], state[st.FAILED] = max(0, owed) + now // budget.CONNECTION_S, 0
    for i in _LOST_WITH_POWER:
        state[i] = 0
    state[st.ASLEEP_SINCE] = now
    state[st.TO_REPORT] = st.REPORT_ALL
    state[st.PROFILE_DUE] |= st.PROFILE_ASK  # a switch may have been cut short


def fault(wake, kind):
    """The action `kind` was broken off: it has failed, a search for satellites is left out once, so that the
    session after it gets its turn, and the record that is due is kept."""
    state = wake.state
    if kind == ATTACH and not state[st.ATTACHED]:
        st.learn_attach(state, st.NO, 0)
    elif kind == FIX:
        state[st.SKIP_FIX] = 1
        if not state[st.DID_FIX]:
            st.learn_fix(state, False)
    if state[st.ATTACHED] == st.YES and not state[st.DID_SESSION]:
        st.learn_failure(state)  # the agent was not reached, whatever the reason
    from locator.actions import record as records
    from locator.scheduler import decide

    if kind != RECORD and decide.record_due(state, wake.pace.hints):
        records.run(wake)


def uninvited(came, state, note):
    """Note calls and messages that `came` in this wake, [rings, messages], in any state of the modem; `note`
    takes a kind of entry and its value."""
    rings, messages = came
    if rings:
        note(logs.CALLED, rings)
    if messages:
        note(logs.MESSAGED, messages)
    state[st.TO_REPORT] |= st.REPORT_DIAGNOSTICS
