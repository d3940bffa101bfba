"""Pauses after refusals of the network. Imported when there is one."""

from micropython import const

from locator import state as st
from locator.modem import UNNAMED
from locator.scheduler import budget

# EMM causes (TS 24.301) that no second attempt helps: this card is not wanted here. The pauses are in
# hours (TS.34, Telefonica REQ_009).
_PERMANENT = (2, 3, 6, 7, 8)
# Nor another attempt with a network that was selected because it may be cheaper: its sessions cost more than
# any.
_NOT_HERE = _PERMANENT + (11, 14, UNNAMED)
_NEVER_MJ = const(1000000)
_DATA_PERMANENT = (8, 27, 28, 29, 30, 32, 33)  # ESM causes (TS.34 8.2.3 REQ_003)
_PAUSES_H = (1, 4, 8, 16, 24, 36, 48, 72, 96)
# Refusals without a cause count as permanent after so many in a row, but because another network may still
# accept the card, the pauses grow to a day only.
_MOST_UNNAMED = const(5)
_LAST_UNNAMED = const(4)


def learn(state, now, cause):
    """Begin the pause after the network has refused the card for this EMM cause, UNNAMED if none was
    given."""
    if state[st.DID_SELECT] and cause in _NOT_HERE:
        state[st.NETWORKS + 1] = state[st.NETWORKS + 1] or _NEVER_MJ
    if cause in _PERMANENT:
        state[st.REFUSED_UNTIL] = now + _pause_s(state, st.REFUSALS)
    state[st.UNNAMED] = state[st.UNNAMED] + 1 if cause == UNNAMED else 0
    if cause == UNNAMED and state[st.UNNAMED] >= _MOST_UNNAMED:
        state[st.REFUSED_UNTIL] = now + _pause_s(state, st.REFUSALS, _LAST_UNNAMED)


def learn_data(state, now, cause):
    """Begin the pause after the network has refused a PDP context for this ESM cause, 0 if none was given.
    After temporary causes the pauses are those of any failure (`decide.retry_s`)."""
    if cause in _DATA_PERMANENT:
        state[st.DATA_UNTIL] = now + _pause_s(state, st.DATA_REFUSALS)


def _pause_s(state, counter, last=8):
    step = min(state[counter], last)
    state[counter] += 1
    return budget.long(3600 * _PAUSES_H[step])
