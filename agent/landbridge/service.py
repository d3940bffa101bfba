"""The running agent: its parts, started and stopped in order."""

import threading
from collections.abc import Callable
from pathlib import Path

from landbridge.clock import Clock
from landbridge.config import Config
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.session import Session
from landbridge.ingest.worker import Worker
from landbridge.outbound.sender import Sender
from landbridge.store import devices
from landbridge.store.database import Database, open_database
from landbridge.store.keys import Keyring

MakePipeline = Callable[[Database, Keyring, Clock, Session, Sender], Pipeline]


def run(config: Config, stop: threading.Event, make_pipeline: MakePipeline = Pipeline) -> None:
    """Serve until `stop` is set; `UserError` when something needed is not there at the start."""
    path = Path(config.store.database)
    database = open_database(path)
    try:
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


def _check_keys(database: Database, keyring: Keyring) -> None:
    """Refuse to start with the wrong key file: every message would be refused."""
    with database.reading() as connection:
        for row in devices.every(connection)[:1]:
            keyring.unwrap(row.wrapped_key)
