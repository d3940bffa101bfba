"""One contact with the agent, when registered: opens the way, talks, and has mended what breaks."""

from micropython import const

from locator.link.talk import UPLINK_BYTES, Conversation
from locator.modem import ModemError, PdpError
from locator.plan import budget, way
from locator.plan import state as st

_SOCKET_BYTES = const(1380)  # with its topic one command of a socket; and the client takes room as well


class Contact:
    """`port` and `driver` of the modem; the rest as for `Conversation`. `talk` is the conversation."""

    def __init__(self, port, driver, state, config, journal, ledger, open_desk):
        self._port = port
        self._driver = driver
        self._state = state
        self._config = config
        sockets = way.choose(state) == way.SOCKETS
        most = _SOCKET_BYTES if sockets else UPLINK_BYTES
        self.talk = Conversation(driver, journal, ledger, config, open_desk, most)
        self._client = driver
        if sockets:
            from locator.link.mqtt import MqttClient
            from locator.modem.sockets import make

            self._client = self.talk.modem = MqttClient(port, make(driver))

    def run(self, extras):
        """Talk until nothing is left to say; `extras` as in `Conversation.run`. Raises the `ModemError`
        that nothing was done against; the state has learned from it."""
        done = 0
        while True:
            try:
                self._once(extras)
                break
            except PdpError as error:
                budget.data_refused(self._state, self._port.clock_s(), error.code)
                raise
            except ModemError as error:
                from locator import mending

                done = mending.mend(self._driver, self._state, error, done)
        if self.talk.outcome.turns:
            way.worked(self._state)
        self._client.mqtt_close()

    def _once(self, extras):
        config = self._config
        self._client.mqtt_open(
            config.broker_host, config.broker_port, config.device.encode(), config.broker_password, config.ca()
        )
        state = self._state
        left, to_tell = budget.messages_left(state), state[st.TO_TELL] != 0
        self.talk.run(extras, left, to_tell, state[st.URGENT] != 0)
