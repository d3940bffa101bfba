"""Opens the database, a SQLite file or one on a PostgreSQL server, and migrates it."""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import Connection, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from landbridge.config import is_server
from landbridge.core.errors import UserError
from landbridge.db import audited, engines

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = max(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
"""The newest migration: the revision of this agent's tables."""
_LOCK = 0x4C42
"""Number of the advisory lock that writers on PostgreSQL take."""

_UNREADABLE = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)
"""SQLite's error codes for pages that cannot be read."""
_DAMAGED = ("XX001", "XX002")
"""PostgreSQL's error codes for a damaged table and a damaged index."""


class Database:
    """The database; provides connections."""

    def __init__(self, place: str | Path, sorts_on_disk: bool = False) -> None:
        self.place = str(place)
        """The file, or postgresql://..."""
        self.who: str | None = None
        """The user in each of its transactions, for the audit log; None: the agent itself."""
        self.on_server = is_server(self.place)
        self._engine = (
            engines.postgresql(self.place) if self.on_server else engines.sqlite(Path(place), sorts_on_disk)
        )
        # SQLite has one writer at a time; waiting here is faster than its polling.
        self._write_lock = nullcontext() if self.on_server else threading.Lock()

    @contextmanager
    def writing(
        self, who: str | None = None, tenant: str | None = None, alone: bool = True
    ) -> Iterator[Connection]:
        """One transaction that may write; committed at the end, rolled back on an exception. What it changes
        is in the audit log as done by `who` of `tenant`, if anybody.

        Without `alone`, several such transactions may run at the same time, where the engine can. Each
        changes only rows of devices that it has locked (`device_rows.lock_rows`), or of no device.
        """
        with self._write_lock, self._engine.connect() as connection:
            writer = connection.execution_options(**{engines.WRITES: True})
            with writer.begin():
                if self.on_server:
                    shared = "" if alone else "_shared"
                    writer.execute(text(f"SELECT pg_advisory_xact_lock{shared}({_LOCK})"))
                with audited.acting_as(writer, who or self.who, tenant):
                    yield writer

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state and writes nothing."""
        with self._engine.connect() as connection:
            if self.on_server:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    def lasting(self) -> Connection:
        """Open a connection to a server outside of any transaction, for long use."""
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def migrate(self) -> None:
        """Migrate the tables to this version of the agent; needs no rights except on the file or database.
        `UserError` if the tables are newer, or while an agent uses them."""
        version = self._version()
        if version == _VERSION:
            return
        if version is not None and version > _VERSION:
            raise UserError(
                f"a newer landbridge has migrated database {shown(self.place)} (tables {version}, here"
                f" {_VERSION}): update landbridge again, or put back the backup of before the update"
            )
        is_older = version is not None and version < _VERSION
        if is_older and (self._is_leased() if self.on_server else _is_locked(self.place)):
            raise UserError(
                f"an agent of an older version uses database {shown(self.place)}; stop all agents first"
            )
        # Alembic takes as long to load as most commands run.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        changed = Database(self.place, sorts_on_disk=True)  # an index of a large table
        try:
            with changed.writing() as config.attributes["connection"]:
                command.upgrade(config, "head")
        except CommandError as error:
            raise UserError(
                f"database {shown(self.place)} is of another version ({error}); update landbridge"
            ) from None
        finally:
            changed.close()

    def _version(self) -> str | None:
        """Return the revision of the existing tables; None if there are none."""
        with self.reading() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    def _is_leased(self) -> bool:
        """Whether an agent holds a lease (db/leases.py), an advisory lock of two numbers."""
        query = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        with self.reading() as connection:
            return bool(connection.execute(text(query)).scalar())

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def open_database(place: str | Path, make: bool = True) -> Database:
    """Open `place` with all tables; `UserError` if that fails, or if the file is missing and `make` is
    False."""
    try:
        if not is_server(str(place)):
            _only_for_us(Path(place), make)
        database = Database(place)
        database.migrate()
    except FileNotFoundError:
        raise UserError(
            f"no database {place}: `landbridge devices add` makes it; or correct [store] database"
        ) from None
    except DBAPIError as error:
        raise _unusable(str(place), str(error.orig)) from None
    except OSError as error:
        raise _unusable(str(place), str(error.strerror)) from None
    return database


def _only_for_us(path: Path, make: bool) -> None:
    """Make the file, or narrow its permissions, before SQLite gives the same to its log files. `UserError`
    for a file with two names: under each name SQLite would use another log."""
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o600))
    os.chmod(path, 0o600)
    if (names := path.stat().st_nlink) > 1:
        raise UserError(
            f"database {path} has {names} names (hard links), and would be damaged by use under two of them:"
            f" `find / -samefile {path}` shows them, remove all but one"
        )


def lock_of(database: str) -> Path:
    """Return the lock file of the database of this name, or of the file to which a symbolic link leads."""
    file = Path(database).resolve()
    return file.with_name(file.name + ".lock")


def _is_locked(database: str) -> bool:
    """Whether an agent holds the lock file of the database (db/single.py)."""
    try:
        handle = os.open(lock_of(database), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _unusable(place: str, why: str) -> UserError:
    of_file = "check the file, its permissions and the free space"
    remedy = "check server, user and rights" if is_server(place) else of_file
    return UserError(
        f"cannot use database {shown(place)}: {why}; {remedy}, or name another in [store] database"
    )


def is_damaged(error: Exception) -> bool:
    """Whether the error says that a page of the database cannot be read; data on other pages can."""
    cause = getattr(error, "orig", None)
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0)
        return code & 0xFF == sqlite3.SQLITE_CORRUPT or code in _UNREADABLE
    return getattr(cause, "sqlstate", None) in _DAMAGED


def shown(place: str) -> str:
    """Return the address without the password."""
    return make_url(place).render_as_string() if is_server(place) else place
