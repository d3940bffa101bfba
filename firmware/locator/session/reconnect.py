"""Recovery when the connection fails although the network is there. Imported only then.

In this order, once in a wake (as vendors and mobile operators recommend): connect again, which sets up the
modem's client or socket again; then a new PDP context; then it is the scheduler's turn. A connection closed
by the other side is nothing unusual: connecting again is tried first.
"""

from micropython import const

from locator import state as st
from locator.modem import ConnectionLost, ModemRestarted, NotAllowed, PdpError, TlsError
from locator.scheduler import path

_RECOVERED_FAILS = const(2)  # after more failed attempts there is one attempt a wake: it is not the modem

_NOTHING, _AGAIN, _NEW_CONTEXT = 0, 1, 2


def client(port, driver, state):
    """Return the MQTT client of the connection path that the scheduler chooses: the modem's, or ours over its
    sockets."""
    if path.choose(state) == path.MODEM:
        return driver
    from locator.modem.sockets import make
    from locator.session.mqtt import MqttClient

    return MqttClient(port, make(driver))


def recover(port, driver, state, error, done):
    """Do the step after `done` (0: nothing yet) and return it; raises `error` if no step is left, or if the
    network is the cause."""
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
