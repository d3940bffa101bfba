"""A wake that begins after a loss of power, or meets a fault nobody thought of. Imported only then."""

from locator.journal import record, rtc
from locator.plan import decide
from locator.plan import state as st


def power_was_lost(kept, ledger, journal):
    """The state as it was `kept` in flash, or a new one."""
    state = rtc.unpack(kept, st.SIZE)
    if state is None:
        state = st.new()
    st.restart(state)
    state[st.EVENTS] |= record.EVENT_POWER_ON
    try:
        ledger.count_power_on()
    except OSError:  # the flash is full
        journal.make_room()
        ledger.save()
    return state


def fault(wake, state, kind, hints):
    """The action `kind` was broken off: it has failed, a search for satellites is left out once, so that the
    report behind it gets its turn, and the record that is due is kept."""
    if kind == decide.ATTACH and not state[st.ATTACHED]:
        st.learn_attach(state, st.NO, 0)
    elif kind == decide.FIX:
        state[st.SKIP_FIX] = 1
        if not state[st.DID_FIX]:
            st.learn_fix(state, False)
    if state[st.ATTACHED] == st.YES and not state[st.DID_TALK]:
        st.learn_failure(state)  # the agent was not reached, whatever the reason
    if kind != decide.RECORD and not state[st.DID_RECORD] and decide.record_due(state, hints):
        wake.keep_record()
