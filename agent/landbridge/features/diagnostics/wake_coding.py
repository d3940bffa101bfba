"""Key 13 of an uplink: why each wake since the last one did what it did; docs/reference/landbridge.cddl."""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from landbridge.core.texts import _
from landbridge.protocol.limits import WireError

REPORT_KEY = 13
"""Key of an uplink."""
REASONS = {
    0: _("nothing"),
    1: _("remaining energy allows only sleep"),
    2: _("everything is delivered"),
    3: _("waiting after a failed scan or connection attempt"),
    4: _("the mobile operators' limits on attempts do not allow one yet"),
    5: _("no network found"),
    6: _("a session is not worth its energy yet"),
    7: _("the network found is too expensive or too weak"),
    8: _("nothing new to report"),
    9: _("the network must not be used now"),
    10: _("stop or departure"),
    11: _("next position while moving"),
    12: _("next position while stationary"),
    13: _("fresh position for the session"),
    20: _("was stationary until now, position reused"),
    21: _("still stationary, position reused"),
    22: _("stationary, position reused for the session"),
    30: _("network scan before a session"),
    31: _("another network may be cheaper"),
    40: _("the network found is worth a session"),
    50: _("a session is worth it: a network is almost certain here"),
    60: _("an event must be reported now"),
    61: _("dense positions"),
    62: _("longest time without a session reached"),
    63: _("fixed session interval elapsed"),
    64: _("switch to another eSIM profile"),
    65: _("after a border crossing, profile switch or data bar"),
    70: _("an event happened, or a position was requested"),
    71: _("fixed position interval elapsed"),
    72: _("no fix: cell observation recorded"),
    73: _("position recorded"),
    74: _("registered: session with the agent"),
    75: _("shipping mode"),
}
"""The reasons of the decision table (firmware/locator/scheduler: policy.py, decide.py)."""
_WAKE = struct.Struct("<HBBH")
_MOST_BYTES = 64 * _WAKE.size
_U32 = 0xFFFFFFFF


class Wake(NamedTuple):
    """A wake: when it ended, the reasons of what it did first and of its rest, and what it took."""

    boot: int
    clock_min: int
    """Minutes since that power-on."""
    age_min: int
    """Before the report was made."""
    did: int
    rest: int
    joules: float


def decode(report: Any) -> list[Wake]:
    """The wakes, the oldest first. `WireError` if the report does not keep the contract."""
    if type(report) is not list or len(report) != 3 or type(report[2]) is not bytes:
        raise WireError("wakes: not [boot, minutes, bytes]")
    boot, now_min, packed = report
    if any(type(each) is not int or not 0 <= each <= _U32 for each in (boot, now_min)):
        raise WireError("wakes: a number out of range")
    if len(packed) % _WAKE.size or len(packed) > _MOST_BYTES:
        raise WireError(f"wakes: {len(packed)} bytes")
    return list(_wakes(boot, now_min, packed))


def reason(number: int) -> str:
    """In words."""
    return REASONS.get(number) or _("reason {number}", number=number)


def _wakes(boot: int, now_min: int, packed: bytes) -> Iterator[Wake]:
    for minute, did, rest, decijoules in _WAKE.iter_unpack(packed):
        age_min = (now_min - minute) & 0xFFFF
        yield Wake(boot, max(0, now_min - age_min), age_min, did, rest, decijoules / 10)
