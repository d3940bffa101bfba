"""The port of the pages."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from landbridge.config import Web
from landbridge.core.errors import UserError


@contextmanager
def listening(web: Web) -> Iterator[socket.socket]:
    """A socket that listens there; `UserError` when the port cannot be had."""
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM)
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        raise UserError(
            f"cannot listen on {web.host} port {web.port}: {error.strerror}; stop who does, or correct [web]"
        ) from None
    with listener:
        yield listener
