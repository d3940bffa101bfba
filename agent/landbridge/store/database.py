"""Opens the SQLite database, durable before anything is acknowledged, and brings it up to date."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from landbridge.errors import UserError

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_TIMEOUT_S = 30
_WRITES = "landbridge_writes"


class Database:
    """The database file; hands out connections."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _engine(path)
        # SQLite has one writer at a time; waiting here is faster than its polling.
        self._write_lock = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that may write; committed at the end, rolled back on an exception."""
        with self._write_lock, self._engine.connect() as connection:
            writer = connection.execution_options(**{_WRITES: True})
            with writer.begin():
                yield writer

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees one state and writes nothing."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def migrate(self) -> None:
        """Bring the tables to this version of the agent; needs no rights but on the file."""
        config = AlembicConfig()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self._write_lock, self._engine.connect() as connection:
            config.attributes["connection"] = connection.execution_options(**{_WRITES: True})
            command.upgrade(config, "head")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def open_database(path: Path, make: bool = True) -> Database:
    """Open `path` with all tables; `UserError` if that cannot be, or it is missing and not to `make`."""
    try:
        _only_for_us(path, make)
        database = Database(path)
        database.migrate()
    except FileNotFoundError:
        raise UserError(
            f"no database {path}: `landbridge devices add` makes it; or correct [store] database"
        ) from None
    except CommandError as error:
        raise UserError(f"database {path} is of another version ({error}); update landbridge") from None
    except DBAPIError as error:
        raise _unreadable(path, str(error.orig)) from None
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from None
    return database


def _only_for_us(path: Path, make: bool) -> None:
    """Make the file, or narrow its rights, before SQLite gives the same to the files beside it."""
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o600))
    os.chmod(path, 0o600)


def _unreadable(path: Path, why: str) -> UserError:
    return UserError(
        f"cannot use database {path}: {why}; check the file and its permissions,"
        " or name another in [store] database"
    )


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)), connect_args={"timeout": _BUSY_TIMEOUT_S}
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: Any) -> None:
    # The driver's own transaction handling is off; `_begin` says when one starts.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: to upgrade later fails when another wrote in between.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
