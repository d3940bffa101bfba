"""The running agent: its parts, started and stopped in order."""

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from landbridge.clock import Clock
from landbridge.config import Config
from landbridge.errors import UserError
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.session import Session
from landbridge.ingest.worker import Worker
from landbridge.outbound.sender import Sender
from landbridge.store import devices
from landbridge.store.database import Database, open_database
from landbridge.store.keys import Keyring

MakePipeline = Callable[[Database, Keyring, Clock, Session, Sender], Pipeline]
_log = logging.getLogger(__name__)


def run(config: Config, stop: threading.Event, make_pipeline: MakePipeline = Pipeline) -> None:
    """Serve until `stop` is set; `UserError` when something needed is not there at the start."""
    path = Path(config.store.database)
    database = open_database(path)
    try:
        with _alone(path):
            keyring = Keyring(path)
            _check_keys(database, keyring)
            _serve(config, stop, make_pipeline, database, keyring)
    finally:
        database.close()


def _serve(
    config: Config,
    stop: threading.Event,
    make_pipeline: MakePipeline,
    database: Database,
    keyring: Keyring,
) -> None:
    session = Session(config.broker)
    sender = Sender(database, session.publish)
    worker = Worker(session.waiting, make_pipeline(database, keyring, Clock(), session, sender))
    session.open()
    worker.start()
    sender.start()
    stop.wait()
    worker.stop()
    sender.stop()
    session.close()


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Hold `<database>.lock`: two agents would answer and pass on everything twice."""
    path = database.with_name(database.name + ".lock")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UserError(f"cannot use {path}: {error.strerror}; check its permissions") from None
    try:
        _lock(handle, database)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, database: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(
            f"another agent uses this database, {database}; stop it or name another in [store] database"
        ) from None


def _check_keys(database: Database, keyring: Keyring) -> None:
    """Refuse to start with the wrong key file; a device whose key alone is bad is named."""
    with database.reading() as connection:
        rows = devices.every(connection)
    bad = {}
    for row in rows:
        try:
            keyring.unwrap(row.wrapped_key)
        except UserError as error:
            bad[row.device] = error
    if bad and len(bad) == len(rows):
        raise next(iter(bad.values()))
    for device in bad:
        _log.error("the key of %s is not for this key file: its messages will be dead letters", device)
