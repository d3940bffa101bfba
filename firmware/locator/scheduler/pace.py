"""The pace of a wake: keeps the energy account, and asks the decision table."""

import gc

from locator import state as st
from locator import unload
from locator.hal import WAKE_MOTION
from locator.scheduler import energy

_DECIDING = (
    "scheduler.ahead", "scheduler.decide", "scheduler.policy", "scheduler.networks",
    "scheduler.operators", "scheduler.fleet", "scheduler.pacing", "scheduler.battery", "scheduler.alarms",
    "scheduler.border", "scheduler.sleep",
)  # fmt: skip


class Pace:
    """One wake's account and decisions; `hints` are those of the last decision (scheduler/decide.py)."""

    def __init__(self, port, modem):
        self._port = port
        self._modem = modem
        self._costs: tuple = ()
        self._forecast = None
        self.hints: tuple = ()
        # A wake by a jolt has slept for a minute, to count what follows.
        self._account = energy.Account(modem, 1000 * st.RECOUNT_S if port.wake_reason == WAKE_MOTION else 0)

    def to(self, doing):
        """Change the activity of the wake (energy.py); return the previous one."""
        return self._account.to(doing, self._port.ticks_ms())

    def feel(self, state, settings, temperature_dc, battery_mv):
        """Begin a wake."""
        from locator.scheduler import ahead

        self._account.slept(state)
        given = (state, self._modem, settings, temperature_dc, battery_mv, self._port.data_dir)
        self._costs, self._forecast = ahead.begin(*given)
        unload("scheduler.ahead", "scheduler.pacing", "scheduler.battery")

    def next(self, state, senses, pending, settings):
        """Return the next action (scheduler/decide.py)."""
        from locator.scheduler import decide

        self.hints = (pending, settings, self._costs, self._forecast)
        return decide.next(state, senses, self.hints)

    def rest(self):
        """Release the hints while a session or the card needs the heap."""
        unload(*_DECIDING)
        gc.collect()

    def found(self, state, fix):
        """Begin the forecast at a new fix."""
        from locator.scheduler import ahead

        self._forecast = ahead.found(state, fix, self._port.data_dir)
        unload("scheduler.ahead", "scheduler.battery")

    def scanned(self, state, cell):
        """Learn from the end of a network scan."""
        from locator.scheduler import networks

        if cell and cell.plmn:
            st.learn_country(state, cell.plmn)
        self.to(energy.IDLE)  # the scan is over, and counts
        cost = self._account.mj(energy.START, energy.SEARCH)
        networks.learn_scan(state, self._costs, cell.plmn if cell else 0, cell.worth if cell else 0, cost)

    def reported(self, state, done, cell):
        """Learn from the end of a report over `cell`."""
        from locator.scheduler import networks

        self.to(energy.IDLE)  # the session is over, and counts
        used = self._account.mj(energy.START, energy.SESSION)
        if cell.plmn == state[st.NETWORK]:
            used += self._account.mj(energy.SEARCH)
        state[st.HEARD_DBM], state[st.DID_SCAN] = cell.worth, st.YES
        networks.learn_session(state, self._costs, done, cell.plmn, self._costs[0] + used)

    def unserved(self, state, is_heard):
        """Learn that no network has registered the device; `is_heard`: there is one."""
        from locator.scheduler import networks

        self.to(energy.IDLE)  # the search is over, and counts
        networks.learn_search(state, self._costs, self._account.mj(energy.START, energy.SEARCH))
        networks.learn_session(state, self._costs, False, state[st.NETWORK], 0, is_heard)

    def end(self, state):
        """End the wake; return the mJ that it has taken."""
        before = energy.used_mj(state)
        self._account.settle(state, self._port.ticks_ms(), self._port.clock_s())
        return energy.used_mj(state) - before
