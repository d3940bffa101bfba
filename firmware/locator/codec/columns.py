"""A batch of records as columns: values of the same field in a row take few bytes.

Each column is written in the shortest form (docs/reference/protocol.md): one value for all; or the first
value and the differences, or the first two values and the differences of differences. These come as a few
changes or packed, each in as many bits as the largest needs.
"""

import struct
from array import array

from micropython import const

from locator.codec import cbor, record

MAX_RECORDS = const(64)
_KIND_AT = const(0)
_PLMN_AT = const(30)

# Order on the wire, three bytes a column: the letter of its struct format, its offset in the record, and on
# what it depends (a position needs a fix, a cell needs an operator).
_NEEDS_FIX = const(70)
_NEEDS_CELL = const(67)
_COLUMN = const(3)
_COLUMNS = (
    b"I\x04A"  # seq
    b"I\x08A"  # time
    b"B\x00A"  # kind
    b"B\x01A"  # quality
    b"H\x02A"  # events
    b"H\x0cA"  # boot
    b"i\x0eF"  # lat
    b"i\x12F"  # lon
    b"h\x16F"  # alt
    b"B\x18F"  # speed
    b"B\x19F"  # heading
    b"B\x1aF"  # hdop
    b"B\x1bF"  # sats
    b"B\x1cA"  # battery
    b"b\x1dA"  # temperature
    b"I\x1eA"  # plmn
    b"H\x22C"  # tac
    b"I\x24C"  # cell
    b"B\x28C"  # rsrp
    b"B\x29A"  # motion
)


class Batch:
    """Up to MAX_RECORDS records, as they are in flash, and room to write them as columns."""

    def __init__(self, records=None):
        self.records = records or bytearray(MAX_RECORDS * record.SIZE)
        self.n = 0
        self._values = array("q", bytes(8 * MAX_RECORDS))

    def write(self, out):
        """Write the array of columns into the `cbor.Writer` `out`."""
        out.head(cbor.ARRAY, 1 + len(_COLUMNS) // _COLUMN)
        out.int(self.n)
        for i in range(0, len(_COLUMNS), _COLUMN):
            self._gather("<" + chr(_COLUMNS[i]), _COLUMNS[i + 1], _COLUMNS[i + 2])
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
