"""Voice and SMS: whether the modem lets them in, and the end of both.

Without the circuit-switched domain there are none; SMS over LTE needs the combined attach too (TS 24.301,
4.3). What a modem has for it is `SERVICES` of its driver.
"""

from locator.journal import log as logs
from locator.modem import parse
from locator.plan import state as st

OFF, ON = (0,), (3,)
"""As an uplink has it: 1 voice, 2 SMS. These modems have both or none."""


def settle(driver, wanted):
    """Have them on (`wanted`) or off, unless they are; returns ON or OFF as read, () where the modem does
    not tell."""
    told = _read(driver)
    if told and told != (ON if wanted else OFF):
        change, off, on = driver.SERVICES[2:]
        driver.accepts(change % (on if wanted else off)[0])
        told = _read(driver)
    return told


def note(uninvited, state, log):
    """Rings and messages that have come, whatever the modem says of them; `log` takes a kind and a value."""
    for kind, count in ((logs.CALLED, uninvited[0]), (logs.MESSAGED, uninvited[1])):
        if count:
            log(kind, count)
    state[st.TO_TELL] |= st.TELL_DIAGNOSTICS


def _read(driver):
    command, prefix, _, off, on = driver.SERVICES
    for line in driver.listing(command, prefix):
        value = parse.last_integer(line)
        return OFF if value in off else ON if value in on else ()
    return ()
