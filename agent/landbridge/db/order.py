"""Numbers that rise in the order of commits, so that a reader who continues from a number misses nothing."""

from collections.abc import Callable

from sqlalchemy import Connection, select, text

from landbridge.db.tables import devices

HIGHEST = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""
HIGHEST_OF_DEVICE = 2**31 - 1
"""The largest id or revision that a device accepts."""
_AHEAD_S = 366 * 86_400
_LEFT = 2**20
"""Numbers that remain at the last second of the clock."""
_LOCK = 0x4C43
_BITS = 13
"""8,192 numbers a second: more than a million devices need."""


def next_number(connection: Connection, last: Callable[[Connection], int], now_s: int) -> int:
    """Return the number after the `last` one; no other transaction takes one until this one ends.

    It starts from the clock: a database restored from a backup has lost its last numbers, and a reader who
    has seen them would miss the events that get them again.
    """
    _keep(connection)
    return max(last(connection) + 1, of_time(now_s))


def for_device(connection: Connection, device: str, last: int, now_s: int) -> int:
    """Return the id or revision after the `last` one, for a downlink to `device`. It starts from the clock,
    too, but not before the newest time that the device has reported, nor more than a year after it: a device
    accepts 31 bits, and a clock that is years ahead would use them up."""
    heard = select(devices.c.position_at_s, devices.c.stationary_until_s).where(devices.c.device == device)
    known = [each for each in connection.execute(heard).one() if each is not None]
    if known:
        now_s = min(max(now_s, *known), max(known) + _AHEAD_S)
    return max(last + 1, min(now_s, HIGHEST_OF_DEVICE - _LEFT))


def of_time(now_s: int) -> int:
    """Return the first number of a second."""
    return now_s << _BITS


def _keep(connection: Connection) -> None:
    """Let one transaction at a time take numbers. SQLite has one writer anyway; on PostgreSQL another
    transaction could take the same number, or commit a higher number first."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
