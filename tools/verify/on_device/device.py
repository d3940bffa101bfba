"""The device in this very process, on MicroPython: boot after boot from a flash image in memory.

Each boot runs the real boot.py, start/, main.py and wake. The slots hold stand-ins for a release
(`agent.release_files`); the application itself stays loaded. The modem has perfect coverage, and
an object with `ask(uplink)` -> reply, or list of replies, is on the other end.
"""

import gc
import os
import random
import sys
from binascii import hexlify

import flash
import ideal
import locator
import vfs
from flash import BLOCK, NEVER, Flash, PowerCut
from locator import modem, wake
from locator.downlink import commands
from locator.hal import DEEPSLEEP_RESET, POWER_ON, SOFT_RESET, WATCHDOG_RESET
from locator.journal.store import Journal
from start import image

import agent

BLOCKS = 64
PAUSE_S = 6 * 3600
"""From boot to boot: each may ask the network, and has a report to make."""
START_S = 100
SLEPT, RESET, CUT, HUNG, STUCK = "slept", "reset", "cut", "hung", "stuck"
CONFIG = """{"device": "%s", "key": "%s", "broker_host": "localhost", "broker_port": 8883,
"broker_password": "", "apn": "iot"}"""
_PATH = sys.path[:]
_OURS = ("boot", "main", "start", "start.slots", "start.trial", "board", "locator.downlink.report")
"""Modules that a boot loads again: those outside the slots, and what a switch leaves that holds on to
them."""


class _End(BaseException):
    """The boot has ended: `args[0]` is SLEPT or RESET."""


class Port(ideal.Port):
    """The port of one boot of a `Machine`."""

    def __init__(self, machine):
        super().__init__(machine.cause, 1, machine.clock_s, machine.rtc)
        self._machine = machine

    def senses(self):
        if self._machine.crashes():
            raise ValueError("a release that crashes")
        return super().senses()

    def rtc_write(self, data):
        self._machine.alive()
        self._machine.rtc = bytes(data)

    def reset(self):
        self._machine.alive()
        raise _End(RESET)

    def deepsleep(self, ms, wake_on):
        self._machine.alive()
        raise _End(SLEPT)


