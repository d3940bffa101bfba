"""Capture sequences that are missing in the store."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from landbridge.db.among import among_given
from landbridge.db.tables import devices, gone, points
from landbridge.protocol.resend import Range

_COMPLETE = select(devices.c.device, devices.c.complete_seq).where(among_given(devices.c.device))


def complete(connection: Connection, of_devices: Collection[str]) -> dict[str, int]:
    """Return up to which sequence these devices are known to be complete."""
    rows = connection.execute(_COMPLETE, {"texts": list(of_devices)})
    return {row[0]: row[1] for row in rows}


def missing(connection: Connection, device: str, next_seq: int) -> list[Range]:
    """The sequences below `next_seq` that are neither stored nor lost, in ascending order.

    Stores up to where none is missing, so that the next call begins there.
    """
    complete = select(devices.c.complete_seq).where(devices.c.device == device)
    checked: int = connection.execute(complete).scalar_one()
    above = points.c.device == device, points.c.seq > checked, points.c.seq < next_seq
    stored = connection.execute(select(points.c.seq).where(*above)).scalars()
    reported = select(gone.c.low, gone.c.high).where(gone.c.device == device, gone.c.high > checked)
    known = [(seq, seq) for seq in stored] + [(low, high) for low, high in connection.execute(reported)]
    found = between(known, checked + 1, next_seq - 1)
    complete_seq = found[0][0] - 1 if found else next_seq - 1
    if complete_seq > checked:
        of_device = update(devices).where(devices.c.device == device)
        connection.execute(of_device.values(complete_seq=complete_seq))
    return found


def between(known: Iterable[Range], low: int, high: int) -> list[Range]:
    """Return the part of `low` .. `high` outside the `known` ranges."""
    found = []
    for known_low, known_high in [*sorted(known), (high + 1, high + 1)]:
        if low < known_low and low <= high:
            found.append((low, min(known_low - 1, high)))
        low = max(low, known_high + 1)
    return found


def note_gone(connection: Connection, device: str, ranges: Iterable[Range]) -> None:
    """Store which sequences the device reports as lost."""
    rows = [{"device": device, "low": low, "high": high} for low, high in ranges]
    connection.execute(insert(gone).values(rows).on_conflict_do_nothing())


def count_missing(connection: Connection, device: str, highest: int) -> int:
    """Return how many sequences up to `highest` may still arrive."""
    of_device = select(devices.c.complete_seq).where(devices.c.device == device)
    complete: int = connection.execute(of_device).scalar() or 0
    above = points.c.device == device, points.c.seq > complete
    stored: int = connection.execute(select(func.count()).where(*above)).scalar_one()
    return max(0, highest - complete - stored - count_gone(connection, device, highest, complete))


def count_gone(connection: Connection, device: str, highest: int, above: int = 0) -> int:
    """Return how many sequences above `above`, up to `highest`, are lost."""
    reported = select(gone.c.low, gone.c.high).where(gone.c.device == device, gone.c.low <= highest)
    count, covered = 0, above
    for begin, end in sorted((low, high) for low, high in connection.execute(reported)):
        low, high = max(begin, covered + 1), min(end, highest)
        if low <= high:
            there = points.c.device == device, points.c.seq.between(low, high)
            stored: int = connection.execute(select(func.count()).where(*there)).scalar_one()
            count += high - low + 1 - stored
            covered = high
    return count
