"""The switch from one profile to another, a transaction: the intent is stored in flash, the profile is
enabled, verified by ICCID and IMSI read again, and given its access point. The wake registers and holds a
session; only the agent's acknowledgement commits. Otherwise the device returns to the previous profile, then
to the fallback profile.

Each attempt begins with `prepare`, which enables the intended profile, whatever state a power cut or a reset
has left: a transaction is continued.

The heap has no room for the policy and the card's modules at the same time: each is imported where it is
used, and the policy is unloaded before the card's modules.
"""

import os

from micropython import const

from locator import state as st
from locator import unload
from locator.codec import cbor, checked
from locator.esim import ISD_R, SIGNED, CardError, access, files, memory, restart, trial
from locator.modem import NotAllowed
from locator.scheduler import budget, profile

_SHUT_S = const(8 * 3600)
_REST_S = const(86400)  # between reports without data left
_SIGNED = const(4)  # of euicc.METHODS
_LAST_ORDER = const(-79)  # of a package: an ICCID, a flag, the signature
_CODE = const(-68)  # of its result: that of the last order, or of the refusal
_NO_PACKAGE = const(1)  # as euicc.NOT_FOUND
_NO_CARD_KNOWS = const(126)
"""A result of the firmware itself: the card's list has no such profile, or not one that may be chosen."""


