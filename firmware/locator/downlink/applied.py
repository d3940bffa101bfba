"""The settings in force, as every wake reads them. Rarely used functions are in `downlink.settings`.

The file has [source, revision, {key: value}, refused revision, why]; the values are those that differ from
the defaults. A refused revision of 0: none was refused.
"""

from micropython import const

from locator import settings as cfg
from locator.codec import cbor, checked

FILE = "/settings.bin"
LAST_GOOD_FILE = "/settings.good"
"""The file of the settings under which the agent was reached last."""

SOURCE = const(0)
REVISION = const(1)
VALUES = const(2)
REFUSED = const(3)
WHY = const(4)

# Sources.
BUILT_IN = const(0)
CONFIRMED = const(1)
LAST_GOOD = const(2)
ON_TRIAL = const(3)


def load(folder, state):
    """Return the settings in force, an array by the indices of `locator.settings`; the defaults if there are
    no others."""
    found = read(folder + FILE)
    if found is None or found[SOURCE] == ON_TRIAL:
        from locator.downlink import settings

        found = settings.settle(folder, state, found)
    return values_of(found)


def read(path):
    """Return the contents of the file, None if it is missing, damaged or of a firmware with other ranges."""
    found = checked.read(path)
    if not cbor.is_list(found, int, int, dict, int, int):
        return None
    return found if bad_key(found[VALUES]) is None else None


def bad_key(values):
    """Return the first key in `values` (a dict) that is unknown or whose value is out of range, or None."""
    for key in sorted(values):
        if not cfg.is_good(key, values[key]):
            return key
    return None


def values_of(found):
    """Return all settings as an array."""
    values = cfg.defaults()
    for key, value in found[VALUES].items():
        values[key] = value
    return values
