"""In which order kinds of network are searched and on which bands, by the country heard last.

A search of everything takes a BG95 more than a minute, most of it on bands that nobody uses here and on
NB-IoT, which east of Poland is closed to foreign cards. What each country uses: operators' bands by
Wikipedia (npm mcc-mnc-list 1.1.11). The table may be wrong: each whole scan is of everything.
"""

from micropython import const

LTE_M = const(2)
GSM = const(1)
NB_IOT = const(3)

EVERYWHERE = const(0)
CHINA = const(1)
STEPPE = const(2)
EUROPE = const(3)

# Region -> (kinds of network in their order, bands of LTE-M and NB-IoT); None: all that the modem has.
# GSM is on 900 and 1800 MHz everywhere on the way.
TABLE = (
    None,
    ((GSM, LTE_M), (3, 5, 8)),
    ((GSM, LTE_M), (3, 8, 20)),
    ((LTE_M, GSM, NB_IOT), (3, 8, 20, 28)),
)
_CHINA = (428, 460)  # with Mongolia
_STEPPE = (250, 257, 282, 286, 400, 401, 434)  # RU BY GE TR AZ KZ UZ


def region(mcc):
    """Index into TABLE for a mobile country code, 0 for one that the table does not know."""
    if mcc in _CHINA:
        return CHINA
    if mcc in _STEPPE:
        return STEPPE
    return EUROPE if 200 <= mcc < 300 else EVERYWHERE
