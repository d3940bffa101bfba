"""Epochs of a device's keys. The present one only rises: by command, because the device is ahead, or because
too many messages in its name were forged."""

from sqlalchemy import Connection, select, update

from landbridge.db.tables import devices
from landbridge.protocol.limits import MAX_EPOCH

MOST_AHEAD = 64
"""A device may be so far ahead of a database that was restored from a backup; the device enters none further
than that from its own."""
FLOOD_STEP = 16
"""Epochs by which a flood of forgeries raises the epoch. A restored database may lack several floods, so a
key may be attacked in five of them, before its epoch begins and in it."""
MOST_FORGED = 1 << 14
"""Failed verifications a key (draft-ietf-core-oscore-key-limits, AES-CCM with a tag of 8 bytes)."""


def present(connection: Connection, device: str) -> int:
    """The epoch in which the device's messages are taken; 0 for one that is not known."""
    found = connection.execute(select(devices.c.epoch).where(devices.c.device == device)).scalar()
    return found or 0


def next_one(connection: Connection, device: str, step: int = 1) -> int:
    """Begin the next epoch, `step` later; returns it."""
    epoch = min(present(connection, device) + step, MAX_EPOCH)
    before = devices.c.device == device, devices.c.epoch < epoch
    connection.execute(update(devices).where(*before).values(epoch=epoch, forged=0))
    return epoch


def note_forged(connection: Connection, device: str) -> None:
    """Count a message whose tag was wrong; too many end the present epoch and those that are near."""
    of_device = update(devices).where(devices.c.device == device)
    count = of_device.values(forged=devices.c.forged + 1).returning(devices.c.forged)
    if (connection.execute(count).scalar() or 0) >= MOST_FORGED:
        next_one(connection, device, FLOOD_STEP)
