"""One session with the agent, when registered: opens the connection, exchanges messages, and recovers from
what breaks."""

import gc

from micropython import const

from locator import state as st
from locator import unload
from locator.codec import record
from locator.journal import log as logs
from locator.modem import ModemError
from locator.scheduler import budget
from locator.session.keys import Keys
from locator.session.session import UPLINK_BYTES, Session

_CONNECTION_BYTES = const(6000)  # of TLS and of headers, roughly
_SOCKET_BYTES = const(1380)  # with its topic one command of a socket; and the client takes room as well


def run(wake, _):
    """Hold a session with the agent. There is no room for scheduler and session at the same time."""
    wake.pace.rest()
    try:
        at_last = _hold_session(wake)
        wake.apply_settings()
        for do in at_last:
            do()
    finally:
        wake.let_go()
        gc.collect()
    wake.pace.reported(wake.state, wake.state[st.DID_SESSION] == st.YES, wake.cell)


def _hold_session(wake):
    """Hold the session; return actions for its end, callables without arguments. The state has learned its
    result."""
    port, driver, state, journal, log = wake.port, wake.modem, wake.state, wake.journal, wake.log
    is_reported = state[st.IDENTITY_DAY] == st.day(state) + 1  # today, who we are
    state[st.TO_REPORT] |= st.REPORT_WAKES

    def open_handlers():
        from locator.downlink.handlers import Handlers

        handlers = Handlers(port, wake.config, journal, wake.numbers, state, log, wake.board.NAME)
        if driver.updates:
            handlers.may_report = ~st.REPORT_PULL
        return handlers

    session = prepare(port, driver, state, journal, wake.numbers, wake.config, open_handlers, wake.room)

    def write(out, more):
        if more:
            return 0
        from locator.session import extras

        try:
            return extras.write(out, wake, None if is_reported else wake.identity)
        finally:
            unload("session.extras")

    def after():
        if session.handlers and session.handlers.download:
            from locator.esim import download

            download.run(wake, session)

    try:
        run_session(port, driver, state, wake.config, session, write, after)
    except ModemError as error:
        wake.lost(error)
    finally:  # also when something else goes wrong: what has failed is not tried again at once
        if session.keys.down.forged:
            from locator.session import epochs

            epochs.weigh(session.keys, log)
            state[st.TO_REPORT] |= st.REPORT_DIAGNOSTICS
        _learn(state, session.outcome, journal, log, port.clock_s())
        is_better = not (session.outcome.late and state[st.OFFSET])
        set_clock(wake, session.outcome.server_time if is_better else None)
        wake.kept.save()
    return session.handlers.at_last if session.handlers else ()


def set_clock(wake, server_time):
    """Set the clock by the agent's time, epoch seconds, None: not known, unless it cannot be right."""
    now, state = wake.port.clock_s(), wake.state
    if not server_time:
        return
    if st.credible(state, now, server_time) or _believes(wake, now, server_time):
        st.learn_time(state, now, server_time, record.TIME_NETWORK)


def _believes(wake, now, server_time):
    from locator import clock

    return clock.believes(wake.state, now, server_time, wake.network)


def _learn(state, came, journal, log, now):
    """Learn from the outcome `came`: whether the session was answered to its end."""
    state[st.SENT_TODAY] += came.sent
    if state[st.PROFILE_DUE]:
        state[st.PROFILE_BYTES] += came.bytes + _CONNECTION_BYTES
    if came.server_time:
        state[st.IDENTITY_DAY] = st.day(state) + 1
    answered = came.turns > 0 and (came.refused or journal.pending() == 0)
    if not answered:
        log.add(now, logs.UNANSWERED, came.turns)
    st.learn_session(state, answered)


def prepare(port, driver, state, journal, numbers, config, open_handlers, room=None):
    """Return the session to come, over the connection path that the scheduler chooses; arguments as for
    `Session`."""
    numbers.date(port.clock_s() + state[st.OFFSET])
    most = _SOCKET_BYTES if state[st.PATH] else UPLINK_BYTES
    session = Session(driver, journal, numbers, Keys(port.data_dir, config), open_handlers, most, room)
    session.port = port
    if state[st.PATH]:
        from locator.session import reconnect

        session.modem = reconnect.client(port, driver, state)
    return session


def run_session(port, driver, state, config, session, extras, after):
    """Exchange messages until nothing is left to send; `extras` as in `Session.run`. Then do `after` over
    the same connection. Raises the `ModemError` that nothing was done against; the state has learned from it.
    """
    device, done = config.device.encode(), 0
    host, broker_port = driver.hosts[0] if driver.hosts else (config.broker_host, config.broker_port)
    while True:
        try:
            session.modem.mqtt_open(host, broker_port, device, config.broker_password, config.ca())
            left, to_report = budget.messages_left(state), state[st.TO_REPORT] != 0
            session.run(extras, left, to_report, state[st.URGENT] != 0)
            break
        except ModemError as error:
            from locator.session import reconnect

            done = reconnect.recover(port, driver, state, error, done)
    after()
    session.modem.mqtt_close()
    if session.handlers and session.handlers.pull and driver.updates:
        from locator.session import update_apn as updates

        updates.run(driver, state, config, session)
