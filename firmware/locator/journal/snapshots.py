"""Saves the state: to RTC memory after each action, to flash where a loss of power must not undo it."""

from micropython import const

from locator import state as st
from locator import unload
from locator.journal import log as logs
from locator.journal import rtc

EVERY_S = const(2 * 3600)  # interval of copies of the lasting part of the state to flash
_COPY_S = const(12 * 3600)  # approximate interval of copies of the whole state


class Snapshots:
    """The copies of one wake's `state` and `log`, packed into the buffer `room`. If the flash refuses one,
    that is noted, and the `journal` makes room."""

    def __init__(self, port, journal, state, log, room):
        self._port = port
        self._journal = journal
        self._state = state
        self._log = log
        self._room = room
        self._raised = state[st.RAISED]
        self.is_due = False
        """Whether the lasting part of the state must be copied to flash now."""

    def save(self):
        """Save to RTC memory."""
        self._port.rtc_write(self._packed())

    def end(self):
        """Save to RTC memory at the end of the wake, with the journal's directory for the next one."""
        self.alarms()
        self._port.rtc_write(rtc.pack_journal(self._room, self._packed(), self._journal.keep()))

    def copy(self):
        """Save the whole state to flash as well."""
        from locator.journal import copy

        self._state[st.COPIED_AT] = self._state[st.NOW]
        self.save()
        self._keep(copy.keep, self._packed(), self._state)

    def attempt(self):
        """Save the lasting part of the state to flash before a connection attempt."""
        from locator.journal import copy

        self.save()
        self._keep(copy.keep_attempt, self._state)

    def in_time(self, is_idle):
        """A loss of power must not restart the pauses. A copy of the whole state takes an erase of flash, as
        a record does: it is left to an idle wake, after half a day to one without an attempt, for a day at
        most."""
        self.is_due, state = False, self._state
        wait_s = 2 * _COPY_S if state[st.ATTACHED] or state[st.DID_SCAN] else _COPY_S
        if is_idle or not state[st.COPIED_AT] or state[st.NOW] - state[st.COPIED_AT] >= wait_s:
            self.copy()
        else:
            self.attempt()

    def alarms(self):
        """Save to flash as well if an alarm was raised or has ended, so that a loss of power raises none
        twice."""
        if self._state[st.RAISED] == self._raised:
            self.save()
            return
        self._raised = self._state[st.RAISED]
        self.copy()

    def refused(self, error):
        """Handle a write that the flash refused. Its records can still be delivered, which makes room."""
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
