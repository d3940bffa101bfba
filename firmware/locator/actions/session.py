"""One session with the agent, when registered: opens the connection, talks, and has mended what breaks."""

import gc

from micropython import const

from locator import state as st
from locator import unload
from locator.codec import record
from locator.journal import log as logs
from locator.modem import ModemError
from locator.scheduler import budget
from locator.session.keys import Keys
from locator.session.talk import UPLINK_BYTES, Conversation

_CONNECTION_BYTES = const(6000)  # of TLS and of headers, roughly
_SOCKET_BYTES = const(1380)  # with its topic one command of a socket; and the client takes room as well


def run(wake, _):
    """Talk with the agent. Scheduler and session have no room beside each other."""
    wake.pace.rest()
    try:
        at_last = _converse(wake)
        wake.apply_settings()
        for do in at_last:
            do()
    finally:
        wake.let_go()
        gc.collect()
    wake.pace.reported(wake.state, wake.state[st.DID_TALK] == st.YES, wake.cell)


def _converse(wake):
    """What is to be done at last, callables without arguments. The state has learned how it ended."""
    port, driver, state, journal, log = wake.port, wake.modem, wake.state, wake.journal, wake.log
    is_told = state[st.IDENTITY_DAY] == st.day(state) + 1  # today, who we are
    state[st.TO_TELL] |= st.TELL_WHY

    def open_desk():
        from locator.downlink.desk import Desk

        desk = Desk(port, wake.config, journal, wake.ledger, state, log, wake.board.NAME)
        if driver.updates:
            desk.may_tell = ~st.TELL_PULL
        return desk

    talk = prepare(port, driver, state, journal, wake.ledger, wake.config, open_desk, wake.room)

    def write(out, more):
        if more:
            return 0
        from locator.session import extras

        try:
            return extras.write(out, wake, None if is_told else wake.identity)
        finally:
            unload("session.extras")

    try:
        exchange(port, driver, state, wake.config, talk, write)
    except ModemError as error:
        wake.lost(error)
    finally:  # also when something else goes wrong: what has failed is not tried again at once
        if talk.keys.down.forged:
            from locator.session import epochs

            epochs.weigh(talk.keys, log)
            state[st.TO_TELL] |= st.TELL_DIAGNOSTICS
        _learn(state, talk.outcome, journal, log, port.clock_s())
        is_better = not (talk.outcome.late and state[st.OFFSET])
        set_clock(wake, talk.outcome.server_time if is_better else None)
        wake.kept.save()
    return talk.desk.at_last if talk.desk else ()


def set_clock(wake, server_time):
    """By the agent's time, epoch seconds, None: not told; unless it cannot be right."""
    now, state = wake.port.clock_s(), wake.state
    if not server_time:
        return
    if st.credible(state, now, server_time) or _believes(wake, now, server_time):
        st.learn_time(state, now, server_time, record.TIME_NETWORK)


def _believes(wake, now, server_time):
    from locator import clock

    return clock.believes(wake.state, now, server_time, wake.network)


def _learn(state, came, journal, log, now):
    """From the outcome `came`: whether it was answered to the end, and what that means."""
    state[st.SENT_TODAY] += came.sent
    if state[st.CARD_DUE]:
        state[st.CARD_BYTES] += came.bytes + _CONNECTION_BYTES
    if came.server_time:
        state[st.IDENTITY_DAY] = st.day(state) + 1
    answered = came.turns > 0 and (came.refused or journal.pending() == 0)
    if not answered:
        log.add(now, logs.UNANSWERED, came.turns)
    st.learn_talk(state, answered)


def prepare(port, driver, state, journal, ledger, config, open_desk, room=None):
    """The conversation to come, over the way that the plan chooses; arguments as for `Conversation`."""
    ledger.date(port.clock_s() + state[st.OFFSET])
    most = _SOCKET_BYTES if state[st.WAY] else UPLINK_BYTES
    talk = Conversation(driver, journal, ledger, Keys(port.data_dir, config), open_desk, most, room)
    talk.port = port
    if state[st.WAY]:
        from locator.session import reconnect as mending

        talk.modem = mending.client(port, driver, state)
    return talk


def exchange(port, driver, state, config, talk, extras):
    """Talk until nothing is left to say; `extras` as in `Conversation.run`. Raises the `ModemError` that
    nothing was done against; the state has learned from it."""
    device, done = config.device.encode(), 0
    host, broker_port = driver.hosts[0] if driver.hosts else (config.broker_host, config.broker_port)
    while True:
        try:
            talk.modem.mqtt_open(host, broker_port, device, config.broker_password, config.ca())
            left, to_tell = budget.messages_left(state), state[st.TO_TELL] != 0
            talk.run(extras, left, to_tell, state[st.URGENT] != 0)
            break
        except ModemError as error:
            from locator.session import reconnect as mending

            done = mending.mend(port, driver, state, error, done)
    talk.modem.mqtt_close()
    if talk.desk and talk.desk.pull and driver.updates:
        from locator.session import update_apn as updates

        updates.run(driver, state, config, talk)
