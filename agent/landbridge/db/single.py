"""Only one agent works on a database: two would answer and publish everything twice."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from landbridge.core.errors import UserError
from landbridge.db.database import Database, lock_of, shown
from landbridge.db.leases import Leases

_ALONE = "alone"
Stay = Callable[[], None]
"""Called every few seconds: takes the lock again after a restart of the server. `UserError` when another
agent was faster, `DBAPIError` while the server is away."""


@contextmanager
def alone(database: Database) -> Iterator[Stay]:
    """Hold the lock in the context; `UserError` when another agent holds it. The operating system, or the
    server by the connection, releases it when the process ends."""
    with _on_server(database) if database.on_server else _on_file(database.place) as stay:
        yield stay


@contextmanager
def _on_server(database: Database) -> Iterator[Stay]:
    with Leases(database, _ALONE) as leases:

        def stay() -> None:
            leases.check()
            if not leases.take(0):
                raise _another(shown(database.place))

        stay()
        yield stay


@contextmanager
def _on_file(database: str) -> Iterator[Stay]:
    """Hold `<database>.lock`."""
    path = lock_of(database)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UserError(f"cannot use {path}: {error.strerror}; check its permissions") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield lambda: None
    except BlockingIOError:
        raise _another(database) from None
    finally:
        os.close(handle)


def _another(place: str) -> UserError:
    return UserError(
        f"another agent uses this database, {place}; stop it or name another in [store] database"
    )
