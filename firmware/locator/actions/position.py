"""Search for a fix; the radio is off unless the agent is to be reached in this wake."""

from micropython import const

from locator import state as st
from locator.codec import record
from locator.modem import ModemError
from locator.scheduler import alarms

_POLL_MS = const(1000)


def run(wake, action):
    """Search for `action.limit_s` at most; the result is `wake.fix`."""
    modem, state = wake.modem, wake.state
    try:
        wake.start_modem()
        registered = state[st.ATTACHED] == st.YES or state[st.IN_PSM]
        modem.gnss_start(not registered)
        wake.fix = _poll(wake, 1000 * action.limit_s)
        if not registered:
            state[st.HEARD_PLMN] = 0  # the scan is over: to register now would be a second attach
    except ModemError as error:
        wake.lost(error)
    try:  # in any case: with GNSS on, a BG95 has no network
        if modem.on:
            modem.gnss_stop()
    except ModemError as error:
        wake.lost(error)
    fix = wake.fix
    if fix and fix.time:
        st.learn_time(state, wake.port.clock_s(), fix.time, record.TIME_GNSS)
    st.learn_fix(state, fix is not None)
    if fix:
        wake.pace.found(state, fix)
    alarms.searched(state, max(1, fix.sats) if fix else 0, wake.settings)


def _poll(wake, limit_ms):
    port = wake.port
    deadline = port.ticks_ms() + limit_ms
    while port.ticks_ms() < deadline:
        port.sleep_ms(_POLL_MS)
        port.feed()
        fix = wake.modem.gnss_poll()
        if fix:
            return fix
    return None
