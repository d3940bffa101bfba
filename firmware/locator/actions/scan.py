"""Where we are heard: the serving cell, if there is one soon."""

from locator import state as st
from locator.modem import ModemError
from locator.scheduler import budget


def run(wake, action):
    """Look for a cell for `action.limit_s` at most; what is heard is `wake.cell`."""
    state = wake.state
    budget.begin_look(state, wake.port.clock_s())
    wake.kept.attempt()
    try:
        wake.start_modem()
        told, held = state[st.TOLD_PLMN], state[st.HELD_PLMN]
        used = told in (state[st.CHOSEN_PLMN], state[st.NETWORK]) and not state[st.LOOKS]
        wake.cell = wake.modem.look(action.limit_s, told in (0, held) if held else told and used)
    except ModemError as error:
        wake.lost(error)
    wake.pace.looked(state, wake.cell)
