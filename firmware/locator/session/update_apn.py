"""Pulls pieces of a release over their own access point, in a session after the one for positions. Imported
only then.

An access point that fails, for any reason (unknown or forbidden: ESM 27, 33), is not tried again before the
next day of the device; that affects neither reports nor the data on the profile.
"""

from micropython import const

from locator import state as st
from locator.modem import ModemError
from locator.modem.recovery import give_up_context
from locator.scheduler import budget

_MORE_THAN_A_DAY = const(1000)


def run(driver, state, config, session):
    """Pull the pieces that `session.handlers` request. Raises only errors that end the use of the modem."""
    apn, user, password, host, port = driver.updates
    before = driver.board.apn, driver.login, driver.hosts
    give_up_context(driver)  # one at a time
    driver.use(apn, (user, password), ((host, port),))
    try:
        _pull(state, config, session, host, port)
    finally:  # also when memory runs out: reports need their own access point
        try:
            give_up_context(driver)
        finally:
            driver.use(*before)
            driver.pdp_define()


def _pull(state, config, session, host, port):
    try:
        session.modem.mqtt_open(host, port, config.device.encode(), config.broker_password, config.ca())
        session.pull(budget.messages_left(state))
        session.modem.mqtt_close()
    except ModemError:
        state[st.PULLED_TODAY] = _MORE_THAN_A_DAY
    state[st.TO_REPORT] &= ~st.REPORT_PULL
