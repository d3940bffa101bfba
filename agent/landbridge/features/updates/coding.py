"""Encoding of releases: the devices' reports of them, and the pieces that they request."""

import hashlib
import struct
from binascii import crc32
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from landbridge.protocol.limits import RELEASE_BYTES, RELEASE_FILES, RELEASE_SEQUENCE, WireError

UPDATE_KEY, PIECE_KEY = 7, 8
"""Keys of a downlink: [sequence, bytes of the list, its SHA-256, board, mpy]; [sequence, file, offset,
bytes]."""
REPORT_KEY = 10
"""Key of an uplink, as below; a request for a piece is under `PULL_KEY` (protocol/uplink.py)."""

REASONS = {
    1: "other board",
    2: "other runtime",
    3: "not newer",
    4: "damaged",
    5: "malformed",
    6: "crashed",
    7: "agent not reached",
}
"""Why a release failed on a device."""
_MOST_BOARD = 32
_LISTED = struct.Struct("<II32s")


class Report(NamedTuple):
    """Sequences of releases, 0 for none; `on_trial` 1 while the device waits for an answer to confirm it."""

    running: int
    on_trial: int
    failed: int
    reason: int
    board: str


class Pull(NamedTuple):
    """The piece that a device requests: `file` 0 is the list of files, the others count in its order."""

    sequence: int
    file: int
    offset: int


def in_order(files: Mapping[str, bytes]) -> list[tuple[str, bytes]]:
    """Return the files of a release, contents by path, in the order of its list. `ValueError` when two have
    the same number: rename one."""
    ordered = sorted(files.items(), key=lambda file: _number(file[0]))
    for (one, _), (other, _) in pairwise(ordered):
        if _number(one) == _number(other):
            raise ValueError(f"{one} and {other} have the same number in a release: rename one of them")
    return ordered


def file_list(ordered: Sequence[tuple[str, bytes]]) -> bytes:
    """Return the list of files of a release, 40 bytes each: number, bytes, SHA-256
    (docs/reference/protocol.md)."""
    return b"".join(
        _LISTED.pack(_number(path), len(content), hashlib.sha256(content).digest())
        for path, content in ordered
    )


def _number(path: str) -> int:
    """Return the low 30 bits of the CRC-32 of the path, which fit in a small integer on the device."""
    return crc32(path.encode()) & 0x3FFFFFFF


def decode_report(item: Any) -> Report:
    """Return the report in an uplink; `WireError` if it is malformed."""
    if type(item) is not list or len(item) != 5 or type(item[4]) is not str or len(item[4]) > _MOST_BOARD:
        raise WireError("report of releases: not [running, on trial, failed, reason, board]")
    _check(item[:4], (RELEASE_SEQUENCE, 1, RELEASE_SEQUENCE, 255), "report of releases")
    return Report(*item)


def decode_pull(item: Any) -> Pull:
    """Return the request for a piece in an uplink; `WireError` if it is malformed."""
    if type(item) is not list or len(item) != 3:
        raise WireError("pull: not [sequence, file, offset]")
    _check(item, (RELEASE_SEQUENCE, RELEASE_FILES, RELEASE_BYTES), "pull")
    return Pull(*item)


def _check(values: list[Any], limits: tuple[int, ...], part: str) -> None:
    for value, most in zip(values, limits, strict=True):
        if type(value) is not int or not 0 <= value <= most:
            raise WireError(f"{part}: {value!r} is not an integer in 0 .. {most}")
