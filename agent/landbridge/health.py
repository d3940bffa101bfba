"""Whether the agent does its work, told over HTTP: /health, and /metrics for Prometheus.

/health answers 200, or 503 with what is wrong: a thread has died, the broker is away, messages are not
stored.
"""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from landbridge.config import Watch
from landbridge.errors import UserError

Check = Callable[[], str | None]
"""What is wrong, in words; None: nothing."""
_log = logging.getLogger(__name__)


class Since:
    """For how long something has gone on."""

    def __init__(self) -> None:
        self._since: float | None = None

    def begins(self) -> None:
        """It goes on, if it did not before."""
        if self._since is None:
            self._since = time.monotonic()

    def ends(self) -> None:
        """It does not go on."""
        self._since = None

    def __enter__(self) -> None:
        self.begins()

    def __exit__(self, *_: object) -> None:
        self.ends()

    @property
    def seconds(self) -> float:
        """0: it does not go on."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since


class Health:
    """Asks each part of the agent."""

    def __init__(self, checks: Sequence[Check], lasting: Sequence[Check] = ()) -> None:
        """`lasting`: what a start of the agent would not mend."""
        self._checks = checks
        self._lasting = lasting

    def trouble(self) -> list[str]:
        """What is wrong; empty: nothing."""
        return [*self.hangs(), *_found(self._lasting)]

    def hangs(self) -> list[str]:
        """What a start of the agent may mend."""
        return _found(self._checks)


def _found(checks: Sequence[Check]) -> list[str]:
    return [why for check in checks if (why := check()) is not None]


def of_thread(thread: threading.Thread) -> Check:
    """A check that it runs."""
    return lambda: None if thread.is_alive() else f"the thread {thread.name} has died"


def notify(state: str) -> None:
    """Tell systemd, if it has started the agent and wants to know (sd_notify(3))."""
    where = os.environ.get("NOTIFY_SOCKET")
    if where:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd:
            to_systemd.connect(where.replace("@", "\0", 1) if where.startswith("@") else where)
            to_systemd.send(state.encode())


@contextmanager
def serving(watch: Watch, health: Health) -> Iterator[None]:
    """Answer over HTTP while it lasts; `UserError` when the port is taken."""
    if not watch.port:
        yield
        return
    metrics = make_wsgi_app()

    def answer(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/metrics":
            return metrics(environ, start_response)
        if environ["PATH_INFO"] != "/health":
            start_response("404 Not Found", [])
            return [b""]
        trouble = health.trouble()
        status = "503 Service Unavailable" if trouble else "200 OK"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps({"healthy": not trouble, "trouble": trouble}).encode() + b"\n"]

    try:
        server = make_server(watch.host, watch.port, answer, _Server, _Quiet)
    except OSError as error:
        where = f"{watch.host}:{watch.port}"
        raise UserError(f"cannot listen on {where}: {error.strerror}; set another [watch] port") from None
    threading.Thread(target=server.serve_forever, name="watch", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)
