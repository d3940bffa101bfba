"""The order of network types and bands in a search, by the country heard last.

A search of everything takes a BG95 more than a minute, most of it on bands that are unused here and on
NB-IoT, which east of Poland is closed to foreign cards. What each country uses: operators' bands by
Wikipedia (npm mcc-mnc-list 1.1.11). The table may be wrong: each whole scan is of everything.
"""

from micropython import const

from locator import state as st
from locator.modem import GSM, LTE_M, NB_IOT

# (Kinds of network in their order, bands of LTE-M and NB-IoT). GSM is on 900 and 1800 MHz everywhere.
_CHINA = ((GSM, LTE_M), (3, 5, 8))
_STEPPE = ((GSM, LTE_M), (3, 8, 20))
_EUROPE = ((LTE_M, GSM, NB_IOT), (3, 8, 20, 28))

# How the modem is set to search: half an hour in which that was, above these bits, and the MCC; 0: all.
_MCC_BITS = const(10)
_MCC = const(0x3FF)
_AGAIN = const(0x3FF)  # in place of the MCC
# A modem searches first where it was registered last. Over GSM an uplink takes twice the energy and there is
# no PSM, while a search takes some seconds: it searches again at another place, or after some time.
_GSM_MOVED = const(4)  # half hours
_GSM_STATIONARY = const(48)


def region(mcc):
    """Return the search order in the country of this mobile country code; None, everything, if it is
    unknown."""
    if mcc in (428, 460):  # Mongolia, China
        return _CHINA
    if mcc in (250, 257, 282, 286, 400, 401, 434):  # RU BY GE TR AZ KZ UZ
        return _STEPPE
    return _EUROPE if 200 <= mcc < 300 else None


def must_set(state, mcc):
    """Return whether the modem must be set to search the networks of this country (0: of all) before it
    registers. After a scan it is set already, and another search would be another attempt within the
    minute."""
    return not state[st.HEARD_PLMN] and state[st.SEARCHED] & _MCC != mcc


def searches_again(state):
    """Return whether the modem must search again even if it is set so already."""
    return state[st.SEARCHED] & _MCC == _AGAIN


def learn_set(state, mcc):
    """Note that the modem is set so, and searches again."""
    state[st.SEARCHED] = state[st.NOW] // 1800 << _MCC_BITS | mcc


def learn_gsm(state, mcc):
    """Note a registration over GSM: where LTE-M is searched first, the modem searches again soon."""
    here = region(mcc)
    if here is None or here[0][0] != LTE_M:
        return
    moved = state[st.MOVING] or state[st.STOPPED_AT] // 1800 > state[st.SEARCHED] >> _MCC_BITS
    pause = _GSM_MOVED if moved else _GSM_STATIONARY
    if state[st.NOW] // 1800 - (state[st.SEARCHED] >> _MCC_BITS) >= pause:
        state[st.SEARCHED] |= _AGAIN
