"""The way to the agent: the modem's own MQTT client, or ours over the modem's TLS sockets.

Firmware of modems has MQTT clients that do not work with some brokers, networks or certificates. After
three failures in a row on one way, while the network and the PDP context were good, the other is taken;
from the sockets the plan goes back to the modem's client after a day, for one try.
"""

from micropython import const

from locator import state as st

MODEM = const(0)
SOCKETS = const(1)

_FAILS = const(3)
_BACK_S = const(86400)


def choose(state):
    """MODEM or SOCKETS, for the conversation that begins."""
    if state[st.WAY] == SOCKETS and state[st.NOW] - state[st.WAY_SINCE] >= _BACK_S:
        _change(state, MODEM)
        state[st.WAY_FAILS] = _FAILS - 1
    return state[st.WAY]


def failed(state):
    """The connection failed to the end though the network was there."""
    state[st.WAY_FAILS] += 1
    if state[st.WAY_FAILS] >= _FAILS:
        _change(state, SOCKETS if state[st.WAY] == MODEM else MODEM)


def _change(state, way):
    state[st.WAY], state[st.WAY_FAILS], state[st.WAY_SINCE] = way, 0, state[st.NOW]
