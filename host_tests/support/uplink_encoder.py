"""An uplink encoder in plain CPython: what the tests send where no device runs.

It writes the same bytes as the device: see "Choice of a form" in docs/reference/protocol.md.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import cbor2
from landbridge.protocol.point import CELL_FIELDS, KIND_FIX, POSITION_FIELDS, Point

Column = int | list[Any]


def encode_uplink(points: list[Point], **parts: Any) -> bytes:
    """The CBOR of an uplink of `points`.

    `parts` in wire form: status, identity (maps), next_session_s, clock (array of three).
    """
    item: dict[int, Any] = {0: 1}
    if points:
        item[1] = columns(points)
    for key, name in enumerate(("status", "identity", "next_session_s", "clock"), 2):
        if name in parts:
            item[key] = parts[name]
    return cbor2.dumps(item | parts.get("reports", {}))


def columns(points: list[Point]) -> list[Column]:
    """`n` and the 20 columns."""
    return [len(points), *(column(_carried(points, name)) for name in Point._fields)]


def column(values: list[int]) -> Column:
    """One column in the form the device chooses."""
    forms = [form for order in (1, 2)[: len(values)] for form in _forms(values, order)]
    shortest = min(forms, key=_size)
    return shortest[0] if shortest[1:] == [{}] else shortest


def _forms(values: list[int], order: int) -> Iterator[list[Any]]:
    """With `order` starts: packed, if that can be, and as changes, if that can be."""
    starts, rest = [], values
    for _ in range(order):
        starts.append(rest[0])
        rest = [after - before for before, after in pairwise(rest)]
    width = max((1 + max(each, ~each).bit_length() for each in rest), default=0)
    if any(rest):
        yield [*starts, _packed(rest, width)]
    if width <= 32:
        yield [*starts, {position: each for position, each in enumerate(rest) if each}]


def _packed(rest: list[int], width: int) -> bytes:
    length = (width * len(rest) + 7) // 8
    width = 8 * length // len(rest)
    bits = sum((each % (1 << width)) << width * i for i, each in enumerate(rest))
    return bits.to_bytes(length, "little")


def _size(value: Column) -> int:
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
