"""One wake from reset to sleep: the only file that has the order of the actions."""

import gc
import sys

from micropython import const

from locator import senses as sn
from locator import state as st
from locator import unload, unload_but
from locator.actions import off  # late in a wake there may be no room to import it
from locator.config import Config
from locator.hal import DEEPSLEEP_RESET, MOTIONS, POWER_ON, SHOCK_MG, WAKE_MOTION, WAKE_TIMER
from locator.journal import log as logs
from locator.journal import rtc
from locator.journal.log import Log
from locator.journal.numbers import Numbers
from locator.journal.snapshots import EVERY_S, Snapshots
from locator.journal.store import Journal
from locator.modem import ModemRestarted
from locator.modem import make as make_modem
from locator.scheduler import ATTACH, FIX, RECORD, SCAN, SESSION, SLEEP, budget, energy
from locator.scheduler.pace import Pace

_LEAST_MV = const(3000)  # the board's converters give up at 2800
_WEAK_MS = const(4 * 3600 * 1000)
_ROOM_BYTES = const(4736)  # of session/session.py
_ACTIONS = {ATTACH: "register", FIX: "position", SCAN: "scan", RECORD: "record", SESSION: "session"}
_DOING = {ATTACH: energy.SEARCH, FIX: energy.FIND, SCAN: energy.SEARCH, SESSION: energy.SESSION}


def run(port, board):
    """Do what this wake is for; returns (ms to sleep, what else wakes) for `port.deepsleep`.

    A battery so weak that the power may fail in a write to flash is left alone; one that is not known is
    taken for a good one.
    """
    senses, motion = _sense(port)
    if 0 < senses[sn.BATTERY_MV] < _LEAST_MV:
        return _WEAK_MS, 0
    return Wake(port, board, senses, motion).run()


def _sense(port):
    """Return the senses now, and all counts of motion. After a jolt the senses are those of a minute later,
    because a bump is no departure; also on a board that only latches that there was motion in its sleep."""
    felt = port.senses()
    motion, shock_mg, reason = felt[MOTIONS], felt[SHOCK_MG], port.wake_reason
    if reason == WAKE_TIMER and motion > 0 and getattr(port, "latches_motion", False):
        reason = WAKE_MOTION
    if reason == WAKE_MOTION:
        port.sleep_ms(1000 * st.RECOUNT_S)
        felt = port.senses()
        motion += felt[MOTIONS]
        shock_mg = max(shock_mg, felt[SHOCK_MG])
    clock = (port.clock_s(), reason, port.reset_cause)
    return clock + felt[:SHOCK_MG] + (shock_mg,) + felt[SHOCK_MG + 1 :], motion


