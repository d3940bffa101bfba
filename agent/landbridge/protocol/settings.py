"""The settings of a device: what each may be, and the device's report of what it applies.

The schema is settings.toml, a copy of docs/reference/settings.toml.
"""

import struct
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, NamedTuple
from zlib import crc32

from landbridge.protocol.limits import WireError

DOWNLINK_KEY = 4
"""Key of a downlink: [revision, {key: value}], the values that differ from the defaults."""
REPORT_KEY = 6
"""Key of an uplink: [revision, hash, source, refused revision, why]."""
SOURCES = ("built in", "set", "last good", "on trial")
UNREACHED, MALFORMED = -1, -2
_RANGES = ((0, 2**31 - 1), (0, 2**32 - 1), (0, len(SOURCES) - 1), (0, 2**31 - 1), (-(2**31), 2**31 - 1))


class Setting(NamedTuple):
    """One setting; the unit is the end of its name."""

    key: int
    name: str
    default: int
    lowest: int
    highest: int
    help: str


class Report(NamedTuple):
    """The settings that a device reports as applied."""

    revision: int
    """0: the built-in settings."""
    hash: int
    source: int
    """Index into SOURCES."""
    refused: int
    """The revision refused last, 0 none."""
    why: int
    """The key that was not accepted, UNREACHED or MALFORMED."""


def _read() -> dict[str, Setting]:
    text = resources.files("landbridge.protocol").joinpath("settings.toml").read_text()
    every = [Setting(**each) for each in tomllib.loads(text)["setting"]]
    return {setting.name: setting for setting in every}


SETTINGS = _read()
"""By name, in the order of their keys."""


def applied(changes: Mapping[str, int]) -> dict[str, int]:
    """All settings when `changes` differ from the defaults."""
    return {name: changes.get(name, setting.default) for name, setting in SETTINGS.items()}


def values_hash(changes: Mapping[str, int]) -> int:
    """CRC-32 of all values as 32-bit integers, little-endian, in the order of their keys."""
    return crc32(struct.pack(f"<{len(SETTINGS)}i", *applied(changes).values()))


def hashes(changes: Mapping[str, int]) -> set[int]:
    """Return the checksums that a device with `changes` may report: an older firmware knows and hashes only
    the first settings."""
    values = list(applied(changes).values())
    fewest = 1 + max((SETTINGS[name].key for name in changes), default=0)
    return {crc32(struct.pack(f"<{n}i", *values[:n])) for n in range(fewest, len(values) + 1)}


def encode(revision: int, changes: Mapping[str, int]) -> dict[int, Any]:
    """Return the pair of a downlink that makes the device apply `changes`."""
    keys = sorted((SETTINGS[name].key, value) for name, value in changes.items())
    return {DOWNLINK_KEY: [revision, dict(keys)]}


def decode_report(item: Any) -> Report:
    """The report as received in an uplink; `WireError` if it is invalid."""
    if type(item) is not list or len(item) != len(_RANGES):
        raise WireError(f"settings report: not an array of {len(_RANGES)}")
    for value, (lowest, highest) in zip(item, _RANGES, strict=True):
        if type(value) is not int or not lowest <= value <= highest:
            raise WireError(f"settings report: {value!r} is not an integer in {lowest} .. {highest}")
    return Report(*item)
