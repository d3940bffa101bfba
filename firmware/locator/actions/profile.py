"""Profiles of the card in a wake, if there is a policy for them. Imported when a wake comes to it, and
unloaded after it together with the card's buffers: a session needs the heap.
"""

import gc

from micropython import const

from locator import esim as card
from locator import state as st
from locator.modem import ModemError
from locator.scheduler import profile

_STEP_BYTES = const(32768)
"""What goes over a profile is counted in such steps: each is a write to flash."""


def run(verb, us, arguments):
    """Do one of the verbs of `Profiles`; `us` are its parts."""
    gc.collect()
    getattr(Profiles(*us), verb)(*arguments)


class Profiles:
    """`save` keeps the scheduler's `state` in RTC memory and in flash; `room` is its buffer."""

    def __init__(self, port, driver, state, save, room):
        self._port = port
        self._state = state
        self._driver = driver
        self._us = (port, driver, state, save, room)

    def prepare(self):
        """Before an attempt to register, the modem being on: the profile that shall be is enabled."""
        state = self._state
        is_late = 0 < state[st.PROFILE_UNTIL] <= self._port.clock_s()
        if is_late and state[st.DATA_UNTIL] == state[st.PROFILE_UNTIL]:
            self._driver.radio_off()  # no profile might be used (esim/switch.py): it would ask by itself
        if is_late or state[st.PROFILE_DUE] & (st.PROFILE_ASK | st.PROFILE_OPEN | profile.UNKEPT):
            self._with_card("prepare")

    def attempt(self, cause, heard):
        """An attempt to register is over; if it has failed, for this EMM cause (0: none was given); `heard`:
        there was a network. While one operator is held (Russia) only what says that the IMSI is dead counts.
        Before another profile is tried, a minute passes between two attempts."""
        state, weight = self._state, profile.weight(cause, heard)
        state[st.PROFILE_DUE] &= ~st.PROFILE_AGAIN
        if state[st.ATTACHED] == st.YES:
            if state[st.PROFILE_DUE] & st.PROFILE_ASK:
                self._leave()
            return
        if weight < profile.LIMIT and state[st.LOCKED_PLMN]:
            return
        if state[st.PROFILE_DUE] & st.PROFILE_OPEN:
            again = self._trial().lost(self._seconds(), cause, weight > 0)
        else:
            self._weigh(weight)
            again = state[st.PROFILE_DUE] & st.PROFILE_ASK and self._begins()
        if again and profile.may_attempt_again(state):
            state[st.PROFILE_DUE] |= st.PROFILE_AGAIN
            state[st.DID_SCAN] = 0  # that was for the profile before: an attempt of its own follows
            self._port.sleep_ms(1000 * profile.apart_s(state, self._port.clock_s()))

    def session(self):
        """The session of this wake is over, if there was one."""
        state = self._state
        if not state[st.DID_SESSION]:
            return
        if state[st.PROFILE_BYTES] >= _STEP_BYTES:
            self._trial().spend()
        is_open = state[st.PROFILE_DUE] & st.PROFILE_OPEN
        if state[st.DID_SESSION] == st.YES:
            from locator.esim import access

            access.answered(self._port.data_dir)
            state[st.PROFILE_FAILS] = 0
            if state[st.PROFILE_DUE] & st.PROFILE_ASK:
                state[st.URGENT] = 1  # a policy has come: it is followed soon
            if is_open:
                self._trial().answered(self._seconds())
        elif profile.waits(state):
            return
        elif is_open:
            self._trial().lost(max(self._seconds(), profile.TRIAL_S // 3), 0, True)
        else:
            self._weigh(profile.weight_of_data(state))

    def recognize(self, iccid):
        """The ICCID (text) that was read: another profile of the policy is no alarm. One that should not be
        in use is replaced. The card's notifications are taken along."""
        if self._state[st.PROFILE_DUE] & profile.NOTICES:
            from locator.esim import notices

            notices.collect(self._driver, self._state, self._port.data_dir)
        from locator.scheduler import alarms

        state, folder, known_as = self._state, self._port.data_dir, alarms.number_of(iccid)
        if known_as == state[st.CARD]:
            return
        from locator.esim import memory, policy

        number = policy.number_of(policy.read(folder), card.iccid_bytes(iccid))
        is_used = number == memory.Memory(folder).p[profile.PROFILE]
        if not number:
            return
        state[st.CARD], state[st.IDENTITY_DAY] = known_as, 0
        if not is_used and not state[st.PROFILE_DUE] & st.PROFILE_OPEN:
            state[st.PROFILE_DUE] |= st.PROFILE_ASK

    def _leave(self):
        """Registered in a country that was not heard before: where no profile may be used nothing is said."""
        from locator.esim import limits, policy

        if limits.is_blocked(policy.read(self._port.data_dir), self._state[st.MCC]):
            self._state[st.ATTACHED] = st.NO
            self._begins()

    def _begins(self):
        """Ask the policy while the modem is on; one that hangs is asked another time."""
        try:
            return self._with_card("begin")
        except ModemError:
            return False

    def _seconds(self):
        """Since the network was asked."""
        return self._port.clock_s() - self._state[st.LAST_ATTEMPT]

    def _weigh(self, weight):
        """A failure of the profile in use; too many in this country, and another is asked for."""
        self._state[st.PROFILE_FAILS] += weight
        if self._state[st.PROFILE_FAILS] >= profile.LIMIT:
            self._state[st.PROFILE_DUE] |= st.PROFILE_ASK

    def _trial(self):
        from locator.esim import trial

        port, _, state, save, _ = self._us
        return trial.Trial(port, state, save)

    def _with_card(self, verb, *arguments):
        from locator.esim import switch

        return getattr(switch.Switch(*self._us), verb)(*arguments)
