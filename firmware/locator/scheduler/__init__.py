"""The scheduler: pure functions on integers, no I/O. The same file runs on the device and on a host.

    state.feel(state, senses)           at the beginning of a wake
    decide.next(state, senses, hints)   -> Action, again and again until it is SLEEP
    state.learn(state, action, outcome) with the result of each

All times are seconds since power-on (`clock_s`), which always grows; the wall clock only dates records.
"""

from micropython import const

# Kinds of action.
ATTACH = const(1)
FIX = const(2)
SCAN = const(3)
RECORD = const(4)
SESSION = const(5)
SLEEP = const(6)

# Index of each in the `hints` of a decision.
PENDING = const(0)  # records that are not acknowledged
SETTINGS = const(1)  # by the indexes of locator.settings
COSTS = const(2)  # mJ (scheduler/pacing.py)
FORECAST = const(3)  # scheduler/ahead.py


class Action:
    """One action: its `kind` (above), `reason` (decide.py, policy.py), `limit_s`, and the arguments of that
    kind."""

    def __init__(self, kind, reason, limit_s=0, patience_s=0, plmn=0, wake_on=0, mcc=0):
        self.kind = kind
        self.reason = reason
        self.limit_s = limit_s
        self.patience_s = patience_s
        self.plmn = plmn
        self.wake_on = wake_on
        self.mcc = mcc
