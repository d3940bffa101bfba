"""The sources of time, and which of them is trusted: the network, a time server, the agent. Imported where
the sources differ."""

from micropython import const

from locator import state as st
from locator.codec import record

_DAY_S = const(86400)
_JUMP_S = const(2700)  # as in state.py


def network(port, modem, state):
    """Set the clock by the network's time, or where the time is not known yet by a time server; returns
    epoch seconds less `clock_s` as received, believed or not, None without an answer."""
    epoch_s = modem.network_time()
    if not epoch_s and not state[st.OFFSET]:
        from locator.modem import ntp

        epoch_s = ntp.ask(modem)
    if not epoch_s:
        return None
    clock_s = port.clock_s()
    if st.credible(state, clock_s, epoch_s):
        st.learn_time(state, clock_s, epoch_s, record.TIME_NETWORK)
    return epoch_s - clock_s


def believes(state, clock_s, epoch_s, network_s=None):
    """Whether the agent's time can be right: ours is never off by a day, even if it is not set during a
    whole trip. Where it seems to be, the network decides: `network_s` is its offset to
    `clock_s` in this wake."""
    offset = epoch_s - clock_s
    if state[st.OFFSET] == 0 or abs(offset - state[st.OFFSET]) <= _DAY_S:
        return True
    return network_s is not None and abs(offset - network_s) <= _JUMP_S
