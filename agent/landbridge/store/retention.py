"""What is kept for a time only, counted from when it was received: no clock of a device has a say in it."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, exists, func, select, update

from landbridge.store.tables import dead_letters, devices, points, quarantine, uplinks


def forget_raw(connection: Connection, names: Sequence[str], before_s: int) -> int:
    """Empty the uplinks of these devices that came before; that they came, and what came of it, stays."""
    old = uplinks.c.device.in_(names), uplinks.c.received_s < before_s, uplinks.c.payload != b""
    return connection.execute(update(uplinks).where(*old).values(payload=b"")).rowcount


def forget_points(connection: Connection, names: Sequence[str], before_s: int) -> int:
    """Remove the points of these devices that came before, but not the latest position of any; they are not
    asked for again."""
    is_position = exists().where(devices.c.device == points.c.device, devices.c.position_seq == points.c.seq)
    old = points.c.device.in_(names), points.c.received_s < before_s, ~is_position
    highest = select(points.c.device, func.max(points.c.seq)).where(*old).group_by(points.c.device)
    for device, seq in connection.execute(highest).all():
        behind = devices.c.device == device, devices.c.complete_seq < seq
        connection.execute(update(devices).where(*behind).values(complete_seq=seq))
    return connection.execute(delete(points).where(*old)).rowcount


def forget_letters(connection: Connection, before_s: int) -> int:
    """Remove dead letters and what is in quarantine since before."""
    of_dead = connection.execute(delete(dead_letters).where(dead_letters.c.received_s < before_s))
    of_unknown = connection.execute(delete(quarantine).where(quarantine.c.received_s < before_s))
    return of_dead.rowcount + of_unknown.rowcount
