"""What becomes of a switch once the profile is enabled: the agent's acknowledgement commits it, failures lead
back. It needs no card, and runs when a conversation has left little of the heap.
"""

from locator import state as st
from locator.esim import memory
from locator.scheduler import profile


class Trial:
    """`save` keeps the plan's `state` in RTC memory and in flash."""

    def __init__(self, port, state, save):
        self._port = port
        self._state = state
        self._save = save
        self._folder = port.data_dir
        self._memory = memory.Memory(self._folder)

    def lost(self, seconds, cause, heard):
        """The attempt to register, or the conversation behind it, has failed after so many seconds, for this
        EMM cause if one was told; `heard`: there was a network. True when another profile is to be tried."""
        p = self._memory.p
        if p[profile.STAGE] == profile.SETTLED:
            self._end()
            return False
        target, stage = p[profile.TARGET], p[profile.STAGE]
        if profile.tried(p, seconds, cause, heard):
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
        """The agent has answered under the profile that was on trial: it is the one in use from now on."""
        state, p = self._state, self._memory.p
        self._end()
        if p[profile.STAGE] == profile.SETTLED:
            return
        before = p[profile.PROFILE]
        stage = profile.answered(p, seconds)
        outcome = (0, memory.COMMITTED, memory.ROLLED_BACK, memory.ON_FALLBACK)[stage]
        self._note(before, p[profile.PROFILE], outcome, 0)
        state[st.CARD_FAILS] = 0
        state[st.CARD_DUE] |= profile.NOTICES
        if stage != profile.FORWARD and p[profile.PROFILE] == p[profile.FALLBACK]:
            state[st.CARD_UNTIL] = self._port.clock_s() + profile.RETURN_S
        self._keep()

    def spend(self):
        """What was said since the last time counts against the quota of the profile in use; where that is
        used up, the policy is asked for another."""
        from locator.esim import limits, policy

        state, p = self._state, self._memory.p
        place = p[profile.TARGET] if p[profile.STAGE] != profile.SETTLED else p[profile.PROFILE]
        found, size = policy.read(self._folder), state[st.CARD_BYTES]
        try:
            passed = limits.spend(self._folder, found, place, size, self._now())
        except OSError:  # another time
            return
        state[st.CARD_BYTES] = 0
        if passed:
            self._note(place, place, memory.QUOTA, passed)
            state[st.CARD_DUE] |= st.CARD_ASK if passed == limits.USED_UP else 0
            self._keep()

    def _step_back(self):
        if profile.give_up(self._memory.p):
            self._keep()
        else:
            self._settle(memory.NO_CONNECTION, 0)

    def _settle(self, outcome, cause):
        """There is nothing left to go back to: the policy is asked again in some hours."""
        p = self._memory.p
        self._note(p[profile.PROFILE], p[profile.TARGET], outcome, cause)
        self._end()
        self._state[st.CARD_FAILS] = 0
        self._state[st.CARD_UNTIL] = self._port.clock_s() + profile.RETURN_S
        self._keep()

    def _end(self):
        """No switch is open any more."""
        self._state[st.CARD_DUE] &= profile.UNKEPT | profile.NOTICES
        self._state[st.CARD_DUE] |= profile.KNOWN

    def _note(self, before, after, outcome, cause):
        """For the agent."""
        self._memory.note(self._now(), before, after, outcome, cause)
        self._state[st.TO_TELL] |= profile.TELL

    def _now(self):
        offset = self._state[st.OFFSET]
        return self._port.clock_s() + offset if offset else 0

    def _keep(self):
        """Memory and state into flash; False when it does not take them."""
        try:
            self._memory.save()
        except OSError:
            return False
        self._save()
        return True
