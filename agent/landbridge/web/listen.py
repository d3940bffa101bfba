"""The port of the pages."""

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from landbridge.config import Web
from landbridge.core.errors import UserError

PATIENCE_S = 8.0
"""Seconds: the pages of a killed agent notice it, and end, a little later."""
_POLL_S = 0.1


@contextmanager
def listening(web: Web) -> Iterator[socket.socket]:
    """Return a socket that listens there; `UserError` when the port is not available."""
    try:
        listener = _taken(web, time.monotonic() + PATIENCE_S)
    except OSError as error:
        raise UserError(
            f"cannot listen on {web.host} port {web.port}: {error.strerror}; stop what uses it, or"
            " choose another ([web] port; `landbridge web --port`)"
        ) from None
    with listener:
        yield listener


def _taken(web: Web, until: float) -> socket.socket:
    """The same as soon as the port is free, or `OSError`."""
    (family, _, _, _, address), *_ = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM)
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    while True:
        try:
            listener.bind(address)
            listener.listen(128)
            return listener
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                listener.close()
                raise
            time.sleep(_POLL_S)
