"""Records to send again, because the agent has lost what it acknowledged.

Downlink key 6: the requested capture sequences, as inclusive ranges [lo, hi, ...]. Records still in flash are
pending again and are sent in the next turns. Uplink key 11: the ranges that are lost.
"""

from micropython import const

from locator import state as st
from locator.journal import again

_KEY = const(11)
_MOST_WANTED = const(8)
_MOST_GONE = const(32)


def take(handlers, value):
    """Mark the requested records as pending again. The request is not stored: the agent repeats it until it
    has them."""
    if not _is_ranges(value):
        return
    gone: list = []
    for i in range(0, len(value), 2):
        gone += again.resend(handlers.journal, value[i], value[i + 1])
    if gone:
        handlers.gone = gone[: 2 * _MOST_GONE]
        handlers.will_report(st.REPORT_GONE)


def write(handlers, out):
    """Write the lost ranges."""
    if not handlers.gone:
        return 0
    return out.pair(_KEY, handlers.gone)


def on_ack(handlers):
    """Delete the lost ranges, which the agent has."""
    handlers.gone = []


def _is_ranges(value):
    if type(value) is not list or len(value) % 2 or not 0 < len(value) <= 2 * _MOST_WANTED:
        return False
    return all(type(seq) is int and seq > 0 for seq in value)
