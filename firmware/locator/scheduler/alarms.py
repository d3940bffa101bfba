"""Alarms: when each is raised and when it is armed again. Pure integers, no I/O.

An alarm is reported once for each occurrence: it is raised when its value reaches the limit, and armed again
when the value has come back by the hysteresis of its rule. `settings` (by the indexes of `locator.settings`)
hold the limits, and say which alarms ask for a session.
"""

from binascii import crc32

from micropython import const

from locator import senses as sn
from locator import settings as cfg
from locator import state as st
from locator.codec import record
from locator.hal import WAKE_LIGHT, WAKE_TAMPER

# Event, index in `senses`, sign (-1: the lower the worse), its limit, and where it is armed again: at this
# part of the limit in percent, better by this much. Light and lid must be gone; a shock is over when a
# whole look passes without half of one; the battery recovers by 100 mV.
RULES = (
    (record.EVENT_LIGHT, sn.LUX, 1, cfg.LIGHT_LUX, 0, 0),
    (record.EVENT_SHOCK, sn.SHOCK_MG, 1, cfg.SHOCK_MG, 50, 0),
    (record.EVENT_TILT, sn.TILT_DEG, 1, cfg.TILT_DEG, 50, 0),
    (record.EVENT_BATTERY, sn.BATTERY_MV, -1, cfg.BATTERY_LOW_MV, 100, 100),
)
# The cause of the wake counts even if it is over some seconds later: dim light, and a lid that was shut
# again.
_WOKEN = {WAKE_LIGHT: record.EVENT_LIGHT, WAKE_TAMPER: record.EVENT_TAMPER}
_TEMPERATURE_BACK_DC = const(20)
# Fewer satellites than these in the last fix: the view of the sky is narrow, and a failed search means
# nothing.
_GOOD_SKY = const(6)


def feel(state, senses, settings):
    """Raise the alarms of the `senses` of a wake (as in `state.feel`, which comes first)."""
    shock_mg = max(senses[sn.SHOCK_MG], state[st.SHOCK_MG])
    state[st.SHOCK_MG] = 0
    woken = _WOKEN.get(senses[sn.WAKE_REASON], 0)
    for event, place, sign, limit, part, better in RULES:
        if event == record.EVENT_BATTERY and not senses[sn.BATTERY_MV]:
            continue  # it is not known
        value = sign * (shock_mg if event == record.EVENT_SHOCK else senses[place])
        worst = sign * settings[limit]
        is_over = value <= worst * part // 100 - better
        _level(state, settings, event, value >= worst or event == woken, is_over)
    lid_open = senses[sn.LID_OPEN] != 0
    _level(state, settings, record.EVENT_TAMPER, lid_open or woken == record.EVENT_TAMPER, not lid_open)
    _feel_temperature(state, senses[sn.TEMPERATURE_DC], settings)


def searched(state, sats, settings):
    """Note the end of a search for satellites; `sats` is the number in its fix, 0 without one. GNSS is lost
    if a device that had a wide view of the sky finds no fix for gnss_lost_s on the move, where no roof stays
    above it. A search while stationary proves nothing: the device may be in a hall or deep in a stack."""
    if sats:
        state[st.SKY_SATS] = sats
        state[st.RAISED] &= ~record.EVENT_GNSS
    if sats or not state[st.MOVING] or state[st.SKY_SATS] < _GOOD_SKY:
        state[st.BLIND_SINCE] = 0
        return
    if not state[st.BLIND_SINCE]:
        state[st.BLIND_SINCE] = max(1, state[st.NOW])
    lost = state[st.NOW] - state[st.BLIND_SINCE] >= settings[cfg.GNSS_LOST_S]
    _level(state, settings, record.EVENT_GNSS, lost, False)


def card(state, number, imsi, settings):
    """Note the card: `number` stands for its ICCID (32 bits), `imsi` for its IMSI; 0 means that the modem
    reports no card.

    Another card is reported each time; a missing one once, until a card is back. Another IMSI of the same
    card, as cards for many countries have it, is no alarm, but the identity is reported again.
    """
    if imsi and imsi != state[st.IMSI]:
        state[st.IMSI], state[st.IDENTITY_DAY] = imsi, 0
    known = state[st.CARD]
    if number:
        state[st.RAISED] &= ~record.EVENT_CARD
        state[st.CARD] = number
    if known and number != known:
        _level(state, settings, record.EVENT_CARD, True, number != 0)
        state[st.IDENTITY_DAY] = 0  # the new identity is reported


def number_of(text):
    """Return the number of a card for `card`, never 0."""
    number = crc32(text.encode()) or 1
    return number - (1 << 32) if number >> 31 else number


def _level(state, settings, event, is_high, is_over):
    """Raise `event` unless it is raised already; arm it again when it is over."""
    if is_high and not state[st.RAISED] & event:
        state[st.RAISED] |= event
        st.alarm(state, event, settings)
    if is_over:
        state[st.RAISED] &= ~event


def _feel_temperature(state, temperature_dc, settings):
    """Raise the alarm after the hold time outside the band; report the return by 2 C into the band as
    well."""
    low_dc, high_dc = settings[cfg.TEMPERATURE_LOW_DC], settings[cfg.TEMPERATURE_HIGH_DC]
    if state[st.RAISED] & record.EVENT_TEMPERATURE:
        if low_dc + _TEMPERATURE_BACK_DC <= temperature_dc <= high_dc - _TEMPERATURE_BACK_DC:
            _level(state, settings, record.EVENT_TEMPERATURE, False, True)
            _level(state, settings, record.EVENT_TEMPERATURE_BACK, True, True)
        return
    if low_dc <= temperature_dc <= high_dc:
        state[st.OUT_SINCE] = 0
        return
    if not state[st.OUT_SINCE]:
        state[st.OUT_SINCE] = max(1, state[st.NOW])
    held = state[st.NOW] - state[st.OUT_SINCE] >= settings[cfg.TEMPERATURE_HOLD_S]
    _level(state, settings, record.EVENT_TEMPERATURE, held, False)