class Wake:
    """Everything that one wake holds. It ends with `run`: deep sleep is a reset."""

    cut_due = False  # the modem's supply, at the end of a wake whose attempt has failed (modem/steps.py)

    def __init__(self, port, board, senses, motion):
        # Taken while memory is in one piece: late in a wake there may be no room to save, or to report.
        # Nothing is saved while a session uses it.
        self.room = bytearray(_ROOM_BYTES)
        self.port = port
        self.pace = Pace(port, board.MODEM)
        self.board = board
        self.config = Config(port.config_dir)
        self.numbers = Numbers(port.data_dir, int.from_bytes(port.random(4), "little"))
        memory = port.rtc_memory
        # Before any other reset the flash may have been written by a tool.
        known = rtc.journal_of(memory) if port.reset_cause == DEEPSLEEP_RESET else ()
        self.journal = Journal(port.data_dir, self.numbers, known)
        state = rtc.unpack(memory, st.SIZE)
        if state is None:
            from locator.actions import recovery
            from locator.journal import copy

            memory = copy.read(port.data_dir)
            state = copy.state(port.data_dir, memory)
            recovery.power_was_lost(state, self.numbers, self.journal, board.MODEM, port.clock_s())
        self.state = st.new(state)
        self.log = Log(rtc.log_of(memory, st.SIZE))
        self.kept = Snapshots(port, self.journal, self.state, self.log, self.room)
        if self.log.begin(port):
            from locator.actions import recovery

            recovery.cut_off(self.state, port.data_dir)
        self.apply_settings()
        unload("actions.recovery", "journal.copy")
        self.modem = make_modem(board, port)
        self.modem.own_hosts = self.config.hosts
        self.modem.use(self.config.apn, self.config.apn_login, self.config.hosts)
        self.loaded = list(sys.modules)
        """Modules that were there before the last action."""
        if self.state[st.PROFILE_DUE]:
            from locator.esim import access

            access.use(port.data_dir, self.modem)
            self.let_go()
        self.identity = self.fix = self.cell = None
        self.network = None
        """The network's time in this wake (clock.network)."""
        self._was_on = False
        self.senses = senses
        self.motion = motion

    def apply_settings(self):
        """Read the settings in force into `settings`."""
        from locator.downlink import applied

        try:
            self.settings = applied.load(self.port.data_dir, self.state)
        finally:
            unload("downlink.applied", "downlink.settings", "codec.checked")

    def run(self):
        """Actions until the scheduler says sleep."""
        self._feel()
        did = 0
        while True:
            pending = self.journal.pending()
            action = self.pace.next(self.state, self.senses, pending, self.settings)
            if self.kept.is_due and action.kind not in (ATTACH, SCAN):  # these keep what lasts
                self.kept.in_time(action.kind == SLEEP)
            if action.kind == SLEEP:
                break
            did = did or action.reason
            try:
                self.pace.to(_DOING.get(action.kind, self._resting()))
                self.act(_ACTIONS[action.kind], action)
            except Exception:
                from locator.actions import recovery

                recovery.fault(self, action.kind)
                raise
            finally:
                self.kept.save()
        self.pace.rest()  # nothing is decided any more
        self.card("session")
        self.pace.to(self._resting())
        if self.modem.on is not False:
            off.run(self)
        if any(self.modem.channel.uninvited):
            from locator.actions import recovery

            recovery.uninvited(self.modem.channel.uninvited, self.state, self.note)
        budget.spend(self.state, self.port.ticks_ms() // 1000)
        used_mj = self.pace.end(self.state)
        self.log.wake(self.port.clock_s(), did, action.reason, used_mj)
        self.kept.end()
        if self.port.reset_cause == POWER_ON:
            self.port.show(self.state[st.ATTACHED] == st.YES, self.fix is not None)
        return self._asleep_ms(action.limit_s), action.wake_on

    def _asleep_ms(self, limit_s):
        """Return the ms to sleep. `limit_s` begin with the moment that was decided about, a minute after a
        jolt. Rounded up: to wake a moment early is to wake twice. Until the agent has answered for the first
        time no sleep is longer than to the next copy in flash: where power is lost oftener than a pause
        lasts, the clock goes on from there."""
        if not self.state[st.LAST_SESSION] and self.state[st.REQUEST] != st.SHIPPING:
            limit_s = min(limit_s, EVERY_S + 60 - self.senses[sn.CLOCK_S] % EVERY_S)
        return 1000 * max(1, limit_s - (self.port.clock_s() - self.senses[sn.CLOCK_S]))

    def _feel(self):
        # Imported here: the frame of `run` would keep the module to the end of the wake.
        from locator.scheduler import alarms

        before = self.state[st.NOW]
        st.feel(self.state, self.senses)
        alarms.feel(self.state, self.senses, self.settings)
        felt = self.senses[sn.TEMPERATURE_DC], self.senses[sn.BATTERY_MV]
        self.pace.feel(self.state, self.settings, *felt)
        self.kept.is_due = before // EVERY_S != self.state[st.NOW] // EVERY_S
        self.kept.save()

    def act(self, name, *arguments):
        """Do what the module of `actions` is for, which is there only meanwhile."""
        self.loaded = list(sys.modules)
        whole = "locator.actions." + name
        __import__(whole)
        try:
            sys.modules[whole].run(self, *arguments)
        finally:
            self.let_go()

    def let_go(self):
        """Unload what an action, or the card, has imported."""
        unload_but(self.loaded)

    def _resting(self):
        return energy.IDLE if self.modem.on else energy.ALONE

    def start_modem(self):
        """Unless it is on."""
        if self.modem.on:
            return
        surely_off = not self._was_on and self.port.reset_cause in (DEEPSLEEP_RESET, POWER_ON)
        self._was_on = True
        doing = self.pace.to(energy.START)
        self.modem.start(surely_off, not self.state[st.CONFIGURED])
        self.pace.to(doing)
        if not self.state[st.CONFIGURED]:
            self.state[st.CONFIGURED], self.state[st.SEARCHED] = 1, 0

    def lost(self, error):
        """A verb has failed. A modem that has restarted by itself must be set up again."""
        restarted = isinstance(error, ModemRestarted)
        if restarted:
            self.modem.on = None
        self.note(logs.RESTARTED if restarted else logs.MODEM, error.code)

    def note(self, kind, value):
        """Into the log."""
        self.log.add(self.port.clock_s(), kind, value)

    def card(self, verb, *arguments):
        """Handle the card's profiles, if there are several."""
        if self.state[st.PROFILE_DUE]:
            self.let_go()
            self.pace.rest()
            from locator.actions import profile

            us = (self.port, self.modem, self.state, self.kept.copy, self.room)
            try:
                profile.run(verb, us, arguments)
            finally:
                self.let_go()
                gc.collect()
