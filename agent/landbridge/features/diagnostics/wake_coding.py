"""Key 13 of an uplink: why each wake since the last one did what it did; docs/reference/landbridge.cddl."""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from landbridge.protocol.limits import WireError

REASONS = {
    0: "nothing",
    1: "only sleep is still paid for",
    2: "all is reported",
    3: "a pause after a look or a report in vain",
    4: "the operators' budget is spent",
    5: "no network is heard",
    6: "a report is not worth its energy yet",
    7: "the network seen is too dear or too weak",
    8: "nothing new to report",
    9: "the network may not be used now",
    10: "the train has stopped or departed",
    11: "the next point on the move",
    12: "the next point standing",
    13: "a fresh point for the report",
    20: "it stood here until now",
    21: "it still stands here",
    22: "it stands here, for the report",
    30: "a look for a network before a report",
    31: "another network may be cheaper",
    40: "the network seen is worth a report",
    50: "a report is worth it where a network is all but certain",
    60: "something must be told now",
    61: "points are dense",
    62: "no report for the longest time allowed",
    63: "the fixed pause between reports is over",
    64: "another profile of the card",
    65: "behind a border, a switch of profiles or a bar of data",
    70: "something has happened, or a place is asked for",
    71: "the fixed pause between points is over",
    72: "no fix: where it is heard tells something too",
    73: "what was found is kept",
    74: "registered, the agent is told",
    75: "shipping mode",
}
"""Of the decision table (firmware/locator/plan: policy.py, decide.py)."""
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


def decode(told: Any) -> list[Wake]:
    """The wakes, the oldest first. `WireError` if the report does not keep the contract."""
    if type(told) is not list or len(told) != 3 or type(told[2]) is not bytes:
        raise WireError("wakes: not [boot, minutes, bytes]")
    boot, now_min, packed = told
    if any(type(each) is not int or not 0 <= each <= _U32 for each in (boot, now_min)):
        raise WireError("wakes: a number out of range")
    if len(packed) % _WAKE.size or len(packed) > _MOST_BYTES:
        raise WireError(f"wakes: {len(packed)} bytes")
    return list(_wakes(boot, now_min, packed))


def reason(number: int) -> str:
    """In words."""
    return REASONS.get(number, f"reason {number}")


def _wakes(boot: int, now_min: int, packed: bytes) -> Iterator[Wake]:
    for minute, did, rest, decijoules in _WAKE.iter_unpack(packed):
        age_min = (now_min - minute) & 0xFFFF
        yield Wake(boot, max(0, now_min - age_min), age_min, did, rest, decijoules / 10)
