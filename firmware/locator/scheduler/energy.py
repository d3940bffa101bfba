"""The energy account: what was used, in millijoules at the battery.

It follows from the milliseconds that a wake was doing something, and mean powers of board, modem and GNSS
meanwhile: model values that a bench measurement replaces.
"""

from micropython import const

from locator import state as st

# What a wake is doing: the modem is off, starts, searches for a network, for satellites, holds a session, is
# just on.
ALONE, START, SEARCH, FIND, SESSION, IDLE = range(6)
_DOING = const(6)

# mW in that order: board, modem, GNSS; and in sleep, uW: board, modem off, modem in PSM.
_POWERS = {
    "bg95": ((157, 47, 22, 6, 56, 14), (0, 80, 186, 92, 322, 85), (0, 0, 0, 108, 0, 0), (216, 25, 14)),
    "sim7600": ((166, 40, 27, 7, 40, 7), (0, 390, 485, 70, 950, 65), (0, 0, 0, 235, 0, 0), (300, 72, 72)),
}


class Account:
    """The activities of a wake and their durations. The wake begins without the modem, at `now_ms` on its own
    clock."""

    def __init__(self, modem, now_ms):
        self._powers = _POWERS[modem]
        self._doing = ALONE
        self._since_ms = now_ms
        self._ms = [0] * _DOING

    def to(self, doing, now_ms):
        """Change the activity; return the previous one."""
        before = self._doing
        self._ms[before] += now_ms - self._since_ms
        self._doing, self._since_ms = doing, now_ms
        return before

    def mj(self, *doings):
        """Return the mJ used so far by these activities."""
        return sum(self._ms[i] * self._powers[part][i] for part in range(3) for i in doings) // 1000

    def settle(self, state, now_ms, clock_s):
        """Add the consumption of the wake to the account, at its end."""
        self.to(ALONE, now_ms)
        for part in range(3):
            powers = self._powers[part]
            state[st.ENERGY_MJ + part] += sum(self._ms[i] * powers[i] for i in range(_DOING)) // 1000
        state[st.ASLEEP_SINCE] = clock_s

    def slept(self, state):
        """Add the consumption of the sleep to the account, at the beginning of a wake."""
        asleep_s = state[st.NOW] - state[st.ASLEEP_SINCE]
        board, off, psm = self._powers[3]
        state[st.ENERGY_MJ] += board * asleep_s // 1000
        state[st.ENERGY_MJ + 1] += (psm if state[st.IN_PSM] else off) * asleep_s // 1000


def used_mj(state):
    """Return the mJ used so far."""
    return state[st.ENERGY_MJ] + state[st.ENERGY_MJ + 1] + state[st.ENERGY_MJ + 2]
