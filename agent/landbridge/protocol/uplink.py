"""From the bytes inside an uplink's envelope to points, status, identity and clock.

The shape is `uplink` in docs/reference/landbridge.cddl. Unknown integer keys are skipped, so that
newer firmware may say more; everything else that does not fit is refused with `WireError`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

from landbridge.core.texts import _
from landbridge.protocol import cbor
from landbridge.protocol.limits import MAX_RECORDS, VERSION, WireError
from landbridge.protocol.point import Point, Points

_U8, _U16, _U32 = (0, 0xFF), (0, 0xFFFF), (0, 0xFFFFFFFF)
_I8, _I16, _I32 = (-0x80, 0x7F), (-0x8000, 0x7FFF), (-0x80000000, 0x7FFFFFFF)
_ONLY_INTEGERS = frozenset({int})
"""The types of integers; `bool` is not one of them."""
_MOST_BITS = 64
"""Bits of a packed difference, at most; two of them in as few bytes as they fit in may have more than they
need."""

RANGES = {
    "seq": (1, 0xFFFFFFFF),
    "time": _U32,
    "kind": (1, 3),
    "quality": (0, 3),
    "events": _U16,
    "boot": _U16,
    "lat": _I32,
    "lon": _I32,
    "alt": _I16,
    "speed": _U8,
    "heading": _U8,
    "hdop": _U8,
    "sats": _U8,
    "battery": _U8,
    "temperature": _I8,
    "plmn": _U32,
    "tac": _U16,
    "cell": _U32,
    "rsrp": _U8,
    "motion": _U8,
}
"""The ranges of a record's columns in the order of the wire: (lowest, highest)."""

FIRST_REPORT = 6
"""Keys of an uplink from it on say what became of downlinks."""
PULL_KEY = 8
"""Key of an uplink that requests a piece of a release: its downlink has no room for another piece."""

STATUS: dict[int, tuple[str, type]] = {
    0: ("battery_mv", int),
    1: ("temperature_dc", int),
    2: ("unacknowledged", int),
    3: ("thinned", int),
    4: ("firmware", str),
    5: ("reset_cause", int),
    6: ("wake_reason", int),
    7: ("uploads_tried", int),
    8: ("uploads_failed", int),
    9: ("tls_failed", int),
    10: ("connection_path", int),
    11: ("next_seq", int),
}
IDENTITY: dict[int, tuple[str, type]] = {
    0: ("imei", str),
    1: ("iccid", str),
    2: ("imsi", str),
    3: ("modem", str),
    4: ("services", int),
}
"""Keys of the two maps on the wire: (name, type) each; `_dc` is 0.1 C."""

VOICE, SMS = 1, 2
"""Bits of `services`: what the modem lets in. Without it in an identity the modem does not report it."""
_SERVICES = (_("off"), _("voice on"), _("SMS on"), _("on"))


class DeviceClock(NamedTuple):
    """The device's clock when it sent: epoch seconds = seconds since power-on + offset."""

    boot: int
    since_power_on_s: int
    offset_s: int
    """0: the device does not know the time."""


@dataclass(frozen=True)
class Uplink:
    """One decoded uplink."""

    points: Sequence[Point] = field(default_factory=list)
    status: dict[str, int | str] = field(default_factory=dict)
    identity: dict[str, int | str] = field(default_factory=dict)
    next_session_s: int | None = None
    """When to expect the device next, seconds since 2000."""
    clock: DeviceClock | None = None
    reports: dict[int, Any] = field(default_factory=dict)
    """Results of downlinks, by the key of the uplink (from FIRST_REPORT on), as received."""


def decode(plaintext: bytes) -> Uplink:
    """Decode the CBOR inside an uplink's envelope; raises `WireError`."""
    item = cbor.loads(plaintext)
    if type(item) is not dict or not _ONLY_INTEGERS.issuperset(map(type, item)):
        raise WireError("uplink: not a map with integer keys")
    if type(item.get(0)) is not int or item[0] != VERSION:
        raise WireError(f"uplink: version {item.get(0)!r}, this agent reads {VERSION}")
    return Uplink(
        points=_points(item[1]) if 1 in item else [],
        status=_named(item.get(2, {}), STATUS, "status"),
        identity=_identity(item.get(3, {})),
        next_session_s=_integer(item[4], _U32, "next session") if 4 in item else None,
        clock=_clock(item[5]) if 5 in item else None,
        reports={key: value for key, value in item.items() if key >= FIRST_REPORT},
    )


