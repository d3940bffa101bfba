"""The ladder of recovery: what is done to the modem before the next try, by failures in a row.

A wake starts the modem anew for each try, so the lower rungs of the vendors' ladders (repeat, connect
again, new PDP context) are behind us when a try has failed. The first of all is the wake's: a
registration kept in PSM is given up. Left are, from mild to harsh: clear the card's list of forbidden
networks, cut the supply and set the modem up again. Then it goes round, at most one rung a try,
and the plan spaces the tries.
"""

from micropython import const

NOTHING = const(0)
CLEAR_FORBIDDEN = const(1)
CUT_SUPPLY = const(2)

_RUNGS = (NOTHING, NOTHING, NOTHING, NOTHING, CLEAR_FORBIDDEN, NOTHING, CUT_SUPPLY, NOTHING)
_OFF_MS = const(2000)


class Ladder:
    """The rung that is due after `fails` failures in a row."""

    def __init__(self, fails):
        if fails >= len(_RUNGS):
            half = len(_RUNGS) // 2
            fails = half + fails % half
        self._rung = _RUNGS[fails]

    def before_start(self, port):
        """What comes before the modem is on; True if the modem has to be set up again."""
        if self._rung != CUT_SUPPLY:
            return False
        port.modem_rail(False)
        port.sleep_ms(_OFF_MS)
        return True

    def after_start(self, driver):
        """What needs the modem on."""
        if self._rung == CLEAR_FORBIDDEN:
            driver.clear_forbidden()
