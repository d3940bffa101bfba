"""The trial after a profile is enabled: the agent's acknowledgement commits the switch, failures undo it. It
needs no card, and runs when a session has left little of the heap.
"""

from locator import state as st
from locator.esim import memory
from locator.scheduler import profile


class Trial:
    """`save` keeps the scheduler's `state` in RTC memory and in flash."""

    def __init__(self, port, state, save):
        self._port = port
        self._state = state
        self._save = save
        self._folder = port.data_dir
        self._memory = memory.Memory(self._folder)

    def lost(self, seconds, cause, heard):
        """Note that the attempt to register, or the session after it, has failed after `seconds`, with this
        EMM cause if there was one; `heard`: a network was heard. Return whether another profile follows."""
        p = self._memory.p
        if p[profile.STAGE] == profile.IDLE:
            self._end()
            return False
        target, stage = p[profile.TARGET], p[profile.STAGE]
        if profile.attempt_failed(p, seconds, cause, heard):
            self._note(p[profile.PROFILE], target, memory.NO_CONNECTION, cause)
            profile.fresh(self._state)
            self._keep()
            return True
        if stage != p[profile.STAGE]:
            self._settle(memory.NO_CONNECTION, cause)
        else:
            self._keep()
        return False

    def answered(self, seconds):
        """Commit the switch: the agent has answered, so the profile on trial is the one in use."""
        state, p = self._state, self._memory.p
        self._end()
        if p[profile.STAGE] == profile.IDLE:
            return
        before = p[profile.PROFILE]
        stage = profile.answered(p, seconds)
        outcome = (0, memory.COMMITTED, memory.ROLLED_BACK, memory.ON_FALLBACK)[stage]
        self._note(before, p[profile.PROFILE], outcome, 0)
        state[st.PROFILE_FAILS] = 0
        state[st.PROFILE_DUE] |= profile.NOTICES
        if stage != profile.FORWARD and p[profile.PROFILE] == p[profile.FALLBACK]:
            state[st.PROFILE_UNTIL] = self._port.clock_s() + profile.RETURN_S
        self._keep()

    def spend(self):
        """Count the bytes since the last call against the quota of the profile in use; if that is used up,
        the policy chooses another one."""
        from locator.esim import limits, policy

        state, p = self._state, self._memory.p
        number = p[profile.TARGET] if p[profile.STAGE] != profile.IDLE else p[profile.PROFILE]
        found, size = policy.read(self._folder), state[st.PROFILE_BYTES]
        try:
            passed = limits.spend(self._folder, found, number, size, self._now())
        except OSError:  # another time
            return
        state[st.PROFILE_BYTES] = 0
        if passed:
            self._note(number, number, memory.QUOTA, passed)
            state[st.PROFILE_DUE] |= st.PROFILE_ASK if passed == limits.USED_UP else 0
            self._keep()

    def _step_back(self):
        """Return to the previous profile or the fallback, or end the switch if there is neither: then no
        profile has a connection."""
        if profile.give_up(self._memory.p):
            self._keep()
        else:
            self._settle(memory.NO_CONNECTION, 0)

    def _settle(self, outcome, cause):
        """End the switch without a profile to return to: the policy is applied again in some hours."""
        p = self._memory.p
        self._note(p[profile.PROFILE], p[profile.TARGET], outcome, cause)
        self._end()
        self._state[st.PROFILE_FAILS] = 0
        self._state[st.PROFILE_UNTIL] = self._port.clock_s() + profile.RETURN_S
        self._keep()

    def _end(self):
        """End the switch."""
        self._state[st.PROFILE_DUE] &= profile.UNKEPT | profile.NOTICES
        self._state[st.PROFILE_DUE] |= profile.KNOWN

    def _note(self, before, after, outcome, cause):
        """Note an event for the agent."""
        self._memory.note(self._now(), before, after, outcome, cause)
        self._state[st.TO_REPORT] |= profile.REPORT

    def _now(self):
        offset = self._state[st.OFFSET]
        return self._port.clock_s() + offset if offset else 0

    def _keep(self):
        """Write the card's state and the scheduler's to flash; return False if it refuses them."""
        try:
            self._memory.save()
        except OSError:
            return False
        self._save()
        return True
