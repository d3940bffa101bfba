"""Serves the application from a thread, on a port that is taken before anything else starts."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from landbridge.clock import Clock
from landbridge.config import Config
from landbridge.errors import UserError
from landbridge.garbage import collect_seldom
from landbridge.store.database import Database
from landbridge.web.app import make
from landbridge.web.here import Here

_PATIENCE_S = 2


@contextmanager
def serving(
    config: Config, database: Database, clock: Clock, stop: threading.Event
) -> Iterator[threading.Thread]:
    """Serve meanwhile, by the thread it gives; `UserError` when the port cannot be had. `stop` ends the live
    feeds."""
    listener = _listen(config.web.host, config.web.port)
    settings = uvicorn.Config(
        make(Here(config, database, clock, stop)),
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
    try:
        yield thread
    finally:
        stop.set()
        server.should_exit = True
        thread.join()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        raise UserError(
            f"cannot listen on {host} port {port}: {error.strerror}; stop who does, or correct [web]"
        ) from None
    return listener
