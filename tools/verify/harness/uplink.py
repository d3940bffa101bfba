"""Uplinks: written by the device's own code, read as docs/reference/protocol.md says, not by the agent's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import cbor2
from locator.codec import cbor, record
from locator.codec.columns import Batch

DeviceClock = tuple[int, int, int]
"""Power-on, seconds since, and what they differ from the time by (docs/reference/protocol.md)."""


def encode(records: Sequence[Sequence[int]], clock: DeviceClock | None = None) -> bytes:
    """The uplink of these records, each with its fields in the order of `record.FIELDS`."""
    batch = Batch()
    batch.n = len(records)
    for i, fields in enumerate(records):
        one = bytearray(record.SIZE)
        record.pack_into(one, list(fields))
        batch.records[i * record.SIZE : (i + 1) * record.SIZE] = one
    out = cbor.Writer(bytearray(4096))
    out.head(cbor.MAP, 1 + bool(records) + (clock is not None))
    out.int(0)
    out.int(1)
    if records:
        out.int(1)
        batch.write(out)
    if clock:
        out.int(5)
        out.head(cbor.ARRAY, 3)
        for number in clock:
            out.int(number)
    return bytes(out.buf[: out.n])


def decode(uplink: bytes) -> list[tuple[int, ...]]:
    """The records of an uplink."""
    n, *columns = cbor2.loads(uplink)[1]
    return list(zip(*(values(column, n) for column in columns), strict=True))


def values(column: Any, n: int) -> list[int]:
    """The `n` values of a column."""
    *starts, rest = column if isinstance(column, list) else (column, {})
    count = n - len(starts)
    if isinstance(rest, bytes):
        bits, width = int.from_bytes(rest, "little"), 8 * len(rest) // count
        half = 1 << width - 1
        changes = [((bits >> width * i) + half) % (2 * half) - half for i in range(count)]
    else:
        changes = [rest.get(i, 0) for i in range(count)]
    for start in reversed(starts):
        changes = list(accumulate(changes, initial=start))
    return changes
