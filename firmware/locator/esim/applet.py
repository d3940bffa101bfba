"""A card whose applet chooses the profile, and its menu if it has one.

The applet needs the modem's toolkit, which the drivers switch on, and three minutes of radio without
interruption (BICS), for which the scheduler waits. Some offer a choice.
"""

from binascii import unhexlify

from micropython import const

from locator.esim import restart
from locator.modem import parse

_MS = const(9000)


def menu(driver):
    """Return the choices of the card's menu, (number, text) each; empty without a menu."""
    text, prefix, _, _ = driver.TOOLKIT
    items: list = []
    for line in driver.listing(text, prefix)[1:]:
        parts = parse.fields(line)
        if len(parts) >= 3:
            number = parse.integer(parts[-3])
            if number is not None:
                items.append((number, _ucs2(parts[-1])))
    return items


def choose(driver, number):
    """Choose from the menu; return whether the card has accepted it and was reset. The IMSI must be read
    again."""
    return driver.accepts(driver.TOOLKIT[2] % number, _MS) and restart.wait(driver)


def end_session(driver):
    """Close a dialog of the toolkit, which keeps the card from a REFRESH."""
    driver.accepts(driver.TOOLKIT[3], _MS)


def _ucs2(digits):
    """Return a text of the card, as far as it is ASCII."""
    try:
        data = unhexlify(digits)
    except ValueError:
        return ""
    return "".join([chr(data[i + 1]) if not data[i] else "?" for i in range(0, len(data) - 1, 2)])
