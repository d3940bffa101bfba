"""The device's flash and memory, read with the firmware's own code on CPython."""

import sys
from pathlib import Path
from typing import Any, NamedTuple

from tools.flash.layout import FIRMWARE, REPOSITORY

sys.path[:0] = [str(FIRMWARE), str(REPOSITORY / "tools" / "cpython")]

from locator.journal import record, rtc  # noqa: E402
from locator.journal.ledger import Ledger  # noqa: E402
from locator.journal.store import scan  # noqa: E402
from locator.plan import state as plan  # noqa: E402

FIX = record.FIX
Record = dict[str, int]
"""By the names of the record's fields, in its units."""

# The firmware has no annotations.
_Ledger: Any = Ledger
_scan: Any = scan
_unpack: Any = rtc.unpack


class Uploads(NamedTuple):
    """The device's own counts since it has last lost power."""

    tried: int
    failed: int


def records(segment: Path) -> list[Record]:
    """The good records of a segment of the journal."""
    return [dict(zip(record.FIELDS, values, strict=True)) for _offset, values in _scan(str(segment))]


def ledger(flash: Path) -> Any:
    """The device's `locator.journal.ledger.Ledger`: what is acknowledged, what was thinned."""
    return _Ledger(str(flash / "data"), 0)


def uploads(rtc_memory: bytes) -> Uploads:
    """What the plan has counted."""
    state = _unpack(rtc_memory, plan.SIZE)
    return Uploads(state[plan.TRIED], state[plan.FAILED]) if state else Uploads(0, 0)
