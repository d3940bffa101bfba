"""Health of the agent over HTTP: /health, and /metrics for Prometheus.

/health answers 200, or 503 with what is wrong: a thread has died, the broker is away, messages are not
stored.
"""

import json
import logging
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from landbridge.config import Watch
from landbridge.core.checks import Check
from landbridge.core.errors import UserError

AT_ONCE = 16
"""Clients at once; Prometheus and a load balancer are two."""
_PATIENCE_S = 1.0
_log = logging.getLogger(__name__)


class Health:
    """Checks each part of the agent."""

    def __init__(self, checks: Sequence[Check], lasting: Sequence[Check] = ()) -> None:
        """`lasting`: problems that a restart of the agent would not solve."""
        self._checks = checks
        self._lasting = lasting

    def problems(self) -> list[str]:
        """Return what is wrong; empty if nothing is."""
        return [*self.hangs(), *_found(self._lasting)]

    def hangs(self) -> list[str]:
        """Return what a restart of the agent may solve."""
        return _found(self._checks)


def _found(checks: Sequence[Check]) -> list[str]:
    return [why for check in checks if (why := check()) is not None]


def notify(state: str) -> None:
    """Notify systemd, if it has started the agent and expects it (sd_notify(3)); failures are logged."""
    where = os.environ.get("NOTIFY_SOCKET")
    if not where:
        return
    try:
        _to_systemd().sendto(state.encode(), where.replace("@", "\0", 1) if where.startswith("@") else where)
    except OSError as error:
        _log.error("cannot notify systemd of %s: %s", state, error)


@cache
def _to_systemd() -> socket.socket:
    """The socket is kept, because no descriptor may be left for the next state."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.settimeout(_PATIENCE_S)
    return made


@contextmanager
def serving(watch: Watch, health: Health) -> Iterator[None]:
    """Serve HTTP within the context; `UserError` when the port is taken."""
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
        problems = health.problems()
        status = "503 Service Unavailable" if problems else "200 OK"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps({"healthy": not problems, "problems": problems}).encode() + b"\n"]

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

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._free = threading.BoundedSemaphore(AT_ONCE)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether another connection fits: it takes a thread and a descriptor."""
        return self._free.acquire(blocking=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


class _Quiet(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)
