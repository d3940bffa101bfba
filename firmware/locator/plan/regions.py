"""In which order kinds of network are searched and on which bands, by the country heard last.

A search of everything takes a BG95 more than a minute, most of it on bands that nobody uses here and on
NB-IoT, which east of Poland is closed to foreign cards. What each country uses: operators' bands by
Wikipedia (npm mcc-mnc-list 1.1.11). The table may be wrong: each whole scan is of everything.
"""

from locator.modem import GSM, LTE_M, NB_IOT

# (Kinds of network in their order, bands of LTE-M and NB-IoT). GSM is on 900 and 1800 MHz everywhere.
_CHINA = ((GSM, LTE_M), (3, 5, 8))
_STEPPE = ((GSM, LTE_M), (3, 8, 20))
_EUROPE = ((LTE_M, GSM, NB_IOT), (3, 8, 20, 28))


def region(mcc):
    """What to search in the country of this mobile country code; None, everything, where nothing is known."""
    if mcc in (428, 460):  # Mongolia, China
        return _CHINA
    if mcc in (250, 257, 282, 286, 400, 401, 434):  # RU BY GE TR AZ KZ UZ
        return _STEPPE
    return _EUROPE if 200 <= mcc < 300 else None
