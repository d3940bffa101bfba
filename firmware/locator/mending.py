"""What is done when the connection fails though the network is there. Imported only then.

From the top down, once in a wake (vendors' and operators' ladders): connect again, which sets up the
modem's client or socket anew; then a new PDP context; then it is the plan's turn. That the other side
hangs up is nothing unusual: connecting again is the first thing tried.
"""

from micropython import const

from locator.modem import ConnectionLost, ModemRestarted, PdpError, TlsError
from locator.plan import budget, way
from locator.plan import state as st

_MENDED_FAILS = const(2)  # after more tries in vain there is one attempt a wake: it is not the modem
_PING_UNANSWERED = const(2)  # of +QMTSTAT: wants a new PDP context (MQTT manual V1.1)

_NET_MS = const(40000)
_WRONG_LOGIN, _LOGIN_FAILED = 149, 29

_NOTHING, _AGAIN, _NEW_CONTEXT = 0, 1, 2


def client(port, driver, state):
    """Who speaks MQTT on the way that the plan chooses: the modem, or we over its sockets."""
    if way.choose(state) == way.MODEM:
        return driver
    from locator.link.mqtt import MqttClient
    from locator.modem.sockets import make

    return MqttClient(port, make(driver))


def mend(port, driver, state, error, done):
    """Do what comes after `done` (0: nothing yet) and return that; raises `error` when nothing is left,
    or when the network is to blame."""
    if isinstance(error, PdpError):
        budget.data_refused(state, port.clock_s(), esm_cause(error.code))
        raise error
    if isinstance(error, TlsError):
        state[st.TLS_FAILED] += 1
    barred = state[st.HELD_PLMN] != state[st.OPEN_PLMN]
    if barred or isinstance(error, ModemRestarted) or not driver.serves(0)[0]:
        raise error
    if done == _NEW_CONTEXT or state[st.TRY_FAILS] >= _MENDED_FAILS:
        way.failed(state)
        raise error
    if done == _NOTHING and not _wants_context(error):
        return _AGAIN
    give_up_context(driver)
    return _NEW_CONTEXT


def esm_cause(code):
    """The ESM cause (TS 24.301) in a code of +CME ERROR, 0 when it names none (TS 27.007 9.2.2)."""
    if code == _WRONG_LOGIN:
        return _LOGIN_FAILED
    return code - 100 if 108 <= code <= 140 else 0


def give_up_context(driver):
    """End the PDP context and whatever runs over it: the next opening asks the network anew."""
    driver._at.lost = ()
    if driver.KIND == "bg95":
        driver._try(b"+QIDEACT=1", _NET_MS)
        return
    driver.mqtt_close()
    if driver._try(b"+NETCLOSE", _NET_MS):
        driver._at.wait(b"+NETCLOSE:", _NET_MS)
    driver._try(b"+CGACT=0,1", _NET_MS)


def _wants_context(error):
    return isinstance(error, ConnectionLost) and error.what == b"+QMTSTAT:" and error.code == _PING_UNANSWERED
