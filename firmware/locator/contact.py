"""One contact with the agent, when registered: opens the way, talks, and mends what breaks.

What breaks is mended from the top down, once in a wake (vendors' and operators' ladders): connect
again, which sets up the modem's client or socket anew; then a new PDP context; then it is the plan's
turn. That the other side hangs up is nothing unusual: connecting again is the first thing tried.
"""

import gc

from micropython import const

from locator.link.talk import Conversation
from locator.modem import ConnectionLost, ModemError, ModemRestarted, PdpError, TlsError
from locator.plan import budget, way
from locator.plan import state as st

_MENDED_FAILS = const(2)  # after more tries in vain there is one attempt a wake: it is not the modem
_PING_UNANSWERED = const(2)  # of +QMTSTAT: wants a new PDP context (MQTT manual V1.1)

_NOTHING, _AGAIN, _NEW_CONTEXT = 0, 1, 2


class Contact:
    """`port` and `driver` of the modem; the rest as for `Conversation`. `talk` is the conversation."""

    def __init__(self, port, driver, state, config, journal, ledger, open_desk):
        self._port = port
        self._driver = driver
        self._state = state
        self._config = config
        self._client = driver
        if way.choose(state) == way.SOCKETS:
            from locator.link.mqtt import MqttClient
            from locator.modem import sockets

            gc.collect()
            self._client = MqttClient(port, sockets.make(driver))
        self.talk = Conversation(self._client, journal, ledger, config, open_desk)

    def run(self, extras):
        """Talk until nothing is left to say; `extras` as in `Conversation.run`. Raises the `ModemError`
        that nothing was done against; the state has learned from it."""
        done = _NOTHING
        while True:
            try:
                self._once(extras)
                break
            except PdpError as error:
                budget.data_refused(self._state, self._port.clock_s(), error.code)
                raise
            except ModemError as error:
                done = self._mend(error, done)
        if self.talk.outcome.turns:
            way.worked(self._state)
        self._client.mqtt_close()

    def _once(self, extras):
        config = self._config
        self._client.mqtt_open(
            config.broker_host, config.broker_port, config.device.encode(), config.broker_password, config.ca()
        )
        self.talk.run(extras, budget.messages_left(self._state), self._state[st.TO_TELL] != 0)

    def _mend(self, error, done):
        """Do what comes after `done` and return that; raises `error` when nothing is left, or when the
        network is the one to blame."""
        state = self._state
        if isinstance(error, TlsError):
            state[st.TLS_FAILED] += 1
        barred = state[st.HELD_PLMN] != state[st.OPEN_PLMN]
        if barred or isinstance(error, ModemRestarted) or not self._driver.serves(0)[0]:
            raise error
        if done == _NEW_CONTEXT or state[st.TRY_FAILS] >= _MENDED_FAILS:
            way.failed(state)
            raise error
        if done == _NOTHING and not _wants_context(error):
            return _AGAIN
        self._driver.pdp_cycle()
        return _NEW_CONTEXT


def _wants_context(error):
    return isinstance(error, ConnectionLost) and error.what == b"+QMTSTAT:" and error.code == _PING_UNANSWERED
