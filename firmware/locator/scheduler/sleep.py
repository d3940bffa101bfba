"""When to wake again, where no rule asks for anything now (scheduler/decide.py)."""

from micropython import const

from locator import senses as sn
from locator import settings as cfg
from locator import state as st
from locator.codec import record
from locator.hal import ON_LIGHT, ON_MOTION, ON_TAMPER, WAKE_MOTION
from locator.scheduler import COSTS, FORECAST, SETTINGS, SLEEP, Action, budget, decide, policy

_PACED_SLEEP_S = const(900)
_JOLTED_S = const(300)  # so soon after the wake before, a jolt that is no departure is one of many
_SHIPPING_S = const(20 * 86400)  # what a timer of 2^31 ms can hold


def next(state, senses, hints):
    """Return the sleep until the next point or report is due, as far as that is known, or an interrupt; in
    shipping mode until an interrupt."""
    now, settings = state[st.NOW], hints[SETTINGS]
    # The interrupts are levels: an open door would wake us again at once.
    wake_on = 0 if state[st.RAISED] & record.EVENT_LIGHT else ON_LIGHT
    if not state[st.RAISED] & record.EVENT_TAMPER:
        wake_on |= ON_TAMPER
    if state[st.REQUEST] == st.SHIPPING:
        return Action(SLEEP, decide.SHIPPED, _SHIPPING_S, wake_on=ON_MOTION | wake_on)
    allowed = _allowed_at(state, senses, settings)
    if settings[cfg.PACED]:
        late = max(allowed, decide.late_at(state, hints))
        report = max(allowed, state[st.LAST_SESSION] + settings[cfg.REPORT_LEAST_S])
        until = max(
            min(policy.until(state, hints[COSTS], hints[FORECAST], report), late), now + _PACED_SLEEP_S
        )
    if not settings[cfg.PACED] or budget.is_dense(state):
        until = state[st.LAST_RECORD] + decide.point_every_s(state, settings)
    if decide.is_able(state, senses):
        if decide.session_due(state, hints) or state[st.REQUEST]:
            until = min(until, allowed)
        if decide.may_lack_data(state):
            from locator.scheduler import border

            until = min(until, max(_open_at(state, senses), border.until(state, hints[FORECAST])))
    if not state[st.MOVING]:  # on the move the timer is enough
        if _is_jolted(state, senses):
            until = min(until, now + _PACED_SLEEP_S)
        else:
            wake_on |= ON_MOTION  # to see the departure
    return Action(SLEEP, state[st.VERDICT], max(decide.MIN_SLEEP_S, until - now), wake_on=wake_on)


def _is_jolted(state, senses):
    """Return whether jolts that are no departure woke the device, so that motion is not to wake it for a
    while."""
    return senses[sn.WAKE_REASON] == WAKE_MOTION and state[st.NOW] - state[st.ASLEEP_SINCE] < _JOLTED_S


def _allowed_at(state, senses, settings):
    """Return when the network may be asked next, as far as that is known."""
    retry_at = state[st.LAST_ATTEMPT] + budget.spread_s(state, decide.retry_s(state))
    if decide.scans_first(state, settings):
        retry_at = max(retry_at, state[st.SESSION_NOT_BEFORE])
    return max(_open_at(state, senses), retry_at, state[st.NOW] + budget.wait_s(state))


def _open_at(state, senses):
    """Return when the network has data for us again. For a better battery, or for the next day's messages, it
    is some hours from now."""
    pause_s = 0 if decide.is_able(state, senses) else decide.MAX_RETRY_STATIONARY_S
    return max(state[st.NOW] + pause_s, state[st.BARRED_UNTIL], state[st.DATA_UNTIL])
