"""A TCP connection of the modem's raw sockets, with or without TLS, driven without threads."""

from __future__ import annotations

import select
import ssl
from collections.abc import Callable

from tools.modem.link.dial import Dialled

CHUNK = 4_096


class Stream(Dialled):
    """A stream from `open` to `close`; the caller calls `step` in between. Not reusable."""

    def __init__(self, route: Callable[[str, int], tuple[str, int]]) -> None:
        super().__init__(route)
        self._outbox = bytearray()
        self.inbox = bytearray()
        self.lost = False
        """True when the other side has closed, or the connection is broken."""

    def send(self, data: bytes) -> None:
        """Send it, now or with the next steps."""
        self._outbox += data
        self.step(0)

    def step(self, wait_s: float) -> None:
        """Do what can be done within `wait_s` of real time, less when something happens."""
        if self._dial is None or self.failure or self.lost:
            return
        if not self.opened:
            self._dial_on(self._dial, wait_s)
            return
        try:
            self._flush()
            self._read(wait_s)
        except OSError:
            self.lost = True

    def close(self) -> None:
        """Over; what is still to be sent is dropped."""
        if self._dial:
            self._dial.close()
        self._dial = None
        self.lost = True

    def _flush(self) -> None:
        assert self._dial
        if self._outbox:
            try:
                del self._outbox[: self._dial.socket.send(self._outbox)]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return

    def _read(self, wait_s: float) -> None:
        assert self._dial
        sock = self._dial.socket
        pending = isinstance(sock, ssl.SSLSocket) and sock.pending()
        if not pending and not select.select([sock], [], [], wait_s)[0]:
            return
        try:
            data = sock.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        self.inbox += data
        self.lost = not data
