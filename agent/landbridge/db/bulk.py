"""Bulk inserts and updates without SQLAlchemy's processing of each row."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.exc import DBAPIError, OperationalError

_BLOCK = 128
"""Maximum rows of one SQLite statement."""

Rows = Sequence[Sequence[Any]]


def insert(connection: Connection, table: Table, names: Sequence[str], rows: Rows) -> None:
    """Insert `rows` into `table`; their values are those of the columns `names`, as the driver expects
    them."""
    if not rows:
        return
    columns = ", ".join(f'"{name}"' for name in names)
    if connection.dialect.name == "postgresql":
        copy_from(connection, f"COPY {table.name} ({columns}) FROM STDIN", rows)
    else:
        _in_blocks(connection, f"INSERT INTO {table.name} ({columns}) VALUES ", len(names), rows)


def update(connection: Connection, table: Table, names: Sequence[str], key: str, rows: Rows) -> None:
    """Update the columns `names` in the row of `table` whose `key` is the last of the values."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        arrays = tuple(map(list, zip(*rows, strict=True)))
        connection.exec_driver_sql(_of_arrays(connection.dialect, table, names, key), arrays)
    else:
        changes = ", ".join(f'"{name}" = ?' for name in names)
        with _sqlite(connection) as driver:
            driver.executemany(f"UPDATE {table.name} SET {changes} WHERE {key} = ?", rows)


def _of_arrays(dialect: Dialect, table: Table, names: Sequence[str], key: str) -> str:
    """Return the update as one statement with an array for each column; PostgreSQL would plan a statement for
    each row."""
    columns = (*names, key)
    changes = ", ".join(f'"{name}" = given."{name}"' for name in names)
    arrays = ", ".join(f"%s::{table.c[name].type.compile(dialect)}[]" for name in columns)
    named = ", ".join(f'"{name}"' for name in columns)
    return (
        f"UPDATE {table.name} SET {changes} FROM unnest({arrays}) AS given ({named})"
        f" WHERE {table.name}.{key} = given.{key}"
    )


def _in_blocks(connection: Connection, start: str, width: int, rows: Rows) -> None:
    """Insert many rows with each statement: SQLite's driver releases the interpreter lock at each one."""
    places = f"({', '.join('?' * width)})"
    with _sqlite(connection) as driver:
        size = min(_BLOCK, driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // width)
        whole = len(rows) - len(rows) % size
        statement = start + ", ".join([places] * size)
        for first in range(0, whole, size):
            driver.execute(statement, tuple(chain.from_iterable(rows[first : first + size])))
        driver.executemany(start + places, rows[whole:])


@contextmanager
def _sqlite(connection: Connection) -> Iterator[sqlite3.Connection]:
    """Yield the driver's own connection; its errors are raised as SQLAlchemy's."""
    driver: Any = connection.connection.driver_connection
    try:
        yield driver
    except sqlite3.Error as error:
        raise DBAPIError.instance(None, None, error, sqlite3.Error) from error


def copy_from(connection: Connection, statement: str, rows: Rows) -> None:
    """Raise SQLAlchemy's error when the server refuses connections."""
    from psycopg import OperationalError as Away

    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except Away as error:
        raise OperationalError(statement, None, error) from error
