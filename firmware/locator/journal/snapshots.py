"""Saves the state: to RTC memory after each action, to flash where a loss of power must not undo it."""

from micropython import const

from locator import state as st
from locator import unload
from locator.journal import log as logs
from locator.journal import rtc

EVERY_S = const(2 * 3600)  # what lasts is in flash so often, when nothing else brings it there
_COPY_S = const(12 * 3600)  # the same of all of the state, about


class Snapshots:
    """Of one wake: its `state` and `log`, packed into the buffer `room`. A flash that does not take
    something is noted, and the `journal` makes room."""

    def __init__(self, port, journal, state, log, room):
        self._port = port
        self._journal = journal
        self._state = state
        self._log = log
        self._room = room
        self._raised = state[st.RAISED]
        self.is_due = False
        """Whether a time has come at which what lasts is to be in flash."""

    def save(self):
        """In RTC memory."""
        self._port.rtc_write(self._packed())

    def end(self):
        """In RTC memory, with what the next wake need not list; nothing changes after it."""
        self.alarms()
        self._port.rtc_write(rtc.pack_journal(self._room, self._packed(), self._journal.keep()))

    def copy(self):
        """All of the state in flash as well."""
        from locator.journal import copy

        self._state[st.COPIED_AT] = self._state[st.NOW]
        self.save()
        self._keep(copy.keep, self._packed(), self._state)

    def attempt(self):
        """What lasts in flash as well, before the network is asked."""
        from locator.journal import copy

        self.save()
        self._keep(copy.keep_attempt, self._state)

    def in_time(self, is_idle):
        """A loss of power is not to begin the pauses again. A copy of all takes an erase of flash, as a
        record does: it is left to a wake that is idle, after half a day to one that asks no network, for a
        day at most."""
        self.is_due, state = False, self._state
        wait_s = 2 * _COPY_S if state[st.ATTACHED] or state[st.DID_SCAN] else _COPY_S
        if is_idle or not state[st.COPIED_AT] or state[st.NOW] - state[st.COPIED_AT] >= wait_s:
            self.copy()
        else:
            self.attempt()

    def alarms(self):
        """In flash as well when an alarm has been raised or is over: a loss of power raises none twice."""
        if self._state[st.RAISED] == self._raised:
            self.save()
            return
        self._raised = self._state[st.RAISED]
        self.copy()

    def refused(self, error):
        """The flash does not take something. What it holds can still be delivered, and what is delivered
        makes room."""
        self._log.add(self._port.clock_s(), logs.FLASH, error.args[0])
        self._journal.free(1)

    def _keep(self, keep, *what):
        try:
            keep(self._port.data_dir, *what)
        except OSError as error:
            self.refused(error)
        unload("journal.copy")

    def _packed(self):
        return rtc.pack_into(self._room, st.kept(self._state), self._log.pack())
