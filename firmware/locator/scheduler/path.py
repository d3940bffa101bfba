"""The connection path to the agent: the modem's own MQTT client, or ours over the modem's TLS sockets.

Firmware of modems has MQTT clients that do not work with some brokers, networks or certificates. After
three failures in a row on one path, while the network and the PDP context were good, the other is taken;
from the sockets the scheduler goes back to the modem's client after a day, for one attempt.
"""

from micropython import const

from locator import state as st

MODEM = const(0)
SOCKETS = const(1)

_FAILS = const(3)
_BACK_S = const(86400)


def choose(state):
    """Return MODEM or SOCKETS for the session that begins."""
    if state[st.PATH] == SOCKETS and state[st.NOW] - state[st.PATH_SINCE] >= _BACK_S:
        _change(state, MODEM)
        state[st.PATH_FAILS] = _FAILS - 1
    return state[st.PATH]


def failed(state):
    """Note that the connection failed to the end though the network was there."""
    state[st.PATH_FAILS] += 1
    if state[st.PATH_FAILS] >= _FAILS:
        _change(state, SOCKETS if state[st.PATH] == MODEM else MODEM)


def _change(state, way):
    state[st.PATH], state[st.PATH_FAILS], state[st.PATH_SINCE] = way, 0, state[st.NOW]
