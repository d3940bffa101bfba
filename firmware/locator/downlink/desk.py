"""The desk: hands the orders of a reply to their modules and collects what these have to say."""

import gc
import sys

from micropython import const

from locator import state as st
from locator import unload_but
from locator.codec import cbor

_TIME = const(3)
_PACKAGE = "locator.downlink."
FIRST_ORDER = const(4)
"""Keys of a reply below it are the acknowledgement."""


class Desk:
    """`port`, `config`, `journal`, `ledger`, the plan's `state`, the `log` and the `board`'s name are there
    for the modules."""

    def __init__(self, port, config, journal, ledger, state, log, board=""):
        self.port = port
        self.config = config
        self.journal = journal
        self.ledger = ledger
        self.state = state
        self.log = log
        self.board = board
        self.may_tell = -1
        """Bits of TO_TELL: the modules that may say something in this conversation."""
        self.pull = None
        """The piece of a release that is asked for (downlink/pull.py), or None."""
        state[st.TO_TELL] &= sum([bit for bit, _ in _TELLS])
        self.gone: list = []  # ranges of records (downlink/resend.py)
        self._written = 0  # bits of the modules whose words the next reply acknowledges
        self.server_s = 0
        """The agent's time in the reply that is obeyed, epoch seconds."""
        self.at_last: list = []
        """What is to be done when the conversation is over: callables without arguments, a restart last."""
        self._held = list(sys.modules)  # taken here: later there may be no room for so long a list

    def take(self, reply):
        """Obey the orders in `reply` (a dict with integer keys); keys nobody knows are for newer firmware."""
        self.server_s = reply[_TIME]
        for key in sorted(reply):
            if key in _TAKES:
                try:
                    self._use(_TAKES[key], "take", reply[key])
                except MemoryError:  # the agent orders again what it has not heard of
                    pass

    def to_tell(self):
        """Whether another uplink has something to say."""
        return self.state[st.TO_TELL] & self.may_tell != 0

    def tell(self, bit):
        """The module of `bit` has something to say."""
        self.state[st.TO_TELL] |= bit

    def write(self, out):
        """Write what the modules have to say behind the other pairs of an uplink; returns the number of
        pairs. What does not fit waits for the next turn."""
        pairs = self._written = 0
        for bit, name in _TELLS:
            if self.state[st.TO_TELL] & self.may_tell & bit:
                pairs += self._write_one(bit, name, out)
        return pairs

    def _write_one(self, bit, name, out):
        start = out.n
        try:
            pairs = self._use(name, "write", out)
        except cbor.Full:
            out.n = start
            return 0
        except MemoryError:  # the records must go all the same: it is told another day
            out.n = start
            pairs = 0
        if pairs:
            self._written |= bit
        else:
            self.state[st.TO_TELL] &= ~bit
        return pairs

    def told(self):
        """The agent has answered the uplink that was written last."""
        for bit, name in _TELLS:
            if self._written & bit:
                self.state[st.TO_TELL] &= ~bit
                try:
                    self._use(name, "told")
                except MemoryError:  # it is told once more
                    self.tell(bit)
        self._written = 0

    def _use(self, name, verb, *arguments):
        """Call a function of a module that is there only meanwhile: a conversation leaves no room for all.
        What it remembers is on the desk or in flash. All that was imported behind the desk goes with it."""
        try:
            module = getattr(__import__(_PACKAGE + name).downlink, name)
            return getattr(module, verb)(self, *arguments)
        finally:
            module = None
            unload_but(self._held)
            gc.collect()


# Modules by the key of a reply, and by their bit in TO_TELL in the order of the uplink's keys.
_TAKES: dict = {4: "settings", 5: "commands", 6: "resend", 7: "offer", 8: "pull", 9: "guide", 10: "card"}
_TELLS: tuple = (
    (1, "settings"),
    (2, "commands"),
    (4, "pull"),
    (8, "diagnostics"),
    (16, "report"),
    (32, "resend"),
    (64, "guide"),
    (256, "why"),
    (128, "card"),
)
