"""Serves the application from a thread, on a port that is taken before anything else starts."""

import logging
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from landbridge.config import Config
from landbridge.core.clock import Clock
from landbridge.core.garbage import collect_seldom
from landbridge.db.database import Database
from landbridge.web.app import make
from landbridge.web.connections import RUSH, Connection
from landbridge.web.listen import listening
from landbridge.web.services import Services
from landbridge.web.uses import Uses

_PATIENCE_S = 2
_DESCRIPTORS = 1024


@contextmanager
def serving(
    config: Config, database: Database, clock: Clock, stop: threading.Event
) -> Iterator[threading.Thread]:
    """Serve in the context by the thread that it yields; `UserError` when the port is not available. `stop`
    ends the live feeds."""
    with listening(config.web) as listener, serving_on(listener, config, database, clock, stop) as thread:
        yield thread


@contextmanager
def serving_on(
    listener: socket.socket, config: Config, database: Database, clock: Clock, stop: threading.Event
) -> Iterator[threading.Thread]:
    """The same on a socket that listens already."""
    _see_to_descriptors()
    uses = Uses(database)
    settings = uvicorn.Config(
        make(Services(config, database, clock, stop, uses)),
        http=Connection,
        ws="none",
        backlog=RUSH,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE_S,
    )
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, args=([listener],), name="web")
    collect_seldom()
    thread.start()
    uses.start()
    try:
        yield thread
    finally:
        stop.set()
        server.should_exit = True
        thread.join()
        uses.stop()


def _see_to_descriptors() -> None:
    """Raise the limit of descriptors to what the connections need: macOS allows 256."""
    given, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if allowed == resource.RLIM_INFINITY else min(_DESCRIPTORS, allowed)
    if given != resource.RLIM_INFINITY and given < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, allowed))
