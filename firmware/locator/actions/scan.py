"""Network scan: the serving cell, if one is found soon."""

from locator import state as st
from locator.modem import ModemError
from locator.scheduler import budget


def run(wake, action):
    """Scan for a cell for `action.limit_s` at most; what is heard is `wake.cell`."""
    state = wake.state
    budget.begin_scan(state, wake.port.clock_s())
    wake.kept.attempt()
    try:
        wake.start_modem()
        allowed, locked = state[st.ALLOWED_PLMN], state[st.LOCKED_PLMN]
        used = allowed in (state[st.CHOSEN_PLMN], state[st.NETWORK]) and not state[st.SCANS_FAILED]
        wake.cell = wake.modem.listen(action.limit_s, allowed in (0, locked) if locked else allowed and used)
        if state[st.IN_PSM] and (wake.cell is None or wake.cell.plmn != state[st.LAST_PLMN]):
            budget.count(state, wake.port.clock_s())  # it has left its network, and asks another
    except ModemError as error:
        wake.lost(error)
    wake.pace.scanned(state, wake.cell)
