"""Opens both engines so that a commit is durable before anything is acknowledged."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from landbridge.core.errors import UserError

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
"""What SQLite does on each connection."""
WRITES = "landbridge_writes"
"""Execution option of a connection that will write."""
BUSY_TIMEOUT_S = 30
_CONNECT_TIMEOUT_S = 10
_IDLE_TIMEOUT_S = 60
OPTIONS = (
    f"-c lock_timeout={BUSY_TIMEOUT_S}s -c idle_in_transaction_session_timeout={_IDLE_TIMEOUT_S}s"
    " -c synchronous_commit=on -c timezone=UTC"
)
_KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_KEEPALIVE |= {"tcp_user_timeout": 25_000}  # milliseconds; the others apply only while no data are in transit
"""A server whose host has failed is noticed within half a minute."""


def sqlite(path: Path, sorts_on_disk: bool = False) -> Engine:
    """Return the engine of a file, with WAL and synchronous commits. Statement and savepoint journals are
    kept in memory, because otherwise each changed page would be written to a file first. Sorts use memory
    too, except with `sorts_on_disk`."""
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare)
    if not sorts_on_disk:
        event.listen(engine, "connect", _keep_in_memory)
    event.listen(engine, "begin", _begin)
    return engine


def postgresql(place: str) -> Engine:
    """Return the engine of a server; `UserError` if `place` is no valid address."""
    try:
        url = make_url(place).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise UserError(f"database {place!r} is not like postgresql://user@host/name") from None
    settings = {"options": OPTIONS, "connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "landbridge"}
    engine = create_engine(url, connect_args=settings | _KEEPALIVE, pool_pre_ping=True)
    event.listen(engine, "connect", _take_any_text)
    return engine


def server_version(connection: Connection) -> str:
    """Return the version of the PostgreSQL server."""
    return str(connection.exec_driver_sql("SHOW server_version").scalar_one())


def damage_of_file(connection: Connection) -> str | None:
    """Return the first damage in an SQLite file; None if it is whole."""
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    return None if found == "ok" else str(found)


def _prepare(connection: Any, _: Any) -> None:
    # The driver's own transaction handling is off; `_begin` starts transactions.
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _keep_in_memory(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA temp_store=MEMORY")


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: upgrading later fails if another transaction wrote in between.
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _take_any_text(connection: Any, _: Any) -> None:
    """PostgreSQL text cannot contain the character 0, which a device may send."""
    from psycopg.types.string import StrDumper

    class Dumper(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\ufffd"))

    connection.adapters.register_dumper(str, Dumper)
