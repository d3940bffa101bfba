"""The start of a new key epoch. Imported only then.

The epoch only increases: on request of the agent, or after too many forged downlinks. The side that is behind
follows the other; message numbers continue.
"""

from micropython import const

from locator.codec import checked
from locator.journal import log as logs

_MOST = const(0x7FFFFFFF)
_MOST_STEP = const(64)  # as far ahead of itself as the agent follows: a wrong value locks no device out
# 2^14 failed verifications a key (draft-ietf-core-oscore-key-limits), less those that one session adds.
_MOST_FORGED = const(16000)


def enter(keys, epoch):
    """Use `keys` of this epoch from now on, or of one on the way to it if it is far; False if it is no later
    one, or the flash does not take it."""
    if type(epoch) is not int or not keys.epoch < epoch <= _MOST:
        return False
    epoch = min(epoch, keys.epoch + _MOST_STEP)
    try:
        checked.put(keys.path, epoch, 9)
    except OSError:
        return False
    keys.derive(epoch)
    return True


def weigh(keys, log):
    """Count what was forged in a session under `keys`; too much of it begins the next epoch."""
    forged = log.counters[logs.FORGED] + keys.down.forged
    if forged >= _MOST_FORGED and enter(keys, keys.epoch + 1):
        forged = 0
    log.counters[logs.FORGED] = min(forged, 0xFFFF)
