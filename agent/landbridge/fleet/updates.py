"""Orders: updates of the application. What devices say of their releases is noted, releases are offered,
and pieces of them handed out (keys 7 and 8 of a reply, 8 and 10 of an uplink)."""

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.fleet import rollout
from landbridge.store import releases
from landbridge.wire.limits import PIECE_BYTES, RELEASE_BYTES, RELEASE_FILES, RELEASE_SEQUENCE, WireError
from landbridge.wire.uplink import Uplink

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
_OFFER, _PIECE = 7, 8
_PULL, _REPORT = 8, 10


def note(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Note what the device runs, what has failed on it, and how far it has come."""
    if _REPORT in uplink.reports:
        running, on_trial, failed, reason, board = _checked_report(uplink.reports[_REPORT])
        releases.says(connection, device, board, running, on_trial == 1, now_s)
        if failed:
            releases.end_offer(connection, device, failed, REASONS.get(reason, f"reason {reason}"))
        if not on_trial:
            releases.end_offer(connection, device, running, releases.RUNNING)
    if _PULL in uplink.reports:
        releases.pulled(connection, device, *_checked_pull(uplink.reports[_PULL]))


def orders(connection: Connection, device: str, uplink: Uplink, now_s: int) -> Mapping[int, Any]:
    """The piece that was asked for, or the offer of a release whose turn the device is at."""
    said = releases.of_device(connection, device)
    going = said and releases.newest_rollout(connection, said.board, said.running)
    if not said or not going or not rollout.rolls_out(connection, going, now_s):
        return {}
    if not _is_offered(connection, device, going, now_s):
        return {}
    if _PULL in uplink.reports:
        return _piece(connection, said.board, going.sequence, uplink.reports[_PULL])
    release = releases.find(connection, said.board, going.sequence)
    assert release
    digest = hashlib.sha256(release.file_list).digest()
    return {_OFFER: [release.sequence, len(release.file_list), digest, release.board, release.mpy]}


def _is_offered(connection: Connection, device: str, going: Row[Any], now_s: int) -> bool:
    """Whether the release is offered to this device and has not ended on it."""
    offer = releases.offer(connection, device, going.sequence)
    if offer:
        return offer.ended is None
    offered, _, _ = releases.tally(connection, going.board, going.sequence)
    if offered >= rollout.most_devices(connection, going.board, going.sequence):
        return False
    releases.add_offer(connection, device, going.board, going.sequence, now_s)
    return True


def _piece(connection: Connection, board: str, sequence: int, pull: Any) -> Mapping[int, Any]:
    try:
        asked, file, start = _checked_pull(pull)
    except WireError:
        return {}
    data = releases.piece(connection, board, sequence, file, start, PIECE_BYTES)
    return {_PIECE: [asked, file, start, data]} if asked == sequence and data else {}


def _checked_report(item: Any) -> tuple[int, int, int, int, str]:
    if type(item) is not list or len(item) != 5 or type(item[4]) is not str or len(item[4]) > 32:
        raise WireError("report of releases: not [running, on trial, failed, reason, board]")
    limits = (RELEASE_SEQUENCE, 1, RELEASE_SEQUENCE, 255)
    running, on_trial, failed, reason = _integers(item[:4], limits, "report of releases")
    return running, on_trial, failed, reason, item[4]


def _checked_pull(item: Any) -> tuple[int, int, int]:
    if type(item) is not list or len(item) != 3:
        raise WireError("pull: not [sequence, file, offset]")
    sequence, file, start = _integers(item, (RELEASE_SEQUENCE, RELEASE_FILES, RELEASE_BYTES), "pull")
    return sequence, file, start


def _integers(values: list[Any], limits: tuple[int, ...], part: str) -> list[int]:
    for value, most in zip(values, limits, strict=True):
        if type(value) is not int or not 0 <= value <= most:
            raise WireError(f"{part}: {value!r} is not an integer in 0 .. {most}")
    return values
