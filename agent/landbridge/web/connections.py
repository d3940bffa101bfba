"""Limits on the connections of the pages' server: their number, and the time that each may wait."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 400
"""Connections at once. A service has 1,024 descriptors by default, and a short rush adds to these."""
RUSH = 64
"""Connections accepted before the first of them is counted."""
PATIENCE_S = 15.0
"""Seconds until a request, with its body, must be complete."""
READING_S = 60.0
"""Seconds until more of an answer must be read: a connection may stall in a tunnel."""


class Connection(H11Protocol):
    """One connection. When there are too many, the one that is due to be closed first is closed at once. So a
    client that sends its request and reads the answer is served, however many others do not."""

    deadline: asyncio.TimerHandle | None = None
    """Runs while a request is incomplete, or an answer is not read."""

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > MOST:
            waiting = [each for each in self.connections if isinstance(each, Connection) and each.deadline]
            min(waiting, key=_due).end()

    def data_received(self, data: bytes) -> None:
        """Stop the timer when the whole request has arrived."""
        super().data_received(data)
        self._update_deadline()

    def on_response_complete(self) -> None:
        """Wait for the next request, which may have arrived already."""
        self._wait()
        super().on_response_complete()
        self._update_deadline()

    def pause_writing(self) -> None:
        """Wait until more of the answer is read."""
        super().pause_writing()
        self._wait()

    def resume_writing(self) -> None:
        """Wait for the next request, or stop the timer while this one is processed."""
        super().resume_writing()
        self._wait()
        self._update_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def end(self) -> None:
        """Close the connection now."""
        self._wait_no_longer()
        self.connections.discard(self)  # it counts until it is closed, a little later
        self.transport.abort()

    def _update_deadline(self) -> None:
        answers = self.cycle and not self.cycle.more_body and not self.cycle.response_complete
        if answers and not self.flow.write_paused:
            self._wait_no_longer()

    def _wait(self) -> None:
        self._wait_no_longer()
        untaken = self.transport.get_write_buffer_size()
        self.deadline = self.loop.call_later(READING_S if untaken else PATIENCE_S, self._is_due, untaken)

    def _is_due(self, untaken: int) -> None:
        """Keep the connection of a client that still reads its answer, however slowly."""
        if self.transport.get_write_buffer_size() < untaken:
            self._wait()
        else:
            self.end()

    def _wait_no_longer(self) -> None:
        if self.deadline:
            self.deadline.cancel()
            self.deadline = None


def _due(connection: Connection) -> float:
    assert connection.deadline
    return connection.deadline.when()
