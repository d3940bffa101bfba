"""Removes rows after their retention period, counted from their arrival: a device's clock has no effect. Each
function removes at most MOST rows of a table, so that no transaction is long, and returns how many."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, false, func, select, tuple_, update

from landbridge.db.tables import dead_letters, device_log, devices, points, quarantine, uplinks, wakes

MOST = 10_000


def forget_raw(connection: Connection, names: Sequence[str], before_s: int) -> int:
    """Empty the payloads of these devices' uplinks that arrived before; the rows stay."""
    old = uplinks.c.device.in_(names), uplinks.c.received_s < before_s, uplinks.c.payload != b""
    return connection.execute(update(uplinks).where(_some(uplinks, *old)).values(payload=b"")).rowcount


def forget_uplinks(connection: Connection, names: Sequence[str], before_s: int) -> int:
    """Remove these devices' uplinks that arrived before; their numbers stay used."""
    old = uplinks.c.device.in_(names), uplinks.c.received_s < before_s
    highest = select(uplinks.c.device, func.max(uplinks.c.number)).where(*old).group_by(uplinks.c.device)
    for device, number in connection.execute(highest).all():
        older = devices.c.device == device, devices.c.forgotten_number < number
        connection.execute(update(devices).where(*older).values(forgotten_number=number))
    return connection.execute(delete(uplinks).where(_some(uplinks, *old))).rowcount


def forget_points(connection: Connection, names: Sequence[str], before_s: int, now_s: int) -> int:
    """Remove the points of these devices that arrived before, except latest positions and points taken since:
    the clock at their arrival was years slow. They are not requested again."""
    is_position = exists().where(devices.c.device == points.c.device, devices.c.position_seq == points.c.seq)
    is_new = func.coalesce(points.c.at_s.between(before_s, now_s), false())
    old = points.c.device.in_(names), points.c.received_s < before_s, ~is_position, ~is_new
    highest = select(points.c.device, func.max(points.c.seq)).where(*old).group_by(points.c.device)
    for device, seq in connection.execute(highest).all():
        older = devices.c.device == device, devices.c.complete_seq < seq
        connection.execute(update(devices).where(*older).values(complete_seq=seq))
    return connection.execute(delete(points).where(_some(points, *old))).rowcount


def forget_diagnostics(connection: Connection, names: Sequence[str], before_s: int) -> int:
    """Remove the wakes and faults that these devices reported before."""
    slept = wakes.c.device.in_(names), wakes.c.at_s < before_s  # reported soon after
    logged = device_log.c.device.in_(names), device_log.c.received_s < before_s
    of_wakes = connection.execute(delete(wakes).where(_some(wakes, *slept)))
    of_log = connection.execute(delete(device_log).where(_some(device_log, *logged)))
    return of_wakes.rowcount + of_log.rowcount


def forget_dead_letters(connection: Connection, before_s: int) -> int:
    """Remove the dead letters and quarantined messages from before: all, they are never many."""
    of_dead = connection.execute(delete(dead_letters).where(dead_letters.c.received_s < before_s))
    of_unknown = connection.execute(delete(quarantine).where(quarantine.c.received_s < before_s))
    return of_dead.rowcount + of_unknown.rowcount


def _some(table: Table, *those: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a row is one of MOST of `those`."""
    key = table.primary_key.columns
    return tuple_(*key).in_(select(*key).where(*those).limit(MOST))
