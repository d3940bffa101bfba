"""One contact with the agent, when registered: opens the way, talks, and has mended what breaks."""

from micropython import const

from locator.link.talk import UPLINK_BYTES, Conversation
from locator.modem import ModemError
from locator.plan import budget
from locator.plan import state as st

_SOCKET_BYTES = const(1380)  # with its topic one command of a socket; and the client takes room as well


class Contact:
    """`port` and `driver` of the modem; the rest as for `Conversation`. `talk` is the conversation."""

    def __init__(self, port, driver, state, config, journal, ledger, open_desk):
        self._port = port
        self._driver = driver
        self._state = state
        self._config = config
        most = _SOCKET_BYTES if state[st.WAY] else UPLINK_BYTES
        self.talk = Conversation(driver, journal, ledger, config, open_desk, most)
        if state[st.WAY]:
            from locator.plan import way

            if way.choose(state) == way.SOCKETS:
                from locator.link.mqtt import MqttClient
                from locator.modem.sockets import make

                self.talk.modem = MqttClient(port, make(driver))

    def run(self, extras):
        """Talk until nothing is left to say; `extras` as in `Conversation.run`. Raises the `ModemError`
        that nothing was done against; the state has learned from it."""
        config, state, done = self._config, self._state, 0
        host, port, device = config.broker_host, config.broker_port, config.device.encode()
        modem = self.talk.modem
        while True:
            try:
                modem.mqtt_open(host, port, device, config.broker_password, config.ca())
                left, to_tell = budget.messages_left(state), state[st.TO_TELL] != 0
                self.talk.run(extras, left, to_tell, state[st.URGENT] != 0)
                break
            except ModemError as error:
                from locator import mending

                done = mending.mend(self._port, self._driver, state, error, done)
        modem.mqtt_close()
