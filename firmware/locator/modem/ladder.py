"""The ladder of recovery: what is done to the modem before the next try, by failures in a row.

A wake starts the modem anew for each try, so the lower rungs of the vendors' ladders (repeat, connect
again, new PDP context) are behind us when a try has failed. Left are, from mild to harsh: give up the
registration kept in PSM, clear the card's list of forbidden networks, cut the supply and set the
modem up again. Then it goes round, at most one rung a try, and the plan spaces the tries.
"""

from micropython import const

NOTHING = const(0)
NO_PSM = const(1)
CLEAR_FORBIDDEN = const(2)
CUT_SUPPLY = const(3)

_RUNGS = (NOTHING, NOTHING, NO_PSM, NO_PSM, CLEAR_FORBIDDEN, NO_PSM, CUT_SUPPLY, NO_PSM)
_OFF_MS = const(2000)


def rung(fails):
    """What is due after `fails` failures in a row."""
    if fails < len(_RUNGS):
        return _RUNGS[fails]
    return _RUNGS[len(_RUNGS) // 2 + fails % (len(_RUNGS) // 2)]


def keeps_psm(fails):
    """Whether the modem may stay registered in PSM until the next try."""
    return rung(fails) == NOTHING


def before_start(port, fails):
    """The rung that comes before the modem is on; True if the modem has to be set up again."""
    if rung(fails) != CUT_SUPPLY:
        return False
    port.modem_rail(False)
    port.sleep_ms(_OFF_MS)
    return True


def after_start(driver, fails):
    """The rung that needs the modem on."""
    if rung(fails) == CLEAR_FORBIDDEN:
        driver.clear_forbidden()
