"""The device's flash and memory, read with the firmware's own code on CPython."""

from pathlib import Path
from typing import Any, NamedTuple

from tools.flash.layout import put_firmware_on_path

put_firmware_on_path()

from locator import state as st  # noqa: E402
from locator.codec import record  # noqa: E402
from locator.journal import rtc  # noqa: E402
from locator.journal.numbers import Numbers  # noqa: E402
from locator.journal.store import Journal, scan  # noqa: E402

FIX = record.FIX
Record = dict[str, int]
"""By the names of the record's fields, in its units."""


class Moments(NamedTuple):
    """When the device last did what: seconds since power-on."""

    reported_at: int
    searched: tuple[int, int]
    recorded: int


# The firmware has no annotations.
_Numbers: Any = Numbers
_Journal: Any = Journal
_scan: Any = scan
_fields: Any = record.unpack
_unpack: Any = rtc.unpack


class Uploads(NamedTuple):
    """The device's own counts since it has last lost power."""

    tried: int
    failed: int


def records(segment: Path) -> list[Record]:
    """The good records of a file of the journal."""
    names = record.FIELDS.split()
    return [dict(zip(names, _fields(buf), strict=True)) for _offset, buf in _scan(str(segment))]


def numbers(flash: Path) -> Any:
    """The device's `locator.journal.numbers.Numbers`: what is acknowledged, what was thinned."""
    return _Numbers(str(flash / "data"), 0)


def fill(flash: Path, count: int) -> None:
    """Write `count` fixes of a moving container into the journal, as the device would have."""
    journal = _Journal(str(flash / "data"), numbers(flash))
    for i in range(count):
        place = (2_963_000 + 41 * i, 10_639_000 - 977 * i, 122 + i % 9, 40 + i % 30, i % 180, 5 + i % 4, 9)
        cell = (180 - i % 7, 20 - i % 11, 460_000, 9_311 + i // 5, 123_456_789 + 257 * i, 97 + i % 20)
        journal.append([FIX, 3, 0, 0, 845_000_000 + 1_801 * i, 1, *place, *cell, i % 200])


def account_j(rtc_memory: bytes) -> float:
    """Return the consumption by the device, as its energy account has it, in joules."""
    state = _unpack(rtc_memory, st.SIZE)
    return sum(state[st.ENERGY_MJ : st.ENERGY_MJ + 3]) / 1000 if state else 0.0


def uploads(rtc_memory: bytes) -> Uploads:
    """Counters of the scheduler."""
    state = _unpack(rtc_memory, st.SIZE)
    return Uploads(state[st.ATTEMPTED], state[st.FAILED]) if state else Uploads(0, 0)


def account_mj(rtc_memory: bytes) -> int:
    """Return the energy account since the last loss of power."""
    state = _unpack(rtc_memory, st.SIZE)
    return sum(state[st.ENERGY_MJ : st.ENERGY_MJ + 3]) if state else 0


def moments(rtc_memory: bytes) -> Moments:
    """The last actions in the state of the scheduler."""
    state = _unpack(rtc_memory, st.SIZE) or [0] * st.SIZE
    searched = (state[st.LAST_FIX], state[st.FIX_FAILS])
    return Moments(state[st.LAST_SESSION], searched, state[st.LAST_RECORD])
