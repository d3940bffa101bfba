"""Downlink handler of updates: the devices' reports are stored, releases are assigned, and their pieces
sent."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.features.updates import queries as releases
from landbridge.features.updates import rollout
from landbridge.features.updates.coding import (
    PIECE_KEY,
    REASONS,
    REPORT_KEY,
    UPDATE_KEY,
    decode_pull,
    decode_report,
)
from landbridge.protocol.limits import PIECE_BYTES, WireError
from landbridge.protocol.uplink import PULL_KEY, Uplink


def on_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Store what the device runs, what has failed on it, and its progress."""
    if REPORT_KEY in uplink.reports:
        said = decode_report(uplink.reports[REPORT_KEY])
        releases.says(connection, device, said.board, said.running, said.on_trial == 1, now_s)
        if said.failed:
            why = REASONS.get(said.reason, f"reason {said.reason}")
            releases.end_update(connection, device, said.failed, why)
        releases.fall_back(connection, device, said.board, said.running)
        if not said.on_trial:
            releases.end_update(connection, device, said.running, releases.RUNNING)
    if PULL_KEY in uplink.reports:
        releases.pulled(connection, device, *decode_pull(uplink.reports[PULL_KEY]))


def devices_pending(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> Collection[str]:
    """Return the devices on whose board a newer release rolls out."""
    return releases.devices_to_update(connection, uplinks.keys())


def pending(connection: Connection, device: str, uplink: Uplink, now_s: int) -> Mapping[int, Any]:
    """Return the requested piece, or the release that it is the device's turn to get."""
    said = releases.of_device(connection, device)
    going = said and releases.newest_rollout(connection, said.board, said.running)
    if not said or not going or not rollout.rolls_out(connection, going, now_s):
        return {}
    if not _is_assigned(connection, device, going, now_s):
        return {}
    if PULL_KEY in uplink.reports:
        return _piece(connection, said.board, going.sequence, uplink.reports[PULL_KEY])
    release = releases.find(connection, said.board, going.sequence)
    assert release
    digest = hashlib.sha256(release.file_list).digest()
    return {UPDATE_KEY: [release.sequence, len(release.file_list), digest, release.board, release.mpy]}


def _is_assigned(connection: Connection, device: str, going: Row[Any], now_s: int) -> bool:
    """Whether the release is assigned to this device and has not ended on it."""
    device_update = releases.device_update(connection, device, going.sequence)
    if device_update:
        return device_update.ended is None
    assigned, _, _ = releases.tally(connection, going.board, going.sequence)
    if assigned >= rollout.most_devices(connection, going.board, going.sequence):
        return False
    releases.start_update(connection, device, going.board, going.sequence, now_s)
    return True


def _piece(connection: Connection, board: str, sequence: int, item: Any) -> Mapping[int, Any]:
    try:
        pull = decode_pull(item)
    except WireError:  # its error was noted already
        return {}
    data = releases.piece(connection, board, sequence, pull.file, pull.offset, PIECE_BYTES)
    return {PIECE_KEY: [*pull, data]} if pull.sequence == sequence and data else {}
