"""What an uplink says in addition to the records: status, identity, next contact, clock."""

import locator
from locator import state as st
from locator.codec import cbor
from locator.scheduler import budget

_COUNTED = (st.ATTEMPTED, st.FAILED, st.TLS_FAILED, st.PATH)


def write(out, wake, identity):
    """Write the pairs of the first uplink of a session into its map and return their number. `identity` is
    (IMEI, ICCID, IMSI, revision, and what the modem reports of voice and SMS) if it is due, or None."""
    state = wake.state
    _write_status(out, wake)
    pairs = 1
    if identity:
        write_identity(out, identity)
        pairs += 1
    clock_s, offset = wake.port.clock_s(), state[st.OFFSET]
    if offset:
        out.int(4)
        out.int(clock_s + offset + budget.silent_s(state, wake.settings))
        pairs += 1
    out.int(5)
    out.head(cbor.ARRAY, 3)
    out.int(wake.numbers.boot)
    out.int(clock_s)
    out.int(offset)
    return pairs + 1


def _write_status(out, wake):
    wake_reason, reset_cause, battery_mv, temperature_dc = wake.senses[1:5]
    values = (battery_mv, temperature_dc, wake.journal.pending(), wake.numbers.thinned)
    out.int(2)
    out.head(cbor.MAP, 12)
    for key, value in enumerate(values):
        out.int(key)
        out.int(value)
    out.int(4)
    out.text(locator.VERSION)
    counts = (reset_cause, wake_reason) + tuple(wake.state[i] for i in _COUNTED)
    for key, value in enumerate(counts):
        out.int(5 + key)
        out.int(value)
    out.int(11)
    out.int(wake.journal.next_seq)


def write_identity(out, identity):
    """Who the device is, key 3 of an uplink."""
    out.int(3)
    out.head(cbor.MAP, len(identity))
    for key, value in enumerate(identity):
        out.int(key)
        (out.text if type(value) is str else out.int)(value)
