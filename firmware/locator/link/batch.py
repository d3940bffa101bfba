"""A batch of records as columns: the same quantity of all records side by side is cheap to send.

Each column is written in the shortest of five forms (see docs/protocol): one value for all, a
start and one delta, a start and all deltas, a start and signed bytes, a start and a few changes.
"""

import struct
from array import array

from micropython import const

from locator.journal import record
from locator.link import cbor

MAX_RECORDS = const(64)
_KIND_AT = const(0)
_PLMN_AT = const(30)

# Order on the wire: name of the column as in `record.FIELDS`, its struct format and offset in the
# record, and on what it depends: a position needs a fix, a cell needs an operator.
_ALWAYS = const(0)
_NEEDS_FIX = const(1)
_NEEDS_CELL = const(2)
COLUMNS = (
    ("seq", "<I", 4, _ALWAYS),
    ("time", "<I", 8, _ALWAYS),
    ("kind", "<B", 0, _ALWAYS),
    ("quality", "<B", 1, _ALWAYS),
    ("events", "<H", 2, _ALWAYS),
    ("boot", "<H", 12, _ALWAYS),
    ("lat", "<i", 14, _NEEDS_FIX),
    ("lon", "<i", 18, _NEEDS_FIX),
    ("alt", "<h", 22, _NEEDS_FIX),
    ("speed", "<B", 24, _NEEDS_FIX),
    ("heading", "<B", 25, _NEEDS_FIX),
    ("hdop", "<B", 26, _NEEDS_FIX),
    ("sats", "<B", 27, _NEEDS_FIX),
    ("battery", "<B", 28, _ALWAYS),
    ("temperature", "<b", 29, _ALWAYS),
    ("plmn", "<I", 30, _ALWAYS),
    ("tac", "<H", 34, _NEEDS_CELL),
    ("cell", "<I", 36, _NEEDS_CELL),
    ("rsrp", "<B", 40, _NEEDS_CELL),
    ("motion", "<B", 41, _ALWAYS),
)


class Batch:
    """Up to MAX_RECORDS records, as they stand in flash, and room to write them as columns."""

    def __init__(self):
        self.records = bytearray(MAX_RECORDS * record.SIZE)
        self.n = 0
        self._values = array("q", bytes(8 * MAX_RECORDS))

    def write(self, out):
        """Write the array of columns into the `cbor.Writer` `out`."""
        out.head(cbor.ARRAY, 1 + len(COLUMNS))
        out.int(self.n)
        for _, form, offset, needs in COLUMNS:
            self._gather(form, offset, needs)
            _write_column(out, self._values, self.n)

    def sequences(self):
        """The capture sequences in the batch, in its order."""
        return [record.seq_of(self.records, i * record.SIZE) for i in range(self.n)]

    def _gather(self, form, offset, needs):
        """Fill `_values` with one column; where a value means nothing, the one before goes on."""
        value = None
        skipped = 0
        for i in range(self.n):
            at = i * record.SIZE
            if self._means_something(at, needs):
                value = struct.unpack_from(form, self.records, at + offset)[0]
                while skipped:  # the head of the column had none: begin with the first there is
                    self._values[i - skipped] = value
                    skipped -= 1
            elif value is None:
                skipped += 1
            self._values[i] = value or 0

    def _means_something(self, at, needs):
        if needs == _NEEDS_FIX:
            return self.records[at + _KIND_AT] == record.FIX
        if needs == _NEEDS_CELL:
            return struct.unpack_from("<I", self.records, at + _PLMN_AT)[0] != 0
        return True


def _write_column(out, values, n):
    deltas, small, changes, steady = _sizes(values, n)
    start, first = values[0], values[1] - values[0] if n > 1 else 0
    if steady and first == 0:
        out.int(start)
        return
    out.head(cbor.ARRAY, 2)
    out.int(start)
    if steady:
        out.int(first)
    elif small <= deltas and small <= changes:
        out.head(cbor.BYTES, n - 1)
        out.raw(bytes((values[i] - values[i - 1]) & 0xFF for i in range(1, n)))
    elif changes < deltas:
        _write_changes(out, values, n)
    else:
        out.head(cbor.ARRAY, n - 1)
        for i in range(1, n):
            out.int(values[i] - values[i - 1])


def _write_changes(out, values, n):
    out.head(cbor.MAP, sum(values[i] != values[i - 1] for i in range(1, n)))
    for i in range(1, n):
        if values[i] != values[i - 1]:
            out.int(i)
            out.int(values[i] - values[i - 1])


def _sizes(values, n):
    """(bytes as all deltas, as signed bytes, as changes, True when all deltas are the same)."""
    deltas = changes = 0
    small = n - 1
    steady = True
    for i in range(1, n):
        delta = values[i] - values[i - 1]
        size = cbor.int_size(delta)
        deltas += size
        if delta:
            changes += size + cbor.int_size(i)
        if not -128 <= delta <= 127:
            small = 0x7FFF
        if delta != values[1] - values[0]:
            steady = False
    return deltas, small, changes, steady
