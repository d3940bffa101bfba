"""Key epochs of devices. The current one only rises: by command, because the device is ahead, or after too
many forged messages."""

from sqlalchemy import Connection, select, update

from landbridge.db.tables import devices
from landbridge.protocol.limits import MAX_EPOCH

MOST_AHEAD = 64
"""A device may be this far ahead of a restored database; a device follows no larger step either."""
FLOOD_STEP = 16
"""Epochs by which a flood of forgeries raises the epoch. A restored database may lack several floods, so a
key may be attacked in five of them, before its epoch begins and in it."""
MOST_FORGED = 1 << 14
"""Failed verifications allowed for a key (draft-ietf-core-oscore-key-limits, AES-CCM with a tag of 8
bytes)."""


def present(connection: Connection, device: str) -> int:
    """Return the epoch in which the device's messages are accepted; 0 for an unknown device."""
    found = connection.execute(select(devices.c.epoch).where(devices.c.device == device)).scalar()
    return found or 0


def next_one(connection: Connection, device: str, step: int = 1) -> int:
    """Begin an epoch, `step` later; return it."""
    epoch = min(present(connection, device) + step, MAX_EPOCH)
    before = devices.c.device == device, devices.c.epoch < epoch
    connection.execute(update(devices).where(*before).values(epoch=epoch, forged=0))
    return epoch


def note_forged(connection: Connection, device: str) -> None:
    """Count a message with a wrong tag; too many end the current epoch and those near it."""
    of_device = update(devices).where(devices.c.device == device)
    count = of_device.values(forged=devices.c.forged + 1).returning(devices.c.forged)
    if (connection.execute(count).scalar() or 0) >= MOST_FORGED:
        next_one(connection, device, FLOOD_STEP)