def _points(columns: Any) -> Points:
    if type(columns) is not list or len(columns) != 1 + len(RANGES):
        raise WireError(f"columns: not an array of {1 + len(RANGES)}")
    n = _integer(columns[0], (1, MAX_RECORDS), "number of records")
    points = Points(
        [
            expand(column, n, name, limits)
            for column, (name, limits) in zip(columns[1:], RANGES.items(), strict=True)
        ]
    )
    if len(set(points.column("seq"))) != n:
        raise WireError("column seq: the same sequence twice")
    return points.meaningful()


def expand(column: Any, n: int, name: str, limits: tuple[int, int]) -> list[int]:
    """The `n` values of one column, in whichever form it has."""
    low, high = limits
    if type(column) is int:
        if low <= column <= high:
            return [column] * n
        raise _outside(limits, name)
    if type(column) is not list or not 2 <= len(column) <= 3:
        raise WireError(f"column {name}: neither an integer nor [starts, differences]")
    *starts, rest = column
    if len(starts) > n:
        raise WireError(f"column {name}: more starts than the {n} records")
    running: Iterable[int] = _differences(rest, n - len(starts), name)
    for start in reversed(starts):
        if type(start) is not int:
            raise WireError(f"column {name}: a start is no integer")
        running = accumulate(running, initial=start)
    values = list(running)
    if min(values) < low or max(values) > high:
        raise _outside(limits, name)
    return values


def _differences(rest: Any, n: int, name: str) -> list[int]:
    """The `n` differences of a column: packed, each in as many bits as fit `n` times, or changes."""
    if type(rest) is bytes and 0 < n <= 8 * len(rest) <= _MOST_BITS * n:
        half, mask, halves, shifts = _fields(n, 8 * len(rest) // n)
        # With the sign bit of each turned over, they are whole numbers that are `half` too high.
        bits = int.from_bytes(rest, "little") ^ halves
        return [(bits >> shift & mask) - half for shift in shifts]
    if type(rest) is dict and _are_changes(rest, n):
        values = [0] * n
        for position, difference in rest.items():
            values[position] = difference
        return values
    raise WireError(f"column {name}: not {n} differences")


@lru_cache(maxsize=MAX_RECORDS * _MOST_BITS)
def _fields(n: int, width: int) -> tuple[int, int, int, Sequence[int]]:
    """Of a packed difference of `width` bits: its sign bit, all of them; of `n` such the sign bits, and where
    each begins."""
    half, begins = 1 << (width - 1), tuple(range(0, n * width, width))
    return half, 2 * half - 1, sum(half << begin for begin in begins), begins


def _are_changes(rest: dict[Any, Any], n: int) -> bool:
    """Whether `rest` has integers at some of `n` positions."""
    if not rest:
        return True
    only = _ONLY_INTEGERS.issuperset(map(type, rest)) and _ONLY_INTEGERS.issuperset(map(type, rest.values()))
    return only and min(rest) >= 0 and max(rest) < n


def _outside(limits: tuple[int, int], name: str) -> WireError:
    return WireError(f"column {name}: a value outside {limits[0]} .. {limits[1]}")


def _integer(value: Any, limits: tuple[int, int], name: str) -> int:
    if type(value) is not int or not limits[0] <= value <= limits[1]:
        raise WireError(f"{name}: not an integer in {limits[0]} .. {limits[1]}")
    return value


def _named(item: Any, names: dict[int, tuple[str, type]], part: str) -> dict[str, int | str]:
    """The map `item` with the names of its keys; keys this version does not know are left out."""
    if type(item) is not dict or not _ONLY_INTEGERS.issuperset(map(type, item)):
        raise WireError(f"{part}: not a map with integer keys")
    named = {}
    lowest, highest = _I32[0], _U32[1]
    for key, value in item.items():
        name, kind = names.get(key, ("", object))
        if name and type(value) is not kind:
            raise WireError(f"{part}: {name} is not of type {kind.__name__}")
        if type(value) is int and not lowest <= value <= highest:
            raise WireError(f"{part}: {name} is out of range")
        if name:
            named[name] = value
    return named


def _identity(item: Any) -> dict[str, int | str]:
    named = _named(item, IDENTITY, "identity")
    if "services" in named:
        _integer(named["services"], (0, VOICE | SMS), "identity: services")
    return named


def services(identity: Mapping[str, Any]) -> str | None:
    """Whether voice and SMS are on, in words; None: the device does not report it."""
    services_code = identity.get("services")
    return None if services_code is None else _SERVICES[services_code]


def _clock(item: Any) -> DeviceClock:
    if type(item) is not list or len(item) != 3:
        raise WireError("clock: not [boot, seconds since power-on, offset]")
    return DeviceClock(
        boot=_integer(item[0], _U16, "clock boot"),
        since_power_on_s=_integer(item[1], _U32, "clock seconds"),
        offset_s=_integer(item[2], _I32, "clock offset"),
    )
