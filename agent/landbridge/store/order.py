"""Numbers that rise in the order of commits, so that whoever reads on from a number misses nothing."""

from collections.abc import Callable

from sqlalchemy import Connection, text

HIGHEST = 2**53 - 1
"""Up to here every reader of JSON has whole numbers as they are."""
_LOCK = 0x4C43
_BITS = 13
"""8,192 numbers a second: more than there is to tell of a million devices."""


def next_number(connection: Connection, last: Callable[[Connection], int], now_s: int) -> int:
    """The number that follows the `last` one; from now to the end of the transaction nobody else takes one.

    It starts from the clock: a database restored from a backup has forgotten its last numbers, and whoever
    has read up to one of them would miss what comes under it a second time.
    """
    _keep(connection)
    return max(last(connection) + 1, of_time(now_s))


def of_time(now_s: int) -> int:
    """What the clock gives for a number."""
    return now_s << _BITS


def _keep(connection: Connection) -> None:
    """SQLite has one writer anyway. On PostgreSQL another transaction could take the same number, or be seen
    before this one with a later number."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
