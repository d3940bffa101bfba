"""The downlink handlers: hand each part of a downlink to its module and collect what the modules report."""

import gc
import sys

from micropython import const

from locator import state as st
from locator import unload_but
from locator.codec import cbor

_TIME = const(3)
_POLICY = const(10)  # it is needed also while a download leaves no room for anything else
_REQUEST = const(12)  # of the agent for the card; 13: a package is offered
_PIECE = const(14)
_PACKAGE = "locator.downlink."
FIRST_ORDER = const(4)
"""Keys of a downlink below it are the acknowledgement."""


class Handlers:
    """The handlers of one session. `port`, `config`, `journal`, `numbers`, the scheduler's `state`, the `log`
    and the `board`'s name are for the modules."""

    def __init__(self, port, config, journal, numbers, state, log, board=""):
        self.port = port
        self.config = config
        self.journal = journal
        self.numbers = numbers
        self.state = state
        self.log = log
        self.board = board
        self.may_report = -1
        """Bits of TO_REPORT: the modules that may report in this session."""
        self.pull = None
        """The requested piece of a release (downlink/pull.py), or None."""
        self.download = None
        """A request for the card, or a part of a package for it (esim/download.py), or None."""
        state[st.TO_REPORT] &= sum([bit for bit, _ in REPORTS])
        self.gone: list = []  # ranges of records (downlink/resend.py)
        self._written = 0  # bits of the modules whose reports the next downlink acknowledges
        self.server_s = 0
        """The agent's time in the downlink that is executed, epoch seconds."""
        self.at_last: list = []
        """Actions for the end of the session: callables without arguments, a restart last."""
        self._loaded = list(sys.modules)  # allocated here: later there may be no room for so long a list

    def take(self, reply):
        """Execute the `downlink` (a dict with integer keys); unknown keys are for newer firmware."""
        self.server_s = reply[_TIME]
        for key in sorted(reply):
            if key in TAKES and (self.may_report or key == _POLICY):
                try:
                    self._use(TAKES[key], "take", reply[key])
                except MemoryError:  # the agent repeats what was not confirmed
                    pass
            elif _REQUEST <= key <= _PIECE:
                self.download = reply[key]

    def to_report(self):
        """Whether another uplink has something to report."""
        return self.state[st.TO_REPORT] & self.may_report != 0

    def will_report(self, bit):
        """The module of `bit` has something to report."""
        self.state[st.TO_REPORT] |= bit

    def write(self, out):
        """Write the reports of the modules after the other pairs of an uplink; return the number of pairs.
        Reports that do not fit wait for the next turn."""
        pairs = self._written = 0
        for bit, name in REPORTS:
            if self.state[st.TO_REPORT] & self.may_report & bit:
                pairs += self._write_one(bit, name, out)
        return pairs

    def _write_one(self, bit, name, out):
        start = out.n
        try:
            pairs = self._use(name, "write", out)
        except cbor.Full:
            out.n = start
            return 0
        except MemoryError:  # records are more important: it is reported another day
            out.n = start
            pairs = 0
        if pairs:
            self._written |= bit
        else:
            self.state[st.TO_REPORT] &= ~bit
        return pairs

    def on_ack(self):
        """The agent has answered the uplink that was written last."""
        for bit, name in REPORTS:
            if self._written & bit:
                self.state[st.TO_REPORT] &= ~bit
                try:
                    self._use(name, "on_ack")
                except MemoryError:  # it is reported again
                    self.will_report(bit)
        self._written = 0

    def end_pull(self):
        """Note that a release is complete (downlink/pull.py)."""
        self._use("pull", "switch")

    def _use(self, name, verb, *arguments):
        """Call a function of a module that is loaded for the call only: a session leaves no room for all. Its
        state is in this object or in flash. All modules imported meanwhile are unloaded with it."""
        try:
            module = getattr(__import__(_PACKAGE + name).downlink, name)
            return getattr(module, verb)(self, *arguments)
        finally:
            module = None
            unload_but(self._loaded)
            gc.collect()


# Modules by the key of a downlink, and by their bit in TO_REPORT in the order of the uplink's keys.
TAKES: dict = {4: "settings", 5: "commands", 6: "resend", 7: "update", 8: "pull", 9: "route", 10: "profiles"}
REPORTS: tuple = (
    (1, "settings"),
    (2, "commands"),
    (4, "pull"),
    (8, "diagnostics"),
    (16, "report"),
    (32, "resend"),
    (64, "route"),
    (256, "wakes"),
    (128, "profiles"),
)
