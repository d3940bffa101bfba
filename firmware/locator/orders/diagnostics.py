"""What went wrong, for the agent: counters, the log's entries, the last fault with its traceback.

Told once a day, after a fault and after a reset. Nothing is taken here: whoever wants them sooner tells the
desk so (`desk.tell(st.TELL_DIAGNOSTICS)`).
"""

import os

from micropython import const

from locator.journal import log as logs
from locator.link import cbor
from locator.plan import state as st

_KEY = const(9)
_FAULT_BYTES = const(700)


def write(desk, out):
    """[boot, offset], counters, entries, and the fault when there is one that was not told."""
    log = desk.log
    entries = log.entries()
    fault = _fault(desk.port)
    out.int(_KEY)
    out.head(cbor.MAP, 4 if fault else 3)
    out.int(0)
    out.head(cbor.ARRAY, 2)
    out.int(desk.ledger.boot)
    out.int(desk.state[st.OFFSET])
    out.int(1)
    counters = log.counters + [desk.ledger.damaged]
    out.head(cbor.ARRAY, len(counters))
    for count in counters:
        out.int(count)
    out.int(2)
    out.head(cbor.ARRAY, 3 * len(entries))
    for entry in entries:
        for number in entry:
            out.int(number)
    if fault:
        out.int(3)
        out.text(fault)
    log.written = len(entries)
    return 1


def told(desk):
    """The agent has them."""
    desk.log.forget(desk.log.written)
    try:
        os.remove(desk.port.data_dir + logs.LAST_FAULT)
    except OSError:  # there was none
        pass


def _fault(port):
    """The text of the last fault, "" without one: seconds since power-on in the first line."""
    try:
        with open(port.data_dir + logs.LAST_FAULT, "rb") as f:
            data = bytearray(f.read(_FAULT_BYTES))
    except OSError:
        return ""
    # Whatever was torn by a power cut, or is in no alphabet of ours, is shown all the same.
    for i in range(len(data)):  # in place: there may be no room for more
        if not (32 <= data[i] < 127 or data[i] == 10):
            data[i] = 63
    return data.decode()
