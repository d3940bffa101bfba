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
    """[boot, offset], counters, entries, and the fault when there is one that was not reported."""
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
    """The agent has them."""
    handlers.log.forget(handlers.log.written)
    try:
        os.remove(handlers.port.data_dir + logs.LAST_FAULT)
    except OSError:  # there was none
        pass


def _fault_size(port):
    """Bytes of the last fault that are reported, 0 without one."""
    try:
        return min(_FAULT_BYTES, os.stat(port.data_dir + logs.LAST_FAULT)[6])
    except OSError:
        return 0


def _write_fault(port, size, out):
    """Read the text where it is to stand: after a fault, memory may be what is short."""
    out.head(cbor.TEXT, size)
    if out.n + size > len(out.buf):
        raise cbor.Full
    there = memoryview(out.buf)[out.n : out.n + size]
    with open(port.data_dir + logs.LAST_FAULT, "rb") as f:
        f.readinto(there)
    for i in range(size):
        # What a power cut tore, or is in no alphabet of ours, is shown all the same.
        if not 32 <= there[i] < 127 and there[i] != 10:
            there[i] = 63
    out.n += size
