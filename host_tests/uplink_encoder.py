"""An uplink encoder in plain CPython: what the tests send where no device runs.

It writes the same bytes as the device: see "How to choose a column's form" in docs/protocol.
"""

from itertools import pairwise
from typing import Any

import cbor2
from landbridge.wire.point import CELL_FIELDS, KIND_FIX, POSITION_FIELDS, Point

Column = int | list[Any]


def encode_uplink(points: list[Point], **parts: Any) -> bytes:
    """The CBOR of an uplink of `points`.

    `parts` in wire form: status, identity (maps), next_contact_s, clock (array of three).
    """
    item: dict[int, Any] = {0: 1}
    if points:
        item[1] = columns(points)
    for key, name in enumerate(("status", "identity", "next_contact_s", "clock"), 2):
        if name in parts:
            item[key] = parts[name]
    return cbor2.dumps(item)


def columns(points: list[Point]) -> list[Column]:
    """`n` and the 20 columns."""
    return [len(points), *(column(_carried(points, name)) for name in Point._fields)]


def column(values: list[int]) -> Column:
    """One column in the form the device chooses."""
    start = values[0]
    deltas = [after - before for before, after in pairwise(values)]
    if not any(deltas):
        return start
    if len(set(deltas)) == 1:
        return [start, deltas[0]]
    changes = {position: delta for position, delta in enumerate(deltas, 1) if delta}
    as_deltas = sum(_size(delta) for delta in deltas)
    as_changes = sum(_size(position) + _size(delta) for position, delta in changes.items())
    fits_bytes = all(-128 <= delta <= 127 for delta in deltas)
    if fits_bytes and len(deltas) <= min(as_deltas, as_changes):
        return [start, bytes(delta & 0xFF for delta in deltas)]
    return [start, changes if as_changes < as_deltas else deltas]


def _size(value: int) -> int:
    return len(cbor2.dumps(value))


def _carried(points: list[Point], name: str) -> list[int]:
    """The column `name`; where a value means nothing the one before goes on."""
    known = [_value(point, name) for point in points]
    current = next((value for value in known if value is not None), 0)
    values = []
    for value in known:
        current = current if value is None else value
        values.append(current)
    return values


def _value(point: Point, name: str) -> int | None:
    if name in POSITION_FIELDS and point.kind != KIND_FIX:
        return None
    if name in CELL_FIELDS and point.plmn == 0:
        return None
    value: int | None = getattr(point, name)
    return value
