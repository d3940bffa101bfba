"""A wake with stand-ins for modem and port: `locator.wake` executes the scheduler's actions."""

import sys

import scratch
from locator import settings as cfg
from locator import state as st
from locator import wake
from locator.hal import POWER_ON, WAKE_TIMER
from locator.journal.log import Log
from locator.journal.numbers import Numbers
from locator.journal.snapshots import Snapshots
from locator.journal.store import Journal
from locator.modem import REGISTERED, ModemError
from locator.scheduler.pace import Pace

PAUSE_S = 900  # of main.py after a fault


class Broken(Exception):
    pass


class Port:
    """Of a port only what these wakes touch."""

    reset_cause = POWER_ON
    wake_reason = WAKE_TIMER

    def __init__(self):
        self.data_dir = scratch.folder()
        self.now_s = 5000

    def clock_s(self):
        return self.now_s

    def ticks_ms(self):
        return 0

    def random(self, n):
        return bytes(n)

    def rtc_write(self, data):
        self.kept = bytes(data)

    def sleep_ms(self, ms):
        pass

    def feed(self):
        pass

    def show(self, registered, fixed):
        pass

    def senses(self):
        return (3600, 200, 0, 0, 0, 0, 0)


class Modem:
    """`faulty` is the verb that raises what no driver should."""

    FETCHES_ASSISTANCE = False
    on = True
    lost_supply = False
    missed = 0
    hears = None

    def __init__(self, faulty):
        self._faulty = faulty
        self.asked: list = []

    def _do(self, verb, answer=None):
        self.asked.append(verb)
        if verb == self._faulty:
            raise Broken(verb)
        return answer

    def gnss_start(self, may_switch_radio):
        self._do("fix")
        raise ModemError("no GNSS", 0)

    def gnss_stop(self):
        pass

    def attach(self, limit_s, patience_s, plmn, allowed=0):
        return self._do("attach", (REGISTERED, 0))

    def listen(self, limit_s, is_kept):
        self.is_kept = is_kept
        return self._do("listen", self.hears)

    def prefer(self, region, again):
        self.asked.append("search again" if again else "search")

    def cell(self):
        return self.hears

    def network_time(self):
        return 800_000_000

    def supply_mv(self):
        return None

    class channel:
        uninvited = (0, 0)

    SERVICES = ()

    def identity(self):
        return ("", "", "", "")

    def stop(self, park):
        return False

    def serves(self, limit_ms):
        return False, 0

    def radio_off(self):
        pass


def device(faulty, battery_mv):
    it = object.__new__(wake.Wake)
    it.port, it.modem, it.state, it.settings = Port(), Modem(faulty), st.new(), cfg.defaults()
    it.settings[cfg.INTERVAL_S] = PAUSE_S  # a record is due in every wake
    it.numbers = Numbers(it.port.data_dir, 1)
    it.journal = Journal(it.port.data_dir, it.numbers)
    it.room, it.log, it.motion = bytearray(2048), Log(), 0
    it.kept = Snapshots(it.port, it.journal, it.state, it.log, it.room)
    it.state[st.CONFIGURED] = 1
    it.loaded = list(sys.modules)
    it.settings[cfg.PACED] = 0
    it.pace = Pace(it.port, "bg95")
    it.battery_mv, it.lux, it.network = battery_mv, 0, None
    it.senses = felt(it)
    return it


def felt(it):
    """What it feels at the begin of a wake."""
    return it.port.now_s, WAKE_TIMER, POWER_ON, it.battery_mv, 200, 0, it.lux, 0, 0, 0


def talks(it, do):
    """Let it do this in place of a session."""
    act = it.act

    def acted(name, *arguments):
        if name == "session":
            do()
        else:
            act(name, *arguments)

    it.act = acted


def live(it, wakes):
    """So many wakes, PAUSE_S apart; how many of them ended in the fault."""
    faults = 0
    for _ in range(wakes):
        it.fix = it.cell = it.identity = None
        it.port.now_s += PAUSE_S
        it.senses = felt(it)
        try:
            it.run()
        except Broken:
            faults += 1
    return faults
