"""The report of failures to the agent: counters, the log's entries, the last exception with its traceback.

Reported once a day, after a fault and after a reset. There is no downlink: to have them reported sooner,
call `handlers.will_report(st.REPORT_DIAGNOSTICS)`.
"""

import os

from micropython import const

from locator import state as st
from locator.codec import cbor
from locator.journal import log as logs

_KEY = const(9)
_FAULT_BYTES = const(700)


def write(handlers, out):
    """Write [boot, offset], counters, entries, and the last exception if it was not reported yet."""
    log = handlers.log
    size = _fault_size(handlers.port)
    out.int(_KEY)
    out.head(cbor.MAP, 4 if size else 3)
    out.pair(0, (handlers.numbers.boot, handlers.state[st.OFFSET]))
    counters = log.counters[: logs.FORGED] + [handlers.numbers.damaged, log.counters[logs.FORGED]]
    out.pair(1, counters)
    out.int(2)
    out.head(cbor.ARRAY, 3 * len(log))
    for i in range(len(log)):
        for number in log.entry(i):
            out.int(number)
    if size:
        out.int(3)
        _write_fault(handlers.port, size, out)
    log.written = len(log)
    return 1


def on_ack(handlers):
    """Delete what was reported, which the agent has."""
    handlers.log.forget(handlers.log.written)
    try:
        os.remove(handlers.port.data_dir + logs.LAST_FAULT)
    except OSError:  # there was none
        pass


def _fault_size(port):
    """Return the bytes of the last exception that are reported, 0 without one."""
    try:
        return min(_FAULT_BYTES, os.stat(port.data_dir + logs.LAST_FAULT)[6])
    except OSError:
        return 0


def _write_fault(port, size, out):
    """Read the text into the uplink itself: after an exception, memory may be short."""
    out.head(cbor.TEXT, size)
    if out.n + size > len(out.buf):
        raise cbor.Full
    there = memoryview(out.buf)[out.n : out.n + size]
    with open(port.data_dir + logs.LAST_FAULT, "rb") as f:
        f.readinto(there)
    for i in range(size):
        # Bytes that a power cut damaged, or that are no ASCII, are shown nevertheless.
        if not 32 <= there[i] < 127 and there[i] != 10:
            there[i] = 63
    out.n += size
