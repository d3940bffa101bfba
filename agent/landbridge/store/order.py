"""Numbers that rise in the order of commits, so that whoever reads on from a number misses nothing."""

from sqlalchemy import Connection, text

_LOCK = 0x4C43


def keep(connection: Connection) -> None:
    """From now to the end of the transaction nobody else takes a number.

    SQLite has one writer anyway. On PostgreSQL a number is taken before it can be seen: another transaction,
    with a later number, might be seen first.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
