"""Ports for servers that need a given port."""

import itertools
import os
import socket

_FIRST, _COUNT = 10_000, 20_000
"""Below the ports that systems give to clients: none of them takes one before its server does."""
_APART = 211
_tried = itertools.count(os.getpid() * _APART)
"""Processes that look at the same time look at different ports."""


def free_port() -> int:
    """Return a free TCP port of loopback, another one each time."""
    for number in itertools.islice(_tried, _COUNT):
        port = _FIRST + number % _COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no port from {_FIRST} to {_FIRST + _COUNT - 1} is free")
