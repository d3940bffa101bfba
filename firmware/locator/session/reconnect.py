"""Recovery when the connection fails although the network is there. Imported only then.

From the top down, once in a wake (as vendors and mobile operators recommend): connect again, which sets up
the modem's client or socket again; then a new PDP context; then it is the scheduler's turn. That the other
side hangs up is nothing unusual: connecting again is the first thing tried.
"""

from micropython import const

from locator import state as st
from locator.modem import ConnectionLost, ModemRestarted, NotAllowed, PdpError, TlsError
from locator.scheduler import path

_RECOVERED_FAILS = const(2)  # after more failed attempts there is one attempt a wake: it is not the modem

_NOTHING, _AGAIN, _NEW_CONTEXT = 0, 1, 2


def client(port, driver, state):
    """Who speaks MQTT on the connection path that the scheduler chooses: the modem, or we over its
    sockets."""
    if path.choose(state) == path.MODEM:
        return driver
    from locator.modem.sockets import make
    from locator.session.mqtt import MqttClient

    return MqttClient(port, make(driver))


def recover(port, driver, state, error, done):
    """Do what comes after `done` (0: nothing yet) and return that; raises `error` when nothing is left,
    or when the network is to blame."""
    if isinstance(error, NotAllowed):
        raise error
    if isinstance(error, PdpError):
        from locator.modem.refusals import esm
        from locator.scheduler import refusals

        refusals.learn_data(state, port.clock_s(), esm(error.code))
        raise error
    if isinstance(error, TlsError):
        state[st.TLS_FAILED] += 1
    barred = state[st.LOCKED_PLMN] != state[st.OPEN_PLMN]
    if barred or isinstance(error, ModemRestarted) or not driver.serves(0)[0]:
        raise error
    if done == _NEW_CONTEXT or state[st.ATTEMPT_FAILS] >= _RECOVERED_FAILS:
        path.failed(state)
        raise error
    if done == _NOTHING and not _wants_context(driver, error):
        return _AGAIN
    from locator.modem.recovery import give_up_context

    give_up_context(driver)
    return _NEW_CONTEXT


def _wants_context(driver, error):
    return isinstance(error, ConnectionLost) and (error.what, error.code) == driver.PING_UNANSWERED
