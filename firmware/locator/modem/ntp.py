"""Requests the time from a time server, through the modem's own client. Imported only where nothing else gave
the time."""

from micropython import const

from locator.modem import ModemError, ModemGone

SERVER = (b"pool.ntp.org", 123)
MS = const(9000)
ANSWER_MS = const(40000)  # the manuals allow 125 s: the time is not worth that


def ask(driver):
    """Epoch seconds UTC, None without an answer or a permitted server. `driver` is registered."""
    try:
        driver.permit(*SERVER)
        return driver.part("ntp").ask(driver, SERVER)
    except ModemGone:
        raise
    except ModemError:
        return None
