"""Recovery steps: what is done to the modem before the next attempt, by failures in a row.

A wake starts the modem again for each attempt, so the milder steps that vendors recommend (repeat, connect
again, new PDP context) are over when an attempt has failed. The first of all is the wake's: a registration
kept in PSM is given up. Left are, from mild to harsh: clear the card's list of forbidden networks; scan, and
select another operator than the one that has failed; the radio off and on; cut the supply after another
failure, for the whole pause, and set the modem up again. Then they start over, at most one step an attempt,
and the scheduler spaces the attempts: another step comes between two that reset the modem. The
supply is cut at the end of a wake only, where a modem that does not power off loses it anyhow.
"""

from micropython import const

NOTHING = const(0)
CLEAR_FORBIDDEN = const(1)
SURVEY = const(2)
CYCLE_RADIO = const(3)
CUT_SUPPLY = const(4)

_STEPS = (NOTHING, NOTHING, NOTHING, CLEAR_FORBIDDEN, SURVEY, CYCLE_RADIO, SURVEY, CUT_SUPPLY)


class RecoverySteps:
    """The step that is due after `fails` failures in a row."""

    def __init__(self, fails):
        half = len(_STEPS) // 2
        self._step = _STEPS[fails if fails < half else half + fails % half]
        self._turn = fails // 2  # counts up from survey to survey

    def cuts_supply(self):
        """Whether the supply is to be cut when this attempt has failed, too, and the modem to be set up
        again."""
        return self._step == CUT_SUPPLY

    def after_start(self, driver, last_plmn, heard_plmn=0):
        """What needs the modem on. Returns the operator to select, 0 for any; without `last_plmn`,
        the one that was heard or used in the last attempt, there is none to choose from. After a scan that
        has heard an operator (`heard_plmn`) the radio has just come on: off and on again would be another
        attach within the minute."""
        if self._step in (CLEAR_FORBIDDEN, CYCLE_RADIO):
            driver.clear_forbidden()
        if self._step == CYCLE_RADIO and not heard_plmn:
            driver.cycle_radio()
        if self._step != SURVEY or not last_plmn:
            return 0
        from locator.modem import survey

        return survey.choose(survey.scan(driver), last_plmn, self._turn)
