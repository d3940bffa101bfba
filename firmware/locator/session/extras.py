"""What an uplink says beside the records: status, identity, next contact, clock."""

import locator
from locator import state as st
from locator.codec import cbor
from locator.scheduler import budget

_COUNTED = (st.TRIED, st.FAILED, st.TLS_FAILED, st.WAY)


class Extras:
    """`senses` as the plan has felt them; `identity` (IMEI, ICCID, IMSI, revision, and what the
    modem tells of voice and SMS) if it is due, or None."""

    def __init__(self, port, journal, ledger, state, senses, settings, identity):
        self._port = port
        self._journal = journal
        self._ledger = ledger
        self._state = state
        self._senses = senses
        self._settings = settings
        self._identity = identity

    def write(self, out, more):
        """Write the pairs into the map of an uplink and return their number; nothing when it is not the
        first one of its conversation (`more`)."""
        if more:
            return 0
        self._write_status(out)
        pairs = 1
        if self._identity:
            self._write_identity(out)
            pairs += 1
        clock_s, offset = self._port.clock_s(), self._state[st.OFFSET]
        if offset:
            out.int(4)
            out.int(clock_s + offset + budget.silent_s(self._state, self._settings))
            pairs += 1
        out.int(5)
        out.head(cbor.ARRAY, 3)
        out.int(self._ledger.boot)
        out.int(clock_s)
        out.int(offset)
        return pairs + 1

    def _write_status(self, out):
        wake_reason, reset_cause, battery_mv, temperature_dc = self._senses[1:5]
        values = (battery_mv, temperature_dc, self._journal.pending(), self._ledger.thinned)
        out.int(2)
        out.head(cbor.MAP, 12)
        for key, value in enumerate(values):
            out.int(key)
            out.int(value)
        out.int(4)
        out.text(locator.VERSION)
        counts = (reset_cause, wake_reason) + tuple(self._state[i] for i in _COUNTED)
        for key, value in enumerate(counts):
            out.int(5 + key)
            out.int(value)
        out.int(11)
        out.int(self._journal.next_seq)

    def _write_identity(self, out):
        out.int(3)
        out.head(cbor.MAP, len(self._identity))
        for key, value in enumerate(self._identity):
            out.int(key)
            (out.text if type(value) is str else out.int)(value)
