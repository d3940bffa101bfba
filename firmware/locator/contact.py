"""One contact with the agent, when registered: opens the way, talks, and has mended what breaks."""

from micropython import const

from locator.link.talk import UPLINK_BYTES, Conversation
from locator.modem import ModemError
from locator.plan import budget
from locator.plan import state as st

_SOCKET_BYTES = const(1380)  # with its topic one command of a socket; and the client takes room as well


def prepare(port, driver, state, journal, ledger, config, open_desk):
    """The conversation to come, over the way that the plan chooses; arguments as for `Conversation`."""
    ledger.date(port.clock_s() + state[st.OFFSET])
    most = _SOCKET_BYTES if state[st.WAY] else UPLINK_BYTES
    talk = Conversation(driver, journal, ledger, config, open_desk, most)
    if state[st.WAY]:
        from locator import mending

        talk.modem = mending.client(port, driver, state)
    return talk


def run(port, driver, state, config, talk, extras):
    """Talk until nothing is left to say; `extras` as in `Conversation.run`. Raises the `ModemError` that
    nothing was done against; the state has learned from it."""
    host, device, done = config.broker_host, config.device.encode(), 0
    while True:
        try:
            talk.modem.mqtt_open(host, config.broker_port, device, config.broker_password, config.ca())
            left, to_tell = budget.messages_left(state), state[st.TO_TELL] != 0
            talk.run(extras, left, to_tell, state[st.URGENT] != 0)
            break
        except ModemError as error:
            from locator import mending

            done = mending.mend(port, driver, state, error, done)
    talk.modem.mqtt_close()