class Switch(trial.Trial):
    """The part of a switch that needs the card; `room` is a buffer for its commands."""

    def __init__(self, port, driver, state, save, room=None):
        super().__init__(port, state, save)
        self._driver = driver
        self._room = room
        from locator.esim import policy

        self._judge(policy)
        self._policy = policy.read(self._folder)
        if self._policy:
            self._memory.follow(self._policy)

    def prepare(self):
        """Enable the intended profile if it is not enabled, before an attempt to register, with the modem on.
        Raises `NotAllowed` in a blocked country."""
        state, p = self._state, self._memory.p
        self._driver.await_card()
        self._stay_out()
        if not self._policy or p[profile.STAGE] == profile.IDLE:
            if not self.begin():
                return
        state[st.PROFILE_DUE] = profile.KNOWN | st.PROFILE_OPEN
        unload("esim.policy", "esim.limits")
        self._policy[files.ROWS] = ()  # the target is known, and the card's modules need the heap
        from locator.esim import euicc

        while p[profile.STAGE] != profile.IDLE:
            result = self._make_so(p[profile.TARGET])
            if result == euicc.OK:
                self._keep()  # what was learned of the card
                return
            self._note(p[profile.PROFILE], p[profile.TARGET], memory.REFUSED_BY_CARD, result)
            self._step_back()

    def _judge(self, policy):
        """Replace the policy in force by the one received, if it is valid, else report that it is refused."""
        coming = self._folder + files.COMING
        if not checked.exists(coming):
            return
        if policy.read(self._folder, files.COMING):
            try:
                os.rename(coming, self._folder + files.POLICY)
                access.forgive(self._folder)
            except OSError:  # another time
                pass
            return
        revision = files.revision(coming)
        if revision:
            self._note(self._memory.p[profile.PROFILE], 0, memory.REFUSED_POLICY, revision)
            if not self._keep():
                return
        self._state[st.TO_REPORT] |= profile.REPORT
        checked.remove(coming)

    def begin(self):
        """Apply the policy; return whether a switch begins. Raises `NotAllowed` in a blocked country."""
        if not self._may_ask():
            return False
        from locator.esim import policy

        state, p, now = self._state, self._memory.p, self._port.clock_s()
        iccid, _ = restart.identity(self._driver)
        number = policy.number_of(self._policy, iccid)
        if number:  # some cards return to their first profile
            p[profile.PROFILE] = number
        if number and self._is_other(_access(self._policy, number)):
            self._use(number)  # the failures may have been caused by that
        elif state[st.PROFILE_FAILS] >= profile.LIMIT:
            self._go_back()
            profile.failed(p)
        elif state[st.PROFILE_UNTIL]:
            profile.forget_failures(p)
        state[st.PROFILE_FAILS] = state[st.PROFILE_UNTIL] = 0
        self._end()  # not before: after a restart of the modem all this is done again
        target = self._choose(now)
        wait_s = profile.wait_s(p, now)
        if target == p[profile.PROFILE] or wait_s:
            if target != p[profile.PROFILE]:
                state[st.PROFILE_UNTIL] = now + wait_s
            self._keep()
            return False
        profile.begin(p, target, now)
        profile.fresh(state)
        state[st.PROFILE_DUE] |= st.PROFILE_OPEN
        return self._keep()  # the intent must be in flash first

    def _may_ask(self):
        """Whether there is a policy that can be applied now."""
        state = self._state
        if not self._policy and checked.exists(self._folder + files.POLICY):
            state[st.TO_REPORT] |= (
                profile.REPORT
            )  # it is damaged: nothing changes until the agent sends it again
            state[st.PROFILE_DUE] = profile.KNOWN
            return False
        if not self._policy or not self._policy[files.PROFILES]:
            state[st.PROFILE_DUE] = 0
            access.forget(self._folder)
            return False
        self._stay_out()
        if profile.waits(state):
            state[st.PROFILE_DUE] = profile.KNOWN
            state[st.PROFILE_UNTIL] = self._port.clock_s() + profile.DWELL_S
            return False
        return True

    def _choose(self, now):
        """Return the number of the profile to use. If the quotas of all are used up, the agent is notified;
        after that there is one session a day, for alarms, commands and another policy."""
        from locator.esim import limits

        p, state = self._memory.p, self._state
        full = limits.used_up(self._folder, self._policy, self._now())
        target = profile.choose(p, self._policy[files.ROWS], state[st.MCC], now, full)
        if full >> target & 1:
            rests_s = state[st.LAST_SESSION] + _REST_S - now
            if not self._memory.events and rests_s > 0:
                self._shut(min(rests_s, limits.left_s(self._now())), 0)
            state[st.PROFILE_UNTIL] = now + 1
        return target

    # How it is done.

    def _stay_out(self):
        """Switch the modem off in a blocked country."""
        from locator.esim import limits

        if limits.is_blocked(self._policy, self._state[st.MCC]) and not self._has_left():
            self._shut(_SHUT_S, self._state[st.MCC])

    def _has_left(self):
        """Whether another country than the blocked one is heard; nothing is sent."""
        if not self._state[st.PROFILE_UNTIL]:
            return False  # it was heard just now
        from locator.esim import limits
        from locator.modem import survey

        self._driver.radio_on()
        self._driver.accepts(b"+COPS=2", survey.RELEASE_MS)  # before it registers
        for _, plmn, _ in survey.scan(self._driver):
            if not limits.is_blocked(self._policy, plmn // 1000):
                st.learn_country(self._state, plmn)
                return True
        return False

    def _shut(self, seconds, mcc):
        """No profile may be used: switch the modem off for so long; `mcc`: the blocked country, 0: the quotas
        are used up."""
        state, number = self._state, self._memory.p[profile.PROFILE]
        state[st.PROFILE_DUE] = profile.KNOWN
        state[st.PROFILE_UNTIL] = state[st.DATA_UNTIL] = self._port.clock_s() + seconds
        state[st.ATTEMPT_FAILS] = 0
        said = [memory.BLOCKED, mcc]
        if mcc and said not in [event[3:] for event in self._memory.events]:
            self._note(number, number, *said)
        self._keep()
        self._driver.stop(False)
        raise NotAllowed("policy")

    def _is_other(self, point):
        """Whether the policy wants another access point than the one in use, and not one that has failed."""
        return access.kept(self._folder) != point and not access.is_refused(self._folder, point)

    def _go_back(self):
        """Return to the previous access point, because the new one gave no answer; the next wake uses it."""
        number = self._memory.p[profile.PROFILE]
        try:
            if access.go_back(self._folder):
                self._note(number, number, memory.NO_ANSWER, 0)
        except (OSError, cbor.Full):  # another time
            pass

    def _pause(self):
        """After a scan the modem may have registered with the previous profile: the radio waits a minute, and
        the next registration counts as another attempt."""
        if self._state[st.DID_SCAN]:
            self._driver.radio_off()
            self._port.sleep_ms(1000 * profile.APART_S)
            self._driver.radio_on()
            budget.count(self._state, self._port.clock_s())

    def _make_so(self, number):
        """Enable the profile `number`; return the card's result, OK if ICCID and IMSI prove it."""
        from locator.esim import euicc

        iccid = self._policy[files.PROFILES][number - 1][0]
        before, imsi = restart.identity(self._driver)
        if before != iccid or not imsi:
            self._pause()
            result = self._enable(iccid, imsi if before != iccid else b"")
            if result != euicc.OK:
                return result
        self._use(number)
        return euicc.OK

    def _enable(self, iccid, imsi):
        """Try each method in turn, beginning with the one that worked last; `imsi`: the present one."""
        from locator.esim import euicc

        result = _NO_CARD_KNOWS
        first = _SIGNED if checked.exists(self._folder + SIGNED) else self._memory.method
        count = _SIGNED if first < _SIGNED and not self._is_unsigned() else len(euicc.METHODS)
        for turn in range(count):
            method = (first + turn) % count
            result = self._enable_once(iccid, method)
            if result == euicc.CAT_BUSY:
                from locator.esim import applet

                applet.end_session(self._driver)
                self._driver.stop(False)
                self._driver.start(False, False)
                self._driver.await_card()
                result = self._enable_once(iccid, method)
            if result in (_NO_CARD_KNOWS, euicc.BY_POLICY, euicc.REENABLING):
                return result
            _, refresh = euicc.METHODS[method]
            if result == euicc.OK and self._is(iccid, imsi, refresh):
                self._memory.method = method
                return euicc.OK
        return result or _NO_CARD_KNOWS

    def _enable_once(self, iccid, method):
        """Request it from the card once; OK also if the profile is enabled already."""
        from locator.esim import apdu, euicc

        transport = apdu.Transport(self._driver, self._interface(), self._room)
        try:
            transport.open(ISD_R)
            self._memory.interface = transport.interface
            listed = euicc.profiles(transport)
            self._memory.profiles = [(each.iccid, each.kind) for each in listed]
            if not self._memory.eid:
                self._memory.eid = euicc.eid(transport)
            for each in listed:
                if each.iccid == iccid and each.kind == euicc.OPERATIONAL:
                    return euicc.OK if each.enabled else self._ask(euicc, transport, iccid, method)
            return _NO_CARD_KNOWS
        except CardError:
            return euicc.UNDEFINED
        finally:
            transport.close()

    def _ask(self, euicc, transport, iccid, method):
        """Have the card enable the profile by one of the methods. Those without a name only return to another
        profile."""
        if method < _SIGNED:
            return euicc.enable(transport, iccid, method)
        if method == _SIGNED:
            kept = checked.read(self._folder + SIGNED)
            if kept and iccid in kept[0][_LAST_ORDER:]:
                checked.remove(self._folder + SIGNED)  # it is valid once
                return euicc.tlv.number(transport.send(kept[0])[_CODE : _CODE + 1])
        elif self._is_unsigned():
            return euicc.enable(transport, iccid, method)
        return _NO_PACKAGE

    def _is_unsigned(self):
        """Whether a profile may be enabled without its name; also if no executed package was recorded."""
        p = self._memory.p
        return p[profile.STAGE] != profile.FORWARD or p[profile.TARGET] == p[profile.FALLBACK]

    def _interface(self):
        revision = self._driver.revision()
        if revision:
            self._memory.modem_is(revision.encode())
        return self._memory.interface

    def _is(self, iccid, imsi, refreshed):
        """Whether the switch is proved: the card has this ICCID, and another IMSI than before."""
        if refreshed:
            restart.wait(self._driver)
        for turn in range(3):
            if turn:
                restart.force(self._driver)
            now, now_imsi = restart.identity(self._driver)
            if now == iccid and now_imsi and now_imsi != imsi:
                return True
        return False

    def _use(self, number):
        """Use the profile's access point, and clear the refusals of the previous IMSI."""
        point = _access(self._policy, number)
        try:
            access.keep(self._folder, point)
            self._state[st.PROFILE_DUE] &= ~profile.UNKEPT
        except (OSError, cbor.Full):  # this wake uses it nevertheless, the next one tries again
            self._state[st.PROFILE_DUE] |= profile.UNKEPT
        access.give(self._driver, point)
        self._driver.pdp_define()
        self._driver.clear_forbidden()


def _access(found, number):
    """Return the access point of a profile of the policy, as esim/access.py keeps it."""
    return access.point(found[files.PROFILES][number - 1][1:6])
