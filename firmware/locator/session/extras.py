"""Parts of an uplink in addition to records: status, identity, next session, clock."""

import locator
from locator import state as st
from locator.scheduler import budget

_COUNTED = (st.ATTEMPTED, st.FAILED, st.TLS_FAILED, st.PATH)


def write(out, wake, identity):
    """Write the pairs of the first uplink of a session into its map and return their number. `identity` is
    (IMEI, ICCID, IMSI, revision, and what the modem reports of voice and SMS) if it is due, or None."""
    state = wake.state
    pairs = out.pair(2, _status(wake))
    if identity:
        pairs += write_identity(out, identity)
    clock_s, offset = wake.port.clock_s(), state[st.OFFSET]
    if offset:
        pairs += out.pair(4, clock_s + offset + budget.silent_s(state, wake.settings))
    return pairs + out.pair(5, (wake.numbers.boot, clock_s, offset))


def write_identity(out, identity):
    """Write the identity, key 3 of an uplink; return the number of pairs."""
    return out.pair(3, dict(enumerate(identity)))


def _status(wake):
    wake_reason, reset_cause, battery_mv, temperature_dc = wake.senses[1:5]
    values = [battery_mv, temperature_dc, wake.journal.pending(), wake.numbers.thinned, locator.VERSION]
    values += [reset_cause, wake_reason] + [wake.state[i] for i in _COUNTED] + [wake.journal.next_seq]
    return dict(enumerate(values))
