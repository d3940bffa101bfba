"""The locator's firmware: one wake from reset to sleep."""

import sys

VERSION = "0.1.0"

SEQUENCE = 1
"""Number of this release: higher than that of every release before."""


def unload(*names):
    """Give back the heap of modules that a wake does not need any more, by their names in here."""
    for name in names:
        room, _, module = name.rpartition(".")
        if sys.modules.pop("locator." + name, None):
            delattr(sys.modules["locator." + room if room else "locator"], module)
