"""Sets how the modem searches, by country and off GSM again. Imported with an attempt to register."""

from locator.scheduler import regions


def settle(modem, state, mcc):
    """Before it registers: for the networks of this country; 0: for all."""
    if regions.must_set(state, mcc):
        modem.prefer(regions.region(mcc), regions.is_anew(state))
        regions.learn_set(state, mcc)


def learn(state, cell):
    """It has registered over this `Cell`, None where the modem does not tell."""
    if cell and cell.worth != cell.rsrp:
        regions.learn_gsm(state, cell.plmn // 1000)