class Machine:
    """Flash, RTC memory and clock of one device; `agent` is given what it promises, `broker` has `ask`.

    `operations` of the flash in the last boot.
    """

    NAME = agent.BOARD
    MODEM = "bg95"

    def __init__(self, agent):
        self.agent = self.broker = agent
        self.rtc = b""
        self.cause = POWER_ON
        self.clock_s = START_S
        self.operations = 0
        self._running = 1
        self._watched = False
        self._hangs_first = random.getrandbits(1)
        """Whether the first bad release hangs or crashes: a life may meet no second one."""
        self.flash = Flash(bytearray(b"\xff" * (BLOCK * BLOCKS)))
        vfs.VfsLfs2.mkfs(self.flash)
        self.mount()
        self._provision()
        self.unmount()

    def snapshot(self):
        """Everything that lasts, and the agent's side of it, for `restore`."""
        lasting = (bytes(self.flash.data), self.rtc, self.cause, self.clock_s)
        return lasting, self.agent.snapshot()

    def restore(self, kept):
        """Be as at `snapshot`."""
        (self.flash.data[:], self.rtc, self.cause, self.clock_s), theirs = kept
        self.agent.restore(theirs)

    def boot(self, cut_at=NEVER, torn=False, keep_rtc=False):
        """One boot; how it ended. The power fails at flash operation `cut_at`; with `keep_rtc` it is only
        a reset."""
        global machine
        machine = self
        _restarts.clear()
        self.flash = Flash(self.flash.data, cut_at, torn)
        self.agent.boot_begins()
        try:
            self.mount()
            ended = self._run()
        except PowerCut:
            ended = CUT
        self.operations = self.flash.operations
        if ended == CUT:
            self.agent.cuts += 1
        elif ended != HUNG:
            self._look()
        self.unmount()
        self._pass(ended, keep_rtc)
        return ended

    def _run(self):
        for name in _OURS:
            sys.modules.pop(name, None)
        sys.modules["board"] = sys.modules["machine"] = self  # type: ignore[assignment]
        self._watched = False
        try:
            __import__("boot")
            slots = sys.modules["start.slots"]
            self._running = self.agent.running = self._release(slots.SLOTS[slots.running])
            locator.SEQUENCE = self._running
            if self._running < self.agent.confirmed_release:
                self.agent.blame("release", self._running, "runs again")
            if self.crashes() and self.hangs():  # while it is imported
                if not self._watched:
                    self.agent.blame("release", self._running, "hangs, and nothing resets it")
                return HUNG
            __import__("main")
        except _End as end:
            return end.args[0]
        except SystemExit:
            pass
        return STUCK

    def _look(self):
        """After a boot that the power did not end."""
        try:
            os.stat("data/fault.new")
            fault = True
        except OSError:
            fault = False
        if fault and not self.crashes():
            self.agent.blame("a wake raised")
        self.agent.boot_ended()

    def _pass(self, ended, keep_rtc):
        """Time goes on, and so does the reason of the next boot."""
        self.agent.time_s += PAUSE_S
        self.clock_s += PAUSE_S
        self.cause = {SLEPT: DEEPSLEEP_RESET, RESET: SOFT_RESET}.get(ended, WATCHDOG_RESET)
        if ended == CUT and not keep_rtc:
            self.rtc, self.cause, self.clock_s = b"", POWER_ON, START_S

    def WDT(self, timeout):
        """As module `machine`: what resets a boot that hangs."""
        self._watched = True

    def make_port(self):
        """As board module."""
        gc.threshold(-1)  # main.py sets that of a small heap
        return Port(self)

    def ask(self, uplink):
        """The broker's replies to an uplink."""
        self.alive()
        replies = self.broker.ask(uplink)
        return replies if type(replies) is list else [replies] if replies else []

    def time_s(self):
        """The network's time."""
        return self.agent.time_s

    def alive(self):
        """Whatever is done after the power has failed happens nowhere."""
        flash.alive()

    def crashes(self):
        """Whether the release that runs is a bad one."""
        return self._running in self.agent.bad

    def hangs(self):
        """Whether it does so without an exception."""
        return (self.agent.bad.index(self._running) + self._hangs_first) % 2 == 1

    def mount(self):
        """The file system, as it lies on the flash, is the working directory."""
        vfs.mount(vfs.VfsLfs2(self.flash), "/flash")
        os.chdir("/flash")

    def unmount(self):
        """Let go of it, whatever state it is in. Files left open are closed later, by finalisers."""
        self.flash.dead = True
        sys.path[:] = _PATH
        os.chdir("/")
        for path in ("/app", "/flash"):
            try:
                vfs.umount(path)
            except (PowerCut, OSError):  # the power failed before it was mounted
                pass
        self.flash.end()

    def _release(self, slot):
        """Sequence of what lies in the slot; anything but a whole release is a promise broken."""
        sequence = image.head(slot)[0]
        try:
            with open(slot, "rb") as f:
                if f.read() == agent.slot(sequence):
                    return sequence
        except OSError:
            pass
        self.agent.blame("boots half a release in", slot)
        return 0

    def _provision(self):
        os.mkdir("config")
        os.mkdir("slots")
        key = hexlify(agent.KEY).decode()
        files = {
            "slots/a": agent.slot(1),
            "config/ca.pem": b"none",
            "config/device.json": (CONFIG % (agent.DEVICE, key)).encode(),
        }
        for name, data in files.items():
            with open(name, "wb") as f:
                f.write(data)


machine: "Machine"
"""The one that boots."""

wake.make_modem = lambda board, port: ideal.Modem(port, modem, board.ask, board.time_s)
_append, _obey, _restart = Journal.append, commands._obey, commands._restart
_apply_settings = wake.Wake.apply_settings
_now = 0
"""Id of the command that is being obeyed."""
_restarts: list[int] = []
"""Ids of those that will end in a restart."""


def _noted_append(journal, fields):
    agent = machine.agent
    agent.begun += 1
    seq = _append(journal, fields)
    flash.alive()
    agent.begun -= 1
    if seq in agent.promised:
        agent.blame("sequence", seq, "given twice")
    agent.promised[seq] = fields[4]
    return seq


def _noted_obey(handlers, executed, command, now):
    global _now
    _now = command[0]
    _obey(handlers, executed, command, now)


def _noted_apply_settings(it):
    _apply_settings(it)
    flash.alive()
    machine.agent.in_force = bytes(it.settings)


def _noted_restart(handlers):
    for command in _restarts:
        _execute(command)
    _restart(handlers)


def _noted(verb, do):
    def noted(handlers, argument):
        if verb in (commands.REBOOT, commands.FACTORY):
            _restarts.append(_now)
        else:
            _execute(_now)
        return do(handlers, argument)

    return noted


def _execute(command):
    flash.alive()
    agent = machine.agent
    agent.executed[command] = agent.executed.get(command, 0) + 1
    if agent.executed[command] > 1:
        agent.blame("command", command, "done twice")
    if command in agent.given and agent.given[command][1] <= agent.time_s:
        agent.blame("command", command, "done after its time")


Journal.append = _noted_append  # type: ignore[method-assign]
commands._obey, commands._restart = _noted_obey, _noted_restart
wake.Wake.apply_settings = _noted_apply_settings  # type: ignore[method-assign]
for _verb in list(commands._DO):
    commands._DO[_verb] = _noted(_verb, commands._DO[_verb])
