"""The ladder of recovery: what is done to the modem before the next try, by failures in a row.

A wake starts the modem anew for each try, so the lower rungs of the vendors' ladders (repeat, connect
again, new PDP context) are behind us when a try has failed. The first of all is the wake's: a
registration kept in PSM is given up. Left are, from mild to harsh: clear the card's list of forbidden
networks; scan, and try another operator than the one used in vain; the radio off and on; cut the supply
after another failure, for the whole pause, and set the modem up again. Then it goes round, at most one rung a
try, and the scheduler spaces the tries: between two that count as a reset of the modem stands another. The
supply is cut at the end of a wake only, where a modem that does not power off loses it anyhow.
"""

from micropython import const

NOTHING = const(0)
CLEAR_FORBIDDEN = const(1)
SURVEY = const(2)
CYCLE_RADIO = const(3)
CUT_SUPPLY = const(4)

_RUNGS = (NOTHING, NOTHING, NOTHING, CLEAR_FORBIDDEN, SURVEY, CYCLE_RADIO, SURVEY, CUT_SUPPLY)


class Ladder:
    """The rung that is due after `fails` failures in a row."""

    def __init__(self, fails):
        half = len(_RUNGS) // 2
        self._rung = _RUNGS[fails if fails < half else half + fails % half]
        self._turn = fails // 2  # counts up from survey to survey

    def cuts_supply(self):
        """Whether the supply is to be cut when this try has failed, too, and the modem to be set up again."""
        return self._rung == CUT_SUPPLY

    def after_start(self, driver, last_plmn, seen=0):
        """What needs the modem on. Returns the operator to try by hand, 0 for any; without `last_plmn`,
        the one that was heard or used in the last try, there is nobody to choose from. Behind a look that
        has `seen` an operator the radio has just come on: off and on again would be another attach within
        the minute."""
        if self._rung in (CLEAR_FORBIDDEN, CYCLE_RADIO):
            driver.clear_forbidden()
        if self._rung == CYCLE_RADIO and not seen:
            driver.cycle_radio()
        if self._rung != SURVEY or not last_plmn:
            return 0
        from locator.modem import survey

        return survey.choose(survey.scan(driver), last_plmn, self._turn)
