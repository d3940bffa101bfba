"""The end of a wake: the modem is off, or asleep and registered."""

from micropython import const

from locator import state as st
from locator.modem import CALM_FAILS, ModemError
from locator.scheduler import budget

_FOUND_AGAIN_MS = const(6000)


def run(wake):
    """Switch the modem off, or leave it in PSM where that pays. Where recovery demands it, its supply is cut
    as well."""
    modem, state = wake.modem, wake.state
    try:
        wake.start_modem()  # if it has restarted by itself
        state[st.IN_PSM] = 1 if modem.stop(may_stay_registered(wake)) else 0
    except ModemError:
        modem.cut_supply()
        state[st.IN_PSM] = 0
    if wake.cut_due and state[st.ATTEMPT_FAILS]:
        if not modem.lost_supply:
            modem.lost_supply = wake.port.modem_rail(False) is not False
        state[st.CONFIGURED] = state[st.IN_PSM] = 0
    if modem.lost_supply:
        state[st.EPHEMERIS] = 0


def may_stay_registered(wake):
    """Whether the modem is registered and may stay so in PSM. If no service was requested but the
    radio was on, a refusal is noticed here."""
    modem, state = wake.modem, wake.state
    registered = state[st.ATTACHED] == st.YES or state[st.IN_PSM]
    if state[st.ATTACHED] == st.NO or not (registered or state[st.DID_SCAN]):
        return False
    served, cause = modem.serves(_FOUND_AGAIN_MS if registered else 0)
    if cause:
        budget.asked_on(state, wake.port.clock_s())
    budget.refused(state, wake.port.clock_s(), cause)
    if not (served or cause):
        modem.radio_off()  # a refusal during the shutdown would be missed
    return served and registered and state[st.ATTEMPT_FAILS] < CALM_FAILS and modem.psm_granted()
