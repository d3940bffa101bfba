"""A batch of records as columns: the same quantity of all records side by side is cheap to send.

Each column is written in the shortest form (see docs/protocol): one value for all; or the first value
and the differences, or the first two values and the differences of differences. These come as a few
changes or packed, each in as many bits as the largest needs.
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
    """The form with the fewest bytes; of two alike the one of lower order, packed before changes."""
    order, width = 1, 0
    least = 0x7FFF
    for candidate in (1, 2):
        if candidate > n:
            break
        changes, packed, bits = _measure(values, n, candidate)
        second = cbor.int_size(values[1] - values[0]) if candidate == 2 else 0
        if min(changes, packed) + second < least:
            least = min(changes, packed) + second
            order, width = candidate, bits if packed <= changes else 0
    if least == 1:
        out.int(values[0])
        return
    out.head(cbor.ARRAY, 1 + order)
    out.int(values[0])
    if order == 2:
        out.int(values[1] - values[0])
    if width:
        _write_packed(out, values, n, order, width)
    else:
        _write_changes(out, values, n, order)


def _difference(values, i, order):
    difference = values[i] - values[i - 1]
    return difference if order == 1 else difference - values[i - 1] + values[i - 2]


def _measure(values, n, order):
    """Bytes of the differences as changes and packed, and the bits of each when packed."""
    count = size = most = 0
    for i in range(order, n):
        difference = _difference(values, i, order)
        if difference:
            count += 1
            size += cbor.int_size(i - order) + cbor.int_size(difference)
            most = max(most, difference if difference > 0 else ~difference)
    if count == 0:
        return 1, 0x7FFF, 0
    width = 1
    while most >> (width - 1):
        width += 1
    length = (width * (n - order) + 7) // 8
    # The reader takes the width from the length. What has more than 32 bits cannot be a change.
    changes = cbor.int_size(count) + size if width <= 32 else 0x7FFF
    return changes, cbor.int_size(length) + length, 8 * length // (n - order)


def _write_packed(out, values, n, order, width):
    """Two's complement in `width` bits each, the first in the lowest bits of the first byte."""
    out.head(cbor.BYTES, (width * (n - order) + 7) // 8)
    bits = have = 0
    for i in range(order, n):
        bits |= (_difference(values, i, order) & ((1 << width) - 1)) << have
        have += width
        while have >= 8 or (have and i == n - 1):
            out.raw(bytes((bits & 0xFF,)))
            bits >>= 8
            have -= min(have, 8)


def _write_changes(out, values, n, order):
    out.head(cbor.MAP, sum(_difference(values, i, order) != 0 for i in range(order, n)))
    for i in range(order, n):
        difference = _difference(values, i, order)
        if difference:
            out.int(i - order)
            out.int(difference)
