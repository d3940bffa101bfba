"""Factory reset: deletes settings and learned data.

Identity, keys, message numbers, records, the clock, the card and the counters of operators' limits stay.
"""

from locator import state as st
from locator.downlink import settings

_FORGOTTEN = (
    st.FIX_FAILS,
    st.CHOSEN_PLMN,
    st.IN_PSM,
    st.IDENTITY_DAY,
    st.CONFIGURED,
    st.LOADED_MV,
    st.RAISED,
    st.OUT_SINCE,
    st.BLIND_SINCE,
    st.SKY_SATS,
    st.DENSE_UNTIL,
    st.DENSE_LEFT_J,
    st.REQUEST,
    st.TRIAL,
)


def reset(folder, state):
    """Delete them; in force from the next wake on."""
    settings.forget(folder)
    for i in _FORGOTTEN:
        state[i] = 0
    state[st.TO_REPORT] = st.REPORT_ALL
