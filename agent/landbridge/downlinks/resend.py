"""Records that were acknowledged but are missing: requested again until they arrive or are lost. A database
restored from a backup lacks later data. The device reports its next capture sequence and how many
unacknowledged records it holds; if the agent lacks more than that, the device believes some of them to be
safe."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection

from landbridge.features.devices import queries as devices
from landbridge.points.queries import gaps
from landbridge.protocol import resend as wire
from landbridge.protocol.uplink import Uplink


def on_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Store which records the device has lost."""
    if wire.GONE_KEY in uplink.reports:
        gaps.note_gone(connection, device, wire.decode_gone(uplink.reports[wire.GONE_KEY]))


def devices_pending(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> Collection[str]:
    """Return the devices that have made more records than are stored without a gap."""
    made = {device: uplink.status.get("next_seq") for device, uplink in uplinks.items()}
    complete = gaps.complete(connection, [device for device, seq in made.items() if isinstance(seq, int)])
    return [device for device, seq in complete.items() if seq + 1 != made[device]]


def pending(connection: Connection, device: str, uplink: Uplink, now_s: int) -> Mapping[int, Any]:
    """Request records that are missing and will not arrive by themselves."""
    next_seq = uplink.status.get("next_seq")
    if isinstance(next_seq, int):
        missing = gaps.missing(connection, device, next_seq)
        waiting = int(uplink.status.get("unacknowledged", 0)) - len(uplink.points)
        lost = sum(high - low + 1 for low, high in missing) - waiting
    elif wire.GONE_KEY in uplink.reports:
        # The answer to an earlier request: more may be missing.
        missing = gaps.missing(connection, device, devices.next_seq(connection, device))
        lost = len(missing)
    else:
        return {}
    return wire.encode(missing) if lost > 0 else {}
